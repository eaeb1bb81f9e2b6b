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


NAMED = {"type": "function", "function": {"name": "get_weather"}}
JSON = '{"city": "深圳", "days": 3}'
CALL = f'{{"name": "get_weather", "arguments": {JSON}}}'
# A call of each format as models write it.
CALLS = {
    "hermes": f"<tool_call>\n{CALL}\n</tool_call>", "granite": f"<|tool_call|>[{CALL}]",
    "hunyuan_a13b": f"<tool_calls>[{CALL}]</tool_calls>", "nemotron": f"<TOOLCALL>[{CALL}]</TOOLCALL>",
    "mistral": f"[TOOL_CALLS][{CALL}]", "llama3_json": CALL.replace("arguments", "parameters"),
    "qwen3_coder": "<tool_call>\n<function=get_weather>\n<parameter=city>\n深圳\n</parameter>\n<parameter=days>\n3\n"
                   "</parameter>\n</function>\n</tool_call>",
    "hy_v3": "<tool_calls>\n<tool_call>get_weather<tool_sep>\n<arg_key>city</arg_key>\n<arg_value>深圳</arg_value>\n"
             "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n</tool_calls>",
    "glm45": "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>深圳</arg_value>\n<arg_key>days</arg_key>\n"
             "<arg_value>3</arg_value>\n</tool_call>",
    "deepseek": f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{JSON}<｜tool▁call▁end｜>"
                "<｜tool▁calls▁end｜>",
    "kimi_k2": "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
               f"{JSON}<|tool_call_end|><|tool_calls_section_end|>",
    "lfm2": '<|tool_call_start|>[get_weather(city="深圳", days=3)]<|tool_call_end|>',
    "harmony": f"<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{JSON}",
}


@pytest.mark.parametrize("kind", CALLS)
def test_calls_can_be_demanded(binary, tmp_path, kind):
    """A model that thinks and then calls, in each format and of itself, does so where it has no choice too."""
    thought = "" if kind == "harmony" else "It is far.\n</think>\n\n"
    folder = reciter.make(tmp_path / kind, thought + CALLS[kind], "Qwen3.5-4B")
    formats = ["--reasoning-parser", "harmony"] if kind == "harmony" else []
    with Server(binary, folder, "--tool-call-parser", kind, *formats) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        for choice in ("auto", "required", NAMED):
            options = {"model": server.model, "messages": [{"role": "user", "content": "?"}], "tools": TOOLS,
                       "tool_choice": choice}
            whole = client.chat.completions.create(**options)
            (call,) = whole.choices[0].message.tool_calls
            assert call.function.name == "get_weather" and json.loads(call.function.arguments) == ARGUMENTS
            assert whole.choices[0].finish_reason == "tool_calls" and whole.choices[0].message.content is None
            chunks = list(client.chat.completions.create(stream=True, **options))
            deltas = [chunk.choices[0].delta for chunk in chunks]
            parts = [part for delta in deltas for part in delta.tool_calls or []]
            assert parts[0].id and parts[0].function.name == "get_weather"
            assert json.loads("".join(part.function.arguments for part in parts)) == ARGUMENTS
            assert not any(delta.content for delta in deltas) and chunks[-1].choices[0].finish_reason == "tool_calls"


def test_what_is_demanded_is_called_whatever_the_model_says(binary, tmp_path):
    """The only text that the model knows is no call: what comes is one all the same, of the function and with its arguments."""
    tools = [{"type": "function", "function": {"name": name, "parameters": {
        "type": "object", "properties": {"unit": {"enum": ["celsius", "kelvin"]}}, "required": ["unit"],
        "additionalProperties": False}}} for name in ("get_weather", "get_time")]
    folder = reciter.make(tmp_path / "talker", "It never rains in California.", "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        for choice, names in (("required", {"get_weather", "get_time"}), (NAMED, {"get_weather"})):
            answer = client.chat.completions.create(
                model=server.model, messages=[{"role": "user", "content": "?"}], tools=tools, tool_choice=choice,
                temperature=1, seed=1, max_tokens=400, parallel_tool_calls=False)
            (call,) = answer.choices[0].message.tool_calls
            assert call.function.name in names and json.loads(call.function.arguments)["unit"] in ("celsius", "kelvin")


@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "function": {"name": "f"}}])
@pytest.mark.parametrize("schema", [
    {"$dynamicRef": "#a"}, {"properties": {"a": {"$ref": "#/$defs/none"}}},
    {"properties": {"a": {"type": "integer", "minimum": 5, "maximum": 3}}, "required": ["a"]}])
