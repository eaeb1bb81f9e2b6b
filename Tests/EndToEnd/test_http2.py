"""HTTP/2: that the same is answered, and that what holds for connections holds for streams."""
import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import httpx
import openai
import pytest

from server import LONG, wait_until
from test_tls import Certificate, SecureServer

CHAT = "/v1/chat/completions"
CALM, PROTOCOL, CANCEL, NO_ERROR = 0xB, 0x1, 0x8, 0x0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Connection:
    """A client that does what it is told, whatever the rules are."""

    def __init__(self, server, window=None, data=PREFACE):
        self.socket = server.connect()
        self.server = server
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                header_encoding="utf-8", validate_outbound_headers=False,
                normalize_outbound_headers=False))
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        # Streams alone hold back.
        self.h2.increment_flow_control_window(1 << 30)
        self.events, self.bodies, self.closed = [], {}, False
        self.flush()

    def flush(self):
        try:
            self.socket.sendall(self.h2.data_to_send())
        except OSError:
            self.closed = True

    def open(self, method="GET", path="/health", body=None, ends=True, fields=(), authority="localhost"):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path), *fields]
        self.h2.send_headers(stream, fields, end_stream=body is None and ends)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=ends)
        self.flush()
        return stream

    def ask(self, path, body, **options):
        return self.open("POST", path, json.dumps(body).encode(), **options)

    def read(self, until, timeout=20):
        """Reads until an event for which `until` holds, and returns it; `None` at the end of the connection."""
        deadline = time.monotonic() + timeout
        while True:
            for event in self.events:
                if until(event):
                    self.events.remove(event)
                    return event
            if self.closed:
                return None
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                raise AssertionError(f"no such event among {[type(event).__name__ for event in self.events][-40:]}")
            except OSError:
                data = b""
            if not data:
                self.closed = True
                continue
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                self.events.append(event)
            self.flush()

    def event(self, kind, stream=None, timeout=20):
        return self.read(
            lambda event: isinstance(event, kind) and (stream is None or event.stream_id == stream), timeout)

    def status(self, stream):
        return int(dict(self.event(h2.events.ResponseReceived, stream).headers)[":status"])

    def goaway(self):
        event = self.event(h2.events.ConnectionTerminated)
        return None if event is None else int(event.error_code)

    def body(self, stream):
        self.event(h2.events.StreamEnded, stream)
        return self.bodies.get(stream, b"")

    def is_closed(self):
        self.read(lambda event: False)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificates"), "localhost")


@pytest.fixture(scope="module")
def plain(start):
    with start("--max-queue", "64") as server:
        yield server


@pytest.fixture(scope="module")
def hasty(start):
    with start("--idle-timeout", "1") as server:
        yield server


def still_answers(server):
    with Connection(server) as other:
        assert other.status(other.open()) == 200


def test_both_versions_are_spoken_with_tls(binary, model, certificate):
    with SecureServer(binary, model, certificate) as server:
        body = server.chat("What is 47 + 85?", max_tokens=30, temperature=0)
        answers = {}
        for http2 in (True, False):
            with httpx.Client(base_url=server.url, verify=certificate.trusted(), http2=http2, timeout=60) as http:
                client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", http_client=http, max_retries=0)
                whole = client.chat.completions.create(**body).choices[0].message.reasoning_content
                parts = [chunk.choices[0].delta for chunk in client.chat.completions.create(**body, stream=True)]
                assert whole and whole == "".join(getattr(part, "reasoning_content", None) or "" for part in parts)
                answers[http.get("/health").http_version] = whole
                assert http.post(CHAT, json={}).status_code == 400
        assert set(answers) == {"HTTP/2", "HTTP/1.1"} and len(set(answers.values())) == 1
        # Who leaves as clients do has broken no rule; who writes what is no HTTP/2 has.
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            tls = certificate.trusted()
            tls.set_alpn_protocols(["h2"])
            with tls.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(PREFACE + b"\xff" * 100)
                while connection.recv(1000):
                    pass
        server.wait_for_event("connection refused")
        assert sum(event["message"] == "connection refused" for event in server.events()) == 1
        # With a connection open, the server ends all the same.
        with httpx.Client(base_url=server.url, verify=certificate.trusted(), http2=True) as http:
            assert http.get("/health").http_version == "HTTP/2"
            server.signal()
            assert server.exit_code(10) == 0


