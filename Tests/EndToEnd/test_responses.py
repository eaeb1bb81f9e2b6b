"""OpenAI's responses, through the official client with its defaults."""
import json
import time

import httpx
import openai
import pytest

import reciter
from server import Server

TOOLS = [{"type": "function", "name": "get_weather", "description": "Get the weather.", "strict": True, "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}]
ARGUMENTS = {"city": "深圳", "days": 3}
THOUGHT, SAID = "They ask for the weather.", "One moment."
TEXT = (f"<think>\n{THOUGHT}\n</think>\n\n{SAID}\n<tool_call>\n"
        '{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}\n</tool_call>')
QUESTION = "Weather in 深圳?"


def connect(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)


@pytest.fixture(scope="module")
def recital(binary, tmp_path_factory):
    folder = reciter.make(tmp_path_factory.mktemp("recital") / "hermes", TEXT, "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        yield server, connect(server)


def ask(recital, **options):
    server, client = recital
    return client.responses.create(**{"model": server.model, "input": QUESTION, **options})


def check(response, reasoning="content"):
    assert response.status == "completed" and response.id.startswith("resp_") and response.error is None
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    thought, message, call = response.output
    assert [part.text for part in getattr(thought, reasoning)] == [THOUGHT]
    assert response.output_text.strip() == SAID and message.status == "completed"
    assert call.name == "get_weather" and json.loads(call.arguments) == ARGUMENTS and call.call_id
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.usage.output_tokens_details.reasoning_tokens > 3


def test_answers_have_items(recital):
    response = ask(recital, tools=TOOLS, instructions="Be brief.", metadata={"a": "b"}, temperature=0)
    check(response)
    assert response.instructions == "Be brief." and response.metadata == {"a": "b"} and response.temperature == 0
    assert response.tools[0].name == "get_weather" and response.tool_choice == "auto" and response.store is True
    assert response.text.format.type == "text" and response.truncation == "disabled"


@pytest.mark.parametrize("summary", [None, "auto"])
def test_answers_are_streamed(recital, summary):
    """All events are of the client's types, in order, and tell what the whole tells."""
    reasoning = {"summary": summary} if summary else openai.omit
    events = list(ask(recital, tools=TOOLS, reasoning=reasoning, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    for event in events:
        assert type(event).__name__ != "BaseModel" and not event.model_extra, event
    kinds = [event.type for event in events]
    runs = [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]
    part = "reasoning_summary_part" if summary else "content_part"
    text = "reasoning_summary_text" if summary else "reasoning_text"
    assert runs == [f"response.{name}" for name in [
        "created", "in_progress",
        "output_item.added", f"{part}.added", f"{text}.delta", f"{text}.done", f"{part}.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "completed"]]
    response = events[-1].response
    check(response, "summary" if summary else "content")
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert done == response.output
    for kind, whole in [(text, THOUGHT), ("output_text", response.output_text),
                        ("function_call_arguments", response.output[2].arguments)]:
        assert "".join(event.delta for event in events if event.type == f"response.{kind}.delta") == whole


def test_the_clients_own_stream(recital):
    server, client = recital
    with client.responses.stream(model=server.model, input=QUESTION, tools=TOOLS) as stream:
        for _ in stream:
            pass
        check(stream.get_final_response())


def test_a_loop_of_tools(recital):
    """A conversation goes on from what is stored, or with all of its items, and both are the same to the model."""
    first = ask(recital, tools=TOOLS)
    call = first.output[-1]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "23 degrees"}
    second = ask(recital, tools=TOOLS, previous_response_id=first.id, input=[result])
    check(second)
    assert second.previous_response_id == first.id
    whole = [{"role": "user", "content": QUESTION}, *first.output, result]
    stateless = ask(recital, tools=TOOLS, input=whole, store=False)
    assert second.usage.input_tokens == stateless.usage.input_tokens > first.usage.input_tokens
    third = ask(recital, tools=TOOLS, previous_response_id=second.id, input=[
        {"type": "function_call_output", "call_id": second.output[-1].call_id, "output": [
            {"type": "input_text", "text": "24 degrees"}]}, {"role": "developer", "content": "Be brief."}])
    assert third.usage.input_tokens > second.usage.input_tokens
    # Reasoning that clients pass on unread is read by the server that wrote it.
    sealed = ask(recital, tools=TOOLS, include=["reasoning.encrypted_content"], store=False)
    thought = sealed.output[0].model_dump() | {"content": None}
    again = ask(recital, tools=TOOLS, input=[whole[0], thought, *first.output[1:], result])
    assert again.usage.input_tokens == stateless.usage.input_tokens


def test_references_to_items(recital):
    first = ask(recital, tools=TOOLS)
    items = [{"type": "item_reference", "id": item.id} for item in first.output]
    result = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "23"}
    referring = ask(recital, input=[{"role": "user", "content": QUESTION}, *items, result])
    assert referring.usage.input_tokens == ask(recital, previous_response_id=first.id, input=[result]).usage.input_tokens
    with pytest.raises(openai.NotFoundError, match=r"input\[0\].id"):
        ask(recital, input=[{"type": "item_reference", "id": "msg_1_2"}])


def test_stored_responses(recital):
    server, client = recital
    response = ask(recital, input=[{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."},
                                   {"role": "user", "content": [{"type": "input_text", "text": "Three?"}]}])
    assert client.responses.retrieve(response.id).model_dump() == response.model_dump()
    items = client.responses.input_items.list(response.id, order="asc", limit=2)
    assert [item.content[0].text for item in items.data] == ["One?", "Two."] and items.has_more
    assert [item.content[0].text for item in client.responses.input_items.list(response.id, limit=1)] == [
        "Three?", "Two.", "One?"]
    client.responses.delete(response.id)
    for gone in [lambda: client.responses.retrieve(response.id), lambda: client.responses.delete(response.id),
                 lambda: client.responses.input_items.list(response.id)]:
        with pytest.raises(openai.NotFoundError, match=response.id):
            gone()
    with pytest.raises(openai.BadRequestError) as error:
        ask(recital, previous_response_id=response.id)
    assert error.value.param == "previous_response_id" and error.value.code == "previous_response_not_found"
    passing = ask(recital, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(passing.id)


def test_a_stream_is_stored_before_it_ends(recital):
    for _ in range(5):
        for event in ask(recital, stream=True):
            if event.type == "response.completed":
                assert recital[1].responses.retrieve(event.response.id).output == event.response.output


def test_counts_are_those_of_the_prompt(recital):
    server, client = recital
    count = client.responses.input_tokens.count(model=server.model, input=QUESTION, tools=TOOLS).input_tokens
    assert count == ask(recital, tools=TOOLS).usage.input_tokens


def test_answers_end_for_a_reason(recital):
    short = ask(recital, max_output_tokens=2)
    assert short.status == "incomplete" and short.incomplete_details.reason == "max_output_tokens"
    last = list(ask(recital, max_output_tokens=2, stream=True))[-1]
    assert last.type == "response.incomplete" and last.response.status == "incomplete"
    assert [item.type for item in ask(recital, tools=TOOLS, tool_choice="none").output] == ["reasoning", "message"]


def test_a_tool_that_takes_a_text(binary, tmp_path_factory):
    text = '<tool_call>\n{"name": "say", "arguments": {"input": "深圳!"}}\n</tool_call>'
    folder = reciter.make(tmp_path_factory.mktemp("recital") / "text", text, "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        tools = [{"type": "custom", "name": "say", "description": "Say it."}]
        events = list(ask((server, connect(server)), tools=tools, stream=True))
        call = events[-1].response.output[-1]
        assert (call.type, call.name, call.input) == ("custom_tool_call", "say", "深圳!")
        kind = "response.custom_tool_call_input"
        assert "".join(event.delta for event in events if event.type == f"{kind}.delta") == call.input
        result = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Said."}
        ask((server, connect(server)), tools=tools, previous_response_id=events[-1].response.id, input=[result])


def test_log_probabilities(recital):
    response = ask(recital, include=["message.output_text.logprobs"], top_logprobs=2)
    part = response.output[-1].content[0]
    assert "".join(entry.token for entry in part.logprobs) == part.text and len(part.logprobs[0].top_logprobs) == 2
    streamed = [entry for event in ask(recital, include=["message.output_text.logprobs"], top_logprobs=2, stream=True)
                if event.type == "response.output_text.delta" for entry in event.logprobs]
    assert [entry.token for entry in streamed] == [entry.token for entry in part.logprobs]


CODEX = {  # What Codex sends by default, but for the length of its texts.
    "instructions": "You are a coding agent.", "tool_choice": "auto", "parallel_tool_calls": False, "store": False,
    "stream": True, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "thread-1",
    "reasoning": {"summary": "auto"},
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}],
    "tools": [*TOOLS, {"type": "web_search", "external_web_access": False}, {"type": "image_generation"}]}


def test_codex(recital):
    server, _ = recital
    body = {"model": server.model, **CODEX}
    response = list(ask(recital, **CODEX, extra_body={"client_metadata": {"x-codex-installation-id": "0"}}))[-1].response
    check(response, "summary")
    assert [tool.type for tool in response.tools] == ["function"]
    with httpx.stream("POST", server.url + "/v1/responses", json=body, timeout=60) as streamed:
        assert "event: response.completed" in streamed.read().decode()
    call = response.output[-1]
    turns = [*CODEX["input"], *(item.model_dump() for item in response.output),
             {"type": "function_call_output", "call_id": call.call_id, "output": "{}"}]
    with httpx.stream("POST", server.url + "/v1/responses", json={**body, "input": turns}, timeout=60) as streamed:
        assert "event: response.completed" in streamed.read().decode()


IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,"}
REFUSALS = [
    ({"input": [{"role": "user", "content": [IMAGE]}]}, r"input\[0\].content\[0\].type is 'input_image'"),
    ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, r"input\[0\].content\[0\].type"),
    ({"input": []}, "input"), ({"input": 7}, "input must be"),
    ({"input": [{"role": "tool", "content": "x"}]}, r"input\[0\].role"),
    ({"input": [{"type": "computer_call", "id": "1"}]}, r"input\[0\].type is 'computer_call'"),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, r"input\[0\].call_id is 'c'"),
    ({"tools": [*TOOLS, *TOOLS]}, r"tools\[1\].name is 'get_weather'"),
    ({"tools": [{"type": "file_search", "vector_store_ids": []}]}, r"tools\[0\].type is 'file_search'"),
    ({"tools": [{"type": "mcp", "server_label": "m"}]}, r"tools\[0\].type is 'mcp'"),
    ({"tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}}, "tool_choice"),
    ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "other"}}, "tool_choice.name is 'other'"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "x"}}}}, "text.format.schema"),
    ({"include": ["everything"]}, r"include\[0\]"), ({"truncation": "some"}, "truncation"),
    ({"background": True, "store": False}, "background"),
    ({"conversation": "conv_1"}, "conversation"), ({"extra_body": {"messages": []}}, "messages"),
    ({"max_output_tokens": 0}, "max_output_tokens"), ({"temperature": 7}, "temperature"),
]


