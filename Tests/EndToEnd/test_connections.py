"""Clients that hold connections: they keep nobody else out, and are cut off in time."""
import json
import socket
import struct
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from server import LONG, read_answer, request, wait_until

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


def health(server, timeout=5):
    return httpx.get(server.url + "/health", timeout=timeout).status_code


def is_closed(connection, timeout=15):
    """Whether the server closes the connection, however it does."""
    connection.settimeout(timeout)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


EARLY = [
    (request("POST", "/nowhere", Content_Length=10**9), 404),
    (request("GET", "/health", Content_Length=10**9), 200),
    (request("PUT", CHAT, Content_Length=10**9), 405),
    (request("POST", CHAT, Content_Length=10**9), 413),
    (request("POST", CHAT, Content_Length=10**6, Content_Type="text/plain"), 415),
    (request("POST", CHAT, Content_Length=10**6, Host="evil.example"), 403),
    (b"POST /v1/completions HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", 400),
]


@pytest.mark.parametrize("head, status", EARLY, ids=[status for _, status in EARLY])
def test_an_early_answer_ends_the_connection(server, head, status):
    with server.connect(head + b"x") as connection:
        answer, headers, _ = read_answer(connection)
        assert answer == status and headers["connection"] == "close"


def test_an_early_answer_reaches_a_client_that_sends_on(server):
    size = 8 << 20
    with server.connect(request("POST", CHAT, Content_Length=size)) as connection:
        # All of it, before the answer is looked at.
        connection.sendall(b"x" * size)
        status, _, body = read_answer(connection)
        assert status == 413 and json.loads(body)["error"]["code"] == "request_too_large"