def test_both_versions_are_spoken_without_tls(plain):
    with httpx.Client(base_url=plain.url, http1=False, http2=True) as http:
        answer = http.get("/v1/models")
        assert answer.http_version == "HTTP/2" and answer.json()["data"][0]["id"] == plain.model
        assert http.head("/health").content == b"" and http.get("/nothing").status_code == 404
    assert httpx.get(plain.url + "/health").http_version == "HTTP/1.1"
    # A preface in pieces is one, and what only begins like it is none.
    with Connection(plain) as connection:
        assert connection.status(connection.open()) == 200
    with plain.connect() as pieces:
        for byte in PREFACE:
            pieces.sendall(bytes([byte]))
        pieces.sendall(frame(4, 0, 0))
        assert pieces.recv(9)[3] == 4
    with plain.connect(b"PRI * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as other:
        assert other.makefile("rb").read().startswith(b"HTTP/1.1 ")
    if shutil.which("curl"):
        run = subprocess.run(
            ["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_version}", plain.url + "/health"],
            capture_output=True, text=True)
        assert run.returncode == 0 and run.stdout.endswith("2"), run


def test_streams_of_one_connection_run_side_by_side(plain):
    async def ask():
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(http1=False, http2=True, limits=limits, timeout=60) as http:
            bodies = [plain.chat(f"What is {n} + 5?", max_tokens=20, ignore_eos=True, seed=n) for n in range(32)]
            return await asyncio.gather(*(http.post(plain.url + CHAT, json=body) for body in bodies))

    answers = asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [200] * 32
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert all(answer.json()["usage"]["completion_tokens"] == 20 for answer in answers)


def test_a_reset_ends_one_answer_and_a_lost_connection_all(plain):
    with Connection(plain) as connection:
        first, second = (connection.ask(CHAT, plain.chat(stream=True, **LONG)) for _ in range(2))
        for stream in (first, second):
            connection.event(h2.events.DataReceived, stream)
        wait_until(lambda: plain.metric("num_requests_running") == 2)
        connection.h2.reset_stream(first, CANCEL)
        connection.flush()
        wait_until(lambda: plain.metric("num_requests_running") == 1)
        connection.events.clear()
        connection.h2.acknowledge_received_data(1000, second)
        connection.event(h2.events.DataReceived, second)
    plain.wait_until_idle()


def test_who_does_not_read_is_cut_off_and_others_go_on(hasty):
    with Connection(hasty, window=2000) as connection:
        stalled = connection.ask(CHAT, hasty.chat(stream=True, **LONG))
        other = connection.ask(CHAT, hasty.chat(stream=True, **{**LONG, "max_tokens": 100}))
        memory = hasty.resident_bytes()
        ended = reset = None
        while not (ended and reset):
            event = connection.read(lambda event: True)
            assert event is not None, "the connection was closed"
            if isinstance(event, h2.events.DataReceived) and event.stream_id == other and event.data:
                with contextlib.suppress(h2.exceptions.StreamClosedError):
                    connection.h2.increment_flow_control_window(len(event.data), other)
                connection.flush()
            ended = ended or isinstance(event, h2.events.StreamEnded) and event.stream_id == other
            reset = reset or isinstance(event, h2.events.StreamReset) and event.stream_id == stalled
        assert len(connection.bodies[stalled]) <= 2000 and connection.bodies[other].endswith(b"[DONE]\n\n")
        assert hasty.resident_bytes() - memory < 64 << 20
        assert connection.status(connection.open()) == 200
    hasty.wait_for_event("client does not read")
    hasty.wait_until_idle()


def test_a_connection_that_nobody_reads_is_closed(hasty):
    with Connection(hasty, window=1 << 30) as connection:
        told = len(hasty.events())
        connection.ask(CHAT, hasty.chat(stream=True, n=4, logprobs=True, top_logprobs=20,
                                        **{**LONG, "max_tokens": 1900}))
        # The engine or the connection, whoever notices first: both wait for as long.
        wait_until(lambda: [event for event in hasty.events()[told:] if event["message"] == "client does not read"
                            or event.get("error") == "answer_not_read"], 60)
        hasty.wait_until_idle()
        # What is on its way may still be read, and then comes the end.
        with contextlib.suppress(OSError):
            while connection.socket.recv(1 << 20):
                pass


def test_streams_have_a_limit(plain):
    with Connection(plain) as connection:
        connection.event(h2.events.RemoteSettingsChanged)
        assert connection.h2.remote_settings.max_concurrent_streams == 100
        assert connection.h2.remote_settings.max_header_list_size == 32 << 10
        connection.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
        connection.h2.remote_settings.acknowledge()
        # Bodies that do not come keep streams open.
        streams = [connection.open("POST", CHAT, ends=False) for _ in range(101)]
        refused = connection.read(
            lambda event: isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)))
        assert refused is None or getattr(refused, "stream_id", streams[-1]) == streams[-1]
    still_answers(plain)


def test_streams_count_as_connections(start):
    with start("--max-connections-per-address", "4") as server, Connection(server) as connection:
        held = [connection.open("POST", CHAT, ends=False) for _ in range(3)]
        beyond = connection.ask(CHAT, server.chat(max_tokens=1))
        assert connection.status(beyond) == 503
        assert json.loads(connection.body(beyond))["error"]["code"] == "too_many_connections"
        # The server's health can be asked for all the same.
        assert connection.status(connection.open()) == 200
        connection.h2.reset_stream(held[0], CANCEL)
        connection.flush()
        time.sleep(0.1)
        assert connection.status(connection.ask(CHAT, server.chat(max_tokens=1))) == 200