@pytest.mark.parametrize("options, pattern", REFUSALS, ids=range(len(REFUSALS)))
def test_refusals_name_what_is_wrong(recital, options, pattern):
    with pytest.raises(openai.BadRequestError, match=pattern) as error:
        ask(recital, **options)
    assert error.value.param


def test_background(start, model):
    with start() as server:
        client = connect(server)
        options = {"model": server.model, "input": "x", "background": True, "extra_body": {"ignore_eos": True}}
        response = client.responses.create(max_output_tokens=20, **options)
        assert response.status == "queued" and response.background and not response.output
        while response.status in ("queued", "in_progress"):
            time.sleep(0.01)
            response = client.responses.retrieve(response.id)
        assert response.status == "incomplete" and response.usage.output_tokens == 20
        # One that runs cannot be gone on from or deleted, and one that is over stays as it is.
        long = client.responses.create(max_output_tokens=1900, **options)
        for wrong in [lambda: client.responses.create(model=server.model, input="x", previous_response_id=long.id),
                      lambda: client.responses.delete(long.id)]:
            with pytest.raises(openai.BadRequestError, match="not finished"):
                wrong()
        while client.responses.retrieve(long.id).status == "queued":
            time.sleep(0.01)
        cancelled = client.responses.cancel(long.id)
        assert cancelled.status == "cancelled" and cancelled.usage.output_tokens < 1900
        assert client.responses.retrieve(long.id).status == "cancelled"
        assert client.responses.cancel(response.id).status == "incomplete"
        plain = client.responses.create(model=server.model, input="x", max_output_tokens=2)
        with pytest.raises(openai.BadRequestError, match="background"):
            client.responses.cancel(plain.id)


