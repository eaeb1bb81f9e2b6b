#!/usr/bin/env python3
"""What a prompt takes beside the arithmetic, the loads and the stores of AMX's tiles: the least that it could take on a
processor that is like this one and has tiles.

usage: beside_tiles.py [--plan FILE] [--prompts 512,2048] [--repetitions 2] MODEL …

Links `infer-serve` of a release build once more, with tiles that compute nothing (null_tiles.h), and samples one thread's
processor time with AVX-512 and VNNI, and with those tiles. Loading the model is not in it: a time is the difference of two
runs. Needs Linux's perf, the right to use it, and a processor with AVX-512 and VNNI.
"""
import argparse
import collections
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# One core: by the priority of real time nothing else runs there meanwhile.
ALONE = ["chrt", "-r", "1", "taskset", "-c", "0"]


def link(plan, folder):
    """The command with tiles that compute nothing."""
    subprocess.run([ROOT / "scripts/emulate-tiles.py", plan, folder, "infer-serve", "../../Benchmarks/null_tiles.h"],
                   cwd=ROOT, check=True)
    return folder / "infer-serve"


def samples(binary, isa, model, prompt, repetitions):
    """Milliseconds of processor time by function."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(
            [*ALONE, "perf", "record", "-q", "-e", "cpu-clock:u", "-F", "1000", "-o", file.name, binary, "bench", "--model",
             model, "--threads", "1", "--batch", "0", "--repetitions", str(repetitions), "--prompt-tokens", str(prompt),
             "--generate-tokens", "0"],
            env={**os.environ, "INFER_SERVE_ISA": isa}, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        told = subprocess.run(["perf", "script", "-i", file.name, "-G", "-F", "ip,sym"], check=True, capture_output=True, text=True)
    lines = (line.split(None, 1) for line in told.stdout.splitlines() if line.strip())
    return collections.Counter(line[1] if len(line) > 1 else "?" for line in lines)


def measure(binary, isa, model, prompt, repetitions):
    """Milliseconds of a prompt by function, without stores of tiles."""
    once, more = (samples(binary, isa, model, prompt, count) for count in (1, 1 + repetitions))
    times = {name: (more[name] - once[name]) / repetitions for name in more | once if name != "null_tile_store"}
    return sum(times.values()), sorted(times.items(), key=lambda pair: -pair[1])[:3]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODEL", nargs="+")
    parser.add_argument("--plan", default=".build/release.yaml", help="the plan that `swift build -c release` leaves")
    parser.add_argument("--prompts", type=lambda text: [int(part) for part in text.split(",")], default=[512, 2048])
    parser.add_argument("--repetitions", type=int, default=2)
    arguments = parser.parse_args()
    if "avx512_vnni" not in Path("/proc/cpuinfo").read_text():
        sys.exit("beside_tiles.py: this processor lacks AVX-512 with VNNI")
    print("| model | prompt | AVX-512 with VNNI, ms | all but tiles, ms | | the most of it |\n|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        binary = link(arguments.plan, Path(folder))
        for model in arguments.models:
            for prompt in arguments.prompts:
                vectors, _ = measure(binary, "avx512-vnni", model, prompt, arguments.repetitions)
                tiles, most = measure(binary, "amx", model, prompt, arguments.repetitions)
                told = ", ".join(f"{name} {time / tiles:.0%}" for name, time in most)
                print(f"| {Path(model).name} | {prompt} | {vectors:.0f} | {tiles:.0f} | {vectors / tiles:.1f} | {told} |",
                      flush=True)


if __name__ == "__main__":
    main()
