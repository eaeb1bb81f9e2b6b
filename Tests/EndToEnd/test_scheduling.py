"""Whose turn it is: priorities, clients, short prompts behind long ones, deadlines and full queues."""
import json
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from server import LONG, events, wait_until
from test_load import CHAT, raw_request

COMPLETIONS = "/v1/completions"


def tokens(count, seed):
    generator = random.Random(seed)
    return [generator.randrange(10, 250) for _ in range(count)]


@pytest.fixture
def busy(start):
    """Starts a server whose only place is held by a stream that decodes until its connection is closed."""
    servers = []

    def busy(*options):
        server = start("--max-running", "1", *options)
        servers.append(server)
        return server, hold(server)

    yield busy
    for server in servers:
        server.__exit__()


def lasting(server, count, seed, **members):
    """An answer long enough that answers given one after the other are seen by their clients in that order."""
    return {"model": server.model, "prompt": tokens(count, seed), "max_tokens": 100, "ignore_eos": True, **members}


def hold(server):
    connection = raw_request(server, server.chat(stream=True, **LONG))
    wait_until(lambda: server.metric("num_requests_running") == 1)
    return connection


def test_a_lower_priority_number_is_sooner(busy):
    server, held = busy()
    order = []

    def ask(priority):
        assert server.post(COMPLETIONS, lasting(server, 40, priority, priority=priority)).status_code == 200
        order.append(priority)

    with ThreadPoolExecutor(3) as pool:
        for waiting, priority in enumerate([7, 9, 8], 1):
            pool.submit(ask, priority)
            wait_until(lambda: server.metric("num_requests_waiting") == waiting)
        held.close()
    assert order == [7, 8, 9]


def test_an_urgent_request_runs_at_once_and_the_other_goes_on(start):
    with start("--max-running", "1") as server:
        body = server.chat("Count.", max_tokens=1500, ignore_eos=True, temperature=0)
        alone = server.post(CHAT, body).json()["choices"][0]["message"]["content"]
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(server.post, CHAT, {**body, "priority": 3})
            wait_until(lambda: server.metric("num_requests_running") == 1)
            urgent = server.post(CHAT, server.chat("Hi", max_tokens=2))
            assert urgent.status_code == 200
            answer = slow.result().json()
        assert answer["choices"][0]["message"]["content"] == alone


def test_a_client_with_many_requests_does_not_keep_others_waiting(busy):
    server, held = busy()
    order = []

    def ask(user, seed):
        assert server.post(COMPLETIONS, lasting(server, 60, seed, user=user)).status_code == 200
        order.append(user)

    with ThreadPoolExecutor(12) as pool:
        for seed in range(10):
            pool.submit(ask, "many", seed)
            wait_until(lambda: server.metric("num_requests_waiting") == seed + 1)
        pool.submit(ask, "one", 99)
        wait_until(lambda: server.metric("num_requests_waiting") == 11)
        held.close()
    assert order.index("one") <= 1


def test_a_short_prompt_does_not_wait_for_a_long_one(start):
    with start("--max-batch-tokens", "64") as server:
        long = {"model": server.model, "prompt": tokens(6000, 1), "max_tokens": 1}
        short = {"model": server.model, "prompt": tokens(20, 2), "max_tokens": 1}
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(server.post, COMPLETIONS, long)
            wait_until(lambda: server.metric("num_requests_running") == 1)
            assert server.post(COMPLETIONS, short).status_code == 200
            assert not answer.done()
            assert answer.result().json()["usage"]["prompt_tokens"] == 6000


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", ["field", "header"])
def test_a_timeout_ends_a_request_under_way_and_one_that_waits(start, how, stream):
    with start("--max-running", "1") as server:
        def ask(seconds):
            body, headers = server.chat(stream=stream, **LONG), {}
            if how == "field":
                body["timeout"] = seconds
            else:
                headers["X-Request-Timeout"] = str(seconds)
            return httpx.post(server.url + CHAT, json=body, headers=headers, timeout=30)

        with ThreadPoolExecutor(2) as pool:
            start_time = time.monotonic()
            answers = list(pool.map(ask, [0.4, 0.3]))
            assert time.monotonic() - start_time < 5
        for answer, seconds in zip(answers, [0.4, 0.3]):
            if stream and answer.status_code == 200:
                error = json.loads([line for line in answer.text.splitlines() if line.startswith("data: {")][-1][6:])
            else:
                assert answer.status_code == 504
                error = answer.json()
            assert error["error"]["code"] == "request_timeout" and f"{seconds} s" in error["error"]["message"]
        server.wait_until_idle()


