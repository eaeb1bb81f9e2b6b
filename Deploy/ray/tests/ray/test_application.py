"""Replicas behind Ray Serve: routing, failures, scaling and endings."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from infer_serve_ray.scaling import Targets
from infer_serve_ray.settings import Settings

PORT = 8499
URL = f"http://127.0.0.1:{PORT}"
SYSTEM = "You are a careful teacher of arithmetic. " * 20
LONG = {"max_tokens": 900, "ignore_eos": True, "temperature": 1.0}


def wait_until(condition, timeout=60, what="the condition"):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.1)
    raise AssertionError(f"waited {timeout} s for {what}")


def start(program, **more):
    from infer_serve_ray.application import application
    from ray import serve

    binary, model = program
    settings = Settings(
        options=["--model", model, "--kv-cache-mib", "128", "--state-cache-mib", "128", "--threads", "1"], binary=binary,
        processors=0.1, drain_s=20, **more,
    )  # fmt: skip
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(application(settings), name="infer-serve", route_prefix="/")
    return serve


@pytest.fixture(scope="module")
def three(cluster, program):
    serve = start(program, min_replicas=3, max_replicas=3)
    yield serve
    serve.shutdown()


def processes(serve):
    """The servers' processes, by the names of their replicas."""
    handle = serve.get_deployment_handle("Replica", "infer-serve")
    return {name: pid for name, pid in (handle.process_id.remote().result() for _ in range(40)) if pid}


def chat(*texts, **more):
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts)]
    return {"model": "tiny", "max_tokens": 4, "messages": messages, **more}


def ask(body, path="/v1/chat/completions"):
    answer = httpx.post(URL + path, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_all_endpoints_pass_through(three):
    assert httpx.get(URL + "/ready").json()["status"] == "ok"
    assert httpx.get(URL + "/v1/models").json()["data"][0]["id"] == "tiny"
    tokens = ask({"model": "tiny", "prompt": "What is 1 + 2?"}, "/tokenize")["tokens"]
    assert ask({"model": "tiny", "prompt": tokens, "max_tokens": 3}, "/v1/completions")["usage"]["completion_tokens"] == 3
    anthropic = {"model": "tiny", "max_tokens": 3, "messages": [{"role": "user", "content": "Hello"}]}
    assert ask(anthropic, "/v1/messages")["type"] == "message"
    refused = httpx.post(URL + "/v1/chat/completions", content=b"{", headers={"X-Request-ID": "mine-1"})
    assert refused.status_code == 400 and "JSON" in refused.json()["error"]["message"]
    assert refused.headers["x-request-id"] == "mine-1"
    named = httpx.get(URL + "/v1/models").headers["x-request-id"]
    assert named and "," not in named
    assert httpx.get(URL + "/v1/nothing").status_code == 404
    # A page in a browser.
    page = httpx.get(URL + "/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html") and "content-security-policy" in page.headers


def test_streams_come_piece_by_piece(three):
    times, lines = [], []
    with httpx.stream("POST", URL + "/v1/chat/completions", timeout=60, json=chat("Count.", "Go.", stream=True, **LONG)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                times.append(time.monotonic())
                lines.append(line)
    assert lines[-1] == "data: [DONE]" and len(lines) > 300 and times[-1] - times[0] > 0.2
    assert "error" not in lines[-2]


def test_requests_go_where_their_prefix_is(three):
    for turn in range(3):
        ask(chat(f"{turn} {SYSTEM}", "What is 1 + 2?"))
    time.sleep(2)
    for question in range(6):
        usage = ask(chat(f"{question % 3} {SYSTEM}", f"What is {question} + 4?"))["usage"]
        assert usage["prompt_tokens_details"]["cached_tokens"] > 300


def test_a_kept_response_is_found_where_it_is(three):
    body = {"model": "tiny", "input": "What is 1 + 2?", "max_output_tokens": 4}
    for _ in range(4):
        name = ask(body, "/v1/responses")["id"]
        assert httpx.get(f"{URL}/v1/responses/{name}").json()["id"] == name
        assert ask(body | {"previous_response_id": name, "input": "And twice that?"}, "/v1/responses")["status"]


def test_a_stream_of_a_server_that_is_killed_ends_with_an_error(three):
    pids = processes(three)
    assert len(pids) == 3
    with httpx.stream("POST", URL + "/v1/chat/completions", timeout=60, json=chat("Count.", "Up.", stream=True, **LONG)) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    error = events[-1]["error"]
    assert error["code"] == "replica_lost" and "can be repeated" in error["message"]
    # They come back by themselves, and what was asked meanwhile is answered.
    assert ask(chat("Hello", "What is 1 + 2?"))["usage"]["completion_tokens"] == 4
    wait_until(lambda: len(processes(three)) == 3 and not set(processes(three).values()) & set(pids.values()), 60, "servers")


def test_requests_outlive_killed_replicas(three):
    """Servers and whole replicas killed under load: all requests are answered, each once."""
    over, answers = threading.Event(), []

    def load(worker):
        number = 0
        while not over.is_set():
            number += 1
            answer = httpx.post(
                URL + "/v1/chat/completions", json=chat(f"{worker} {SYSTEM[:400]}", f"What is {number} + 4?"), timeout=60)
            answers.append((answer.status_code, answer.text if answer.status_code != 200 else answer.json()["usage"]))

    import ray

    with ThreadPoolExecutor(6) as pool:
        workers = [pool.submit(load, worker) for worker in range(6)]
        for turn in range(4):
            time.sleep(3)
            name, pid = sorted(processes(three).items())[turn % 3 % max(1, len(processes(three)))]
            if turn % 2:
                # The actor, with its server.
                actor = next(a for a in ray.util.list_named_actors(all_namespaces=True) if name in a["name"])
                ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]), no_restart=False)
                wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 30, "the server of a killed replica to end")
            else:
                os.kill(pid, signal.SIGKILL)
        time.sleep(3)
        over.set()
        for worker in workers:
            worker.result()
    bad = [answer for answer in answers if answer[0] != 200]
    assert len(answers) > 100 and not bad, (len(answers), bad[:3])
    assert all(usage["completion_tokens"] == 4 for _, usage in answers)


def test_replicas_come_and_go_by_waiting_requests(cluster, program):
    from ray import serve

    serve.delete("infer-serve")
    start(
        program, min_replicas=1, max_replicas=2, upscale_delay_s=1, downscale_delay_s=3,
        targets=Targets(waiting=1, first_token_s=1000),
    )  # fmt: skip

    def running():
        states = serve.status().applications["infer-serve"].deployments["Replica"].replica_states
        return states.get("RUNNING", 0)

    wait_until(lambda: running() == 1)
    over = threading.Event()
    ends = []

    def load():
        while not over.is_set():
            with httpx.stream(
                "POST", URL + "/v1/chat/completions", timeout=120, json=chat("Count.", "Go.", stream=True, n=2, **LONG)
            ) as answer:
                ends.append([line for line in answer.iter_lines() if line.startswith("data: ")][-1])

    with ThreadPoolExecutor(40) as pool:
        workers = [pool.submit(load) for _ in range(40)]
        wait_until(lambda: running() == 2, 60, "a second replica")
        over.set()
        # The one that goes finishes what it has.
        wait_until(lambda: running() == 1, 90, "one replica")
        for worker in workers:
            worker.result()
    assert ends and set(ends) == {"data: [DONE]"}
