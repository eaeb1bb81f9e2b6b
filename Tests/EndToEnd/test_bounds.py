"""What a client may make the server hold: log lines, bodies, answers that are not read, work of large requests."""
import json
import os
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from server import LONG, events, read_answer, request, wait_until

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
PORT_FILE = "/proc/net/tcp"


class Stuck:
    """A server whose standard error is a pipe that nobody reads."""

    def __init__(self, binary, model, *options):
        self.reader, writer = os.pipe()
        command = [binary, "serve", "--model", model, "--log-level", "trace", "--log-format", "json", *options]
        self.process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, stderr=writer)
        os.close(writer)
        lines = b""
        while b'"ready"' not in lines:
            lines += os.read(self.reader, 4096)
        ready = next(json.loads(line) for line in lines.splitlines() if b'"ready"' in line)
        self.url = f"http://127.0.0.1:{ready['port']}"
        self.model = Path(model).name

    def fill(self):
        """Makes lines until the pipe and the buffer are full."""
        with httpx.Client(timeout=10) as client:
            for _ in range(400):
                # An id of 128 characters stands in its line.
                assert client.get(self.url + "/nowhere", headers={"x-request-id": "x" * 128}).status_code == 404

    def read_all(self):
        lines = b""
        while piece := os.read(self.reader, 1 << 16):
            lines += piece
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.reader)


