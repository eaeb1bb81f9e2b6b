"""Unix sockets, and servers behind proxies."""
import os
import socket
import stat
import subprocess
from pathlib import Path

import httpx
import openai
import pytest

from server import LONG, Server, wait_until

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


class SocketServer(Server):
    """A server on a Unix socket, whose log names no port unless it has one as well."""

    def __init__(self, binary, model, path, *options, port=()):
        self.path = str(path)
        super().__init__(binary, model, *options, "--unix-socket", self.path, address=port)

    def client(self):
        return httpx.Client(transport=httpx.HTTPTransport(uds=self.path), base_url="http://chat.example", timeout=60)


def test_a_socket_stands_for_an_address(binary, model, tmp_path):
    path = tmp_path / "server.sock"
    with SocketServer(binary, model, path) as server, server.client() as client:
        assert server.port is None and server.wait_for_event("ready")["socket"] == str(path)
        # A proxy names its own host there.
        assert client.get("/health").status_code == 200
        answers = openai.OpenAI(base_url="http://chat.example/v1", api_key="none", http_client=client, max_retries=0)
        answer = answers.completions.create(
            model=server.model, prompt="2 + 2", max_tokens=2, extra_body={"min_tokens": 2})
        assert answer.usage.completion_tokens == 2
        log = next(event for event in server.events() if event["message"] == "request")
        assert log["client"] == "unix"
        # A live socket is another's, whatever wants it.
        result = subprocess.run(
            [binary, "serve", "--model", model, "--unix-socket", str(path)], capture_output=True, text=True, timeout=60)
        assert result.returncode == 1 and f"cannot listen on {path}: another process listens" in result.stderr
        assert client.get("/health").status_code == 200
        server.signal()
        assert server.exit_code() == 0
    assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced(binary, model, tmp_path):
    path = tmp_path / "server.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with SocketServer(binary, model, path) as server, server.client() as client:
        assert client.get("/health").status_code == 200
        server.process.kill()
        server.process.wait()
    assert path.exists()
    with SocketServer(binary, model, path) as server, server.client() as client:
        assert client.get("/health").status_code == 200


def test_a_socket_has_its_mode(binary, model, tmp_path):
    before = os.umask(0o022)
    try:
        for option, mode in (([], 0o755), (["--unix-socket-mode", "0660"], 0o660), (["--unix-socket-mode", "777"], 0o777)):
            path = tmp_path / "server.sock"
            with SocketServer(binary, model, path, *option) as server:
                assert stat.S_IMODE(path.stat().st_mode) == mode
                # What is made later has what the mask of the process leaves.
                mask = Path(f"/proc/{server.process.pid}/status").read_text().split("Umask:\t")[1].split()[0]
                assert mask == "0022"
    finally:
        os.umask(before)
    for options, complaint in ((["--unix-socket-mode", "0660"], "needs --unix-socket"), (
            ["--unix-socket", str(tmp_path / "s"), "--unix-socket-mode", "rw-"], "octal digits")):
        result = subprocess.run(
            [binary, "serve", "--model", model, *options], capture_output=True, text=True, timeout=60)
        assert result.returncode != 0 and complaint in result.stderr


def test_what_is_no_socket_is_left_alone(binary, model, tmp_path):
    path = tmp_path / "file"
    path.write_text("precious")
    for where, message in ((path, "no socket"), (tmp_path / "nowhere" / "s", "no such file"), (tmp_path / ("x" * 120), "")):
        result = subprocess.run(
            [binary, "serve", "--model", model, "--unix-socket", str(where)], capture_output=True, text=True, timeout=60)
        assert result.returncode == 1 and f"cannot listen on {where}" in result.stderr and message in result.stderr
    assert path.read_text() == "precious"


def test_a_socket_may_stand_beside_a_port(binary, model, tmp_path):
    with SocketServer(binary, model, tmp_path / "s", port=("--port", "0")) as server, server.client() as client:
        assert client.get("/health").status_code == httpx.get(server.url + "/health").status_code == 200
        # The rules of hosts are the port's.
        assert httpx.get(server.url + "/health", headers={"Host": "chat.example"}).status_code == 403


