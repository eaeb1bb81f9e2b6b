"""Ollama's API, through its official client and LangChain's ChatOllama with their defaults."""
import json
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import httpx
import ollama
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama

import reciter
from server import CONTEXT, LONG, Server, events, wait_until
from test_tools import TOOLS

GAP = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>")
ARGUMENTS = {"city": "深圳", "days": 3}
THOUGHT, SAID = "They ask for the weather.", "One moment."
TEXT = (f"<think>\n{THOUGHT}\n</think>\n\n{SAID}\n<tool_call>\n"
        '{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}\n</tool_call>')
ASK = [{"role": "user", "content": "Weather in 深圳?"}]


@pytest.fixture(scope="module")
def recital(binary, tmp_path_factory):
    folder = reciter.make(tmp_path_factory.mktemp("recital") / "hermes", TEXT, "Qwen-Qwen3-0.6B", added=GAP)
    with Server(binary, folder) as server:
        server.folder = folder
        yield server


@pytest.fixture(scope="module")
def speaker(recital):
    return ollama.Client(host=recital.url)


def get_weather(city: str, days: int) -> str:
    """Get the weather.

    Args:
        city: Where.
        days: How many days.
    """
    return f"{city}: {days}"


def check(message):
    assert message.role == "assistant" and message.thinking == THOUGHT and message.content.strip() == SAID
    assert [call.function.name for call in message.tool_calls] == ["get_weather"]
    assert message.tool_calls[0].function.arguments == ARGUMENTS


def check_costs(response):
    assert response.done and response.eval_count > 5 and response.prompt_eval_count > 5
    assert response.total_duration >= response.prompt_eval_duration + response.eval_duration > 0
    assert response.load_duration >= 0
    made = datetime.fromisoformat(response.created_at)
    assert abs((datetime.now(timezone.utc) - made).total_seconds()) < 3600


def test_a_chat_with_tools(speaker, recital):
    response = speaker.chat(recital.model, ASK, tools=[get_weather], think=True)
    check(response.message)
    check_costs(response)
    assert response.done_reason == "stop"
    turns = [*ASK, response.message, {"role": "tool", "content": "23 degrees", "tool_name": "get_weather"}]
    again = speaker.chat(recital.model, turns, tools=[get_weather], think=False)
    assert again.prompt_eval_count > response.prompt_eval_count + 20


