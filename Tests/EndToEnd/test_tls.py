"""TLS: certificates, their replacement, and that what holds for connections holds for encrypted ones."""
import json
import shutil
import socket
import ssl
import subprocess
import time

import httpx
import openai
import pytest

from server import LONG, Server, events, read_answer, request, wait_until

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


def run(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificate:
    """A certificate for localhost that signs itself, and its key."""

    def __init__(self, folder, name, days=30):
        self.file, self.key, request = (folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out", request)
        run("x509", "-req", "-in", request, "-signkey", self.key, "-days", days, "-copy_extensions", "copy", "-out",
            self.file)

    @property
    def options(self):
        return ["--tls-certificate", str(self.file), "--tls-key", str(self.key)]

    def trusted(self):
        return ssl.create_default_context(cafile=str(self.file))

    def copy(self, other):
        shutil.copy(other.file, self.file)
        shutil.copy(other.key, self.key)


class SecureServer(Server):
    def __init__(self, binary, model, certificate, *options):
        super().__init__(binary, model, *certificate.options, *options)
        self.url = f"https://localhost:{self.port}"
        self.certificate = certificate

    def client(self, certificate=None):
        return httpx.Client(base_url=self.url, verify=(certificate or self.certificate).trusted(), timeout=60)

    def connect(self, data=b"", timeout=10, source=None, version=None):
        context = self.certificate.trusted()
        if version:
            context.maximum_version = version
        connection = context.wrap_socket(super().connect(timeout=timeout), server_hostname="localhost")
        connection.sendall(data)
        return connection

    def metrics(self):
        url, self.url = self.url, "unused"
        try:
            with httpx.Client(base_url=url, verify=self.certificate.trusted()) as client:
                text = client.get("/metrics").text
        finally:
            self.url = url
        return {(line.split("{")[0],): float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if line and line[0] != "#"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificates"), "localhost")


@pytest.fixture(scope="module")
def secure(binary, model, certificate):
    with SecureServer(binary, model, certificate) as server:
        yield server


def test_clients_are_answered(secure):
    with secure.client() as http:
        client = openai.OpenAI(base_url=f"{secure.url}/v1", api_key="none", http_client=http, max_retries=0)
        body = secure.chat("What is 34 + 58?", max_tokens=40)
        whole = client.chat.completions.create(**body).choices[0].message.reasoning_content
        parts = [chunk.choices[0].delta for chunk in client.chat.completions.create(**body, stream=True)]
        assert whole == "".join(getattr(part, "reasoning_content", None) or "" for part in parts)
        # On one connection.
        for _ in range(20):
            assert http.get("/v1/models").status_code == 200


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (None, "TLSv1.3")])
def test_versions_are_those_in_use(secure, version, name):
    with secure.connect(request("GET", "/health", Connection="close"), version=version) as connection:
        assert connection.version() == name and read_answer(connection)[0] == 200


def test_older_versions_and_plain_requests_are_refused(secure):
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{secure.port}/health")
    result = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_1", "-cipher", "ALL@SECLEVEL=0"],
        capture_output=True, input="", text=True, timeout=30)
    assert "Cipher is (NONE)" in result.stdout
    assert secure.wait_for_event("encryption failed")["client"] == "127.0.0.1"
    with secure.client() as http:
        assert http.get("/health").status_code == 200


def test_answers_before_the_end_of_a_request_are_read(secure):
    head = request("POST", TEXT, Content_Length=1 << 30, Content_Type="application/json")
    with secure.connect(head + b"x" * 100_000) as connection:
        status, headers, body = read_answer(connection)
        assert status == 413 and headers["connection"] == "close" and json.loads(body)["error"]["code"] == "request_too_large"
    with secure.connect(request("GET", "/health", Host="evil.example")) as connection:
        assert read_answer(connection)[0] == 403
    with secure.connect(b"nonsense\r\n\r\n") as connection:
        assert read_answer(connection)[0] == 400


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("how", ["close", "unwrap", "reset"])
def test_a_client_that_is_gone_ends_its_answer(secure, streams, how):
    body = json.dumps({"prompt": "x", **LONG, "stream": streams}).encode()
    connection = secure.connect(request("POST", TEXT, body, Content_Type="application/json"))
    wait_until(lambda: secure.metrics()[("infer_num_requests_running",)] == 1)
    if how == "unwrap":
        # The end of what it sends, and of the connection.
        connection.settimeout(0.2)
        try:
            connection.unwrap()
        except OSError:
            pass
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    wait_until(lambda: secure.metrics()[("infer_num_requests_running",)] == 0)