def test_a_stream_in_the_background_is_followed(start, tmp_path):
    file = tmp_path / "responses.sqlite"
    with start("--store", str(file)) as server:
        client = connect(server)
        options = {"model": server.model, "input": "x", "background": True, "stream": True,
                   "extra_body": {"ignore_eos": True}}
        with client.responses.create(max_output_tokens=200, **options) as stream:
            begun = [next(stream) for _ in range(6)]
        # The client is gone, and the response goes on.
        id = begun[0].response.id
        assert [event.type for event in begun[:3]] == ["response.created", "response.queued", "response.in_progress"]
        assert begun[0].response.status == "queued"
        rest = list(client.responses.retrieve(id, stream=True, starting_after=5))
        events = begun + rest
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert events[-1].type == "response.incomplete" and events[-1].response.usage.output_tokens == 200
        # Who is told of the end finds the response.
        assert client.responses.retrieve(id).model_dump() == events[-1].response.model_dump()
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert len(deltas) > 20 and "".join(deltas) == events[-1].response.output_text
        # Two follow one that runs, which is then cancelled.
        long = client.responses.create(max_output_tokens=1900, **options)
        id = next(long).response.id
        with client.responses.retrieve(id, stream=True) as second:
            assert next(second).response.id == id
            cancelled = client.responses.cancel(id)
            assert cancelled.status == "cancelled"
            for last in (list(long)[-1], list(second)[-1]):
                assert last.type == "response.incomplete" and last.response.status == "cancelled"
        plain = client.responses.create(model=server.model, input="x", max_output_tokens=2)
        quiet = client.responses.create(max_output_tokens=1900, **{**options, "stream": False})
        for other in (plain.id, quiet.id):
            with pytest.raises(openai.BadRequestError, match="no events"):
                client.responses.retrieve(other, stream=True)
        for query in ("starting_after=3", "stream=true&starting_after=-1", "stream=true&starting_after=x", "stream=yes"):
            assert httpx.get(f"{server.url}/v1/responses/{id}?{query}").status_code == 400, query
    with start("--store", str(file)) as server:
        again = list(connect(server).responses.retrieve(events[0].response.id, stream=True, starting_after=2))
        assert [event.model_dump() for event in again] == [event.model_dump() for event in events[3:]]


