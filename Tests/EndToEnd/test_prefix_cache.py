"""Requests that begin alike compute their beginning once."""
import concurrent.futures

import httpx
import pytest

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
SYSTEM = "You are a careful teacher of arithmetic. " * 20


@pytest.fixture(scope="module")
def own(start):
    with start() as server:
        yield server


@pytest.fixture(autouse=True)
def empty(own):
    assert httpx.post(own.url + "/cache/reset").status_code == 200


def chat(server, messages, **more):
    body = {"model": server.model, "messages": messages, "max_tokens": 8, "temperature": 0, "ignore_eos": True} | more
    response = server.post(CHAT, body)
    assert response.status_code == 200, response.text
    return response.json()


def computed(answer):
    usage = answer["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert answer["timings"]["cache_n"] == cached and answer["timings"]["prompt_n"] == usage["prompt_tokens"] - cached
    return usage["prompt_tokens"] - cached


def ask(question, system=SYSTEM):
    return [{"role": "system", "content": system}, {"role": "user", "content": question}]


def test_from_the_second_question_on_the_system_prompt_is_there(own):
    first, *others = [chat(own, ask(question)) for question in ("What is 1 + 2?", "What is 3 + 4?", "How many legs?")]
    assert computed(first) == first["usage"]["prompt_tokens"] > 100
    for answer in others:
        assert computed(answer) <= 32
    # The same question again needs one token.
    assert computed(chat(own, ask("What is 3 + 4?"))) <= 8


def test_a_turn_computes_what_is_new(own):
    messages = ask("What is 12 + 34?")
    for turn in range(4):
        answer = chat(own, messages, max_tokens=40)
        if turn:
            # The template leaves out the reasoning of the turn before, so the answer is computed again.
            assert computed(answer) <= new + 32
        content = answer["choices"][0]["message"]["content"] or "46."
        question = f"And with {turn} more?"
        messages = messages + [{"role": "assistant", "content": content}, {"role": "user", "content": question}]
        new = own.post("/tokenize", {"prompt": content + question}).json()["count"]
    # The turn before in other words.
    edited = messages[:-3] + [{"role": "user", "content": "Twice that?"}]
    assert computed(chat(own, edited)) <= 32


def test_a_hit_gives_what_cold_gives(own):
    questions = ["What is 47 + 85?", "What is 9 * 9?", "35 heads and 94 legs: how many chickens?"]
    warm = [chat(own, ask(question), max_tokens=60)["choices"][0]["message"] for question in questions]
    for question, message in zip(questions, warm):
        cold = chat(own, ask(question), max_tokens=60, cache_prompt=False)
        assert cold["choices"][0]["message"] == message and computed(cold) == cold["usage"]["prompt_tokens"]


def test_requests_that_come_together_share(own):
    before = own.metric("prefix_cache_hits_total")
    prompt = " ".join(str(number * 7919 % 1000) for number in range(300))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(
            lambda suffix: own.post(COMPLETIONS, {
                "model": own.model, "prompt": prompt + suffix, "max_tokens": 4, "temperature": 0}).json(), "abcd"))
    usages = [answer["usage"] for answer in answers]
    total = sum(usage["prompt_tokens"] for usage in usages)
    cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)
    assert total - cached <= 1.1 * usages[0]["prompt_tokens"]
    assert own.metric("prefix_cache_hits_total") - before == cached


@pytest.mark.parametrize("choices", [{"n": 8}, {"n": 2, "best_of": 8}])
def test_choices_compute_their_prompt_once(own, choices):
    prompt = " ".join(str(number * 104729 % 1000) for number in range(400))
    body = {"model": own.model, "prompt": prompt, "max_tokens": 4, "temperature": 1.5, "seed": 1} | choices
    before = own.metric("prefix_cache_queries_total"), own.metric("prefix_cache_hits_total")
    usage = own.post(COMPLETIONS, body).json()["usage"]
    queried = own.metric("prefix_cache_queries_total") - before[0]
    assert queried == 8 * usage["prompt_tokens"]
    assert queried - (own.metric("prefix_cache_hits_total") - before[1]) <= 1.02 * usage["prompt_tokens"]


def test_salts_keep_apart_and_opting_out_leaves_nothing(own):
    messages = ask("What is 1 + 1?")
    for salt in ("a", "b", "a\u0301", "\u00e1"):
        assert computed(chat(own, messages, cache_salt=salt)) > 100
        assert computed(chat(own, messages, cache_salt=salt)) <= 8
    assert computed(chat(own, messages, cache_prompt=False)) > 100
    assert computed(chat(own, messages)) > 100


@pytest.mark.parametrize("field, value", [
    ("cache_salt", "x" * 1_000_000), ("cache_salt", 7), ("cache_prompt", "yes")])
def test_bad_fields_are_refused_by_name(own, field, value):
    response = own.post(CHAT, own.chat() | {field: value})
    assert response.status_code == 400 and response.json()["error"]["param"] == field


def test_the_cache_is_told_and_can_be_reset(own):
    chat(own, ask("What is 5 + 5?"))
    chat(own, ask("What is 6 + 6?"))
    told = httpx.get(own.url + "/cache").json()
    assert told["hit_tokens"] > 100 and 0 < told["hit_rate"] < 1
    assert told["entries"]["kv"] > 0 and told["entries"]["state"] > 0
    assert told["bytes"]["state"] == own.metric("prefix_cache_bytes", kind="state") > 0
    assert set(told["missed_tokens"]) == {"no_kv", "no_state", "evicted", "too_short"}
    assert sum(told["missed_tokens"].values()) == told["queried_tokens"] - told["hit_tokens"]
    # What is kept is not what requests hold.
    assert own.metric("kv_cache_usage_perc") == own.metric("state_cache_usage_perc") == 0
    reset = httpx.post(own.url + "/cache/reset").json()
    assert reset["entries"] == {"kv": 0, "state": 0, "cold_state": 0} == reset["bytes"]
    assert computed(chat(own, ask("What is 6 + 6?"))) > 100


def test_it_can_be_switched_off(start):
    with start("--no-prefix-caching") as server:
        for _ in range(2):
            assert computed(chat(server, ask("What is 7 + 7?"))) > 100
        assert httpx.get(server.url + "/cache").json()["queried_tokens"] == 0
