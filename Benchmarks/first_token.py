"""Seconds from starting the program to its first token.

usage: first_token.py [--binary FILE] [--model FOLDER] [--option=OPTION …] [--runs N]

Each run is a process of its own that loads the model, reads a short prompt and generates one token. The first run,
which brings the files into memory, is not counted.
"""

import argparse
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    """From exec to the first byte of the answer."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    first = process.stdout.read(1)
    elapsed = time.perf_counter() - start
    process.stdout.close()
    if process.wait() != 0 or not first:
        sys.exit(f"{' '.join(command)} ended with {process.returncode} and no answer")
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve", help="our program")
    parser.add_argument("--model", default="Models/tiny")
    parser.add_argument("--option", action="append", default=[], help="a further option of the program")
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    command = [
        arguments.binary, "generate", "--model", arguments.model, "--tokens", "5,17,9", "--max-tokens", "1",
        "--ignore-eos", "--json", *arguments.option]
    times = [seconds(command) for _ in range(arguments.runs + 1)][1:]
    print(
        f"first token after {statistics.median(times):.3f} s (median of {len(times)}, {min(times):.3f} … "
        f"{max(times):.3f})")


if __name__ == "__main__":
    main()
