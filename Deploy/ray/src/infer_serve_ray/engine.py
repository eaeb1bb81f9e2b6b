"""One `infer-serve` process: started on a Unix socket, watched, followed and ended."""

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import AsyncIterator, Dict, List, Optional, Sequence, Tuple

import aiohttp

from .digest import Digest, DigestError
from .messages import Call, Headers, end_to_end
from .metrics import Reading

logger = logging.getLogger("infer_serve_ray")
_DEATH_SIGNAL = 1
MAX_EVENT_BYTES = 16 << 20


class EngineDown(Exception):
    """The server does not answer: nothing of the request's answer has come."""


class EngineLost(Exception):
    """The server has ended, or gone silent, within an answer."""


class Engine:
    """An `infer-serve` of one's own.

    It ends with this process, also when this one is killed.
    """

    def __init__(
        self, options: Sequence[str], *, binary: str = "infer-serve", start_limit_s: float = 600,
        drain_s: float = 30, key: Optional[str] = None,
    ) -> None:  # fmt: skip
        """`options` are those of `infer-serve serve`, but for where it listens; `key` is one of the server's keys with the
        scopes cache and metrics, where it has keys."""
        found = shutil.which(binary)
        if found is None:
            raise FileNotFoundError(f"there is no program '{binary}' to serve with")
        self._binary = found
        self._options = list(options)
        self._start_limit_s = start_limit_s
        self._drain_s = drain_s
        self._own_headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._folder = Path(tempfile.mkdtemp(prefix="infer-serve-"))
        self._socket = self._folder / "socket"
        self._log = self._folder / "log"
        self._process: Optional["asyncio.subprocess.Process"] = None
        self._client: Optional[aiohttp.ClientSession] = None
        self._tasks: List["asyncio.Task[None]"] = []
        self._is_ready = False
        self._failures = 0
        self.digest = Digest()
        self.has_digest = False

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    @property
    def process_id(self) -> Optional[int]:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Starts the server and returns when it is ready. It is started again whenever it ends, until `stop`."""
        self._client = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self._socket), limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            auto_decompress=False,
        )
        await self._launch()
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._follow())]

    async def _launch(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        with open(self._log, "ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._binary, "serve", *self._options, "--unix-socket", str(self._socket),
                "--drain-timeout", str(int(self._drain_s)),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_end_with_parent,
            )  # fmt: skip
        limit = time.monotonic() + self._start_limit_s
        while time.monotonic() < limit:
            if self._process.returncode is not None:
                raise EngineDown(f"infer-serve ended with status {self._process.returncode}: {self._last_words()}")
            with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError):
                status, _ = await self.get("/ready", limit_s=5)
                if status == 200:
                    self._is_ready = True
                    return
            await asyncio.sleep(0.05)
        self._process.kill()
        raise EngineDown(f"infer-serve was not ready within {self._start_limit_s:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return self._log.read_text(errors="replace")[-2000:].strip()
        return ""

    async def _watch(self) -> None:
        """Starts the server again when it ends."""
        pause = 0.1
        while True:
            process = self._process
            assert process is not None
            status = await process.wait()
            self._is_ready, self.has_digest, self.digest = False, False, Digest()
            logger.warning("infer-serve ended with status %s and is started again: %s", status, self._last_words()[-300:])
            try:
                await self._launch()
                self._failures, pause = 0, 0.1
            except (EngineDown, OSError) as error:
                self._failures += 1
                logger.error("infer-serve cannot be started: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 10)

    def check(self) -> None:
        """Raises EngineDown when the server cannot be started again."""
        if self._failures >= 3:
            raise EngineDown(f"infer-serve could not be started {self._failures} times: {self._last_words()}")

    async def _follow(self) -> None:
        """Keeps the digest of what the server keeps as it is. Without one, requests are routed by load."""
        while True:
            if self._is_ready:
                try:
                    await self._follow_once()
                except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
                    pass
                except (DigestError, ValueError) as error:
                    logger.warning("the server's digest is not used: %s", error)
                    self.has_digest = False
                    await asyncio.sleep(10)
            await asyncio.sleep(0.2)

    async def _follow_once(self) -> None:
        assert self._client is not None
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
        async with self._client.get(
            "http://engine/cache/digest", headers={**self._own_headers, "Accept": "text/event-stream"},
            timeout=timeout
        ) as answer:
            if answer.status != 200:
                raise DigestError(f"GET /cache/digest has status {answer.status}")
            digest: Optional[Digest] = None
            pending = b""
            async for chunk in answer.content.iter_any():
                pending += chunk
                if len(pending) > MAX_EVENT_BYTES:
                    raise DigestError(f"an event has more than {MAX_EVENT_BYTES} bytes")
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    if not line.startswith(b"data: "):
                        continue
                    event = json.loads(line[6:])
                    if digest is None:
                        digest = Digest.of(event)
                    elif not digest.apply(event):
                        # An event was lost: the next stream begins with all of it.
                        return
                    self.digest, self.has_digest = digest, True

    async def get(self, target: str, limit_s: float = 10) -> Tuple[int, bytes]:
        """Status and body of an answer."""
        assert self._client is not None
        async with self._client.get(
            "http://engine" + target, headers=self._own_headers, timeout=aiohttp.ClientTimeout(total=limit_s)
        ) as answer:
            return answer.status, await answer.read()

    async def reading(self) -> Reading:
        """The server's metrics; none while it is not there."""
        with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError, OSError):
            status, body = await self.get("/metrics")
            if status == 200:
                return Reading.of(body.decode("utf-8", "replace"))
        return Reading()

    async def forward(self, call: Call) -> AsyncIterator[Tuple[int, Headers, AsyncIterator[bytes]]]:
        """Status, headers and body of the answer to a call, as the only element.

        A body that is no stream is there as a whole before the status is told. Raises EngineDown when nothing came, and,
        from within the body, EngineLost.
        """
        if not self._is_ready or self._client is None:
            raise EngineDown("infer-serve is being started")
        try:
            answer = await self._client.request(
                call.method, "http://engine" + call.target, data=call.body or None,
                headers=[*end_to_end(call.headers)], allow_redirects=False, skip_auto_headers=("Content-Type",),
            )  # fmt: skip
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise EngineDown(f"infer-serve does not answer: {error}") from error
        async with answer:
            headers = end_to_end([(name, value) for name, value in answer.headers.items()])
            if is_stream(headers):
                yield answer.status, headers, _stream(answer)
                return
            try:
                body = await answer.read()
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
                raise EngineDown(f"infer-serve has ended before its answer was complete: {error}") from error
            yield answer.status, headers, _whole(body)

    async def stop(self) -> None:
        """Has the server finish what it has, and ends it."""
        self._is_ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self._drain_s + 10)
            except asyncio.TimeoutError:
                process.kill()
                await process.wait()
        if self._client is not None:
            await self._client.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def content_type(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def is_stream(headers: Headers) -> bool:
    return content_type(headers).startswith(("text/event-stream", "application/x-ndjson"))


async def _stream(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise EngineLost(str(error)) from error


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


def _end_with_parent() -> None:
    """Has the kernel end the new process when its parent does."""
    ctypes.CDLL(None, use_errno=True).prctl(_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() == 1:
        os._exit(1)


def kept(engine: Engine, limit: int) -> Dict[str, int]:
    """What the digest has, the most tokens first, up to a number of entries."""
    if not engine.has_digest:
        return {}
    entries = engine.digest.entries
    if len(entries) <= limit:
        return dict(entries)
    return dict(sorted(entries.items(), key=lambda entry: -entry[1])[:limit])
