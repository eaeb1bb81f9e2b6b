"""The commands that need no server."""
import json
import os
import resource
import signal
import struct
import subprocess
import time
from pathlib import Path

import pexpect
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import reciter


def run(binary, *arguments, **environment):
    return subprocess.run(
        [binary, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


def test_generate_prints_what_the_server_says(binary, model, server):
    said = server.post("/v1/chat/completions", server.chat("What is 3 + 4?", max_tokens=80)).json()
    result = run(binary, "generate", "--model", model, "--chat", "What is 3 + 4?", "--max-tokens", 80, "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    message = said["choices"][0]["message"]
    assert answer["content"] == message["content"]
    assert answer["reasoning_content"] == message.get("reasoning_content")
    assert answer["finish_reason"] == said["choices"][0]["finish_reason"]
    assert answer["usage"] == said["usage"] and len(answer["tokens"]) == said["usage"]["completion_tokens"]
    text = run(binary, "generate", "--model", model, "--chat", "What is 3 + 4?", "--max-tokens", 80)
    assert text.stdout == answer["text"] + "\n"


def test_generate_from_tokens_is_reproducible(binary, model):
    options = ["--tokens", "5,17,9", "--temperature", 1, "--seed", 11, "--max-tokens", 12, "--ignore-eos", "--json"]
    first, again = (json.loads(run(binary, "generate", "--model", model, *options).stdout) for _ in range(2))
    assert first["tokens"] == again["tokens"] and len(first["tokens"]) == 12
    assert first["finish_reason"] == "length"


def test_constrain_holds_texts_against_schemas_expressions_and_choices(binary, model):
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    lines = [
        {"schema": schema, "texts": ['{"age": 3}', '{"age": 3.5}', '{}', '{"age": 3']},
        {"regex": "[a-c]+", "texts": ["abc", "abd"]}, {"choice": ["yes", "no"], "texts": ["no", "not"]},
        {"schema": {"properties": {"a": {"type": "nothing"}}}, "texts": []}, {"regex": "(", "texts": []}]
    result = subprocess.run([binary, "constrain", "--model", model], input="\n".join(map(json.dumps, lines)),
                            capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    held, expression, choice, unknown, open_group = map(json.loads, result.stdout.splitlines())
    assert held["compiled"] and held["compile_us"] > 0
    assert [text["accepted"] for text in held["texts"]] == [True, False, False, False]
    assert len(held["texts"][0]["mask_us"]) == held["texts"][0]["tokens"] > 0
    assert [text["accepted"] for text in expression["texts"] + choice["texts"]] == [True, False, True, False]
    assert unknown == {"compiled": False, "error": "schema at /properties/a: type: nothing is no type"}
    assert not open_group["compiled"] and open_group["error"].startswith("regex: ")
    # So is what is too large to be followed from its start, as the server has it; in the midst the text has the error.
    optional = "a?" * 5000
    lines = [{"regex": optional, "texts": ["a"]}, {"regex": optional, "texts": []},
             {"regex": f"b{optional}", "texts": ["b", "ba"]}]
    result = subprocess.run([binary, "constrain", "--model", model], input="\n".join(map(json.dumps, lines)),
                            capture_output=True, text=True, timeout=120)
    *refused, full = map(json.loads, result.stdout.splitlines())
    assert refused == [{"compiled": False, "error": "it is too large, or too much of it is optional"}] * 2
    assert full["compiled"] and "optional" in full["texts"][1]["error"] and not full["texts"][1]["accepted"]
    # A line that cannot be read is answered as such, and those behind it as ever.
    lines = ['{"texts": ["x"]}', '{"regex": ', '5', '{"regex": "x", "texts": [5]}', '{"choice": "x", "texts": []}',
             '{"schema": {}, "regex": "x", "texts": []}', "", '{"regex": "x", "texts": ["x"]}']
    result = subprocess.run([binary, "constrain", "--model", model], input="\n".join(lines), capture_output=True,
                            text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    *wrong, right = map(json.loads, result.stdout.splitlines())
    assert len(wrong) == 6 and right["texts"][0]["accepted"]
    for number, answer in enumerate(wrong, 1):
        assert not answer["compiled"] and answer["error"].startswith(f"line {number}: "), answer
        assert "CommandFailure" not in answer["error"]


def test_logits_of_prompts_together_and_alone(binary, model, tmp_path):
    both, one = tmp_path / "both.safetensors", tmp_path / "one.safetensors"
    assert run(binary, "logits", "--model", model, "--tokens", "5,17,9", "--tokens", "7,8", "--output", both
               ).returncode == 0
    result = run(binary, "logits", "--model", model, "--tokens", "7,8", "--chunk", 1, "--output", one)
    assert result.returncode == 0 and result.stdout == ""
    together, alone = load_file(both), load_file(one)
    assert set(together) == {"logits.0", "logits.1"} and set(alone) == {"logits"}
    assert {logits.dtype.name for logits in (*together.values(), *alone.values())} == {"float32"}
    assert len(together["logits.0"]) == 3 and together["logits.1"] == pytest.approx(alone["logits"], abs=1e-3)


def test_logits_replace_a_file_but_never_a_folder(binary, model, tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "precious").write_text("data")
    file.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(folder)
    for target in (folder, link):
        result = run(binary, "logits", "--model", model, "--tokens", "5", "--output", target)
        assert result.returncode != 0 and result.stderr.count("\n") == 1, result.stderr
        assert str(target) in result.stderr and "directory" in result.stderr
    assert run(binary, "logits", "--model", model, "--tokens", "5", "--output", file).returncode == 0
    assert len(load_file(file)["logits"]) == 1
    assert (folder / "precious").read_text() == "data" and link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]


def test_inspect(binary, model):
    report = json.loads(run(binary, "inspect", "--model", model, "--json").stdout)
    assert report["parameters"] > report["active_parameters"] > 0
    assert report["unread_tensors"] == [] and report["non_finite_tensors"] == []
    text = run(binary, "inspect", "--model", model).stdout
    assert report["family"] in text and report["layout"] in text
    assert [line.split()[0] for line in text.splitlines()][:5] == ["model", "files", "family", "layout", "parameters"]
    # What the model's own files say.
    folder = Path(model)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    names = json.loads((folder / "tokenizer_config.json").read_text())
    generation = json.loads((folder / "generation_config.json").read_text())
    files = list(folder.glob("*.safetensors"))
    tensors = [name for file in files for name in safe_open(file, framework="np").keys()]
    assert report["files"] == {
        "format": "safetensors", "architecture": None, "count": len(files), "tensors": len(tensors)}
    # The module for the next-next token is passed over.
    assert sum(format["tensors"] for format in report["formats"].values()) == sum(".mtp." not in name for name in tensors)
    assert report["tokenizer"]["source"] == "tokenizer.json"
    assert report["tokenizer"]["kind"] == tokenizer["model"]["type"] and report["tokenizer"]["splitting"] is None
    assert report["tokenizer"]["special_tokens"] == {
        name: names[f"{name}_token"] for name in ("bos", "eos", "pad") if names.get(f"{name}_token")}
    ends = generation["eos_token_id"]
    assert [end["id"] for end in report["end_tokens"]] == sorted(ends if isinstance(ends, list) else [ends])
    assert all(f"{end['token']} ({end['id']})" in text for end in report["end_tokens"])
    assert report["chat_template"]["reasoning"] == "think" and "reasoning think" in text
    assert report["sampling"].keys() <= {
        "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_tokens"}


def test_inspect_tells_what_is_not_there(binary, model, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((Path(model) / name).read_bytes())
    report = json.loads(run(binary, "inspect", "--model", tmp_path, "--json").stdout)
    assert report["tokenizer"] is report["chat_template"] is None and report["sampling"] == {}
    text = run(binary, "inspect", "--model", tmp_path).stdout
    assert all(f"\n{line}\n" in text for line in (
        "tokenizer   none", "template    none", "sampling    no recommendation"))


def test_quantize_writes_a_file_that_stands_alone(binary, model, tmp_path):
    file = tmp_path / "small.gguf"
    command = ["quantize", "--model", model, "--format", "Q4_K_M", "--output", file]
    result = run(binary, *command)
    assert result.returncode == 0 and "Q4_K, " in result.stdout and str(file) in result.stdout, result.stderr
    again = run(binary, *command)
    assert again.returncode != 0 and "--force" in again.stderr and again.stderr.count("\n") == 1
    assert run(binary, *command, "--force").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["small.gguf"]

    def formats(*options):
        return json.loads(run(binary, "inspect", "--json", *options).stdout)["formats"]

    assert formats("--model", file) == formats("--model", model, "--quantize", "Q4_K_M")
    assert formats("--model", file)["Q4_K"]["tensors"] > 0
    options = ["--chat", "What is 3 + 4?", "--max-tokens", 40]
    alone = run(binary, "generate", "--model", file, *options)
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout == run(binary, "generate", "--model", model, "--quantize", "Q4_K_M", *options).stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [
    ["quantize", "--format", "Q4_K", "--threads", "1"],
    ["logits", "--tokens", ",".join(["5"] * 1900), "--chunk", "1"],
], ids=["quantize", "logits"])
def test_a_signal_leaves_no_part_of_a_file(binary, model, tmp_path, command, number):
    name, *options = command
    with subprocess.Popen([binary, name, "--model", str(model), *options, "--output", str(tmp_path / "out")],
                          stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not any(tmp_path.iterdir()):
            assert process.poll() is None and time.monotonic() < deadline
        process.send_signal(number)
        assert process.wait(60) == -number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [1000, 2_000_000], ids=["head", "tensors"])
def test_a_full_disk_leaves_no_part_of_a_file(binary, model, tmp_path, room):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    result = subprocess.run(
        [binary, "quantize", "--model", str(model), "--format", "Q8_0", "--output", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=120, restore_signals=False, preexec_fn=limit)
    assert result.returncode > 0 and f"cannot write {tmp_path / 'out'}" in result.stderr, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_bench(binary, model):
    rows = json.loads(run(
        binary, "bench", "--model", model, "--prompt-tokens", "16", "--generate-tokens", "4", "--batch", "1,3",
        "--depth", "0,8", "--repetitions", 2, "--json").stdout)
    assert [row["test"] for row in rows] == [
        "pp16", "tg4", "pp16 @ d8", "tg4 @ d8", "pp16+tg4 b1", "pp16+tg4 b3"]
    assert all(len(row["samples_ts"]) == 2 and row["avg_ts"] > 0 and row["n_threads"] >= 1 for row in rows)
    assert rows[-1]["pl"] == 3 and rows[-1]["n_kv"] == 60
    table = run(binary, "bench", "--model", model, "--prompt-tokens", "16", "--generate-tokens", "4", "--batch", "2",
                "--repetitions", 1).stdout
    assert "| pp16 |" in table and "S_TG t/s" in table and "of roof" not in table


def test_bench_with_several_numbers_of_threads(binary, model):
    options = ["bench", "--model", model, "--threads", "1,2", "--prompt-tokens", "16", "--generate-tokens", "4",
               "--batch", "2", "--repetitions", 2]
    rows = json.loads(run(binary, *options, "--json").stdout)
    assert [(row["test"], row["n_threads"]) for row in rows] == [
        (test, threads) for test in ("pp16", "tg4", "pp16+tg4 b2") for threads in (1, 2)]
    for row in rows:
        assert row["parallel_efficiency"] > 0 and (row["n_threads"] == 2 or row["parallel_efficiency"] == 1)
    assert "parallel_efficiency_tg" not in rows[1] and rows[5]["parallel_efficiency_pp"] > 0
    table = run(binary, *options).stdout
    assert "| efficiency |" in table and "| TG efficiency |" in table


def test_bench_of_barriers(binary, model):
    report = json.loads(run(binary, "bench", "--barriers", "--threads", "1,3", "--repetitions", 1, "--model", model,
                            "--prompt-tokens", "16", "--generate-tokens", "2", "--json").stdout)
    assert [cost["n_threads"] for cost in report["barriers"]] == [1, 3]
    assert all(cost["region_ns"] > 0 for cost in report["barriers"]) and report["barriers"][1]["shared_add_ns"] > 0
    assert [test["test"] for test in report["tests"]] == ["pp16", "tg2"]
    assert all(len(test["regions"]) > 10 and test["regions"][0]["items_ns"] for test in report["tests"])
    assert "empty region" in run(binary, "bench", "--barriers", "--repetitions", 1).stdout


def test_bench_against_the_limits_of_the_machine(binary, model):
    limits = json.loads(run(binary, "bench", "--roofline", "--json").stdout)
    assert set(limits) - {"roof_bf16_flops"} == {"n_threads", "roof_bandwidth", "roof_f32_flops", "roof_int8_ops"}
    assert all(value > 0 for value in limits.values())
    assert "GB/s" in run(binary, "bench", "--roofline").stdout
    options = ["--model", model, "--roofline", "--prompt-tokens", "16", "--generate-tokens", "4", "--batch", "0,2"]
    prompt, generation, batch = json.loads(run(binary, "bench", *options, "--json").stdout)
    for row in (prompt, generation, batch):
        assert row["roof_share"] > 0 and row["bytes_per_step"] > 0 and row["flops_per_token"] > 0
    assert batch["roof_share_pp"] > 0 and batch["roof_share_tg"] > 0
    # The share follows from what stands beside it.
    least = prompt["flops_per_token"] * 16 / prompt["roof_f32_flops"]
    assert prompt["roof_share"] == pytest.approx(least / sorted(prompt["samples_ns"])[1] * 1e9, rel=1e-3)
    least = generation["bytes_per_step"] * 4 / generation["roof_bandwidth"]
    assert generation["roof_share"] == pytest.approx(least / sorted(generation["samples_ns"])[1] * 1e9, rel=1e-3)
    table = run(binary, "bench", *options).stdout
    assert "of roof" in table and "MiB/step" in table


def test_instruction_sets_that_the_machine_lacks_are_warned_of_once(binary, model, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("One and one is two. " * 100)
    has_tiles = "amx_tile" in Path("/proc/cpuinfo").read_text()
    for command in (
            ["perplexity", "--model", model, "--reference", model, "--file", text, "--context", 64],
            ["bench", "--roofline", "--repetitions", 1],
            ["generate", "--model", model, "--tokens", "5,17", "--max-tokens", 1]):
        for name in "mmx", "plain", *(() if has_tiles else ("amx",)):
            errors = run(binary, *command, INFER_SERVE_ISA=name).stderr
            warnings = 0 if name == "plain" else 1
            assert errors.count(f"INFER_SERVE_ISA={name}: this machine has no such instruction set, but ") == warnings
            assert errors.count("warning:") == warnings, errors


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """A text of some hundred tokens."""
    path = tmp_path_factory.mktemp("texts") / "text.txt"
    path.write_text("".join(f"What is {a} + {a * 7 % 31}? It is {a + a * 7 % 31}.\n" for a in range(1, 60)))
    return path


def uniform(model, folder):
    """The model with all weights zero: whatever it reads, every token is equally likely."""
    for file in Path(model).iterdir():
        if file.name != "model.safetensors":
            (folder / file.name).symlink_to(file)
    data = (Path(model) / "model.safetensors").read_bytes()
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    (folder / "model.safetensors").write_bytes(data[:begin] + bytes(len(data) - begin))
    return folder


def test_perplexity_of_a_uniform_model_is_its_vocabulary(binary, model, text, tmp_path):
    folder = uniform(model, tmp_path)
    result = run(binary, "perplexity", "--model", folder, "--file", text, "--context", 64, "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    vocabulary = json.loads(run(binary, "inspect", "--model", folder, "--json").stdout)["vocabulary_size"]
    assert report["model"]["perplexity"] == pytest.approx(vocabulary, rel=1e-5)
    assert report["model"]["perplexity_error"] == pytest.approx(0, abs=1e-2)
    assert report["windows"] == report["tokens"] // 64 and report["scored_tokens"] == report["windows"] * 31


def test_perplexity_against_another_format(binary, model, text):
    options = ["--model", model, "--file", text, "--context", 128, "--json"]
    plain = json.loads(run(binary, "perplexity", *options).stdout)
    assert "divergence" not in plain
    reports = {}
    for quantize in ("Q8_0", "Q4_0"):
        result = run(binary, "perplexity", *options, "--quantize", quantize, "--reference", model)
        assert result.returncode == 0, result.stderr
        reports[quantize] = json.loads(result.stdout)
        assert reports[quantize]["model"]["format"] == quantize
        assert reports[quantize]["reference"]["perplexity"] == plain["model"]["perplexity"]
    near, far = (reports[name]["divergence"] for name in ("Q8_0", "Q4_0"))
    assert 0 < near["mean"] < far["mean"] and near["mean"] <= near["percentile_99"] <= near["most"]
    assert far["same_top"] < near["same_top"] <= 1
    swapped = json.loads(run(binary, "perplexity", *options, "--reference-quantize", "Q8_0").stdout)
    assert swapped["model"]["perplexity"] == plain["model"]["perplexity"]
    assert swapped["reference"]["perplexity"] == reports["Q8_0"]["model"]["perplexity"]
    table = run(binary, "perplexity", *options[:-1], "--stride", 32, "--windows", 2).stdout
    assert "2 windows of 128 tokens, 64 tokens scored" in table and "±" in table


@pytest.mark.parametrize("content, names", [(b"", "is empty"), (b"\xff\xfe", "UTF-8"), (b"short", "a window 512")])
def test_perplexity_says_what_is_wrong_with_the_text(binary, model, tmp_path, content, names):
    path = tmp_path / "text"
    path.write_bytes(content)
    result = run(binary, "perplexity", "--model", model, "--file", path)
    assert result.returncode != 0 and result.stderr.count("\n") == 1
    assert str(path) in result.stderr and names in result.stderr


WRONG = [
    (["perplexity", "--model", "MODEL"], "--file"),
    (["perplexity", "--model", "MODEL", "--file", "/nowhere"], "/nowhere"),
    (["perplexity", "--model", "MODEL", "--file", "x", "--context", "3"], "--context must be"),
    (["perplexity", "--model", "MODEL", "--file", "x", "--stride", "512"], "--stride must be"),
    (["perplexity", "--model", "MODEL", "--file", "x", "--reference-quantize", "Q9"], "--reference-quantize"),
    (["frobnicate"], "frobnicate"),
    (["serve"], "--model"),
    (["generate", "--model", "MODEL"], "--chat"),
    (["generate", "--model", "MODEL", "--tokens", "5,x"], "--tokens"),
    (["generate", "--model", "MODEL", "--tokens", "5,100000"], "--tokens: token 100000"),
    (["generate", "--model", "MODEL", "--tokens", "5", "--max-tokens", "-5"], "--max-tokens"),
    (["generate", "--model", "MODEL", "--tokens", "5", "--min-tokens", "100000"], "--min-tokens"),
    (["generate", "--model", "MODEL", "--prompt", ""], "--prompt: the prompt is empty"),
    (["generate", "--model", "/nowhere", "--tokens", "5"], "/nowhere"),
    (["generate", "--model", "MODEL", "--tokens", "5", "--kv-type", "q1"], "--kv-type"),
    (["logits", "--model", "MODEL", "--tokens", "100000", "--output", "/nowhere/never"], "100000"),
    (["logits", "--model", "MODEL", "--tokens", "5", "--output", "/nowhere/x"], "/nowhere/x"),
    (["logits", "--model", "MODEL", "--config", "/nowhere.json", "--tokens", "5", "--output", "/nowhere/never"],
     "/nowhere.json"),
    (["bench", "--model", "MODEL", "--prompt-tokens", "100000"], "100032"),
    (["inspect", "--model", "/nowhere"], "/nowhere"),
    # An empty path is not the working folder.
    (["inspect", "--model", ""], "'--model <path>': expected a path"),
    (["bench", "--model", ""], "'--model <path>': expected a path"),
    (["tokenize", "--model", ""], "'--model <path>': expected a path"),
    (["tokenize", "--tokenizer", ""], "'--tokenizer <file>': expected a path"),
    (["render", "--model", ""], "'--model <path>': expected a path"),
    (["render", "--template", ""], "'--template <file>': expected a path"),
    (["quantize", "--model", "", "--format", "Q8_0", "--output", "x"], "'--model <path>': expected a path"),
    (["quantize", "--model", "MODEL", "--format", "Q8_0", "--output", ""], "'--output <file>': expected a path"),
    (["logits", "--model", "MODEL", "--config", "", "--tokens", "5", "--output", "x"], "'--config <file>': expected a"),
    (["perplexity", "--model", "MODEL", "--file", ""], "'--file <file>': expected a path"),
    (["perplexity", "--model", "MODEL", "--file", "x", "--reference", ""], "'--reference <path>': expected a path"),
    (["generate", "--model", "MODEL", "--tokens", "5", "--session", ""], "'--session <file>': expected a path"),
    (["serve", "--model", "MODEL", "--cache-dir", ""], "'--cache-dir <path>': expected a path"),
    (["serve", "--model", "MODEL", "--session-dir", ""], "'--session-dir <path>': expected a path"),
    (["serve", "--model", "MODEL", "--store", ""], "'--store <path>': expected a path"),
]


@pytest.mark.parametrize("arguments, names", WRONG, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_one_clear_line(binary, model, arguments, names):
    result = run(binary, *(model if a == "MODEL" else a for a in arguments))
    assert result.returncode != 0 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and names in result.stderr, result.stderr


def test_a_full_disk_is_told(binary, model):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [binary, "generate", "--model", model, "--tokens", "5", "--max-tokens", "2"], stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode != 0 and "standard output" in result.stderr and result.stderr.count("\n") == 1


def test_broken_models_name_what_is_broken(binary, model, tmp_path):
    def broken(name, change):
        folder = tmp_path / name
        folder.mkdir()
        for file in Path(model).iterdir():
            if file.is_file():
                (folder / file.name).write_bytes(file.read_bytes())
        change(folder)
        result = run(binary, "generate", "--model", folder, "--tokens", "5", "--max-tokens", 1)
        assert result.returncode != 0 and result.stdout == "" and result.stderr.count("\n") == 1
        return result.stderr

    def configure(**changes):
        def change(folder):
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            (folder / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")
        return change

    def truncate(folder):
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])

    assert "gpt9" in broken("family", configure(model_type="gpt9"))
    assert "tensor" in broken("shape", configure(hidden_size=128))
    assert "truncated" in broken("truncated", truncate)
    assert "model.safetensors" in broken("missing", lambda folder: (folder / "model.safetensors").unlink())
    assert "config.json" in broken("json", lambda folder: (folder / "config.json").write_text("{"))


def test_inspect_reports_numbers_that_are_none(binary, model, tmp_path):
    folder = tmp_path / "nan"
    folder.mkdir()
    for file in Path(model).iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    name, entry = next((n, e) for n, e in header.items() if n != "__metadata__" and e["dtype"] == "BF16")
    begin = 8 + length + entry["data_offsets"][0]
    data[begin:begin + 4] = b"\xc0\x7f\x80\xff"  # NaN, -infinity
    weights.write_bytes(data)
    report = json.loads(run(binary, "inspect", "--model", folder, "--json").stdout)
    assert report["non_finite_tensors"] == [{"tensor": name, "count": 2}]
    # Generating with it fails instead of printing what means nothing.
    assert name in run(binary, "inspect", "--model", folder).stdout


def test_generated_text_does_not_steer_a_terminal(binary, tmp_path):
    text = "red \x1b[31m and \x07 over"
    folder = reciter.make(tmp_path / "model", text, "Qwen-Qwen3-0.6B")
    command = ["generate", "--model", str(folder), "--chat", "?", "--max-tokens", "60"]
    assert text in subprocess.run([binary, *command], capture_output=True, text=True, timeout=60).stdout
    child = pexpect.spawn(binary, command, dimensions=(24, 80), timeout=60)
    child.expect(pexpect.EOF)
    assert b"\x1b[31m" not in child.before and b"\x07" not in child.before
    assert "red ␛[31m and ␇ over".encode() in child.before, child.before


def test_progress_moves_on_a_terminal_and_nowhere_else(binary, model, tmp_path):
    bench = [binary, "bench", "--model", model, "--prompt-tokens", "512", "--generate-tokens", "64", "--batch", "0",
             "--repetitions", "60"]
    piped = subprocess.run(bench, capture_output=True, timeout=120)
    assert piped.stderr == b"infer-serve: pp512\ninfer-serve: tg64\n" and b"\x1b" not in piped.stdout
    output = tmp_path / "output"
    with open(output, "wb") as file:
        child = pexpect.spawn("bash", ["-c", 'exec "$@" > ' + str(output), "bash", *bench], dimensions=(24, 80), timeout=60)
        child.expect(pexpect.EOF)
    shown = child.before
    assert b" of 2" in shown and shown.endswith(b"\r\x1b[K") and b"\n" not in shown, shown
    assert b"tg64" in output.read_bytes() and b"\x1b" not in output.read_bytes()
