#!/usr/bin/env python3
"""Measures one model on several machines: how fast ranks generate together, and how fast one process does, with as many threads
and with one.

    ranks.py --binary B --model FOLDER --tokenizer FOLDER [--ranks 2] [--parallel tensor=2] [--rate 10gbit] [--delay 500]
      [--rounds 3] [-- OPTION …]

Machines are network namespaces of this one (Tests/MPI/machines.py: root is needed), each rank has a processor of its own, and
what it sends is shaped, and with --delay takes so many microseconds to the next switch. B is built with the trait MPI. A model without a tokenizer is lent that of another. Options behind `--` are
those of `infer-serve serve`. One sequence generates at a time; what each round measured is printed as JSON, with medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.append(str(Path(__file__).parents[1] / "Tests/MPI"))
from machines import Machines  # noqa: E402

PROMPT = "1 2 3 4 5 6 7 8 9 10"


def with_tokenizer(model, donor, folder):
    """The model's files, and those of the donor that it lacks and that are neither weights nor their configuration."""
    folder.mkdir()
    lent = [file for file in Path(donor).resolve().iterdir() if file.suffix not in (".safetensors", ".gguf")]
    for file in [*Path(model).resolve().iterdir(), *(file for file in lent if file.name != "config.json")]:
        if file.is_file() and not (folder / file.name).exists():
            (folder / file.name).symlink_to(file)
    return folder


def pinned(binary, processors, path):
    """A command that runs the binary on a processor of its rank's, or on the given ones."""
    path.write_text(f'#!/bin/sh\nexec taskset -c {processors} {binary} "$@"\n')
    path.chmod(0o755)
    return str(path)


def resident_mib(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


class Served:
    """A server that a command starts, on a Unix socket."""

    def __init__(self, command, socket, log):
        self.log, self.process = log, subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT)
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://machine", timeout=600)

    def __enter__(self):
        while True:
            if self.process.poll() is not None:
                sys.exit(self.log.read_text())
            try:
                if self.client.get("/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def generate(self, count):
        """The time of an answer to a prompt that is kept by now, and its tokens."""
        begin = time.monotonic()
        response = self.client.post("/v1/completions", json={
            "prompt": PROMPT, "max_tokens": count, "temperature": 0, "ignore_eos": True, "logprobs": 1})
        response.raise_for_status()
        return time.monotonic() - begin, response.json()["choices"][0]["logprobs"]["tokens"]

    def tokens_per_second(self, count):
        """Of one sequence, behind its first token."""
        self.generate(2)
        first, _ = self.generate(1)
        whole, tokens = self.generate(count)
        return (count - 1) / (whole - first), tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokenizer", default="Models/tiny")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--parallel", help="as infer-serve has it; tensor=RANKS unless given")
    parser.add_argument("--rate", default="10gbit")
    parser.add_argument("--delay", type=int, help="microseconds from a machine to the switch, and from there to another")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("options", nargs="*")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    binary = str(Path(arguments.binary).resolve())
    with tempfile.TemporaryDirectory() as folder, Machines(
            arguments.ranks, folder, rate=arguments.rate, delay=arguments.delay) as machines:
        folder = Path(folder)
        model = str(with_tokenizer(arguments.model, arguments.tokenizer, folder / "model"))

        def serve(name, threads):
            return ["serve", "--model", model, "--unix-socket", str(folder / f"{name}.socket"), "--threads", str(threads),
                    *arguments.options]

        count = arguments.ranks
        commands = {
            "one process, 1 thread": [pinned(binary, "0", folder / "one"), *serve("one", 1)],
            f"one process, {count} threads": [
                pinned(binary, f"0-{count - 1}", folder / "threads"), *serve("threads", count)],
            f"{count} ranks, 1 thread each": machines.mpirun(
                count, pinned(binary, "$OMPI_COMM_WORLD_RANK", folder / "ranks"), *serve("ranks", 1), "--parallel",
                arguments.parallel or f"tensor={count}"),
        }
        sockets = dict(zip(commands, ("one", "threads", "ranks")))
        speeds, answers, memory = {name: [] for name in commands}, {}, {}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                log = folder / "log"
                with Served(command, folder / f"{sockets[name]}.socket", log) as served:
                    speed, answers[name] = served.tokens_per_second(arguments.tokens)
                    speeds[name].append(round(speed, 2))
                    pids = machines.processes(binary).values() if sockets[name] == "ranks" else [served.process.pid]
                    memory[name] = [round(resident_mib(pid)) for pid in pids]
        medians = {name: statistics.median(values) for name, values in speeds.items()}
        alone = next(iter(commands))
        base = medians[alone]
        print(json.dumps({
            "tokens_per_second": speeds, "median": medians,
            "speed_up": {name: round(value / base, 2) for name, value in medians.items()}, "memory_mib": memory,
            "tokens_equal": {name: tokens == answers[alone] for name, tokens in answers.items()},
        }, indent=2))


if __name__ == "__main__":
    main()
