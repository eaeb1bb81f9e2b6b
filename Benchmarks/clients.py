"""A server that is started and watched from outside, and clients of it that cost little: the parts of soak.py and
slow_clients.py."""

import asyncio
import contextlib
import json
import math
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
# No answer of these benchmarks takes longer.
PATIENCE = 60


class Server:
    """The command `serve`, on a port that the system chooses."""

    def __init__(self, binary: str, model: str, *options: str) -> None:
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen(
            [binary, "serve", "--model", model, "--port", "0", "--log-format", "json", "--log-level", "notice", *options],
            stdout=subprocess.DEVNULL, stderr=self.log)
        self.port = self._ready()

    def _ready(self) -> int:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for line in self.lines():
                if line.get("message") == "ready":
                    return int(line["port"])
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"the server does not start: {Path(self.log.name).read_text()}")

    def lines(self) -> list[dict[str, Any]]:
        lines = Path(self.log.name).read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def stop(self) -> int:
        """Drains the server; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextlib.contextmanager
def serving(binary: str, model: str, *options: str) -> Iterator[Server]:
    server = Server(binary, model, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        server.log.close()


@dataclass
class Answer:
    """What came of a request, in seconds from its first byte."""

    status: int
    body: bytes = b""
    first: float = math.nan
    total: float = math.nan
    gaps: list[float] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    # A stream that was not cut off.
    is_whole: bool = False


class Connection:
    """A connection that is kept for many requests, as client libraries keep theirs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(HOST, self.port)

    def close(self, abruptly: bool = False) -> None:
        """Ends the connection; `abruptly` with a reset, as of a client that vanishes."""
        if self.writer:
            if abruptly:
                self.writer.transport.abort()
            else:
                self.writer.close()
        self.reader = self.writer = None

    async def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> None:
        await self.open()
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        fields = {"Host": HOST, "Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        assert self.writer
        self.writer.write(head.encode() + b"\r\n" + data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        assert self.reader
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), fields

    async def chunks(self, fields: dict[str, str]) -> AsyncIterator[bytes]:
        """The parts of a body, as they come."""
        assert self.reader
        if "content-length" in fields:
            yield await self.reader.readexactly(int(fields["content-length"]))
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)

    async def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends a request and reads its answer, a stream of events or not. Connections that the server closes are made
        anew with the next request."""
        async with asyncio.timeout(PATIENCE):
            start = time.perf_counter()
            await self.send(method, path, body, headers)
            status, fields = await self.head()
            answer, parts, last, rest = Answer(status), [], start, b""
            is_stream = fields.get("content-type", "").startswith("text/event-stream")
            async for part in self.chunks(fields):
                now = time.perf_counter()
                if not is_stream:
                    parts.append(part)
                    continue
                *events, rest = (rest + part).split(b"\n\n")
                for event in events:
                    if not event.startswith(b"data: "):
                        continue
                    if event == b"data: [DONE]":
                        answer.is_whole = True
                        continue
                    answer.data.append(json.loads(event[6:]))
                    choices = answer.data[-1].get("choices")
                    if choices and any(choices[0].get("delta", {}).get(name) for name in ("content", "reasoning_content")):
                        if math.isnan(answer.first):
                            answer.first = now - start
                        else:
                            answer.gaps.append(now - last)
                        last = now
            answer.total = time.perf_counter() - start
            answer.body = b"".join(parts)
            if fields.get("connection") == "close":
                self.close()
            return answer


def percentile(values: list[float], share: float) -> float:
    """The least value that so many of the values do not exceed; NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


def milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.2f}"
