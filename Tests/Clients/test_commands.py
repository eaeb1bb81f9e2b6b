"""Programs that people run: llm, and EleutherAI's harness for evaluations."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SAID

BIN = Path(sys.executable).parent


def run(*command, **environment):
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}})
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def test_llm(speaker, tmp_path):
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: mine\n  model_name: {speaker.model}\n  api_base: {speaker.url}/v1\n  api_key_name: none\n")
    for options in ([], ["--no-stream"]):
        assert run(BIN / "llm", "-m", "mine", "--key", "none", *options, "Weather?", LLM_USER_PATH=tmp_path).strip() == SAID
    (logged,) = json.loads(run(BIN / "llm", "logs", "--json", "-n", "1", LLM_USER_PATH=tmp_path))
    assert logged["response"] == SAID and logged["input_tokens"] > 0


def score(server, context, choice):
    """The log-probability of a choice behind a context, as the server tells it."""
    count = server.post("/tokenize", {"prompt": context}).json()["count"]
    body = {"prompt": context + choice, "max_tokens": 0, "logprobs": 1, "echo": True}
    return sum(server.post("/v1/completions", body).json()["choices"][0]["logprobs"]["token_logprobs"][count:])


def test_lm_eval(tiny, tmp_path):
    """The harness scores the choices of a task as the server does."""
    data = tmp_path / "data.jsonl"
    rows = [{"question": f"What is {i} + 85? ", "choices": [f"{i + 85}", "7", "雞"]} for i in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.yaml").write_text(
        f"task: mine\ndataset_path: json\ndataset_kwargs:\n  data_files: {{test: {data}}}\noutput_type: multiple_choice\n"
        'test_split: test\ndoc_to_text: "{{question}}"\ndoc_to_choice: "{{choices}}"\ndoc_to_target: 0\n'
        'target_delimiter: ""\nmetric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n')
    arguments = f"model={tiny.model},base_url={tiny.url}/v1/completions,tokenizer_backend=remote,num_concurrent=2"
    run(BIN / "lm_eval", "--model", "local-completions", "--model_args", arguments, "--tasks", "mine", "--log_samples",
        "--include_path", tmp_path, "--output_path", tmp_path / "out", HF_HOME=tmp_path / "hub")
    (file,) = (tmp_path / "out").rglob("samples_mine_*.jsonl")
    samples = sorted(map(json.loads, file.read_text().splitlines()), key=lambda sample: sample["doc_id"])
    assert len(samples) == len(rows)
    for row, sample in zip(rows, samples):
        scores = [float(response[0][0]) for response in sample["resps"]]
        # The harness counts white space at the question's end to the choice.
        expected = [score(tiny, row["question"].strip(), " " + choice) for choice in row["choices"]]
        assert scores == pytest.approx(expected, abs=1e-3)
