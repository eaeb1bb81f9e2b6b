"""Keys and values and recurrent state share one budget of memory."""
import random

import httpx
import pytest

COMPLETIONS = "/v1/completions"
MIB = 1 << 20


def cache(server):
    told = httpx.get(server.url + "/cache").json()
    assert told["memory_limit"] == server.metric("state_memory_limit_bytes")
    for kind in ("kv", "state"):
        assert told["memory"][kind] == server.metric("state_memory_bytes", kind=kind)
    assert told["memory"]["kv"] + told["memory"]["state"] <= told["memory_limit"]
    return told


def prompt(seed, count):
    numbers = random.Random(seed)
    return [numbers.randrange(100, 250) for _ in range(count)]


def ask(server, ids, count=4, **more):
    response = server.post(COMPLETIONS, {
        "model": server.model, "prompt": ids, "max_tokens": count, "temperature": 0, "ignore_eos": True} | more)
    assert response.status_code == 200, response.text
    return response.json()


def test_each_kind_takes_what_the_other_does_not_need(start):
    with start("--kv-cache-mib", "1", "--state-cache-mib", "6", "--max-running", "2") as server:
        first = ask(server, prompt(0, 1900), 60)
        for seed in range(1, 14):
            ask(server, prompt(seed, 1900))
            long = cache(server)
        assert long["memory_limit"] <= 7 * MIB and long["memory"]["kv"] > 2 * MIB
        assert long["evicted_entries"]["state"] > 0
        # Short prompts, which leave more states than pages, take it back.
        for seed in range(100, 140):
            ask(server, prompt(seed, 40))
        short = cache(server)
        assert short["memory"]["state"] > long["memory"]["state"] and short["entries"]["state"] > long["entries"]["state"]
        # What was given back is written anew.
        assert ask(server, prompt(0, 1900), 60)["choices"] == first["choices"]
        httpx.post(server.url + "/cache/reset")
        assert cache(server)["memory"] == {"kv": 0, "state": 0, "cold_state": 0}
        assert ask(server, prompt(0, 1900), 60)["choices"] == first["choices"]


@pytest.mark.parametrize("options", [(), ("--no-prefix-caching",)])
def test_what_was_refused_and_preempted_has_room(start, options):
    """A MiB of keys and values is 4096 tokens, half of the context; states of two sequences leave eight more."""
    with start("--max-context", "8192", "--kv-cache-mib", "1", "--state-cache-mib", "10", "--max-running", "4",
               *options) as server:
        assert ask(server, prompt(1, 6000))["usage"]["prompt_tokens"] == 6000
        ask(server, [prompt(seed, 1500) for seed in range(4)], 100)
        assert server.metric("num_preemptions_total") == 0
        assert cache(server)["memory"]["kv"] > MIB


@pytest.mark.parametrize("options", [(), ("--no-prefix-caching",)])
def test_auto_takes_what_is_left(start, options):
    with start("--kv-cache-mib", "auto", *options) as server:
        ready = next(event for event in server.events() if event["message"] == "ready")
        assert 0 < int(ready["cache_bytes"]) <= int(ready["kv_bytes"]) + int(ready["state_bytes"])
        ask(server, prompt(1, 500))
        assert server.resident_bytes() < 1 << 30


def test_cold_states_are_found(start):
    with start("--kv-cache-mib", "2", "--state-cache-mib", "4", "--max-running", "2", "--cold-state-mib", "8") as server:
        for seed in range(30):
            ask(server, prompt(seed, 100))
        told = cache(server)
        assert told["entries"]["cold_state"] > 0 and told["memory"]["cold_state"] >= told["bytes"]["cold_state"] > 0
        usage = ask(server, prompt(20, 100))["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1
        assert server.metric("prefix_cache_cold_hits_total") > 0
