"""Log-probabilities and stop strings beside reasoning, by a model that recites a known answer in tokens across tags."""
import httpx
import openai
import pytest

import reciter
from server import Server, events

REASONING = "35 heads = 70 legs, 🐔"
CONTENT = "23 chickens = 雞23隻, 12 hares, so"
# No token is a tag, and most tags share tokens with what is beside them.
TEXT = f"<think>\n{REASONING}\n</think>\n\n{CONTENT}"


@pytest.fixture(scope="module")
def recital(binary, tmp_path_factory):
    folder = reciter.make(tmp_path_factory.mktemp("recital") / "reasoning", TEXT, "Qwen-Qwen3-0.6B")
    with Server(binary, folder, "--max-context", "300") as server:
        yield server, openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)


def ask(recital, **options):
    server, client = recital
    return client.chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": "How many?"}], **options)


def read(recital, stream, **options):
    """Content, reasoning, both lists of log-probabilities, and the last reason and usage."""
    if not stream:
        answer = ask(recital, **options)
        choice = answer.choices[0]
        logprobs = choice.logprobs
        return (choice.message.content, getattr(choice.message, "reasoning_content", None) or "",
                logprobs.content if logprobs else [], getattr(logprobs, "reasoning_content", None) or [],
                choice.finish_reason, answer.usage)
    content, reasoning, tokens, thoughts, reason, usage = "", "", [], [], None, None
    for chunk in ask(recital, stream=True, stream_options={"include_usage": True}, **options):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            content += choice.delta.content or ""
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            reason = choice.finish_reason or reason
            if choice.logprobs:
                tokens += choice.logprobs.content
                thoughts += getattr(choice.logprobs, "reasoning_content", None) or []
    return content, reasoning, tokens, thoughts, reason, usage


def joined(tokens):
    return b"".join(bytes(token["bytes"] if isinstance(token, dict) else token.bytes) for token in tokens).decode()


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_are_those_of_the_text(recital, stream):
    content, reasoning, tokens, thoughts, reason, _ = read(recital, stream, logprobs=True, top_logprobs=2)
    assert (content, reasoning, reason) == (CONTENT, REASONING, "stop")
    assert joined(tokens) == CONTENT and joined(thoughts) == REASONING
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in tokens)
    assert not any("think" in token.token for token in tokens)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop", ["=", ["12 har", "zzz"], "隻, ", "\n", "35", "23 chickens = 雞23隻, 12 hares, so"])
def test_stop_strings_end_the_answer(recital, stream, stop):
    content, reasoning, tokens, _, reason, usage = read(recital, stream, stop=stop, logprobs=True)
    first = stop if isinstance(stop, str) else stop[0]
    assert reasoning == REASONING and reason == "stop"
    assert content == CONTENT.partition(first)[0] and joined(tokens) == content
    whole = ask(recital).usage.completion_tokens
    found = first in CONTENT
    assert usage.completion_tokens < whole if found and not CONTENT.endswith(first) else usage.completion_tokens <= whole
    including = read(recital, stream, stop=stop, extra_body={"include_stop_str_in_output": True})
    assert including[0] == (content + first if found else CONTENT)
    recital[0].wait_until_idle()


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_told_where_it_is_wanted(recital, stream):
    for fields in ({"include_reasoning": False}, {"reasoning": {"exclude": True}}):
        content, reasoning, tokens, thoughts, _, usage = read(recital, stream, logprobs=True, extra_body=fields)
        assert (content, reasoning, thoughts) == (CONTENT, "", []) and joined(tokens) == CONTENT
        assert usage.completion_tokens_details.reasoning_tokens > 0
    for fields in ({"separate_reasoning": False}, {"reasoning_format": "none"}):
        content, reasoning, tokens, *_ = read(recital, stream, logprobs=True, extra_body=fields)
        assert (content, reasoning) == (TEXT, "") and joined(tokens) == TEXT


def test_lengths_mean_what_there_is_room_for(recital):
    server, _ = recital
    whole = ask(recital).usage
    for length in (-1, 10**6, 2**62):
        body = server.post("/v1/chat/completions", server.chat("How many?", max_tokens=length)).json()
        assert body["choices"][0]["message"]["content"] == CONTENT
    body = server.post("/v1/chat/completions", server.chat(
        "How many?", max_tokens=10**9, ignore_eos=True, temperature=0)).json()
    assert body["choices"][0]["finish_reason"] == "length" and body["usage"]["total_tokens"] == 300
    error = server.post("/v1/chat/completions", server.chat("seven " * 20000, max_tokens=100)).json()["error"]
    assert error["code"] == "context_length_exceeded" and error["param"] == "messages"
    assert error["message"].startswith("This model's maximum context length is 300 tokens. However, ")
    assert whole.completion_tokens < 100


def test_earlier_reasoning_reaches_the_template(recital):
    """More tokens of the prompt show that the template was given the reasoning, under whichever name it came."""
    server, _ = recital
    def prompt_tokens(**message):
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", **message},
                    {"role": "tool", "content": None, "tool_call_id": "x"}]
        response = server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 1})
        assert response.status_code == 200, response.text
        return response.json()["usage"]["prompt_tokens"]

    plain = prompt_tokens(content="b")
    told = {name: prompt_tokens(content="b", **{name: "some long thought"})
            for name in ("reasoning_content", "reasoning", "thinking")}
    assert len(set(told.values())) == 1 and told["reasoning"] > plain
    assert prompt_tokens(content=None, reasoning="some long thought") < told["reasoning"]
    assert prompt_tokens(content=None) < plain
