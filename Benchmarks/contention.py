"""How much of its speed generating keeps when another process takes one core.

usage: contention.py --case NAME=OURS[,PEER.gguf] [--peer FOLDER/build/bin] [options]

Measures in turn on an idle machine and beside a loop that never rests, pinned to one core; prints the share that is
kept, ours and the peer's. Needs `taskset` (util-linux).
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import measure


@contextmanager
def busy_core(core: int) -> Iterator[None]:
    """A process that keeps a core busy."""
    process = subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def kept(measurement: Callable[[], measure.Results], name: str, core: int) -> tuple[float, float]:
    """Speed on the idle machine, and beside the busy core."""
    measure.warn_if_busy()
    idle = measurement()[name].speed
    with busy_core(core):
        return idle, measurement()[name].speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True, help="NAME=OURS[,PEER.gguf]")
    parser.add_argument("--binary", default=".build/release/infer-serve", help="our program")
    parser.add_argument("--peer", help="folder of llama-bench")
    parser.add_argument("--option", action="append", default=[], help="one more word for our bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--generate", type=int, default=32, help="tokens that are generated")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core that is kept busy")
    arguments = parser.parse_args()
    case = measure.Case.parse(arguments.case, arguments.option, arguments.peer)
    plan = measure.Plan([], arguments.generate, [0], [], 0, 2, len(os.sched_getaffinity(0)))
    test = measure.decode_name(arguments.generate, 0)
    runs: dict[str, Callable[[], measure.Results]] = {
        "ours": lambda: measure.ours(arguments.binary, case, plan)}
    if peer := case.peer:
        runs["peer"] = lambda: measure.llama_generation(arguments.peer, peer, plan)
    pairs: dict[str, list[tuple[float, float]]] = {program: [] for program in runs}
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        for program, measurement in runs.items():
            pairs[program].append(kept(measurement, test, arguments.core))
    print("| program | idle, tokens/s | one core busy, tokens/s | kept | min … max |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for program, values in pairs.items():
        shares = [busy / idle for idle, busy in values]
        print(
            f"| {program} | {statistics.median(idle for idle, _ in values):.1f} "
            f"| {statistics.median(busy for _, busy in values):.1f} | {statistics.median(shares):.2f} "
            f"| {min(shares):.2f} … {max(shares):.2f} |")


if __name__ == "__main__":
    main()
