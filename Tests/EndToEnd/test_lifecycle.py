"""Starting, draining and stopping."""
import os
import signal
import socket
import subprocess

import httpx
import pytest

from server import LONG, events, wait_until

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(start, number):
    with start() as server:
        body = server.chat(stream=True, n=4, **{**LONG, "max_tokens": 800})
        with httpx.stream("POST", server.url + CHAT, json=body, timeout=60) as response:
            stream = events(response)
            next(stream)
            server.signal(number)
            server.wait_for_event("draining")
            health = httpx.get(server.url + "/health")
            assert health.status_code == 503 and health.json()["status"] == "draining"
            refused = server.post(CHAT, server.chat())
            assert refused.status_code == 503 and refused.json()["error"]["code"] == "draining"
            assert int(refused.headers["retry-after"]) > 0
            rest = list(stream)
        assert rest[-1] == "[DONE]"
        reasons = [c["finish_reason"] for event in rest[:-1] for c in event["choices"] if c["finish_reason"]]
        assert reasons == ["length"] * 4
        assert server.exit_code() == 0


def test_what_is_not_finished_in_time_is_ended(start):
    with start("--drain-timeout", "0.2") as server:
        with httpx.stream("POST", server.url + CHAT, json=server.chat(stream=True, n=16, **LONG), timeout=60) as r:
            stream = events(r)
            next(stream)
            server.signal()
            rest = list(stream)
        assert rest[-2]["error"]["code"] == "draining" and rest[-1] == "[DONE]"
        assert server.exit_code(10) == 0
        line = next(event for event in server.events() if event["message"] == "request" and event["route"] == CHAT)
        assert line["finish_reason"] == "shutdown" and line["error"] == "draining" and line["generated_tokens"] > 0


def test_a_second_signal_stops_at_once(start):
    with start("--drain-timeout", "600") as server:
        with httpx.stream("POST", server.url + CHAT, json=server.chat(stream=True, n=16, **LONG), timeout=60) as r:
            stream = events(r)
            next(stream)
            server.signal()
            server.wait_for_event("draining")
            server.signal()
            assert server.exit_code(5) == 128 + signal.SIGTERM
            with pytest.raises(httpx.HTTPError):
                list(stream)


def test_an_idle_server_stops_though_clients_are_connected(start):
    with start() as server:
        with httpx.Client() as client:
            assert client.get(server.url + "/health").status_code == 200
            silent = socket.create_connection(("127.0.0.1", server.port))
            server.signal()
            assert server.exit_code(10) == 0
            silent.close()


def test_a_client_that_does_not_read_does_not_keep_the_server(start):
    with start("--drain-timeout", "1") as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        body = httpx.Request("POST", "http://x", json=server.chat(
            stream=True, n=8, logprobs=True, top_logprobs=20, **{**LONG, "max_tokens": 900}))
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body.content)}\r\n\r\n"
        connection.sendall(head.encode() + body.content)
        wait_until(lambda: server.metric("num_requests_running") > 0)
        server.signal()
        assert server.exit_code(20) == 0
        connection.close()


def run(binary, *arguments):
    return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60)


def test_a_port_in_use_is_one_clear_line(binary, model):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run(binary, "serve", "--model", model, "--port", port)
    assert result.returncode != 0 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and port in result.stderr and "in use" in result.stderr


def test_a_model_that_cannot_be_loaded_ends_the_server(binary, tmp_path):
    result = run(binary, "serve", "--model", str(tmp_path), "--port", "0")
    assert result.returncode != 0 and result.stdout == ""
    assert "config.json" in result.stderr.splitlines()[-1]


def test_a_second_signal_that_cuts_nothing_is_no_failure(start):
    with start() as server:
        server.signal()
        server.signal()
        assert server.exit_code(10) == 0


@pytest.mark.parametrize("prefix", ["", "@"])
def test_a_service_manager_is_told(start, tmp_path, monkeypatch, prefix):
    name = str(tmp_path / "notify") if not prefix else f"infer-serve-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name if not prefix else "\0" + name)
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", prefix + name)
        with start("--served-model-name", "m") as server:
            assert manager.recv(1000) == b"READY=1\nSTATUS=serving m"
            server.signal()
            assert manager.recv(1000) == b"STOPPING=1\nSTATUS=draining"
            assert server.exit_code() == 0