def test_a_root_path_may_be_there_or_not(start):
    with start("--root-path", "/llm/") as server:
        for prefix in ("", "/llm"):
            assert httpx.get(f"{server.url}{prefix}/v1/models").status_code == 200
            assert server.post(prefix + CHAT, server.chat(max_tokens=1)).status_code == 200
            assert server.post(prefix + "/api/chat", {"model": "x"}).json().keys() == {"error"}
            error = httpx.post(f"{server.url}{prefix}/v1/messages", json={}).json()
            assert error["type"] == "error"
        assert httpx.get(server.url + "/llm").status_code == 200
        assert httpx.get(server.url + "/llm/llm/v1/models").status_code == 404
        assert httpx.get(server.url + "/llm/openapi.json").json()["servers"] == [{"url": "/llm"}]
        routes = {event["route"] for event in server.events() if event["message"] == "request"}
        assert "/v1/models" in routes


def log_of(server, identifier):
    return wait_until(lambda: next((e for e in server.events() if e.get("id") == identifier), None))


def test_proxies_that_are_named_are_believed(start):
    with start("--trusted-proxy", "127.0.0.2", "--trusted-proxy", "10.0.0.0/8") as server:
        for number, (source, headers, client, scheme) in enumerate([
            ("127.0.0.2", {"X-Forwarded-For": "1.1.1.1, 203.0.113.5, 10.0.0.1", "X-Forwarded-Proto": "https"},
             "203.0.113.5", "https"),
            ("127.0.0.2", {"Forwarded": 'for="[2001:db8::1]:80";proto=https'}, "2001:db8::1", "https"),
            ("127.0.0.2", {"Forwarded": "for=203.0.113.6", "X-Forwarded-For": "203.0.113.5"}, "127.0.0.2", None),
            ("127.0.0.2", {}, "127.0.0.2", None),
            ("127.0.0.1", {"X-Forwarded-For": "203.0.113.5", "Forwarded": "for=203.0.113.5"}, "127.0.0.1", None),
        ]):
            transport = httpx.HTTPTransport(local_address=source)
            with httpx.Client(transport=transport, base_url=server.url) as http:
                assert http.get("/v1/models", headers={**headers, "X-Request-Id": f"r{number}"}).status_code == 200
            event = log_of(server, f"r{number}")
            assert (event["client"], event.get("scheme")) == (client, scheme)


def test_clients_of_a_proxy_have_limits_of_their_own(start):
    options = ["--trusted-proxy", "127.0.0.1", "--max-connections-per-address", "2"]
    with start(*options) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        def send(client, **body):
            return http.post(TEXT, json={"prompt": "x", **body}, headers={"X-Forwarded-For": client})

        streams = []
        for client in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
            request = http.build_request(
                "POST", TEXT, json={"prompt": "x", **LONG, "stream": True}, headers={"X-Forwarded-For": client})
            streams.append(http.send(request, stream=True))
        assert [stream.status_code for stream in streams] == [200] * 3
        refused = send("203.0.113.1", max_tokens=1)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_connections")
        assert send("203.0.113.2", max_tokens=1).status_code == send("203.0.113.3", max_tokens=1).status_code == 200
        assert http.get("/health", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 200
        streams[0].close()
        wait_until(lambda: send("203.0.113.1", max_tokens=1).status_code == 200)
        # What is over counts no more, on connections that stay.
        for _ in range(10):
            assert send("203.0.113.1", max_tokens=1).status_code == 200
        for stream in streams[1:]:
            stream.close()


@pytest.mark.parametrize("options, message", [
    (["--root-path", "llm"], "--root-path must be like /llm"),
    (["--trusted-proxy", "proxy.example"], "--trusted-proxy must be an address"),
])
def test_wrong_options_are_named(binary, model, options, message):
    result = subprocess.run([binary, "serve", "--model", model, *options], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and message in result.stderr
