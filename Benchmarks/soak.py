"""Serves good, bad, slow and vanishing clients for half an hour, and says whether the server is as it was at its start.

usage: soak.py [--binary FILE] [--model FOLDER] [--minutes 30] [--output FILE.json]

Holds that no good client gets an error, that bad ones get the status that they should, that memory is flat within 1 % after
the first five minutes (or a sixth of a shorter time), that descriptors are back where they were and threads are no more than
Dispatch keeps one for each processor, that the p99 of good clients is within 1.2 times the first minute's, and that the
server's log tells of no error. Prints a line a minute.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import measure
from clients import Answer, Connection, Server, milliseconds, percentile, serving

MEMORY_LIMIT, LATENCY_LIMIT = 1.01, 1.2
CHAT = "/v1/chat/completions"
WORDS = "river stone seven lamp cedar thirteen cloud copper window forty bridge salt".split()
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "count": {"type": "integer"}},
          "required": ["name", "count"], "additionalProperties": False}
# Requests that no server should take, and the status of the refusal.
BAD: list[tuple[str, str, Any, int]] = [
    ("POST", CHAT, b"{", 400),
    ("POST", CHAT, b"\xff\xfe\x00", 400),
    ("POST", CHAT, {"messages": []}, 400),
    ("POST", CHAT, {"messages": "hello"}, 400),
    ("POST", CHAT, {"model": "nobody", "messages": [{"role": "user", "content": "x"}]}, 404),
    ("POST", CHAT, {"messages": [{"role": "user", "content": "x"}], "temperature": -1}, 400),
    ("POST", CHAT, {"messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}, 400),
    ("POST", CHAT, {"messages": [{"role": "user", "content": "word " * 60_000}]}, 400),
    ("POST", CHAT, {"messages": [{"role": "user", "content": "x"}],
                    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "nothing"}}}}, 400),
    ("POST", CHAT, b'{"messages": ' + b"[" * 100_000, 400),
    ("POST", "/v1/completions", {"prompt": [10**9]}, 400),
    ("POST", "/v1/embeddings", {"input": {}}, 400),
    ("GET", "/nowhere", None, 404),
    ("DELETE", CHAT, None, 405),
]


class Soak:
    def __init__(self, server: Server, minutes: float) -> None:
        self.server, self.minutes = server, minutes
        self.start = time.monotonic()
        self.is_over = False
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        # Of good clients: minute, and seconds to the first token, between tokens, and in all.
        self.answers: list[tuple[int, Answer]] = []
        self.memory: list[tuple[float, int]] = []
        self.random = random.Random(1)

    @property
    def minute(self) -> int:
        return int((time.monotonic() - self.start) / 60)

    def text(self, count: int) -> str:
        return " ".join(self.random.choices(WORDS, k=count))

    def check(self, kind: str, holds: bool, what: object) -> None:
        self.counts[kind] += 1
        if not holds:
            self.errors[f"{kind}: {what}"] += 1

    async def repeat(self, kind: str, client: Any, pause: float) -> None:
        while not self.is_over:
            try:
                await client()
            except Exception as error:  # Whatever it is, it is one of the findings.
                self.errors[f"{kind}: {error!r}"] += 1
            await asyncio.sleep(self.random.expovariate(1 / pause))

    # Good clients.

    async def conversation(self) -> None:
        connection = Connection(self.server.port)
        messages: list[dict[str, str]] = []
        for _ in range(self.random.randint(1, 3)):
            messages.append({"role": "user", "content": self.text(self.random.randint(3, 30))})
            body = {"messages": messages, "stream": True, "max_tokens": 40, "ignore_eos": True,
                    "seed": self.random.randrange(1000), "stream_options": {"include_usage": True}}
            answer = await connection.ask("POST", CHAT, body)
            is_good = answer.status == 200 and answer.is_whole and not any("error" in event for event in answer.data)
            self.check("conversation", is_good, (answer.status, answer.body[:200], answer.data[-1:]))
            self.answers.append((self.minute, answer))
            text = "".join(event["choices"][0]["delta"].get("content") or "" for event in answer.data
                           if event.get("choices"))
            messages.append({"role": "assistant", "content": text})
        connection.close()

    async def object(self) -> None:
        connection = Connection(self.server.port)
        body = {"messages": [{"role": "user", "content": self.text(8)}], "max_tokens": 200, "reasoning_effort": "none",
                "response_format": {"type": "json_schema", "json_schema": {"name": "thing", "schema": SCHEMA}}}
        answer = await connection.ask("POST", CHAT, body)
        is_good = answer.status == 200
        if is_good:
            choice = json.loads(answer.body)["choices"][0]
            is_good = choice["finish_reason"] == "length" or set(json.loads(choice["message"]["content"])) == {"name", "count"}
        self.check("object", is_good, (answer.status, answer.body[:400]))
        connection.close()

    async def looks(self) -> None:
        connection = Connection(self.server.port)
        for path in ("/health", "/v1/models", "/metrics", "/openapi.json", "/"):
            answer = await connection.ask("GET", path)
            self.check("look", answer.status == 200, (path, answer.status))
        connection.close()

    # Bad, slow and vanishing ones.

    async def bad(self) -> None:
        method, path, body, status = self.random.choice(BAD)
        connection = Connection(self.server.port)
        answer = await connection.ask(method, path, body)
        self.check("bad", answer.status == status, (method, path, str(body)[:80], answer.status, answer.body[:200]))
        connection.close()

    async def slow_sender(self) -> None:
        """A request in small pieces, which is answered as any other."""
        connection = Connection(self.server.port)
        await connection.open()
        data = json.dumps({"messages": [{"role": "user", "content": self.text(5)}], "max_tokens": 4}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        assert connection.writer
        for first in range(0, len(head + data), 20):
            connection.writer.write((head + data)[first:first + 20])
            await asyncio.sleep(0.1)
        status, fields = await asyncio.wait_for(connection.head(), 30)
        async for _ in connection.chunks(fields):
            pass
        self.check("slow sender", status == 200, status)
        connection.close()

    async def slow_reader(self) -> None:
        """A long stream of which a little is read now and then, and that is left at last."""
        connection = Connection(self.server.port)
        await connection.send("POST", CHAT, {"messages": [{"role": "user", "content": self.text(5)}], "stream": True,
                                             "max_tokens": 1000, "ignore_eos": True})
        status, _ = await asyncio.wait_for(connection.head(), 30)
        assert connection.reader
        for _ in range(self.random.randint(5, 15)):
            await connection.reader.read(32)
            await asyncio.sleep(1)
        self.check("slow reader", status == 200, status)
        connection.close(abruptly=True)

    async def silent(self) -> None:
        """A head that never ends."""
        connection = Connection(self.server.port)
        await connection.open()
        assert connection.writer
        connection.writer.write(b"GET /health HTTP/1.1\r\nX-Nothing: ")
        await asyncio.sleep(self.random.uniform(1, 20))
        self.check("silent", True, "")
        connection.close(abruptly=True)

    async def vanishing(self) -> None:
        """A client that is gone before its answer is over: with its body half sent, or in the stream."""
        connection = Connection(self.server.port)
        if self.random.random() < 0.3:
            await connection.open()
            assert connection.writer
            connection.writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{{".encode())
            await asyncio.sleep(self.random.uniform(0, 0.5))
        else:
            await connection.send("POST", CHAT, {
                "messages": [{"role": "user", "content": self.text(self.random.randint(1, 200))}], "n": 2,
                "stream": self.random.random() < 0.7, "max_tokens": 1000, "ignore_eos": True})
            await asyncio.sleep(self.random.expovariate(5))
        self.check("vanishing", True, "")
        connection.close(abruptly=self.random.random() < 0.5)

    async def watch(self) -> None:
        """Readings of the server every few seconds, and a line a minute."""
        told = 0
        while not self.is_over:
            await asyncio.sleep(2)
            self.memory.append((time.monotonic() - self.start, self.server.resident_bytes()))
            if self.server.process.poll() is not None:
                self.errors[f"the server has ended with {self.server.process.returncode}"] += 1
                self.is_over = True
            if self.minute > told:
                self.tell(told)
                told = self.minute
            if time.monotonic() - self.start >= self.minutes * 60:
                self.is_over = True

    def tell(self, minute: int) -> None:
        row = self.figures(minute, minute)
        memory = statistics.median(bytes for at, bytes in self.memory if int(at / 60) == minute)
        print(f"minute {minute + 1}: {row['answers']} answers, p99 of the first token {milliseconds(row['first'])} ms, "
              f"between tokens {milliseconds(row['gap'])} ms, in all {milliseconds(row['total'])} ms; "
              f"{memory / 2**20:.1f} MiB, {self.server.descriptors()} descriptors, {self.errors.total()} errors", flush=True)

    def figures(self, first: int, last: int) -> dict[str, Any]:
        """The p99 of good clients in some minutes."""
        answers = [answer for minute, answer in self.answers if first <= minute <= last]
        return {"answers": len(answers), "first": percentile([answer.first for answer in answers], 0.99),
                "gap": percentile([gap for answer in answers for gap in answer.gaps], 0.99),
                "total": percentile([answer.total for answer in answers], 0.99)}

    async def run(self) -> None:
        self.start = time.monotonic()
        kinds = [
            (6, "conversation", self.conversation, 0.2), (1, "object", self.object, 0.5), (1, "look", self.looks, 1),
            (2, "bad", self.bad, 0.2), (2, "slow sender", self.slow_sender, 1), (3, "slow reader", self.slow_reader, 1),
            (3, "silent", self.silent, 1), (3, "vanishing", self.vanishing, 0.3)]
        clients = [self.repeat(kind, client, pause) for count, kind, client, pause in kinds for _ in range(count)]
        await asyncio.gather(self.watch(), *clients)


def settled(server: Server, wanted: int) -> int:
    """The number of descriptors once it no longer falls."""
    deadline = time.monotonic() + 60
    while (count := server.descriptors()) > wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve")
    parser.add_argument("--model", default="Models/tiny")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--output")
    arguments = parser.parse_args()
    if arguments.minutes < 2:
        parser.error("--minutes must be 2 at least: the first is what the others are compared with")
    measure.warn_if_busy()
    options = ("--kv-cache-mib", "32", "--state-cache-mib", "32", "--idle-timeout", "30", "--max-connections-per-address", "256")
    with serving(arguments.binary, arguments.model, *options) as server:
        # What is made once, for the first requests of a kind.
        warm = Soak(server, 0.25)
        asyncio.run(warm.run())
        time.sleep(3)
        before = (server.descriptors(), server.threads())
        soak = Soak(server, arguments.minutes)
        asyncio.run(soak.run())
        after = (settled(server, before[0]), server.threads())
        faults = [line for line in server.lines() if line["level"] in ("error", "critical")]
        code = server.stop()
    quiet_from = 60 * min(5, arguments.minutes / 6)
    minutes: dict[int, list[int]] = {}
    for at, count in soak.memory:
        if at >= quiet_from:
            minutes.setdefault(int(at / 60), []).append(count)
    medians = [statistics.median(readings) for readings in minutes.values()]
    growth = max(medians) / min(medians)
    first, rest = soak.figures(0, 0), soak.figures(1, soak.minute)
    ratios = {name: rest[name] / first[name] for name in ("first", "gap", "total")}
    findings = [f"{count} times {error}" for error, count in soak.errors.most_common(20)]
    if growth > MEMORY_LIMIT:
        findings.append(f"memory after {quiet_from:.0f} s moved by {growth - 1:.2%}")
    if after[0] > before[0]:
        findings.append(f"{after[0]} descriptors, and {before[0]} before")
    if after[1] > before[1] + (os.cpu_count() or 1):
        findings.append(f"{after[1]} threads, and {before[1]} before")
    findings += [f"p99 ({name}) is {ratio:.2f} times the first minute's" for name, ratio in ratios.items()
                 if not ratio <= LATENCY_LIMIT]
    findings += [f"the log tells of {fault}" for fault in faults[:5]]
    if code != 0:
        findings.append(f"the server ends with {code}")
    print(f"requests: {dict(soak.counts)}")
    print(f"memory moved by {growth - 1:.2%} after {quiet_from:.0f} s; descriptors {before[0]} and {after[0]}, threads "
          f"{before[1]} and {after[1]}; p99 against the first minute's: " +
          ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    for finding in findings:
        print(f"missed: {finding}")
    if arguments.output:
        Path(arguments.output).write_text(json.dumps({
            "machine": measure.machine(), "arguments": vars(arguments), "requests": soak.counts, "findings": findings,
            "memory_growth": growth, "descriptors": [before[0], after[0]], "threads": [before[1], after[1]],
            "latency_ratios": ratios,
            "minutes": [soak.figures(minute, minute) for minute in range(soak.minute)]}, indent=1) + "\n")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
