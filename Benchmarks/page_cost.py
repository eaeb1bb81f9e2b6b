"""Tells what watching the dashboard costs those whose answers are being written.

usage: page_cost.py [--binary PROGRAM] [--model FOLDER] [--streams 64] [--watchers 1,10] [--rounds 5]

Streams answers to many clients, over and over, from one server; in turn nobody and some watchers follow `/stats` as the page
of the dashboard does. Prints tokens a second and the 99th percentile of the time between two events of an answer, and their
ratios to the neighbouring turn without a watcher: medians of the rounds, the least and the most. First it tells the processor
time that watchers of an idle server take, which other programs on the machine change less. The clients are processes of their
own, on the same machine. Needs no packages.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

BODY = {
    "messages": [{"role": "user", "content": "What is 47 + 85?"}], "stream": True, "max_tokens": 900, "ignore_eos": True,
    "temperature": 1.0}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("the server is not ready after 30 s")


def stream(port: int, end: float, gaps: list[float]) -> None:
    """Reads answers until a moment, and notes the times between events."""
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/v1/chat/completions", json.dumps(BODY), {"Content-Type": "application/json"})
        before = None
        for line in connection.getresponse():
            if not line.startswith(b"data: {"):
                continue
            now = time.monotonic()
            if now >= end:
                break
            if before is not None:
                gaps.append(now - before)
            before = now
        connection.close()


def clients(port: int, count: int, end: float, results: Connection) -> None:
    gaps: list[list[float]] = [[] for _ in range(count)]
    threads = [threading.Thread(target=stream, args=(port, end, one)) for one in gaps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.send([gap for one in gaps for gap in one])


def watch(port: int, count: int, end: float) -> None:
    def follow() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/stats", headers={"Accept": "text/event-stream"})
        for _ in connection.getresponse():
            if time.monotonic() >= end:
                return

    threads = [threading.Thread(target=follow) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def turn(port: int, streams: int, watchers: int, seconds: float) -> tuple[float, float]:
    """Events a second, and the 99th percentile of the time between two, in seconds."""
    end = time.monotonic() + seconds
    receiver, sender = multiprocessing.Pipe(duplex=False)
    processes = [multiprocessing.Process(target=clients, args=(port, streams, end, sender))]
    if watchers:
        processes.append(multiprocessing.Process(target=watch, args=(port, watchers, end)))
    for process in processes:
        process.start()
    gaps = receiver.recv()
    for process in processes:
        process.join()
    return len(gaps) / seconds, statistics.quantiles(gaps, n=100)[98]


def processor_seconds(process: int) -> float:
    times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def idle(port: int, process: int, watchers: int, seconds: float) -> float:
    """Processor seconds of the idle server in a second."""
    start, before = time.monotonic(), processor_seconds(process)
    if watchers:
        watch(port, watchers, start + seconds)
    else:
        time.sleep(seconds)
    return (processor_seconds(process) - before) / (time.monotonic() - start)


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} … {max(values):{form}})"


def measure(arguments: argparse.Namespace, port: int) -> dict[int, list[tuple[float, float, float, float]]]:
    """For each number of watchers: events a second and percentile of each round, and both over those without."""
    found: dict[int, list[Any]] = {0: []}
    turn(port, arguments.streams, 0, 1)
    for _ in range(arguments.rounds):
        for watchers in arguments.watchers:
            rate, gap = turn(port, arguments.streams, 0, arguments.seconds)
            found[0].append((rate, gap, 1.0, 1.0))
            own = turn(port, arguments.streams, watchers, arguments.seconds)
            found.setdefault(watchers, []).append((*own, own[0] / rate, own[1] / gap))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve", help="our program")
    parser.add_argument("--model", default="Models/tiny")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--watchers", type=lambda text: [int(part) for part in text.split(",")], default=[1, 10])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of each turn")
    arguments = parser.parse_args()
    port = free_port()
    command = [arguments.binary, "serve", "--model", arguments.model, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {arguments.streams} streams")
    try:
        wait_until_ready(port)
        for watchers in [0, *arguments.watchers]:
            share = idle(port, server.pid, watchers, 2 * arguments.seconds)
            print(f"idle, {watchers} watching: {share * 1000:.1f} ms of processor time a second")
        found = measure(arguments, port)
    finally:
        server.terminate()
        server.wait()
    print("| watchers | events/s | p99 between events, ms | events/s over those without | p99 over that without |")
    print("|---:|---:|---:|---:|---:|")
    for watchers, rounds in found.items():
        rates, gaps, rate_ratios, gap_ratios = (list(values) for values in zip(*rounds, strict=True))
        cells = [str(watchers), spread(rates, ".0f"), spread([gap * 1000 for gap in gaps], ".1f")]
        cells += [spread(rate_ratios, ".3f"), spread(gap_ratios, ".3f")] if watchers else ["", ""]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
