"""Anthropic's messages, through the official client with its defaults."""
import json

import anthropic
import httpx
import pytest

import reciter
from server import Server, request, read_answer

TOOLS = [{"name": "get_weather", "description": "Get the weather.", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}]
ARGUMENTS = {"city": "深圳", "days": 3}
THOUGHT, SAID = "They ask for the weather.", "One moment."
TEXT = (f"<think>\n{THOUGHT}\n</think>\n\n{SAID}\n<tool_call>\n"
        '{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}\n</tool_call>')


@pytest.fixture(scope="module")
def recital(binary, tmp_path_factory):
    folder = reciter.make(tmp_path_factory.mktemp("recital") / "hermes", TEXT, "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        yield server, anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0, timeout=60)


def ask(recital, *more, method="create", **options):
    server, client = recital
    messages = [{"role": "user", "content": "Weather in 深圳?"}, *more]
    options = {"model": server.model, "messages": messages, **options}
    if method != "count_tokens":
        options = {"max_tokens": 500, **options}
    return getattr(client.messages, method)(**options)


def check(message):
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    thinking, text, call = message.content
    assert thinking.thinking == THOUGHT and thinking.signature and text.text == SAID
    assert call.name == "get_weather" and call.input == ARGUMENTS and call.id.startswith("toolu_")
    assert message.stop_reason == "tool_use" and message.role == "assistant" and message.id.startswith("msg_")
    assert message.usage.output_tokens > 5


def test_answers_have_blocks(recital):
    check(ask(recital, tools=TOOLS, thinking={"type": "enabled", "budget_tokens": 1024}))


def test_answers_are_streamed(recital):
    with ask(recital, method="stream", tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    check(message)
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop" and "input_json" in kinds
    whole = ask(recital, tools=TOOLS).usage
    told = message.usage
    assert told.input_tokens + told.cache_read_input_tokens == whole.input_tokens + whole.cache_read_input_tokens


def test_a_loop_of_tools(recital):
    """A long conversation as agents have it: blocks of the system with places to keep, and results turn by turn."""
    system = [{"type": "text", "text": "You are an agent. " * 40},
              {"type": "text", "text": "Rules. " * 100, "cache_control": {"type": "ephemeral"}}]
    tools = [*TOOLS, *({"name": f"tool_{i}", "input_schema": {"type": "object"}} for i in range(20))]
    turns, cached = [], []
    for turn in range(3):
        message = ask(recital, *turns, system=system, tools=tools)
        check(message)
        cached.append(message.usage.cache_read_input_tokens)
        call = message.content[-1]
        turns += [{"role": "assistant", "content": message.content},
                  {"role": "user", "content": [
                      {"type": "tool_result", "tool_use_id": call.id, "is_error": turn == 1,
                       "content": [{"type": "text", "text": f"23 degrees, {turn}"}],
                       "cache_control": {"type": "ephemeral"}}]}]
    assert cached[0] < cached[1] < cached[2]
    count = ask(recital, *turns, method="count_tokens", system=system, tools=tools)
    assert count.input_tokens > cached[2]


def test_counts_are_those_of_the_prompt(recital):
    usage = ask(recital, tools=TOOLS).usage
    count = ask(recital, method="count_tokens", tools=TOOLS).input_tokens
    assert count == usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens


def test_answers_end_for_a_reason(recital):
    assert ask(recital, max_tokens=2).stop_reason == "max_tokens"
    stopped = ask(recital, stop_sequences=["zzz", "moment"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "moment")
    assert stopped.content[-1].text == "One "
    assert ask(recital, tools=TOOLS, tool_choice={"type": "none"}).stop_reason == "end_turn"


def test_an_answer_goes_on_with_its_beginning(recital):
    server, _ = recital
    begun = ask(recital, {"role": "assistant", "content": "It is"})
    assert begun.stop_reason == "end_turn"
    prompt = {"messages": [{"role": "user", "content": "Weather in 深圳?"}, {"role": "assistant", "content": "It is"}]}
    closed = server.post("/tokenize", {**prompt, "add_generation_prompt": False}).json()["count"]
    usage = begun.usage
    assert usage.input_tokens + usage.cache_read_input_tokens < closed


def test_errors_are_raised_as_the_client_knows_them(recital):
    server, client = recital
    with pytest.raises(anthropic.BadRequestError) as error:
        ask(recital, extra_body={"temperature": 7})
    assert error.value.body["error"]["type"] == "invalid_request_error" and "temperature" in error.value.message
    assert error.value.request_id == error.value.body["request_id"]
    with pytest.raises(anthropic.NotFoundError) as error:
        ask(recital, model="claude-none")
    assert error.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.BadRequestError) as error:
        ask(recital, {"role": "user", "content": [{"type": "image", "source": {}}]})
    assert "messages[1].content[0]" in error.value.message


def test_errors_before_the_endpoint_have_the_form(recital):
    server, _ = recital
    refused = httpx.get(server.url + "/v1/messages")
    assert refused.status_code == 405 and refused.json()["type"] == "error" and refused.headers["request-id"]
    assert httpx.post(server.url + "/v1/messages/nothing").json()["error"]["type"] == "not_found_error"
    large = httpx.post(server.url + "/v1/messages", content=b" " * (5 << 20), timeout=60)
    assert large.status_code == 413 and large.json()["error"]["type"] == "request_too_large"
    with server.connect(request("POST", "/v1/messages", Host="elsewhere.example")) as connection:
        status, _, body = read_answer(connection)
    assert status == 403 and json.loads(body)["error"]["type"] == "permission_error"
    wrong = httpx.post(server.url + "/v1/messages", content=b"{", headers={"content-type": "application/json"})
    assert wrong.status_code == 400 and wrong.json()["error"]["type"] == "invalid_request_error"
