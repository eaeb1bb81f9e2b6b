"""Chat completions, through the official client."""
from server import events

import httpx

PUZZLE = "A cage holds chickens and rabbits: 35 heads and 94 legs. How many of each?"


def ask(client, server, text=PUZZLE, **options):
    return client.chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": text}], **options)


def test_a_stream_says_what_the_whole_answer_says(client, server):
    # Otherwise the second would be told that it computed less.
    alone = {"cache_prompt": False}
    whole = ask(client, server, max_tokens=300, extra_body=alone)
    reasoning = content = ""
    chunks = list(ask(
        client, server, max_tokens=300, stream=True, stream_options={"include_usage": True}, extra_body=alone))
    for chunk in chunks:
        assert chunk.object == "chat.completion.chunk" and chunk.id == chunks[0].id
        for choice in chunk.choices:
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            content += choice.delta.content or ""
    message = whole.choices[0].message
    assert chunks[0].choices[0].delta.role == "assistant" == message.role
    assert (reasoning, content) == (message.reasoning_content, message.content)
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens


def test_reasoning_is_told_apart_and_can_be_switched_off(client, server):
    slow = ask(client, server, max_tokens=300)
    assert slow.choices[0].message.reasoning_content
    assert "think>" not in slow.choices[0].message.content
    assert 0 < slow.usage.completion_tokens_details.reasoning_tokens < slow.usage.completion_tokens
    fast = ask(client, server, max_tokens=300, extra_body={"chat_template_kwargs": {"enable_thinking": False}})
    assert getattr(fast.choices[0].message, "reasoning_content", None) is None
    assert fast.usage.completion_tokens_details.reasoning_tokens == 0
    assert fast.usage.completion_tokens < slow.usage.completion_tokens


def test_timings_are_there(server):
    body = server.post("/v1/chat/completions", server.chat(max_tokens=8, ignore_eos=True)).json()
    timings = body["timings"]
    assert timings["predicted_n"] == body["usage"]["completion_tokens"] == 8
    assert timings["prompt_n"] + timings["cache_n"] == body["usage"]["prompt_tokens"]
    assert timings["prompt_ms"] > 0 and timings["predicted_per_second"] > 0


def test_same_seed_same_answer_and_choices_differ(client, server):
    # Hot and long, so that even a model that is sure of itself wavers somewhere.
    options = {"temperature": 2.0, "max_tokens": 150, "n": 3, "extra_body": {"ignore_eos": True}}
    first, again, other = (ask(client, server, "Hm?", seed=seed, **options) for seed in (7, 7, 8))
    texts = lambda answer: [(c.message.content, getattr(c.message, "reasoning_content", None)) for c in answer.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    assert texts(first) == texts(again) != texts(other)
    assert len(set(texts(first))) > 1
    assert first.usage.completion_tokens == 3 * 150


def test_logprobs(client, server):
    options = {"max_tokens": 6, "logprobs": True, "top_logprobs": 3, "temperature": 0,
               "extra_body": {"enable_thinking": False}}
    answer = ask(client, server, **options)
    tokens = answer.choices[0].logprobs.content
    assert len(tokens) == 6
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == answer.choices[0].message.content
    for token in tokens:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        # Greedy takes the most likely token.
        assert token.top_logprobs[0].token == token.token
        assert bytes(token.bytes).decode(errors="replace") == token.token
    streamed = ask(client, server, stream=True, **options)
    pieces = [c.choices[0].logprobs.content for c in streamed if c.choices and c.choices[0].logprobs]
    assert [token.token for piece in pieces for token in piece] == [token.token for token in tokens]


def test_stop_strings_are_cut(client, server):
    thinking = {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}
    whole = ask(client, server, max_tokens=100, **thinking).choices[0].message.content
    assert len(whole) > 6
    stop = whole[3:5]
    for stream in (False, True):
        answer = ask(client, server, max_tokens=100, stop=[stop], stream=stream, **thinking)
        if stream:
            chunks = list(answer)
            text = "".join(c.choices[0].delta.content or "" for c in chunks)
            reason = chunks[-1].choices[0].finish_reason
        else:
            text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        assert text == whole[:whole.index(stop)] and reason == "stop"


def test_finish_reason_length(client, server):
    answer = ask(client, server, max_tokens=3)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3


def test_request_ids_are_returned(server):
    headers = {"x-request-id": "my-request.7"}
    assert httpx.get(server.url + "/health", headers=headers).headers["x-request-id"] == "my-request.7"
    assert httpx.get(server.url + "/health").headers["x-request-id"].startswith("req-")
    forged = {"x-request-id": "a b"}
    assert httpx.get(server.url + "/health", headers=forged).headers["x-request-id"].startswith("req-")


def test_raw_stream_framing(server):
    with httpx.stream("POST", server.url + "/v1/chat/completions", json=server.chat(max_tokens=4, stream=True)) as r:
        assert r.headers["content-type"].startswith("text/event-stream")
        data = list(events(r))
    assert data[-1] == "[DONE]" and all(isinstance(event, dict) for event in data[:-1])