def test_an_answer_that_is_cut_off_fails(start):
    with start() as server:
        body = {"model": server.model, "input": "x", "stream": True, "max_output_tokens": 30_000, "ignore_eos": True,
                "timeout": 0.3}
        with httpx.stream("POST", server.url + "/v1/responses", json=body, timeout=60) as streamed:
            last = streamed.read().decode().strip().split("\n\n")[-1].split("data: ")[1]
        last = json.loads(last)
        assert last["type"] == "response.failed" and last["response"]["error"]["code"] == "request_timeout"
        assert connect(server).responses.retrieve(last["response"]["id"]).status == "failed"


def test_a_file_outlives_the_server(start, tmp_path):
    file = tmp_path / "responses.sqlite"
    with start("--store", str(file), "--store-mib", "0") as server:
        first = connect(server).responses.create(model=server.model, input="x", max_output_tokens=3)
    with start("--store", str(file)) as server:
        client = connect(server)
        assert client.responses.retrieve(first.id).model_dump() == first.model_dump()
        second = client.responses.create(
            model=server.model, input="y", max_output_tokens=3, previous_response_id=first.id)
        assert second.usage.input_tokens > first.usage.input_tokens
        client.responses.delete(first.id)
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model=server.model, input="z", previous_response_id=second.id)
