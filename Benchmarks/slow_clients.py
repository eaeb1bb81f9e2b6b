"""Measures what the HTTP layer adds to 64 streams, and what slow clients do to good ones.

usage: slow_clients.py [--binary FILE] [--model FOLDER] [--seconds 20] [--output FILE.json]

First 64 clients stream answers of the model at the same time, and the time that HTTP adds is taken in three ways: the time
from the end of the step that computed a token until its event is written, by the server's own metric, which is judged; the
round trip of GET /health meanwhile, which has no token and waits in turn with all that have; and for each answer of four of
the clients the time until its end there less the time that the engine had it, by the server's log of requests.

Then a few good clients stream answers while slowhttptest (a package of Debian's) attacks: with headers, bodies and reading
that never end. Their p99 is compared with that of the same clients alone, and with theirs while the same attack goes to a
second server, which has nothing else to do: the programs that attack and measure share the machine with the server, and what
they take of it (slowhttptest most of a core) is no fault of the server's.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import measure
from clients import Connection, Server, milliseconds, percentile, serving
from load import Load

DELIVERY = "infer_event_delivery_seconds_bucket"
# The most that HTTP may add, and the most that attackers may cost beside what their programs take of the machine.
ADDED_LIMIT, ATTACK_LIMIT = 0.002, 1.5


def body(index: int, tokens: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Tell me something of the number {index}."}], "stream": True,
            "max_tokens": tokens, "ignore_eos": True, "seed": index, "stream_options": {"include_usage": True}}


async def stream_for(port: int, index: int, tokens: int, until: float, name: str, answers: list) -> None:
    connection = Connection(port)
    number = 0
    while asyncio.get_running_loop().time() < until:
        number += 1
        identity = f"{name}-{index}-{number}"
        answer = await connection.ask("POST", "/v1/chat/completions", body(index, tokens), {"x-request-id": identity})
        if answer.status != 200 or not answer.is_whole:
            sys.exit(f"an answer of status {answer.status}: {answer.body[:200]!r}")
        answers.append((identity, answer))
    connection.close()


async def probe(port: int, until: float, pause: float) -> list[float]:
    """Round trips of GET /health."""
    connection, times = Connection(port), []
    while asyncio.get_running_loop().time() < until:
        answer = await connection.ask("GET", "/health")
        times.append(answer.total)
        await asyncio.sleep(pause)
    connection.close()
    return times


async def streams(port: int, count: int, tokens: int, seconds: float, name: str) -> tuple[list, list[float]]:
    until = asyncio.get_running_loop().time() + seconds
    answers: list = []
    results = await asyncio.gather(
        probe(port, until, 0.01), *(stream_for(port, index, tokens, until, name, answers) for index in range(count)))
    return answers, results[0]


def added(answers: list[tuple[str, float]], log: Path) -> list[float]:
    """For each answer the seconds until its end at the client beyond those that the engine had it."""
    engine = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        times = entry["times"]
        engine[entry["id"]] = sum(times.get(name, 0) for name in ("queue_ms", "prefill_ms", "decode_ms")) / 1000
    return [total - engine[identity] for identity, total in answers if identity in engine]


def buckets(port: int) -> dict[float, int]:
    """The counts of events by the time from a token's step to their write, up to each bound in seconds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
    return {float(line.split('le="')[1].split('"')[0]): int(float(line.rsplit(" ", 1)[1]))
            for line in lines if line.startswith(DELIVERY)}


def quantile(before: dict[float, int], after: dict[float, int], share: float) -> float:
    """A quantile of what was counted in between, in seconds: as Prometheus takes it, in even parts of a bucket."""
    counts = {bound: after[bound] - before[bound] for bound in sorted(after)}
    rank = share * max(counts.values())
    below, floor = 0, 0.0
    for bound, count in counts.items():
        if count >= rank and count > below:
            return floor if bound == float("inf") else floor + (bound - floor) * (rank - below) / (count - below)
        below, floor = count, bound
    return floor


async def probed(port: int, seconds: float) -> list[float]:
    return await probe(port, asyncio.get_running_loop().time() + seconds, 0.01)


