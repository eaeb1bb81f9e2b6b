"""The commands for texts: `tokenize` and `render`, against Hugging Face's libraries and what they have recorded."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = ROOT / "Tests/Fixtures/text"
# More templates and tokenizers than are in the repository: a folder with templates/ and tokenizers/.
MORE = os.environ.get("SHARED_FIXTURES")


def run(binary, *arguments, stdin=""):
    return subprocess.run([binary, *map(str, arguments)], input=stdin.encode(), capture_output=True, timeout=120)


def lines(values):
    return "".join(json.dumps(value) + "\n" for value in values)


def folders(kind):
    return [TEXT / kind, *([Path(MORE) / kind] if MORE else [])]


# In the folder of gpt2 is a vocabulary without a file of a tokenizer's.
FILES = ("tokenizer.json", "tokenizer.model", "tiktoken.model", "hy.tiktoken")
TOKENIZERS = [folder for parent in folders("tokenizers") for folder in sorted(parent.iterdir())
              if (folder / "cases.json").exists() and any((folder / name).exists() for name in FILES)]
TEMPLATES = [(parent, name) for parent in folders("templates")
             for name in json.loads((parent / "expected.json").read_text(encoding="utf-8"))["expected"]]


@pytest.mark.parametrize("folder", TOKENIZERS, ids=lambda folder: folder.name)
def test_tokenize_agrees_with_the_reference(binary, folder):
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    file = folder / "tokenizer.json"
    # Other files are found by their names in a model's folder.
    tokenizer = ["--tokenizer", file] if file.exists() else ["--model", folder]
    encoded = run(binary, "tokenize", *tokenizer, stdin=lines(case["text"] for case in cases))
    assert encoded.returncode == 0, encoded.stderr
    assert [json.loads(line) for line in encoded.stdout.splitlines()] == [case["ids"] for case in cases]
    # The ids with special tokens around them, where there are such.
    for key, options in (("decoded", []), ("decoded_without_special_tokens", ["--skip-special-tokens"])):
        known = [case for case in cases if key in case]
        ids = [case.get("with_special_tokens", case["ids"]) for case in known]
        decoded = run(binary, "tokenize", *tokenizer, "--decode", *options, stdin=lines(ids))
        assert [json.loads(line) for line in decoded.stdout.decode().split("\n")[:-1]] == [case[key] for case in known]


@pytest.mark.parametrize("parent, name", TEMPLATES, ids=lambda value: getattr(value, "name", value))
def test_render_agrees_with_the_reference(binary, parent, name):
    file = json.loads((parent / "expected.json").read_text(encoding="utf-8"))
    for case, expected in file["expected"][name].items():
        given = {**file["variables"], **file["cases"][case], "now": file["now"]}
        result = run(binary, "render", "--template", parent / f"{name}.jinja", stdin=json.dumps(given))
        if "output" in expected:
            assert result.returncode == 0, (case, result.stderr)
            assert result.stdout.decode() == expected["output"], case
        else:
            assert result.returncode != 0 and result.stdout == b"" and result.stderr, case


def test_a_model_brings_its_tokenizer_and_template(binary, model):
    encoded = run(binary, "tokenize", "--model", model, stdin='"<|user|>35 heads"\n')
    (ids,) = map(json.loads, encoded.stdout.splitlines())
    assert ids[0] == 3 and len(ids) > 2
    decode = lambda *options: json.loads(run(binary, "tokenize", "--model", model, "--decode", *options, stdin=json.dumps(ids)).stdout)
    assert decode() == "<|user|>35 heads" and decode("--skip-special-tokens") == "35 heads"
    prompt = run(binary, "render", "--model", model, stdin='{"messages": [{"role": "user", "content": "Hi"}]}')
    assert prompt.stdout.decode() == "<|bos|><|user|>Hi<|assistant|>"


def test_lines_are_answered_as_they_come(binary, model):
    process = subprocess.Popen(
        [binary, "tokenize", "--model", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for text in ("one", "two"):
        process.stdin.write(json.dumps(text).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())
    process.stdin.close()
    assert process.wait(30) == 0


BAD = [
    (["tokenize"], "", "give one of --model and --tokenizer"),
    (["tokenize", "--tokenizer", "/nowhere"], "", "/nowhere cannot be read"),
    (["tokenize", "--model", "/nowhere"], "", "/nowhere"),
    (["tokenize", "MODEL"], '"a"\nb\n', "line 2: "),
    (["tokenize", "MODEL"], "5\n", "line 1: expected a string, found an integer"),
    (["tokenize", "MODEL", "--decode"], '["a"]\n', 'line 1: element 0 is "a", expected an id in 0 ..< '),
    (["tokenize", "MODEL", "--decode"], "[1, 100000]\n", "line 1: element 1 is 100000"),
    (["render", "MODEL"], "", "standard input is not valid JSON"),
    (["render", "MODEL"], "[]", "standard input must hold an object"),
    (["render", "MODEL"], "{}", "messages is missing"),
    (["render", "MODEL"], '{"messages": [{"role": "dog"}]}', "Unknown role: dog"),
    (["render", "MODEL"], '{"messages": [], "now": "soon"}', "now must be a time"),
    (["render", "MODEL"], '{"messages": [], "add_generation_prompt": 1}', "add_generation_prompt must be true or false"),
    (["render", "--template", "/nowhere"], "{}", "/nowhere cannot be read"),
]


@pytest.mark.parametrize("arguments, stdin, message", BAD)
def test_mistakes_are_named(binary, model, arguments, stdin, message):
    arguments = [part for argument in arguments for part in (["--model", model] if argument == "MODEL" else [argument])]
    result = run(binary, *arguments, stdin=stdin)
    error = result.stderr.decode()
    assert result.returncode != 0 and message in error and error.startswith("infer-serve: ") and error.count("\n") == 1


@pytest.mark.parametrize("command", ["tokenize", "render"])
def test_input_that_cannot_be_read_is_named(binary, model, tmp_path, command):
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        result = subprocess.run([binary, command, "--model", model], stdin=folder, capture_output=True, timeout=60)
    finally:
        os.close(folder)
    assert result.returncode == 1 and result.stdout == b""
    assert result.stderr.startswith(b"infer-serve: cannot read standard input: ") and result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("now, expected", [
    ("2026-01-02T03:04:05", "03:04 +0000"), ("2026-01-02 03:04:05Z", "03:04 +0000"),
    ("2026-01-02T03:04:05.5+05:30", "03:04 +0530"), ("2026-01-02T03:04:05-08:00", "03:04 -0800")])
def test_the_clock_is_the_one_that_is_given(binary, tmp_path, now, expected):
    template = tmp_path / "clock.jinja"
    template.write_text("{{ strftime_now('%H:%M %z') }}")
    result = run(binary, "render", "--template", template, stdin=json.dumps({"messages": [], "now": now}))
    assert result.stdout.decode() == expected


def test_random_templates_render_as_in_python(binary, tmp_path):
    """The same on every run, unless TEXT_SEED asks for others."""
    pytest.importorskip("transformers", reason="needs transformers and jinja2, which render the templates in Python")
    sys.path.insert(0, str(TEXT / "jinja"))
    import generate

    seed = os.environ.get("TEXT_SEED", "1")
    template = tmp_path / "case.jinja"
    for number, case in enumerate(generate.sample(seed, 150)):
        template.write_text(case["template"], encoding="utf-8", newline="")
        result = run(binary, "render", "--template", template, stdin=json.dumps(case["context"]))
        told = f"seed {seed}, case {number}: {case}\n{result}"
        if "output" in case:
            assert result.returncode == 0 and result.stdout.decode() == case["output"], told
        else:
            assert result.returncode != 0 and result.stdout == b"", told
