"""A process of its own that keeps streams open and reads them as cheaply as can be, so that the time which it takes itself is
not taken for the server's: it counts events and looks into none."""

import json
import multiprocessing
import selectors
import socket
import time
from dataclasses import dataclass


@dataclass
class Stream:
    """One connection, on which one answer follows another."""

    index: int
    connection: socket.socket
    number: int = 0
    start: float = 0
    events: int = 0
    tail: bytes = b""


def request(stream: Stream, tokens: int) -> bytes:
    # Half to one and a half times as many: answers of one length would all end, and all be asked for, at the same moment.
    length = tokens // 2 + hash((stream.index, stream.number)) % tokens
    body = json.dumps({
        "messages": [{"role": "user", "content": f"Tell me something of the number {stream.index}."}], "stream": True,
        "max_tokens": length, "ignore_eos": True, "seed": stream.index}).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Request-Id: load-{stream.index}-{stream.number}\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def run(port: int, indices: range, tokens: int, seconds: float, pause: float,
        results: "multiprocessing.Queue[object]") -> None:
    """Streams answers of about so many tokens for some time, and puts (identity, seconds from request to end) of every answer and the number of events."""
    selector = selectors.DefaultSelector()
    answers: list[tuple[str, float]] = []
    events = 0

    def begin(stream: Stream) -> None:
        stream.number += 1
        stream.tail = b""
        stream.start = time.perf_counter()
        stream.connection.sendall(request(stream, tokens))

    for index in indices:
        stream = Stream(index, socket.create_connection(("127.0.0.1", port)))
        selector.register(stream.connection, selectors.EVENT_READ, stream)
        begin(stream)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        if pause:
            time.sleep(pause)
        for key, _ in selector.select(0 if pause else 0.1):
            stream = key.data
            data = stream.connection.recv(1 << 16)
            if not data:
                results.put(f"the server closed stream {stream.index}")
                return
            events += data.count(b"data: ")
            text = stream.tail + data
            if b"data: [DONE]" in text and text.endswith(b"0\r\n\r\n"):
                answers.append((f"load-{stream.index}-{stream.number}", time.perf_counter() - stream.start))
                begin(stream)
            else:
                stream.tail = text[-64:]
    results.put((answers, events))


class Load:
    """The process while it runs.

    With a pause it reads what has come since the last time: a reader on the server's machine that is woken by each event takes
    the processor from the server each time. Without, it knows when answers ended.
    """

    def __init__(self, port: int, indices: range, tokens: int, seconds: float, pause: float = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self.results: multiprocessing.Queue[object] = context.Queue()
        self.process = context.Process(target=run, args=(port, indices, tokens, seconds, pause, self.results))
        self.process.start()

    def wait(self) -> tuple[list[tuple[str, float]], int]:
        """Its answers, and the number of events."""
        result = self.results.get()
        self.process.join()
        if isinstance(result, str):
            raise SystemExit(result)
        return result  # type: ignore[return-value]