@pytest.mark.parametrize("field, value", [
    ("timeout", 0), ("timeout", -1), ("timeout", 1e12), ("timeout", "soon"), ("priority", -1), ("priority", 1 << 70),
    ("priority", 1.5), ("user", 5), ("user", "x" * 1000), ("cache_salt", "x" * 1_000_000),
    ("safety_identifier", ["a"]),
])
def test_fields_that_make_no_sense_are_named(server, field, value):
    answer = server.post(CHAT, server.chat(**{field: value}))
    assert answer.status_code == 400 and answer.json()["error"]["param"] == field, answer.text


@pytest.mark.parametrize("value", ["", "0", "-3", "nan", "inf", "soon", "1e99"])
def test_a_header_that_makes_no_sense_is_named(server, value):
    answer = httpx.post(server.url + CHAT, json=server.chat(max_tokens=1), headers={"X-Request-Timeout": value})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "X-Request-Timeout"


def test_a_queue_has_a_limit_in_tokens(busy):
    server, held = busy("--max-queue-tokens", "1000")

    def ask(count, seed):
        return server.post(COMPLETIONS, {"model": server.model, "prompt": tokens(count, seed), "max_tokens": 1})

    with ThreadPoolExecutor(2) as pool:
        # The first in the queue is taken whatever its length, and what else fits.
        first = pool.submit(ask, 1800, 1)
        wait_until(lambda: server.metric("num_requests_waiting") == 1)
        refused = ask(10, 2)
        assert refused.status_code == 429 and refused.json()["error"]["code"] == "queue_tokens_full"
        assert int(refused.headers["retry-after"]) >= 1
        assert server.metric("admission_rejections_total", reason="queue_tokens_full") == 1
        held.close()
        assert first.result().status_code == 200
    server.wait_until_idle()
    assert ask(10, 3).status_code == 200


def test_retry_after_is_an_estimate(busy):
    """Where nothing has ended for a while, the next ending is expected to take as long."""
    server, held = busy("--max-queue", "1")
    waiting = raw_request(server, server.chat(stream=True, **LONG))
    wait_until(lambda: server.metric("num_requests_running") + server.metric("num_requests_waiting") >= 1)
    time.sleep(4)
    refused = server.post(CHAT, server.chat(max_tokens=1))
    assert refused.status_code == 429 and 4 <= int(refused.headers["retry-after"]) <= 12
    for connection in (held, waiting):
        connection.close()


def test_official_client_can_say_all_of_it(client, server):
    answer = client.chat.completions.create(
        model=server.model, messages=[{"role": "user", "content": "Hi"}], max_tokens=2, user="me",
        extra_body={"priority": 1, "timeout": 20})
    assert answer.usage.completion_tokens >= 1
    with pytest.raises(openai.BadRequestError, match="priority"):
        client.chat.completions.create(
            model=server.model, messages=[{"role": "user", "content": "Hi"}], extra_body={"priority": -1})


@pytest.mark.parametrize("option, value", [
    ("--target-itl-ms", "0"), ("--target-itl-ms", "1e9"), ("--max-queue-tokens", "0"),
])
def test_options_that_make_no_sense_are_wrong_usage(binary, model, option, value):
    done = subprocess.run(
        [binary, "serve", "--model", model, option, value], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and option in done.stderr


def test_a_target_cuts_prompts_into_small_steps(start):
    """The times themselves are a benchmark's."""
    def largest_step(*options):
        with start(*options) as server:
            body = {"model": server.model, "prompt": tokens(50, 1), "stream": True, **LONG}
            with httpx.stream("POST", server.url + COMPLETIONS, json=body, timeout=60) as stream:
                answer = events(stream)
                for _ in range(20):
                    next(answer)
                long = {"model": server.model, "prompt": tokens(3000, 2), "max_tokens": 1}
                assert server.post(COMPLETIONS, long).status_code == 200
            buckets = server.metrics()
            steps = {
                float(dict(key[1:])["le"]): value for key, value in buckets.items()
                if key[0] == "infer_iteration_tokens_total_bucket"}
            return min(le for le, count in steps.items() if count == max(steps.values()))

    assert largest_step("--target-itl-ms", "1") <= 64 < largest_step()