def test_keys_count_streams(start, tmp_path, binary):
    keys = tmp_path / "keys.json"
    key = subprocess.run(
        [binary, "keys", "add", "--file", str(keys), "ann", "--max-concurrency", "2"], capture_output=True, text=True,
        check=True).stdout.split()[-1]
    fields = [("authorization", f"Bearer {key}")]
    with start("--api-key-file", str(keys)) as server, Connection(server) as connection:
        for _ in range(2):
            stream = connection.ask(CHAT, server.chat(stream=True, **LONG), fields=fields)
            connection.event(h2.events.DataReceived, stream)
        third = connection.ask(CHAT, server.chat(max_tokens=1), fields=fields)
        assert connection.status(third) == 429
        connection.h2.reset_stream(stream, CANCEL)
        connection.flush()
        wait_until(lambda: connection.status(
            connection.ask(CHAT, server.chat(max_tokens=1), fields=fields)) == 200)
        # Refused before its body has come, which need not come then.
        early = connection.open("POST", CHAT, b"x", ends=False)
        assert connection.status(early) == 401
        assert int(connection.event(h2.events.StreamReset, early).error_code) == NO_ERROR


def test_streams_that_are_opened_to_be_reset_are_too_many_at_some_time(plain):
    with Connection(plain) as connection:
        try:
            for _ in range(400):
                stream = connection.ask(CHAT, plain.chat(stream=True, **LONG))
                connection.h2.reset_stream(stream, CANCEL)
                connection.flush()
        except h2.exceptions.ProtocolError:
            pass  # It has been told to stop.
        assert connection.goaway() in (CALM, None) and connection.is_closed()
    plain.wait_until_idle()
    still_answers(plain)
    assert any("ExcessiveRSTFrames" in event.get("error", "") for event in plain.events())


def test_header_fields_have_limits(plain):
    with Connection(plain) as connection:
        many = connection.open(fields=[(f"x-{n}", "a") for n in range(250)])
        assert connection.status(many) == 431
        assert connection.status(connection.open(fields=[("x-long", "a" * 8000)])) == 200
        connection.open(fields=[(f"x-{n}", "a" * 9000) for n in range(8)])
        assert connection.goaway() is not None or connection.closed
        assert connection.is_closed()
    # Fields that never end.
    with plain.connect(PREFACE + frame(4, 0, 0) + frame(1, 0, 1, b"\x82")) as flood:
        try:
            for _ in range(1000):
                flood.sendall(frame(9, 0, 1, b"\x84"))
            told = flood.makefile("rb").read()
        except OSError:
            told = None
        assert told is None or b"\x00\x00\x08\x07\x00" in told
    still_answers(plain)


@pytest.mark.parametrize("frames", [
    frame(0, 1, 1, b"data of no stream"), frame(1, 5, 2, b"\x82\x86\x84"), frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff"),
    frame(4, 0, 0, b"\x00" * 5), frame(8, 0, 0, b"\x00" * 4), frame(6, 0, 0, b"short"), frame(1, 4, 0, b"\x82"),
    b"\xff" * 64, frame(3, 0, 1, b"\x00" * 4)], ids=[
        "data", "even", "compression", "settings", "window", "ping", "root", "garbage", "reset"])
def test_what_is_not_http2_is_told_and_closed(plain, frames):
    with plain.connect(PREFACE + frame(4, 0, 0) + frames) as connection:
        try:
            told = connection.makefile("rb").read()
        except ConnectionResetError:
            told = b"\x07"
        assert b"\x07" in told
    still_answers(plain)


def test_one_stream_at_fault_leaves_the_others(plain):
    with Connection(plain) as connection:
        running = connection.ask(CHAT, plain.chat(stream=True, **LONG))
        connection.event(h2.events.DataReceived, running)
        # A field that HTTP/2 forbids, a length that is not the body's, and no path.
        forbidden = connection.open(fields=[("connection", "close")])
        assert connection.event(h2.events.StreamReset, forbidden)
        wrong = connection.open("POST", CHAT, b"{}", fields=[("content-length", "7")])
        assert connection.event(h2.events.StreamReset, wrong)
        foreign = connection.open(authority="evil.example")
        assert connection.status(foreign) == 403
        connection.events.clear()
        connection.event(h2.events.DataReceived, running)


def test_bodies_that_do_not_come_and_idle_connections_end(hasty):
    with Connection(hasty) as connection:
        stream = connection.open("POST", CHAT, b"{", ends=False)
        assert connection.status(stream) == 408
        assert int(connection.event(h2.events.StreamReset, stream).error_code) == NO_ERROR
        assert connection.goaway() == NO_ERROR and connection.is_closed()
    # Who does not say what it speaks has no longer.
    with hasty.connect(b"PR") as silent:
        assert silent.recv(1) == b""
    with socket.create_connection(("127.0.0.1", hasty.port), 10) as silent:
        assert silent.recv(1) == b""
