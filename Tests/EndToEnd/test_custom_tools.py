"""Custom tools, which take a text, and the languages that it may have."""
import re

import openai
import pytest

import reciter
from server import Server
from test_tools import TOOLS


def test_a_tool_may_take_a_text(binary, tmp_path):
    text = '<tool_call>\n{"name": "run", "arguments": {"input": "ls -l\\necho 7"}}\n</tool_call>'
    folder = reciter.make(tmp_path / "runner", text, "Qwen-Qwen3-0.6B")
    tools = [{"type": "custom", "custom": {"name": "run", "description": "Runs a script."}}]
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        messages = [{"role": "user", "content": "?"}]
        options = {"model": server.model, "tools": tools}
        choice = client.chat.completions.create(messages=messages, **options).choices[0]
        (call,) = choice.message.tool_calls
        assert (call.type, call.custom.name, call.custom.input) == ("custom", "run", "ls -l\necho 7")
        assert choice.finish_reason == "tool_calls"
        chunks = list(client.chat.completions.create(messages=messages, stream=True, **options))
        parts = [part.model_dump() for chunk in chunks for part in chunk.choices[0].delta.tool_calls or []]
        assert parts[0]["type"] == "custom" and "".join(part["custom"]["input"] for part in parts) == call.custom.input
        turns = [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "7"}]
        again = client.chat.completions.create(messages=[*messages, *turns], **options)
        assert again.choices[0].message.tool_calls[0].custom.input == call.custom.input
        only = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
            {"type": "function", "function": {"name": "get_weather"}}]}}
        both = {**options, "tools": [*tools, *TOOLS]}
        fewer = client.chat.completions.create(messages=messages, tool_choice=only, **both).usage.prompt_tokens
        assert fewer < client.chat.completions.create(messages=messages, **both).usage.prompt_tokens


def test_the_text_of_a_tool_may_have_a_language(binary, tmp_path):
    """The recited call is of the language, or it is bent to be."""
    def tool(syntax, definition, flat=False):
        grammar = {"syntax": syntax, "definition": definition}
        rest = {"format": {"type": "grammar", **grammar} if flat else {"type": "grammar", "grammar": grammar}}
        return {"type": "custom", "name": "run", **rest} if flat else {
            "type": "custom", "custom": {"name": "run", **rest}}

    text = '<tool_call>\n{"name": "run", "arguments": {"input": "ls -l\\necho 7"}}\n</tool_call>'
    folder = reciter.make(tmp_path / "runner", text, "Qwen-Qwen3-0.6B")
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        options = {"model": server.model, "messages": [{"role": "user", "content": "?"}], "max_tokens": 300}
        for syntax, definition, expression in (
                ("regex", "[a-z -]+\n[a-z]+ [0-9]", "[a-z -]+\n[a-z]+ [0-9]"),
                ("lark", 'start: LINE ("\\n" LINE)*\nLINE: /[a-z0-9 -]+/', "[a-z0-9 -]+(\n[a-z0-9 -]+)*"),
                ("regex", "[A-F]{3,9}", "[A-F]{3,9}")):
            choice = client.chat.completions.create(
                tools=[tool(syntax, definition)], tool_choice="required", parallel_tool_calls=False, **options).choices[0]
            (call,) = choice.message.tool_calls
            assert re.fullmatch(expression, call.custom.input), call
            assert (call.custom.input == "ls -l\necho 7") == (expression[1] != "A")
            response = client.responses.create(
                model=server.model, input="?", tools=[tool(syntax, definition, flat=True)], tool_choice="required",
                parallel_tool_calls=False, max_output_tokens=300)
            assert re.fullmatch(expression, response.output[-1].input), response.output
        for syntax, definition, place in (
                ("lark", "start: x", "line 1, column 8: there is no rule 'x'"), ("regex", "(a", "( without )")):
            with pytest.raises(openai.BadRequestError) as error:
                client.chat.completions.create(tools=[tool(syntax, definition)], **options)
            assert error.value.param == "tools[0].custom.format.grammar.definition"
            assert f"{error.value.param} cannot be held: " in error.value.message
            assert place in error.value.message, error.value.message


def test_a_language_is_refused_where_no_calls_are_looked_for(binary, tmp_path):
    """The text could not be held to it."""
    folder = reciter.make(tmp_path / "runner", "Hm.", "Qwen-Qwen3-0.6B")
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-c]+"}}
    with Server(binary, folder, "--tool-call-parser", "none") as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        options = {"model": server.model, "messages": [{"role": "user", "content": "?"}]}
        free = {"type": "custom", "custom": {"name": "run"}}
        assert client.chat.completions.create(tools=[free], **options).choices[0].message.content == "Hm."
        held = {"type": "custom", "custom": {"name": "run", "format": grammar}}
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(tools=[held], **options)
        assert error.value.param == "tools[0].custom.format.grammar.definition"
        assert "look for no calls" in error.value.message
        for choice in ("required", {"type": "custom", "custom": {"name": "run"}}):
            with pytest.raises(openai.BadRequestError) as error:
                client.chat.completions.create(tools=[free], tool_choice=choice, **options)
            assert error.value.param == "tool_choice"


def test_a_language_that_has_no_place_between_tags_is_refused(binary, tmp_path):
    folder = reciter.make(tmp_path / "coder", "Hm.", "Qwen3-Coder")
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a*</parameter>"}}
    with Server(binary, folder) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(
                model=server.model, messages=[{"role": "user", "content": "?"}],
                tools=[{"type": "custom", "custom": {"name": "run", "format": grammar}}])
        assert error.value.param == "tools[0].custom.format.grammar.definition"
        assert "</parameter>" in error.value.message