def test_silent_clients_are_closed(binary, model, certificate):
    with SecureServer(binary, model, certificate, "--idle-timeout", "1") as server:
        begun = time.monotonic()
        # No handshake, no request, half a request.
        with socket.create_connection(("127.0.0.1", server.port), 10) as mute, server.connect() as idle, \
                server.connect(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx") as slow:
            assert mute.recv(1) == idle.recv(1) == b""
            assert read_answer(slow)[0] == 408
        assert time.monotonic() - begun < 8


def test_connections_of_an_address_are_bounded(binary, model, certificate):
    with SecureServer(binary, model, certificate, "--max-connections-per-address", "2") as server:
        body = json.dumps({"prompt": "x", **LONG, "stream": True}).encode()
        with server.connect(request("POST", TEXT, body)) as one, server.connect(request("POST", TEXT, body)) as other:
            assert one.recv(12) == other.recv(12) == b"HTTP/1.1 200"
            with server.connect(request("GET", "/v1/models")) as third:
                assert read_answer(third)[0] == 503
            with server.connect(request("GET", "/health", Connection="close")) as health:
                assert read_answer(health)[0] == 200


def test_a_certificate_is_replaced_while_the_server_runs(binary, model, tmp_path):
    used, new = Certificate(tmp_path, "used"), Certificate(tmp_path, "new")
    old = Certificate(tmp_path, "old")
    old.copy(used)
    with SecureServer(binary, model, used) as server, server.client(old) as http:
        body = {"prompt": "x", "max_tokens": 300, "ignore_eos": True, "stream": True}
        with http.stream("POST", TEXT, json=body) as stream:
            answer = events(stream)
            next(answer)
            # Half of a replacement changes nothing.
            shutil.copy(new.file, used.file)
            event = server.wait_for_event("certificate not read")
            assert "does not fit the certificate" in event["error"] and str(used.key) in event["error"]
            with server.client(old) as other:
                assert other.get("/health").status_code == 200
            shutil.copy(new.key, used.key)
            server.wait_for_event("certificate read")
            with server.client(new) as other:
                assert other.get("/health").status_code == 200
            with server.client(old) as other, pytest.raises(httpx.ConnectError):
                other.get("/health")
            # Connections go on with what they have.
            assert list(answer)[-1] == "[DONE]"
        assert http.get("/health").status_code == 200


def test_a_certificate_of_the_future_is_warned_of(binary, model, tmp_path):
    future = Certificate(tmp_path, "future")
    (tmp_path / "index").touch()
    (tmp_path / "ca.conf").write_text(
        f"[ca]\ndefault_ca = own\n[own]\ndatabase = {tmp_path}/index\nnew_certs_dir = {tmp_path}\nrand_serial = yes\n"
        "policy = any\ndefault_md = sha256\n[any]\ncommonName = supplied\n")
    run("ca", "-config", tmp_path / "ca.conf", "-selfsign", "-batch", "-notext", "-in", tmp_path / "future.csr", "-keyfile",
        future.key, "-startdate", "20990101000000Z", "-enddate", "20990201000000Z", "-out", future.file)
    result = subprocess.run(
        [binary, "config", "check", "--model", model, *future.options], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and f"{future.file} is not valid before 2099-01-01T00:00:00Z" in result.stderr
    with SecureServer(binary, model, future) as server:
        warnings = [event["warning"] for event in server.events() if event["message"] == "odd configuration"]
        assert len(warnings) == 1 and "is not valid before 2099" in warnings[0]


def test_certificates_that_cannot_be_used_are_named(binary, model, certificate, tmp_path):
    other = Certificate(tmp_path, "other")
    expired = Certificate(tmp_path, "expired", days=-1)
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    secret = tmp_path / "secret.key"
    run("ec", "-in", other.key, "-aes256", "-passout", "pass:x", "-out", secret)
    for file, key, message in [
        (certificate.file, other.key, "does not fit the certificate in"), (broken, other.key, "is no certificate in PEM"),
        (other.key, other.key, "is no certificate in PEM"), (other.file, other.file, "is no private key in PEM"),
        (other.file, secret, "or is encrypted"), (tmp_path / "none", other.key, "cannot be read"),
        (other.file, tmp_path / "none", "cannot be read"), (expired.file, expired.key, "has expired"),
    ]:
        result = subprocess.run(
            [binary, "serve", "--model", model, "--port", "0", "--tls-certificate", str(file), "--tls-key", str(key)],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert result.returncode == 1 and message in result.stderr, result.stderr
        assert str(file) in result.stderr or str(key) in result.stderr
    result = subprocess.run(
        [binary, "serve", "--model", model, "--tls-key", str(other.key)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and "need each other" in result.stderr
    result = subprocess.run(
        [binary, "serve", "--model", model, *other.options, "--unix-socket", str(tmp_path / "s")], capture_output=True,
        text=True, timeout=60)
    assert result.returncode == 64 and "needs --host or --port" in result.stderr