def attack(port: int, kind: str, seconds: int, folder: str) -> subprocess.Popen[bytes]:
    url = f"http://127.0.0.1:{port}"
    options = {
        "headers": ["-H", "-i", "1", "-u", f"{url}/v1/models"],
        "bodies": ["-B", "-i", "1", "-s", "65536", "-u", f"{url}/v1/chat/completions"],
        "reading": ["-X", "-n", "1", "-z", "1", "-w", "1", "-y", "4", "-k", "3", "-u", f"{url}/openapi.json"],
    }[kind]
    return subprocess.Popen(
        ["slowhttptest", "-c", "500", "-r", "250", "-l", str(seconds), "-p", "5", *options],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def figures(answers: list) -> dict[str, float]:
    gaps = [gap for _, answer in answers for gap in answer.gaps]
    return {"first_p99": percentile([answer.first for _, answer in answers], 0.99), "gap_p99": percentile(gaps, 0.99),
            "total_p99": percentile([answer.total for _, answer in answers], 0.99), "answers": len(answers)}


def added_by_http(server: Server, log: Path, seconds: float) -> dict[str, float]:
    """Figures of GET /health alone and beside 64 streams, and of the ends of four of them, in seconds."""
    alone = asyncio.run(probed(server.port, 3))
    load = Load(server.port, range(60), 64, seconds + 5, pause=0.01)
    watched = Load(server.port, range(60, 64), 64, seconds + 5)
    time.sleep(4)
    before = buckets(server.port)
    meanwhile = asyncio.run(probed(server.port, seconds))
    after = buckets(server.port)
    _, events = load.wait()
    answers, watched_events = watched.wait()
    row: dict[str, float] = {"events_per_second": (events + watched_events) / (seconds + 5)}
    print(f"64 streams: {row['events_per_second']:.0f} events/s")
    row |= {"delivery_p50": quantile(before, after, 0.5), "delivery_p99": quantile(before, after, 0.99)}
    print(f"  from a token's step to its event's write: p50 {milliseconds(row['delivery_p50'])} ms, p99 "
          f"{milliseconds(row['delivery_p99'])} ms")
    for name, text, times in (("alone", "GET /health alone", alone), ("health", "GET /health meanwhile", meanwhile),
                              ("added", "answer's end less the engine's time", added(answers, log))):
        row |= {f"{name}_p50": percentile(times, 0.5), f"{name}_p99": percentile(times, 0.99)}
        print(f"  {text}: p50 {milliseconds(row[name + '_p50'])} ms, p99 {milliseconds(row[name + '_p99'])} ms")
    return row


def beside(server: Server, other: Server, kind: str, place: str, seconds: float, folder: str) -> dict[str, Any]:
    """Figures of four streams alone, or while the attack goes to the server or to another one."""
    attacked = {"here": server, "elsewhere": other}.get(place)
    attacker = attack(attacked.port, kind, int(seconds) + 4, folder) if attacked else None
    if attacker:
        time.sleep(3)
    answers, _ = asyncio.run(streams(server.port, 4, 32, seconds, f"{kind}-{place}"))
    row = {**figures(answers), "descriptors": server.descriptors()}
    if attacker:
        attacker.wait()
    print(f"4 streams, slow {kind} {'absent' if place == 'alone' else place}: {row['answers']} answers, first token p99 "
          f"{milliseconds(row['first_p99'])} ms, between tokens {milliseconds(row['gap_p99'])} ms, whole "
          f"{milliseconds(row['total_p99'])} ms, {row['descriptors']} descriptors")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve")
    parser.add_argument("--model", default="Models/tiny")
    parser.add_argument("--threads", default="1",
                        help="threads of the engine; the other processors are left to HTTP and to the clients")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--output")
    arguments = parser.parse_args()
    if not shutil.which("slowhttptest"):
        sys.exit("slowhttptest is missing: apt-get install slowhttptest")
    measure.warn_if_busy()
    results: dict[str, Any] = {"machine": measure.machine(), "arguments": vars(arguments)}
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "requests.log")
        # With memory that is in use from the first second on: the system takes its time to give more.
        options = ("--threads", arguments.threads, "--max-running", "64", "--kv-cache-mib", "64", "--state-cache-mib", "128",
                   "--log-requests", str(log))
        with serving(arguments.binary, arguments.model, *options) as server, \
                serving(arguments.binary, arguments.model, "--threads", "1") as other:
            results["streams"] = row = added_by_http(server, log, arguments.seconds)
            if row["delivery_p99"] > ADDED_LIMIT:
                failures.append(f"HTTP adds {milliseconds(row['delivery_p99'])} ms at the 99th percentile")
            for kind in ("headers", "bodies", "reading"):
                rows = {place: beside(server, other, kind, place, arguments.seconds, folder)
                        for place in ("alone", "elsewhere", "here")}
                results.setdefault("attacks", {})[kind] = rows
                ratio = {place: rows["here"]["total_p99"] / rows[place]["total_p99"] for place in ("alone", "elsewhere")}
                print(f"  p99 of answers beside slow {kind}: {ratio['alone']:.2f} times as long as alone, "
                      f"{ratio['elsewhere']:.2f} times as while another server is attacked")
                if ratio["elsewhere"] > ATTACK_LIMIT:
                    failures.append(f"slow {kind}: p99 of answers is {ratio['elsewhere']:.2f} times as long")
            if server.process.poll() is not None:
                failures.append("the server has ended")
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(results, indent=1) + "\n")
    for failure in failures:
        print(f"missed: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
