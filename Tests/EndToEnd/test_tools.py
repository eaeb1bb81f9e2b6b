"""Calls of tools, through the official client, by models that recite known answers."""
import json

import openai
import pytest

import reciter
from server import Server

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Get the weather.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}}]
ARGUMENTS = {"city": "深圳", "days": 3}
DEEPSEEK = ("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>")
HARMONY = ("<|channel|>", "<|constrain|>", "<|message|>")

# Template, what the model says, its special tokens, the reasoning and the content in it.
FORMATS = {
    "hermes": (
        "Qwen-Qwen3-0.6B",
        "<think>\nThey ask for the weather.\n</think>\n\nOne moment.\n<tool_call>\n"
        '{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}\n</tool_call>',
        (), "They ask for the weather.", "One moment."),
    "qwen3_coder": (
        "Qwen3-Coder",
        "<tool_call>\n<function=get_weather>\n<parameter=city>\n深圳\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
        "</function>\n</tool_call>", (), None, None),
    "deepseek": (
        "deepseek-ai-DeepSeek-V3.1",
        'Looking.' + DEEPSEEK[0] + DEEPSEEK[1] + "get_weather" + DEEPSEEK[2] + '{"city": "深圳", "days": 3}'
        + DEEPSEEK[3] + DEEPSEEK[4], DEEPSEEK, None, "Looking."),
    "harmony": (
        "openai-gpt-oss-120b",
        '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "深圳", "days": 3}',
        HARMONY, None, None),
}


@pytest.fixture(scope="module", params=FORMATS)
def recital(request, binary, tmp_path_factory):
    template, text, special, reasoning, content = FORMATS[request.param]
    folder = reciter.make(tmp_path_factory.mktemp("recital") / request.param, text, template, special)
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        yield server, client, reasoning, content


def ask(recital, *more, **options):
    server, client, *_ = recital
    messages = [{"role": "user", "content": "Weather in 深圳?"}, *more]
    return client.chat.completions.create(model=server.model, messages=messages, **options)


def test_calls_are_found(recital):
    _, _, reasoning, content = recital
    choice = ask(recital, tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == content and getattr(choice.message, "reasoning_content", None) == reasoning
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.id and call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == ARGUMENTS


def test_calls_are_streamed(recital):
    _, _, reasoning, content = recital
    said, thought, calls, reasons = "", "", {}, []
    chunks = list(ask(recital, tools=TOOLS, stream=True))
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        said += choice.delta.content or ""
        thought += getattr(choice.delta, "reasoning_content", None) or ""
        reasons.append(choice.finish_reason)
        for part in choice.delta.tool_calls or []:
            if part.id:
                assert part.function.name and part.type == "function" and part.function.arguments == ""
                calls[part.index] = [part.id, part.function.name, []]
            else:
                calls[part.index][2].append(part.function.arguments)
    assert (said or None, thought or None) == (content, reasoning)
    assert [reason for reason in reasons if reason] == ["tool_calls"]
    (call,) = calls.values()
    assert call[1] == "get_weather" and json.loads("".join(call[2])) == ARGUMENTS
    assert len(call[2]) > 2, "the arguments came all at once"


def test_the_conversation_goes_on(recital):
    first = ask(recital, tools=TOOLS).choices[0].message
    call = first.tool_calls[0]
    turn = {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]}
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"temp": 23}'}
    answer = ask(recital, turn, result, tools=TOOLS)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert answer.usage.prompt_tokens > ask(recital, tools=TOOLS).usage.prompt_tokens


def test_without_tools_there_are_no_calls(recital):
    for options in ({}, {"tools": TOOLS, "tool_choice": "none"}):
        choice = ask(recital, **options).choices[0]
        assert choice.message.tool_calls is None and choice.finish_reason == "stop"
        assert "深圳" in choice.message.content


def test_what_cannot_be_promised_is_refused(recital):
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        with pytest.raises(openai.BadRequestError) as error:
            ask(recital, tools=TOOLS, tool_choice=choice)
        assert error.value.param == "tool_choice" and "constrained" in error.value.message


def test_an_answer_that_is_cut_off_says_so(recital):
    assert ask(recital, tools=TOOLS, max_tokens=8).choices[0].finish_reason == "length"


def test_a_model_without_tools_says_so(client, server):
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], tools=TOOLS)
    assert error.value.param == "tools" and "template takes no tools" in error.value.message


def test_the_format_can_be_chosen(binary, tmp_path):
    """The template shows one format and the model writes another."""
    text = '<TOOLCALL>[{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}]</TOOLCALL>'
    folder = reciter.make(tmp_path / "nemotron", "<think>" + text, "Qwen-Qwen3-0.6B")
    ask = {"model": "nemotron", "messages": [{"role": "user", "content": "?"}], "tools": TOOLS}
    with Server(binary, folder, "--tool-call-parser", "nemotron", "--reasoning-parser", "none") as server:
        message = server.post("/v1/chat/completions", ask).json()["choices"][0]["message"]
    assert message["content"] == "<think>" and "reasoning_content" not in message
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == ARGUMENTS
    with Server(binary, folder, "--tool-call-parser", "none", "--reasoning-parser", "none") as server:
        message = server.post("/v1/chat/completions", ask).json()["choices"][0]["message"]
    assert message["content"] == "<think>" + text and "tool_calls" not in message
