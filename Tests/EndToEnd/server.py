"""A server under test: a process, its port, its log and its metrics."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

# The context that the tests give the model.
CONTEXT = 32_768
# More tokens than any test waits for.
LONG = {"max_tokens": 30_000, "ignore_eos": True, "temperature": 1.0, "seed": 1}


def with_long_context(source, folder):
    """Makes a model in a folder that is the one of `source` with a context of 32,768 tokens, whatever its own: long
    generations give tests time to interfere."""
    source = Path(source).resolve()
    folder.mkdir()
    for file in source.iterdir():
        if file.is_file() and file.name != "config.json":
            (folder / file.name).symlink_to(file)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config["max_position_embeddings"] = CONTEXT
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


class Server:
    def __init__(self, binary, model, *options, limits=None, address=("--port", "0")):
        """`model` may be `None` where the options name models; `limits` are arguments of the shell's `ulimit`, and
        `address` the options that say where it listens."""
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        named = ["--model", str(model)] if model else []
        command = [binary, "serve", *named, *address, "--log-format", "json", *options]
        if limits:
            command = ["bash", "-c", f'ulimit {limits} && exec "$@"', "bash", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        ready = self.wait_for_event("ready")
        self.model = ready["model"]
        self.port = ready.get("port")
        self.url = f"http://127.0.0.1:{self.port}"

    def events(self):
        lines = Path(self.log.name).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_for_event(self, message, timeout=60):
        def find():
            assert self.process.poll() is None, Path(self.log.name).read_text(encoding="utf-8")
            return next((event for event in self.events() if event["message"] == message), None)

        return wait_until(find, timeout, f"log line {message!r}")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def exit_code(self, timeout=60):
        return self.process.wait(timeout)

    def post(self, path, body, **options):
        return httpx.post(self.url + path, json=body, timeout=60, **options)

    def chat(self, text="Hello", **fields):
        return {"model": self.model, "messages": [{"role": "user", "content": text}], **fields}

    def connect(self, data=b"", timeout=10, source=None):
        """A connection that has sent some bytes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout, source and (source, 0))
        connection.sendall(data)
        return connection

    def cpu_seconds(self):
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def metrics(self):
        """Every sample, by name and labels (but for those that every sample has)."""
        text = httpx.get(self.url + "/metrics").text
        samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = {key: value for key, value in sample.labels.items() if key not in ("model_name", "engine")}
                samples[(sample.name, *sorted(labels.items()))] = sample.value
        return samples

    def metric(self, name, **labels):
        return self.metrics().get((f"infer_{name}", *sorted(labels.items())), 0)

    def wait_until_idle(self, timeout=30):
        def idle():
            metrics = self.metrics()
            return not (metrics[("infer_num_requests_running",)] or metrics[("infer_num_requests_waiting",)])

        wait_until(idle, timeout, "an idle engine")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()


def request(method, path, body=b"", **headers):
    """The bytes of a request."""
    fields = {"Host": "localhost", "Content_Length": len(body), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_answer(connection):
    """Status, headers and body of an answer after which the connection is closed."""
    head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    headers = dict(field.lower().split(": ", 1) for field in fields)
    return int(status.split()[1]), headers, body


def wait_until(condition, timeout=30, what="the condition"):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError(f"waited {timeout} s for {what}")


def events(response):
    """The data of a stream's events, as they come."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            data = line.removeprefix("data: ")
            yield data if data == "[DONE]" else json.loads(data)