def test_a_log_that_nobody_reads_holds_up_nothing(binary, model):
    with Stuck(binary, model) as server:
        server.fill()
        body = {"model": server.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
        assert httpx.post(server.url + CHAT, json=body, timeout=30).status_code == 200
        assert httpx.get(server.url + "/health", timeout=5).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_dropped_lines_are_counted_and_told(binary, model):
    with Stuck(binary, model) as server:
        dropped = 0
        for _ in range(40):
            server.fill()
            text = httpx.get(server.url + "/metrics").text
            dropped = next(int(line.split()[-1]) for line in text.splitlines()
                           if line.startswith("infer_log_lines_dropped_total"))
            if dropped:
                break
        assert dropped > 0
        reading = threading.Timer(0.5, server.process.send_signal, [signal.SIGTERM])
        reading.start()
        lines = [json.loads(line) for line in server.read_all().splitlines()]
        told = [line["count"] for line in lines if line["message"] == "log lines dropped"]
        assert sum(told) >= dropped
        assert server.process.wait(10) == 0


def test_a_failure_to_start_does_not_wait_for_a_reader(binary, tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    process = subprocess.Popen([binary, "serve", "--model", str(tmp_path), "--port", "0"], stderr=writer)
    assert process.wait(20) != 0
    os.close(reader)
    os.close(writer)


def test_half_sent_bodies_have_a_budget(start):
    with start("--max-bodies-mib", "4") as server, ExitStack() as stack:
        before = server.resident_bytes()
        answers = []
        for _ in range(40):
            connection = stack.enter_context(server.connect(request("POST", CHAT, Content_Length=4 << 20)))
            try:
                connection.sendall(b"x" * (1 << 20))
                answers.append(connection)
            except OSError:
                pass
        time.sleep(1)
        assert server.resident_bytes() - before < 40 << 20
        # Small requests always have room, large ones are told to wait.
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        refused = server.post(CHAT, server.chat("x" * (2 << 20)))
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] == "too_many_bodies"
    # What was held is free again.
        stack.close()
        wait_until(lambda: server.post(CHAT, server.chat("x" * (2 << 20))).status_code == 400)


def test_what_is_not_read_is_not_generated(start):
    """Others are not held up, and a reader that comes back gets everything."""
    with start("--max-running", "4") as server:
        body = server.chat(stream=True, n=4, logprobs=True, top_logprobs=20, **{**LONG, "max_tokens": 1500})
        with server.connect(request("POST", CHAT, json.dumps(body).encode(), Connection="close"), 60) as slow:
            counts = []

            def stands_still():
                counts.append(server.metric("generation_tokens_total"))
                time.sleep(0.5)
                return len(counts) > 3 and counts[-1] == counts[-3] > 0

            wait_until(stands_still, 60)
            assert counts[-1] < 4 * 1500
            # All that can run at the same time are paused, and yet there is room.
            assert server.post(CHAT, server.chat(max_tokens=5)).status_code == 200
            _, _, answer = read_answer(slow)
        assert answer.count(b'"finish_reason":"length"') == 4 and b"data: [DONE]" in answer


def test_an_answer_that_is_never_read_ends(start):
    with start("--idle-timeout", "1") as server:
        body = server.chat(stream=True, n=4, logprobs=True, top_logprobs=20, **{**LONG, "max_tokens": 1900})
        with server.connect(request("POST", CHAT, json.dumps(body).encode())):
            wait_until(lambda: server.metric("num_requests_running") > 0)
            wait_until(lambda: sum(server.metric("request_success_total", finished_reason=reason)
                                   for reason in ("unread", "abort")) == 4, 60)


def test_large_requests_hold_up_no_small_ones(start):
    """Three clients send large conversations all the time; health and a stream go on."""
    with start() as server:
        large = json.dumps(server.chat(messages=None) | {
            "messages": [{"role": "user", "content": ""}] * 8000, "max_tokens": 1}).encode()
        stop = threading.Event()

        def send():
            while not stop.is_set():
                httpx.post(server.url + CHAT, content=large, timeout=60)

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            times = []
            with httpx.Client(timeout=30) as client:
                for _ in range(30):
                    started = time.monotonic()
                    assert client.get(server.url + "/health").status_code == 200
                    times.append(time.monotonic() - started)
            assert sorted(times)[len(times) // 2] < 0.25
        finally:
            stop.set()
            for thread in threads:
                thread.join()


MANY = [
    (CHAT, {"messages": [{"role": "user", "content": ""}] * 100_000}, "messages"),
    ("/tokenize", {"messages": [{"role": "user", "content": ""}] * 100_000}, "messages"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}] * 20_000}]}, "messages"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "stop": ["x" * 2000]}, "stop"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "stop": ["x"] * 65}, "stop"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "stop_token_ids": [1] * 2000}, "stop_token_ids"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "logit_bias": {i: 1 for i in range(5000)}}, "logit_bias"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "options": {"stop": ["x" * 2000]}}, "options.stop"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "tools": [{}] * 2000}, "tools"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}], "functions": [{}] * 2000}, "functions"),
    ("/v1/responses", {"input": [{"role": "user", "content": "x"}] * 9000}, "input"),
    ("/v1/responses", {"input": [{"role": "user", "content": [{}] * 9000}] * 2}, "input"),
    ("/infill", {"input_prefix": "", "input_suffix": "", "input_extra": [{}] * 2000}, "input_extra"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}],
            "chat_template_kwargs": {str(i): 1 for i in range(300)}}, "chat_template_kwargs"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}],
            "chat_template_kwargs": {"documents": [0] * 100_000}}, "chat_template_kwargs"),
    (CHAT, {"messages": [{"role": "user", "content": "x"}],
            "chat_template_kwargs": {"documents": "x" * 2_000_000}}, "chat_template_kwargs"),
    (TEXT, {"prompt": ["x"] * 3000}, "prompt"),
]


@pytest.mark.parametrize("path, body, field", MANY, ids=[f"{field}-{i}" for i, (_, _, field) in enumerate(MANY)])
def test_numbers_of_things_are_bounded(server, path, body, field):
    response = server.post(path, body)
    error = response.json()["error"]
    assert response.status_code == 400 and error["param"] == field and "at most" in error["message"]


def test_log_probabilities_of_an_answer_are_bounded(server):
    fields = {"logprobs": True, "top_logprobs": 20, "n": 128}
    response = server.post(CHAT, server.chat(max_tokens=900, **fields))
    assert response.status_code == 400 and response.json()["error"]["code"] == "too_many_logprobs"
    response = server.post(TEXT, {"prompt": "x", "max_tokens": 900, "logprobs": 20, "n": 128})
    assert response.status_code == 400 and response.json()["error"]["code"] == "too_many_logprobs"
    # Who names no length gets what there is room for.
    with httpx.stream("POST", server.url + CHAT, json=server.chat(stream=True, **fields), timeout=60) as response:
        assert response.status_code == 200
        next(events(response))