def test_a_chat_is_streamed(speaker, recital):
    parts = list(speaker.chat(recital.model, ASK, tools=TOOLS, stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == THOUGHT
    assert "".join(part.message.content for part in parts).strip() == SAID
    (calls,) = [part.message.tool_calls for part in parts if part.message.tool_calls]
    assert calls[0].function.arguments == ARGUMENTS
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    check_costs(parts[-1])


def test_a_call_that_breaks_off_is_not_told(speaker, recital):
    whole = speaker.chat(recital.model, ASK, tools=TOOLS).eval_count
    for stream in (False, True):
        cut = speaker.chat(recital.model, ASK, tools=TOOLS, stream=stream, options={"num_predict": whole - 6})
        parts = list(cut) if stream else [cut]
        said = "".join(part.message.content for part in parts)
        assert said.strip() == SAID and parts[-1].done_reason == "length"
        assert not any(part.message.tool_calls for part in parts)


def test_streaming_is_the_default_and_lines_are_documents(recital):
    response = recital.post("/api/chat", {"model": recital.model, "messages": ASK})
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert len(lines) > 5 and lines[-1]["done"] and response.text.endswith("\n")
    whole = recital.post("/api/chat", {"model": f"{recital.model}:latest", "messages": ASK, "stream": False})
    assert whole.headers["content-type"] == "application/json" and THOUGHT in whole.json()["message"]["thinking"]


def test_a_silent_stream_stays_one_of_documents(start):
    """Signs of life come while an answer waits for others, which have the only place to run and go first."""
    with start("--keep-alive-interval", "0.05", "--max-running", "1") as server:
        long = server.chat(stream=True, n=8, **LONG)
        with httpx.stream("POST", server.url + "/v1/chat/completions", json=long, timeout=60) as other:
            running = events(other)
            next(running)
            body = {"messages": ASK, "priority": 1, "options": {"num_predict": 2}}
            response = server.post("/api/chat", body, headers={"X-Request-Timeout": "0.3"})
    assert response.text.startswith("  ")
    assert [set(json.loads(line)) for line in response.text.splitlines()] == [{"error"}]


def test_options_count(speaker, recital):
    short = speaker.chat(recital.model, ASK, options={"num_predict": 3})
    assert short.done_reason == "length" and short.eval_count == 3
    stopped = speaker.chat(recital.model, ASK, options={"stop": ["moment"], "seed": 1, "temperature": 0.0})
    assert stopped.message.content == "One " and stopped.done_reason == "stop"
    told = speaker.chat(recital.model, ASK, logprobs=True, top_logprobs=2)
    assert len(told.logprobs) > 5 and len(told.logprobs[0].top_logprobs) == 2
    assert "".join(each.token for each in told.logprobs).startswith(THOUGHT[:8])


def test_the_context_may_be_limited(speaker, recital):
    turns = [turn for i in range(6) for turn in (
        {"role": "user", "content": f"Question {i}: " + "word " * 10}, {"role": "assistant", "content": "An answer."})]
    whole = speaker.chat(recital.model, [*turns, *ASK], options={"num_predict": 1})
    limit = whole.prompt_eval_count // 2
    fewer = speaker.chat(recital.model, [*turns, *ASK], options={"num_ctx": limit})
    assert 10 < fewer.prompt_eval_count < limit and fewer.prompt_eval_count + fewer.eval_count <= limit
    alone = speaker.chat(recital.model, ASK, options={"num_predict": 1}).prompt_eval_count
    ended = speaker.chat(recital.model, ASK, options={"num_ctx": alone + 4})
    assert ended.done_reason == "length" and ended.eval_count == 4
    with pytest.raises(ollama.ResponseError, match="context length is 5 tokens"):
        speaker.chat(recital.model, ASK, options={"num_ctx": 5})
    refused = recital.post("/api/chat", {"messages": [*turns, *ASK], "truncate": False, "options": {"num_ctx": limit}})
    assert refused.status_code == 400 and "context length" in refused.json()["error"]


def test_a_prompt_is_answered(speaker, recital):
    response = speaker.generate(recital.model, "Weather?", system="Be brief.")
    assert response.thinking == THOUGHT and response.response.strip().startswith(SAID)
    check_costs(response)
    parts = list(speaker.generate(recital.model, "Weather?", stream=True))
    assert "".join(part.thinking or "" for part in parts) == THOUGHT and parts[-1].done
    # The system's text is a part of the prompt.
    assert parts[-1].prompt_eval_count < response.prompt_eval_count


def test_a_raw_prompt_is_continued(speaker, recital):
    response = speaker.generate(recital.model, "Weather?", raw=True)
    assert response.response == TEXT and response.thinking is None
    count = recital.post("/tokenize", {"prompt": "Weather?"}).json()["count"]
    assert response.prompt_eval_count == count


def test_a_gap_is_filled(speaker, recital, start):
    response = speaker.generate(recital.model, "def f(x):\n", suffix="\n  return y")
    assert response.response == TEXT
    parts = [recital.post("/tokenize", {"prompt": text, "add_special_tokens": False}).json()["count"]
             for text in ("def f(x):\n", "\n  return y")]
    assert response.prompt_eval_count - sum(parts) in (3, 4)
    limited = speaker.generate(recital.model, "x = 1\n" * 200, suffix="y = 2\n" * 50, options={"num_ctx": 64})
    assert limited.prompt_eval_count <= 64 - 8 and limited.done_reason == "length"
    with start() as server:
        with pytest.raises(ollama.ResponseError, match="no tokens for a gap"):
            ollama.Client(host=server.url).generate(server.model, "a", suffix="b")


def test_a_model_is_loaded_by_empty_requests(speaker, recital):
    assert speaker.generate(recital.model).done_reason == "load"
    loaded = speaker.chat(recital.model, [], keep_alive="1h")
    assert loaded.done and loaded.done_reason == "load" and loaded.message.content == ""
    assert [part.done_reason for part in speaker.generate(recital.model, "", stream=True)] == ["load"]
    with pytest.raises(ollama.ResponseError) as error:
        speaker.generate("other", "")
    assert error.value.status_code == 404


def test_a_model_stays_as_long_as_it_is_told(start, binary, tmp_path):
    chat = [{"role": "user", "content": "Hello"}]
    with start() as server:
        client = ollama.Client(host=server.url)

        def minutes():
            return (client.ps().models[0].expires_at - datetime.now(timezone.utc)).total_seconds() / 60

        assert minutes() > 1e6
        for told, expected in (("5m", 5), (120, 2), ("1h30m", 90), ("0.5h", 30)):
            client.chat(server.model, chat, options={"num_predict": 1}, keep_alive=told)
            assert expected - 0.5 < minutes() <= expected + 0.1
        # A request that says nothing has it stay as long as the server does, and one below 0 for ever.
        client.generate(server.model, "x", options={"num_predict": 1})
        assert minutes() > 1e6
        client.embed(server.model, "x", keep_alive="-1m")
        assert minutes() > 1e6
        # Once the answer is over it goes, and comes back when somebody asks.
        client.chat(server.model, chat, options={"num_predict": 1}, keep_alive=0)
        server.wait_for_event("model unloaded")
        assert client.ps().models == []
        assert client.generate(server.model, "").done_reason == "load" and minutes() > 1e6
        assert client.generate(server.model, "", keep_alive=0).done_reason == "unload"
        wait_until(lambda: client.ps().models == [])
        answer = server.post("/v1/completions", {"prompt": "x", "max_tokens": 1})
        assert answer.status_code == 200 and minutes() > 1e6
        for wrong in ("soon", "5 m", "", True, [], "1.2.3s", "9" * 400 + "s"):
            refused = server.post("/api/chat", {"messages": chat, "keep_alive": wrong})
            assert refused.status_code == 400 and "keep_alive" in refused.json()["error"], wrong
    # Only who may change the server has it, and a model that is pinned stays.
    keys = tmp_path / "keys.json"
    add = [binary, "keys", "add", "--file", str(keys)]
    one, root = (
        subprocess.run([*add, *more], capture_output=True, text=True, check=True).stdout.split()[-1]
        for more in (["one"], ["root", "--scope", "admin", "--scope", "inference"]))
    with start("--api-key-file", str(keys)) as server:
        for key, reason in ((one, "load"), (root, "unload")):
            client = ollama.Client(host=server.url, headers={"authorization": f"Bearer {key}"})
            assert client.generate(server.model, "", keep_alive=0).done_reason == reason
        server.wait_for_event("model unloaded")
    with start("--pin") as server:
        assert ollama.Client(host=server.url).generate(server.model, "", keep_alive=0).done_reason == "load"


def test_models_are_listed_and_shown(speaker, recital):
    (model,) = speaker.list().models
    files = [file.stat() for file in Path(recital.folder).iterdir()]
    assert model.model == f"{recital.model}:latest" and len(model.digest) == 64
    assert model.size == sum(file.st_size for file in files)
    assert abs(model.modified_at.timestamp() - max(file.st_mtime for file in files)) < 0.01
    assert model.details.family == "qwen3" and model.details.format == "safetensors"
    assert model.details.quantization_level == "F32"
    (running,) = speaker.ps().models
    assert running.digest == model.digest and running.context_length == 8192 and running.size_vram == 0
    assert running.expires_at > datetime.now(timezone.utc)
    shown = speaker.show(model.model)
    assert shown.capabilities == ["completion", "tools", "thinking", "insert"]
    assert shown.modelinfo["general.architecture"] == "qwen3" and shown.modelinfo["qwen3.context_length"] == 8192
    assert "<think>" in shown.template and shown.details == model.details and "temperature" in shown.parameters
    assert recital.post("/api/show", {"name": recital.model}).status_code == 200
    assert recital.post("/api/show", {}).json() == {"error": "model is required."}
    version = httpx.get(recital.url + "/api/version").json()["version"]
    assert tuple(int(part) for part in version.split(".")) >= (0, 6, 4)
    assert httpx.head(recital.url).status_code == 200


@pytest.mark.parametrize("ask", [
    lambda client: client.pull("llama3"), lambda client: client.push("llama3"),
    lambda client: client.create("mine", from_="llama3"), lambda client: client.copy("a", "b"),
    lambda client: client.delete("a"), lambda client: client.create_blob(__file__)])
def test_models_stay_what_they_are(speaker, ask):
    with pytest.raises(ollama.ResponseError, match="is not supported: the server serves") as error:
        ask(speaker)
    assert error.value.status_code == 400


def test_errors_have_ollamas_form(speaker, recital):
    with pytest.raises(ollama.ResponseError) as error:
        speaker.chat("other", ASK)
    assert error.value.status_code == 404 and "'other'" in error.value.error
    with pytest.raises(ollama.ResponseError, match="messages\\[0\\].images"):
        speaker.chat(recital.model, [{**ASK[0], "images": [b"png"]}])
    with pytest.raises(ollama.ResponseError, match="format cannot be held"):
        speaker.chat(recital.model, ASK, format={"type": "wrong"})
    with pytest.raises(ollama.ResponseError, match="options.temperature"):
        list(speaker.chat(recital.model, ASK, options={"temperature": 9}, stream=True))
    for answer in (
            httpx.get(recital.url + "/api/chat"), httpx.get(recital.url + "/api/nothing"),
            httpx.post(recital.url + "/api/chat", content=b"{"),
            httpx.post(recital.url + "/api/chat", content=b" " * (5 << 20), timeout=60)):
        assert answer.status_code >= 400 and list(answer.json()) == ["error"]


@tool("get_weather")
def weather_tool(city: str, days: int) -> str:
    """Get the weather."""
    return f"{city}: {days}"


def test_langchain(recital):
    model = ChatOllama(model=recital.model, base_url=recital.url, reasoning=True, validate_model_on_init=True)
    answer = model.bind_tools([weather_tool]).invoke("Weather in 深圳?")
    assert isinstance(answer, AIMessage) and answer.content.strip() == SAID
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("get_weather", ARGUMENTS)]
    assert answer.additional_kwargs["reasoning_content"] == THOUGHT
    assert answer.usage_metadata["output_tokens"] > 5 and answer.response_metadata["done_reason"] == "stop"
    result = ToolMessage(content="23 degrees", tool_call_id=answer.tool_calls[0]["id"])
    chunks = list(model.stream([HumanMessage("Weather in 深圳?"), answer, result]))
    assert "".join(chunk.additional_kwargs.get("reasoning_content", "") for chunk in chunks) == THOUGHT
    assert "".join(chunk.content for chunk in chunks).strip().startswith(SAID)


TEXTS = ["2+2=4", "雞兔同籠，上有35頭", "What is 47 + 85?"]


def test_embeddings(server):
    client = ollama.Client(host=server.url)
    openai = server.post("/v1/embeddings", {"input": TEXTS}).json()
    answer = client.embed(server.model, TEXTS)
    for vector, expected in zip(answer.embeddings, openai["data"], strict=True):
        assert vector == pytest.approx(expected["embedding"], abs=1e-3)
        assert sum(x * x for x in vector) == pytest.approx(1, rel=1e-5)
    assert answer.model == server.model and answer.prompt_eval_count == openai["usage"]["prompt_tokens"]
    assert answer.total_duration > answer.load_duration >= 0
    (alone,) = client.embed(server.model, TEXTS[1]).embeddings
    assert alone == pytest.approx(answer.embeddings[1], abs=1e-3)
    (short,) = client.embed(server.model, TEXTS[1], dimensions=16).embeddings
    length = sum(x * x for x in alone[:16]) ** 0.5
    assert short == pytest.approx([x / length for x in alone[:16]], abs=1e-3)
    raw = client.embeddings(server.model, TEXTS[1]).embedding
    length = sum(x * x for x in raw) ** 0.5
    assert abs(length - 1) > 0.01 and [x / length for x in raw] == pytest.approx(alone, abs=1e-3)
    assert client.embed(server.model, "").embeddings == client.embed(server.model, []).embeddings == []
    assert client.embeddings(server.model, "", keep_alive=-1).embedding == []


def test_a_text_to_embed_is_cut(server):
    client = ollama.Client(host=server.url)
    tokens = server.post("/tokenize", {"prompt": "word " * 50}).json()["tokens"]
    (expected,) = server.post("/v1/embeddings", {"input": tokens[:7]}).json()["data"]
    cut = client.embed(server.model, "word " * 50, options={"num_ctx": 7})
    assert cut.prompt_eval_count == 7 and cut.embeddings[0] == pytest.approx(expected["embedding"], abs=1e-3)
    assert client.embed(server.model, ["word " * CONTEXT, "b"]).prompt_eval_count > 100
    for wrong, complaint in [
            ({"options": {"num_ctx": 7}, "input": "word " * 50, "truncate": False}, "input"),
            ({"input": ["a", "word " * CONTEXT], "truncate": False}, "input[1]"), ({"input": ["a", 7]}, "input[1]"),
            ({"input": 7}, "input"), ({"input": "a", "dimensions": 257}, "dimensions"), ({"input": ["a", ""]}, "input[1]"),
            ({"input": "a", "truncate": "yes"}, "truncate"), ({"input": "a", "pooling": "max"}, "pooling"),
            ({"input": ["a"] * 3000}, "input"), ({"input": "a", "options": {"num_ctx": 0}}, "options.num_ctx")]:
        refused = server.post("/api/embed", wrong)
        assert refused.status_code == 400 and complaint in refused.json()["error"], refused.text
