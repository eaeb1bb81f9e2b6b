"""Many clients, clients that leave, clients that do not read."""
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from server import LONG, events, wait_until

CHAT = "/v1/chat/completions"


def aborted(server):
    return server.metric("request_success_total", finished_reason="abort")


def raw_request(server, body):
    """A connection that has sent a request."""
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def test_concurrent_answers_are_the_answers_of_single_requests(server):
    texts = [f"What is {a} + {a * 7 % 90}?" for a in range(3, 27)]

    def ask(text):
        answer = server.post(CHAT, server.chat(text, max_tokens=60, temperature=0)).json()
        return answer["choices"][0]["message"]

    alone = [ask(text) for text in texts[:6]]
    with ThreadPoolExecutor(24) as pool:
        together = list(pool.map(ask, texts))
    assert together[:6] == alone


def test_a_client_that_leaves_a_stream_ends_its_generations(server):
    server.wait_until_idle()
    before = aborted(server)
    body = server.chat(stream=True, n=4, **LONG)
    with httpx.stream("POST", server.url + CHAT, json=body) as response:
        next(events(response))
    server.wait_until_idle()
    assert aborted(server) == before + 4


@pytest.mark.parametrize("stream", [False, True])
def test_the_log_tells_what_a_client_that_left_has_cost(server, stream):
    server.wait_until_idle()
    before = server.metric("generation_tokens_total")
    lines = len(server.events())
    connection = raw_request(server, server.chat(n=2, stream=stream, **LONG))
    wait_until(lambda: server.metric("generation_tokens_total") > before + 100)
    connection.close()
    server.wait_until_idle()
    line = wait_until(lambda: next((event for event in server.events()[lines:] if "error" in event), None))
    assert line["error"] == "client_closed" and line["status"] == (200 if stream else 499)
    assert line["finish_reason"] == "abort" and line["prompt_tokens"] > 0
    assert line["generated_tokens"] == server.metric("generation_tokens_total") - before


def test_a_client_that_leaves_while_it_waits_ends_its_generation(server):
    server.wait_until_idle()
    before = aborted(server)
    connection = raw_request(server, server.chat(n=4, **LONG))
    wait_until(lambda: server.metric("num_requests_running") > 0)
    connection.close()
    server.wait_until_idle()
    assert aborted(server) == before + 4


def test_a_client_that_leaves_the_queue_is_forgotten(start):
    with start("--max-running", "1") as server:
        running = raw_request(server, server.chat(stream=True, **LONG))
        wait_until(lambda: server.metric("num_requests_running") == 1)
        waiting = [raw_request(server, server.chat(stream=stream, **LONG)) for stream in (False, True)]
        wait_until(lambda: server.metric("num_requests_waiting") == 2)
        for connection in waiting:
            connection.close()
        wait_until(lambda: server.metric("num_requests_waiting") == 0, timeout=5)
        running.close()
        server.wait_until_idle()
        assert aborted(server) == 3


def test_a_full_queue_refuses_at_once(start):
    with start("--max-running", "1", "--max-queue", "1") as server:
        held = [raw_request(server, server.chat(stream=True, **LONG)) for _ in range(2)]
        wait_until(lambda: server.metric("num_requests_running") + server.metric("num_requests_waiting") == 2)
        response = server.post(CHAT, server.chat())
        assert response.status_code == 429 and response.json()["error"]["code"] == "queue_full"
        assert int(response.headers["retry-after"]) >= 1
        # One request with more choices than there will ever be room for is another matter.
        assert server.post(CHAT, server.chat(n=3)).status_code == 400
        assert server.metric("admission_rejections_total", reason="queue_full") == 1
        for connection in held:
            connection.close()
        server.wait_until_idle()
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200


def test_a_slow_reader_slows_nobody(server):
    server.wait_until_idle()
    before = aborted(server)
    body = server.chat(stream=True, n=8, logprobs=True, top_logprobs=20, **{**LONG, "max_tokens": 600})
    slow = raw_request(server, body)
    slow.settimeout(60)
    # Nothing is read, and others are answered.
    assert server.post(CHAT, server.chat(max_tokens=5)).status_code == 200
    received = b""
    while b"data: [DONE]" not in received:
        piece = slow.recv(1 << 16)
        assert piece, "the stream ended early"
        received += piece
    slow.close()
    assert received.count(b'"finish_reason":"length"') == 8
    assert aborted(server) == before


def test_a_request_that_takes_too_long_is_ended(start):
    with start("--request-timeout", "0.3") as server:
        response = server.post(CHAT, server.chat(n=8, **LONG))
        assert response.status_code == 504 and response.json()["error"]["code"] == "request_timeout"
        with httpx.stream("POST", server.url + CHAT, json=server.chat(stream=True, n=8, **LONG)) as response:
            told = list(events(response))
        assert told[-2]["error"]["code"] == "request_timeout" and told[-1] == "[DONE]"
        server.wait_until_idle()
        lines = [event for event in server.events() if event["message"] == "request"
                 and event["route"] == CHAT]
        assert [(line["status"], line["error"]) for line in lines] == [(504, "request_timeout"), (200, "request_timeout")]
        generated = sum(line["generated_tokens"] for line in lines)
        assert generated == server.metric("generation_tokens_total") > 16


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat/completions HTTP/1.1\r\nHos", b"POST /v1/chat/completions "
                                  b"HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"])
def test_a_silent_connection_is_closed(start, sent):
    with start("--idle-timeout", "0.5") as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(sent)
        connection.settimeout(10)
        started = time.monotonic()
        while connection.recv(4096):
            pass
        assert 0.3 < time.monotonic() - started < 5


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("garbage, status", [
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n", 400), (HEAD + b"Content-Length: 50\r\n\r\n{", 400),
    (b"\x00\xff\x16\x03\x01 nonsense\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 400),
    (b"GET /\x01 HTTP/1.1\r\n\r\n", 400), (b"GET /health HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", 431),
    (b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\n\r\n", 431),
], ids=range(7))
def test_garbage_is_answered_and_survived(server, garbage, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert httpx.get(server.url + "/health").status_code == 200


def test_garbage_after_a_request_leaves_its_answer_whole(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in connection.recv(4096)
        connection.sendall(b"nonsense\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("stream", [False, True])
def test_old_clients_get_a_body_that_ends_with_the_connection(server, stream):
    request = json.dumps({"prompt": "x", "max_tokens": 2, "stream": stream}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(request) + request)
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ") and b"chunked" not in head.lower()
    if stream:
        assert body.startswith(b"data: {") and body.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(body)["choices"]
