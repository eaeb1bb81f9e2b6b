"""Prompts beyond the context: refused, or shortened by their oldest part."""
import openai
import pytest

from test_prefix_cache import computed

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
CONTEXT = 512
ROOM = 8
SYSTEM = "You are a careful teacher of arithmetic. Answer shortly."


@pytest.fixture(scope="module")
def own(start):
    with start("--overflow", "shift", "--max-context", str(CONTEXT)) as server:
        yield server


@pytest.fixture
def client(own):
    return openai.OpenAI(base_url=f"{own.url}/v1", api_key="none", max_retries=0, timeout=60)


def turns(count):
    """A conversation of so many questions, all but the last answered."""
    messages = [{"role": "system", "content": SYSTEM}]
    for turn in range(count):
        messages += [{"role": "user", "content": f"What is {turn} + {turn * 7}, and what is {turn} * {turn + 1}?"},
                     {"role": "assistant", "content": f"The sum is {turn * 8}, the product {turn * (turn + 1)}."}]
    return messages[:-1]


def tokens(server, messages):
    return server.post("/tokenize", {"messages": messages}).json()["count"]


def ask(client, server, messages, **more):
    options = {"model": server.model, "max_tokens": ROOM, "temperature": 0} | more
    return client.chat.completions.with_raw_response.create(messages=messages, **options)


def test_a_long_conversation_goes_on(own, client):
    before, shifts, cuts = own.metric("context_shifts_total"), 0, []
    for count in range(1, 40):
        messages = turns(count)
        raw = ask(client, own, messages)
        answer = raw.parse().model_dump()
        usage, shift = answer["usage"], answer.get("context_shift")
        whole = tokens(own, messages)
        assert (shift is None) == (whole <= CONTEXT - ROOM)
        assert ("x-context-shift" in raw.headers) == (shift is not None)
        if not shift:
            continue
        shifts += 1
        dropped = shift["dropped_messages"]
        assert dropped % 2 == 0 and shift["dropped_tokens"] == whole - usage["prompt_tokens"] > 0
        assert usage["prompt_tokens"] <= CONTEXT - ROOM
        assert raw.headers["x-context-shift"] == f"dropped_messages={dropped}, dropped_tokens={shift['dropped_tokens']}"
        # The kept part is what a client would send that leaves the same messages out.
        assert tokens(own, messages[:1] + messages[1 + dropped:]) == usage["prompt_tokens"]
        if cuts and cuts[-1] == dropped:
            # The beginning is that of the turn before: only what is new is computed.
            assert computed(answer) <= new + 16
        cuts.append(dropped)
        new = tokens(own, turns(count + 1)) - whole
    assert own.metric("context_shifts_total") - before == shifts > 15
    assert cuts == sorted(cuts) and len(set(cuts)) <= len(cuts) / 2


def test_a_stream_tells_in_its_last_events(own, client):
    stream = client.chat.completions.create(
        model=own.model, messages=turns(40), max_tokens=8, stream=True, stream_options={"include_usage": True})
    *events, last, usage = [event.model_dump() for event in stream]
    assert last["choices"][0]["finish_reason"] and usage["choices"] == [] and usage["usage"]["prompt_tokens"] > 300
    assert last["context_shift"] == usage["context_shift"] and last["context_shift"]["dropped_messages"] > 20
    assert all("context_shift" not in event for event in events)


def test_a_request_has_its_own_choice(own, client, start):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, own, turns(40), extra_body={"overflow": "error"})
    assert caught.value.code == "context_length_exceeded"
    response = own.post(CHAT, own.chat(overflow="drop"))
    assert response.status_code == 400 and response.json()["error"]["param"] == "overflow"
    with start("--max-context", str(CONTEXT)) as server:
        body = {"model": server.model, "messages": turns(40), "max_tokens": 4}
        assert server.post(CHAT, body).json()["error"]["code"] == "context_length_exceeded"
        answer = server.post(CHAT, body | {"overflow": "shift"}).json()
        assert answer["context_shift"]["dropped_messages"] > 20


def test_what_must_stay_is_refused_when_it_does_not_fit(own, client):
    messages = turns(10)
    for long in ([{"role": "system", "content": "seven " * 3000}, *messages[1:]],
                 [*messages[:-1], {"role": "user", "content": "seven " * 3000}]):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, own, long)
        assert caught.value.code == "context_length_exceeded" and caught.value.param == "messages"
        assert str(CONTEXT) in caught.value.message
    # Far beyond the context, in many messages and in few.
    answer = ask(client, own, turns(600)).parse().model_dump()
    assert answer["context_shift"]["dropped_messages"] > 1150 and answer["usage"]["prompt_tokens"] > CONTEXT / 2
    long = [messages[0], {"role": "user", "content": "7" * 300_000}, *turns(4)[1:]]
    assert ask(client, own, long).parse().model_dump()["context_shift"]["dropped_messages"] == 1


def test_a_text_keeps_its_head_and_its_end(own, client):
    ids = [100 + index % 90 for index in range(1000)]
    for kept, more in ((0, {}), (10, {"n_keep": 10}), (10, {"options": {"num_keep": 10}})):
        answer = client.completions.create(
            model=own.model, prompt=ids, max_tokens=4, echo=True, extra_body=more).model_dump()
        dropped = answer["context_shift"]["dropped_tokens"]
        assert answer["usage"]["prompt_tokens"] == 1000 - dropped <= CONTEXT - 4
        left = ids[:kept] + ids[kept + dropped:]
        text = own.post("/detokenize", {"tokens": left}).json()["prompt"]
        assert answer["choices"][0]["text"].startswith(text)
    # The token that marks the beginning stays.
    begin = own.post("/tokenize", {"prompt": "<|bos|>"}).json()["tokens"]
    answer = client.completions.create(model=own.model, prompt=begin + ids, max_tokens=4, echo=True).model_dump()
    left = begin + ids[answer["context_shift"]["dropped_tokens"]:]
    assert len(left) == answer["usage"]["prompt_tokens"]
    assert answer["choices"][0]["text"].startswith(own.post("/detokenize", {"tokens": left}).json()["prompt"])
    # What is left out of several prompts adds up.
    dropped = client.completions.create(model=own.model, prompt=ids, max_tokens=4).model_dump()["context_shift"]
    both = own.post(COMPLETIONS, {"model": own.model, "prompt": [ids, ids[:100]], "max_tokens": 4}).json()
    assert both["context_shift"] == dropped and set(dropped) == {"dropped_tokens"}
    for n_keep in (-1, 600, 2**62):
        refused = own.post(COMPLETIONS, {"model": own.model, "prompt": ids, "n_keep": n_keep})
        assert refused.json()["error"]["code"] == "context_length_exceeded"
    assert own.post(COMPLETIONS, {"prompt": "x", "n_keep": -2}).json()["error"]["param"] == "n_keep"


def test_an_answer_ends_at_the_end_of_the_context(own, client):
    answer = ask(client, own, turns(3), max_tokens=-1, extra_body={"ignore_eos": True}).parse()
    assert answer.choices[0].finish_reason == "length" and answer.usage.total_tokens == CONTEXT