def test_a_function_whose_schema_cannot_be_held_is_refused(recital, choice, schema):
    for strict in ({}, {"strict": True}, {"strict": False}):
        function = {"name": "f", "description": "F.", "parameters": {"type": "object", "properties": {}, **schema}, **strict}
        with pytest.raises(openai.BadRequestError) as error:
            ask(recital, tools=[{"type": "function", "function": function}], tool_choice=choice)
        assert error.value.param == "tools[0].function.parameters"
        assert "tools[0].function.parameters cannot be held: " in error.value.message
        answer = recital[0].post("/v1/messages", {
            "model": recital[0].model, "max_tokens": 9, "messages": [{"role": "user", "content": "?"}],
            "tools": [{"name": "f", "description": "F.", "input_schema": function["parameters"]}],
            "tool_choice": {"type": "auto" if choice == "auto" else "any"}})
        assert answer.status_code == 400 and "tools[0].input_schema cannot be held: " in answer.text


@pytest.mark.parametrize("form", FORMATS)
def test_a_call_that_breaks_off_is_told_as_far_as_it_goes(form, binary, tmp_path):
    template, text, special, *_ = FORMATS[form]
    text = text[min(text.find(mark) for mark in ("<tool_call>", DEEPSEEK[0], HARMONY[0]) if mark in text):]
    folder = reciter.make(tmp_path / "talker", text, template, special)
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        for choice in ("auto", "required", NAMED):
            seen = set()
            for count in range(1, 200):
                options = {"model": server.model, "messages": [{"role": "user", "content": "?"}], "tools": TOOLS,
                           "tool_choice": choice, "max_tokens": count, "temperature": 0}
                whole = client.chat.completions.create(**options).choices[0]
                told, content = "", ""
                for chunk in client.chat.completions.create(stream=True, **options):
                    for part in chunk.choices and chunk.choices[0].delta.tool_calls or []:
                        told += part.function.arguments or ""
                    content += chunk.choices and chunk.choices[0].delta.content or ""
                calls = whole.message.tool_calls or []
                assert told == "".join(call.function.arguments for call in calls)
                assert (whole.message.content or "") == content
                # A mark that has not come to its end may yet be none.
                assert not content or (choice == "auto" and "<tool_call>".startswith(content)), content
                if whole.finish_reason != "length":
                    break
                seen.update(call.function.arguments for call in calls)
            assert whole.finish_reason == "tool_calls" and json.loads(told) == ARGUMENTS
            assert any(text and not text.endswith("}") for text in seen)
            assert [call.function.name for call in calls] == ["get_weather"]


def test_demands_that_cannot_be_met_are_refused(recital):
    for options, param in (
            ({"tool_choice": "required"}, "tool_choice"),
            ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.function.name"),
            ({"tools": TOOLS, "tool_choice": "required", "extra_body": {"add_generation_prompt": False}}, "tool_choice")):
        with pytest.raises(openai.BadRequestError) as error:
            ask(recital, **options)
        assert error.value.param == param