def test_who_sends_on_behind_an_answer_is_cut_off(server):
    def send_for_ever(connection):
        try:
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            ended.append(time.monotonic())

    ended, started = [], time.monotonic()
    connections = [server.connect(head) for head, _ in EARLY]
    threads = [threading.Thread(target=send_for_ever, args=[connection]) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(ended) == len(EARLY) and max(ended) - started < 15


def test_health_is_told_while_answered_clients_send_on(start):
    with start(limits="-n 64") as server, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(server.connect(request("GET", "/health", Content_Length=10**9) + b"x"))
        for _ in range(5):
            assert health(server) == 200


SLOW = [b"", b"POST /v1/chat", request("POST", CHAT, Content_Length=1000) + b"{", request("GET", "/health")]


@pytest.mark.parametrize("sent", SLOW, ids=["silent", "head", "body", "idle"])
def test_slow_senders_leave_room(start, sent):
    with start(limits="-n 64") as server, ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(server.connect(sent))
        for _ in range(5):
            assert health(server) == 200
        assert server.process.poll() is None


def test_beyond_the_limit_requests_wait_and_health_does_not(start):
    with start("--max-connections", "3") as server, ExitStack() as stack:
        body = json.dumps(server.chat(stream=True, **LONG)).encode()
        busy = [stack.enter_context(server.connect(request("POST", CHAT, body))) for _ in range(3)]
        wait_until(lambda: server.metric("num_requests_running") == 3)
        response = server.post(CHAT, server.chat(max_tokens=1))
        assert response.status_code == 503 and int(response.headers["retry-after"]) >= 1
        assert response.json()["error"]["code"] == "too_many_connections"
        assert health(server) == 200
        busy.pop().close()
        wait_until(lambda: server.post(CHAT, server.chat(max_tokens=1)).status_code == 200)


def test_one_address_does_not_take_all_connections(start):
    with start("--max-connections-per-address", "2") as server, ExitStack() as stack:
        body = json.dumps(server.chat(stream=True, **LONG)).encode()
        for _ in range(2):
            stack.enter_context(server.connect(request("POST", CHAT, body), source="127.0.0.2"))
        wait_until(lambda: server.metric("num_requests_running") == 2)
        short = json.dumps(server.chat(max_tokens=1)).encode()
        for source, status in (("127.0.0.2", 503), ("127.0.0.3", 200)):
            with server.connect(request("POST", CHAT, short, Connection="close"), source=source) as connection:
                assert read_answer(connection)[0] == status


def test_running_out_of_descriptors_is_told_costs_nothing_and_passes(start):
    with start("--max-connections", "1000", limits="-n 40") as server:
        with ExitStack() as stack:
            body = json.dumps(server.chat(stream=True, **LONG)).encode()
            for _ in range(60):
                stack.enter_context(server.connect(b"POST"))
            told = server.wait_for_event("cannot accept connections")
            assert told["level"] == "error" and "24" in told["error"] or "files" in told["error"]
            before = server.cpu_seconds()
            time.sleep(2)
            assert server.cpu_seconds() - before < 0.5
            del body
        assert len([e for e in server.events() if e["message"] == "cannot accept connections"]) < 20
        wait_until(lambda: health(server) == 200)


@pytest.mark.parametrize("sent", [b"POST /v1/chat/completions HTTP/1.1\r\nHost: local", SLOW[2]])
def test_a_dribble_is_no_progress(start, sent):
    """A head must come whole within the idle timeout, and a body within the request timeout."""
    with start("--idle-timeout", "1", "--request-timeout", "2") as server, server.connect(sent) as connection:
        started = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - started < 20:
                connection.sendall(b"x")
                time.sleep(0.2)
        assert time.monotonic() - started < 15


def test_an_unfinished_request_is_told_why_it_ends(start):
    with start("--idle-timeout", "0.5") as server, server.connect(SLOW[2]) as connection:
        status, _, body = read_answer(connection)
        assert status == 408 and json.loads(body)["error"]["code"] == "request_timeout"


def test_who_does_not_read_is_cut_off(start):
    with start("--idle-timeout", "1") as server:
        body = json.dumps(server.chat(stream=True, n=4, logprobs=True, top_logprobs=20,
                                      **{**LONG, "max_tokens": 1900})).encode()
        with server.connect(request("POST", CHAT, body)):
            wait_until(lambda: server.metric("num_requests_running") > 0)
            # The engine or the connection, whoever notices first: both wait for as long.
            wait_until(lambda: [event for event in server.events() if event["message"] == "client does not read"
                                or event.get("error") == "answer_not_read"], 60)
            server.wait_until_idle()


HOSTS = [
    ("localhost", 200), ("LocalHost:80", 200), ("127.0.0.1:8080", 200), ("[::1]:8080", 200), ("192.168.1.5", 200),
    ("app.localhost", 200), ("evil.example", 403), ("evil.example:80", 403), ("localhost.evil.example", 403),
    ("127.0.0.1.evil.example", 403), ("[::1", 400), ("a b", 400), ("user@localhost", 400),
]


@pytest.mark.parametrize("host, status", HOSTS)
def test_foreign_hosts_are_refused_on_a_loopback_address(server, host, status):
    for origin in ({}, {"Origin": f"http://{host}"}):
        with server.connect(request("GET", "/health", Host=host, Connection="close", **origin)) as connection:
            answer, _, body = read_answer(connection)
            assert answer == status
            if status == 403:
                assert json.loads(body)["error"]["code"] == "host_not_allowed"


def test_the_host_of_an_absolute_target_counts(server):
    with server.connect(request("GET", "http://evil.example/health", Connection="close")) as connection:
        assert read_answer(connection)[0] == 403


@pytest.mark.parametrize("hosts, status", [("", 400), ("Host: localhost\r\nHost: localhost\r\n", 400)])
def test_a_request_has_one_host(server, hosts, status):
    with server.connect(f"GET /health HTTP/1.1\r\n{hosts}\r\n".encode()) as connection:
        assert read_answer(connection)[0] == status
    with server.connect(b"GET /health HTTP/1.0\r\n\r\n") as connection:
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("options, statuses", [
    (["--allowed-host", "Model.example"], (200, 403)), (["--allowed-host", "*"], (200, 200)),
    (["--host", "0.0.0.0", "--allow-anonymous"], (200, 200)),
    (["--host", "0.0.0.0", "--allow-anonymous", "--allowed-host", "model.example"], (200, 403)),
])
def test_hosts_can_be_allowed(start, options, statuses):
    with start(*options) as server:
        for host, status in zip(("model.example:8080", "other.example"), statuses):
            assert httpx.get(server.url + "/health", headers={"Host": host}).status_code == status


def test_pages_of_named_origins_may_use_the_server(start):
    origin = {"Origin": "https://chat.example"}
    with start("--allowed-origin", "https://chat.example") as server:
        question = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        answer = httpx.options(server.url + CHAT, headers=question)
        assert answer.status_code == 204 and answer.headers["access-control-allow-headers"] == "authorization"
        refused = httpx.options(server.url + CHAT, headers={**question, "Origin": "https://evil.example"})
        assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
        # Errors are for pages to read as well, and streams.
        stream = server.chat(stream=True, max_tokens=2)
        for answer in (answer, httpx.get(server.url + "/nowhere", headers=origin),
                       httpx.post(server.url + CHAT, json=stream, headers=origin)):
            assert answer.headers["access-control-allow-origin"] == origin["Origin"]
            assert answer.headers["vary"] == "Origin" and answer.headers["access-control-expose-headers"] == "*"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_has_no_more_to_send_gets_its_answer(server, stream):
    body = json.dumps({"prompt": "x", "max_tokens": 200, "ignore_eos": True, "stream": stream}).encode()
    with server.connect(request("POST", TEXT, body)) as connection:
        connection.shutdown(socket.SHUT_WR)
        status, _, answer = read_answer(connection)
    assert status == 200
    if stream:
        assert b"data: [DONE]" in answer
    else:
        assert json.loads(answer)["usage"]["completion_tokens"] == 200


@pytest.mark.parametrize("stream", [False, True])
def test_clients_that_vanish_are_no_failures_of_the_server(start, stream):
    with start() as server:
        body = json.dumps(server.chat(max_tokens=50, stream=stream)).encode()
        for _ in range(40):
            connection = server.connect(request("POST", CHAT, body))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        server.wait_until_idle()
        assert health(server) == 200
        statuses = {dict(labels)["status"] for name, *labels in server.metrics() if name == "infer_http_requests_total"}
        assert statuses <= {"200", "499"}


def test_what_is_no_request_leaves_a_line(start):
    with start() as server:
        with server.connect(b"\x16\x03\x01 nonsense\r\n\r\n") as connection:
            assert read_answer(connection)[0] == 400
        event = server.wait_for_event("request refused")
        assert event["status"] == 400 and event["client"] == "127.0.0.1" and event["reason"]
        for _ in range(100):
            with server.connect(b"nonsense\r\n\r\n") as connection:
                read_answer(connection)
        assert len([e for e in server.events() if e["message"] == "request refused"]) < 60
