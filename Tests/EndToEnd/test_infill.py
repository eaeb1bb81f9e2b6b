"""Gaps in texts: `suffix` in completions through the official client, and llama-server's /infill as editors ask for it."""
import json

import httpx
import openai
import pytest

import reciter
from server import Server

MARKS = {"prefix": "<|fim_prefix|>", "suffix": "<|fim_suffix|>", "middle": "<|fim_middle|>", "pad": "<|fim_pad|>",
         "repository": "<|repo_name|>", "separator": "<|file_sep|>"}
TEXT = "  let y = x\n  return y * 7\n}\nlet next = 0"
BEFORE, BEHIND = "def f(x):\n", "\nprint(f(3))"


@pytest.fixture(scope="module")
def coder(binary, tmp_path_factory):
    folder = reciter.make(tmp_path_factory.mktemp("coder") / "coder", TEXT, "Qwen-Qwen3-0.6B", added=MARKS.values())
    with Server(binary, folder) as server:
        yield server


def tokens(server, text):
    return server.post("/tokenize", {"prompt": text, "add_special_tokens": False}).json()["tokens"]


def mark(server, name):
    (token,) = tokens(server, MARKS[name])
    return token


def prompt_of(server, **body):
    """The ids of a prompt's tokens but for the first."""
    answer = server.post("/v1/completions", {"max_tokens": 1, "prompt_logprobs": 0, **body}).json()
    return [int(next(iter(each))) for each in answer["choices"][0]["prompt_logprobs"][1:]]


def test_a_suffix_is_put_behind_its_mark(coder):
    client = openai.OpenAI(base_url=f"{coder.url}/v1", api_key="none", max_retries=0, timeout=60)
    answer = client.completions.create(model=coder.model, prompt=BEFORE, suffix=BEHIND, max_tokens=200)
    assert answer.choices[0].text == TEXT and answer.choices[0].finish_reason == "stop"
    chunks = list(client.completions.create(
        model=coder.model, prompt=[BEFORE, "b"], suffix=BEHIND, max_tokens=200, stream=True))
    for index in (0, 1):
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices[0].index == index) == TEXT
    expected = [*tokens(coder, BEFORE), mark(coder, "suffix"), *tokens(coder, BEHIND), mark(coder, "middle")]
    told = prompt_of(coder, prompt=BEFORE, suffix=BEHIND)
    assert told[-len(expected):] == expected and len(told) - len(expected) in (0, 1)
    # Names of marks in a file are text.
    forged = prompt_of(coder, prompt=MARKS["middle"], suffix=BEHIND)
    assert forged.count(mark(coder, "middle")) == 1 and len(forged) > len(tokens(coder, BEHIND)) + 4
    assert coder.post("/v1/completions", {"prompt": BEFORE, "suffix": "", "max_tokens": 2}).status_code == 200


def test_a_file_that_is_too_long_keeps_what_is_near_the_gap(coder):
    prompt = "".join(f"{i} " for i in range(9000))
    body = {"prompt": prompt, "suffix": "x" + BEHIND, "max_tokens": 16}
    refused = coder.post("/v1/completions", body)
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "context_length_exceeded"
    shifted = coder.post("/v1/completions", {**body, "overflow": "shift"})
    assert shifted.status_code == 200 and shifted.json()["context_shift"]["dropped_tokens"] > 1000
    assert shifted.json()["usage"]["prompt_tokens"] == 8192 - 16
    kept = prompt_of(coder, **{**body, "overflow": "shift", "max_tokens": 1})
    near = [*tokens(coder, " 8998 8999 ")[-5:], mark(coder, "suffix"), *tokens(coder, "x" + BEHIND), mark(coder, "middle")]
    assert kept[-len(near):] == near


def infill(server, **body):
    # As an editor sends it, with fields that only concern llama-server.
    return server.post("/infill", {
        "input_prefix": BEFORE, "input_suffix": BEHIND, "prompt": "", "n_predict": 128, "top_k": 40, "top_p": 0.99,
        "stream": False, "samplers": ["top_k", "top_p", "infill"], "cache_prompt": True, "t_max_prompt_ms": 500,
        "t_max_predict_ms": 60000, "seed": 1, "logit_bias": [], "response_fields": ["content"], **body})


def test_an_editors_gap_is_filled(coder):
    answer = infill(coder).json()
    assert answer["content"] == TEXT and answer["stop"] and answer["stop_type"] == "eos" and answer["has_new_line"]
    assert answer["prompt"].endswith(f"{MARKS['suffix']}{BEHIND}{MARKS['middle']}")
    assert f"{MARKS['prefix']}{BEFORE}" in answer["prompt"] and not answer["truncated"]
    assert answer["tokens_predicted"] > 5 and answer["timings"]["predicted_n"] == answer["tokens_predicted"]
    begun = infill(coder, prompt="  let").json()
    assert begun["prompt"].endswith(MARKS["middle"] + "  let")
    indented = infill(coder, n_indent=2).json()
    assert indented["content"] == TEXT[:TEXT.index("}")] and indented["stop_type"] == "limit"
    stopped = infill(coder, stop=["return"]).json()
    assert (stopped["stop_type"], stopped["stopping_word"], stopped["content"]) == ("word", "return", "  let y = x\n  ")
    assert infill(coder, n_predict=2).json()["stop_type"] == "limit"
    coder.wait_until_idle()


def test_other_files_stand_before(coder):
    files = [{"filename": "a.py", "text": "A = 1\n"}, {"filename": "b.py", "text": "B = 2\n"}]
    prompt = infill(coder, input_extra=files).json()["prompt"]
    separator = MARKS["separator"]
    assert (f"{MARKS['repository']}myproject\n{separator}a.py\nA = 1\n{separator}b.py\nB = 2\n{separator}filename\n"
            f"{MARKS['prefix']}{BEFORE}") in prompt
    # The last ones, and the file itself, stay where there are too many.
    many = infill(coder, input_extra=[{"filename": f"{i}", "text": f"{i} = {i}\n" * 40} for i in range(200)]).json()
    assert many["truncated"] and "199 = 199" in many["prompt"] and "\n3 = 3" not in many["prompt"]
    assert many["prompt"].endswith(f"{MARKS['prefix']}{BEFORE}{MARKS['suffix']}{BEHIND}{MARKS['middle']}")


def test_a_gap_is_filled_in_a_stream(coder):
    answer = infill(coder, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    parts = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    assert "".join(part["content"] for part in parts) == TEXT
    assert [part["stop"] for part in parts] == [False] * (len(parts) - 1) + [True]


def test_models_without_marks_say_so(server):
    for path, body, field in (
            ("/infill", {"input_prefix": "a", "input_suffix": "b"}, "input_suffix"),
            ("/v1/completions", {"prompt": "a", "suffix": "b"}, "suffix")):
        error = server.post(path, body).json()["error"]
        assert error["param"] == field and error["code"] == "unsupported_parameter"
    assert httpx.get(server.url + "/infill").status_code == 405