def test_one_call_ends_the_answer_where_one_is_allowed(binary, tmp_path):
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}\n</tool_call>'
    text = "One. " + call + "\nTwo of them: " + '{"name": 5}' + " and so on, and on, and on until the end of time."
    folder = reciter.make(tmp_path / "talker", text, "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        options = {"model": server.model, "messages": [{"role": "user", "content": "?"}], "tools": TOOLS}
        many = client.chat.completions.create(**options)
        one = client.chat.completions.create(parallel_tool_calls=False, **options)
        assert "end of time" in many.choices[0].message.content and one.choices[0].message.content == "One."
        assert [choice.finish_reason for choice in (*many.choices, *one.choices)] == ["tool_calls"] * 2
        assert one.usage.completion_tokens < many.usage.completion_tokens
        chunks = list(client.chat.completions.create(
            parallel_tool_calls=False, stream=True, stream_options={"include_usage": True}, **options))
        assert chunks[-1].usage == one.usage and chunks[-2].choices[0].finish_reason == "tool_calls"
        # The engine has stopped as well, and takes the next request.
        server.wait_until_idle()


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_once_begun_is_one_of_what_was_offered(binary, tmp_path, stream):
    """The model goes on with a function that there is not: it can only call one that there is."""
    text = '<tool_call>\n{"name": "get_wind", "arguments": {"city": "深圳"}}\n</tool_call>'
    folder = reciter.make(tmp_path / "breaker", text, "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        answer = client.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "?"}], tools=TOOLS, stream=stream, max_tokens=100)
        if stream:
            calls = [call for chunk in answer for call in chunk.choices[0].delta.tool_calls or []]
        else:
            calls = answer.choices[0].message.tool_calls or []
        assert all(call.function.name in (None, "get_weather") for call in calls)
        assert "get_wind" not in str(answer)


def warns_of_tools(server):
    return any("does not read 'tools'" in json.dumps(event) for event in server.events())


def test_a_template_that_is_not_told_of_tools_is_warned_of(binary, tmp_path):
    """The template reads nothing called tools: its own name for them has to be given beside them."""
    folder = reciter.make(
        tmp_path / "quiet", '<tool_call>{"name": "get_weather", "arguments": {"city": "深圳", "days": 3}}</tool_call>',
        "Qwen-Qwen3-0.6B")
    template = ("{% for tool in xml_tools or [] %}{{ tool.function.name }}{% endfor %}"
                "{% for message in messages %}{{ message.content }}{% endfor %}<tool_call>")
    (tmp_path / "quiet" / "chat_template.jinja").write_text(template)
    with Server(binary, folder) as server:
        assert warns_of_tools(server)
        ask = {"model": "quiet", "messages": [{"role": "user", "content": "?"}], "tools": TOOLS}
        untold = server.post("/v1/chat/completions", ask).json()
        told = server.post(
            "/v1/chat/completions", {**ask, "chat_template_kwargs": {"xml_tools": TOOLS}}).json()
    assert all(answer["choices"][0]["message"]["tool_calls"] for answer in (untold, told))
    assert told["usage"]["prompt_tokens"] > untold["usage"]["prompt_tokens"]
    folder = reciter.make(tmp_path / "hermes", "Hm.", "microsoft-Phi-3.5-mini-instruct")
    for options, warns in (((), False), (("--tool-call-parser", "hermes"), True), (("--tool-call-parser", "none"), False)):
        with Server(binary, folder, *options) as server:
            assert warns_of_tools(server) == warns


def test_functions_are_called_as_they_used_to_be(recital):
    functions = [tool["function"] for tool in TOOLS]
    choice = ask(recital, functions=functions).choices[0]
    call = choice.message.function_call
    assert (call.name, json.loads(call.arguments)) == ("get_weather", ARGUMENTS) and choice.message.tool_calls is None
    assert choice.finish_reason == "function_call"
    chunks = [chunk.choices[0] for chunk in ask(recital, functions=functions, function_call="auto", stream=True)]
    parts = [chunk.delta.function_call for chunk in chunks if chunk.delta.function_call]
    assert parts[0].name == "get_weather" and json.loads("".join(part.arguments for part in parts)) == ARGUMENTS
    assert chunks[-1].finish_reason == "function_call"
    turns = [{"role": "assistant", "content": None, "function_call": call.model_dump()},
             {"role": "function", "name": "get_weather", "content": "23 degrees"}]
    again = ask(recital, *turns, functions=functions)
    assert again.usage.prompt_tokens > ask(recital, functions=functions).usage.prompt_tokens + 20
    assert ask(recital, functions=functions, function_call="none").choices[0].message.function_call is None


def test_an_answer_that_is_cut_off_says_so(recital):
    assert ask(recital, tools=TOOLS, max_tokens=8).choices[0].finish_reason == "length"


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
