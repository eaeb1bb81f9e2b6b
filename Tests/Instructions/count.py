"""Counts the instructions of a prompt and of generated tokens, and compares them with what they were.

usage: count.py [--binary FILE] [--model FOLDER] [--update]

A slower step fails here without anything being timed: callgrind counts the instructions that one thread executes on the
bundled model, always of the AVX2 kernels, which is what it can run. A count is the difference of two runs of
`infer-serve bench` of which one repeats its test once more, so that starting and loading are not in it. It may pass the
one in thresholds.json by TOLERANCE; --update writes what is counted there. A run that was disturbed executes more, so that
a test with too many is counted again, and the least of each of its runs is what counts. Needs valgrind and binutils.

Where the processor has AVX-512 with VNNI, products on the tiles of AMX are counted too, with tiles that are emulated
(products.sh).
"""

import argparse
import concurrent.futures
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 0.03
ATTEMPTS = 3
THRESHOLDS = Path(__file__).with_name("thresholds.json")
ROOT = THRESHOLDS.parent.parent.parent

PROMPT = ["--prompt-tokens", "32", "--generate-tokens", "0"]
GENERATE = ["--prompt-tokens", "0", "--generate-tokens", "8", "--depth", "8"]
FORMATS = {"BF16": [], "Q8_0": ["--quantize", "Q8_0"], "Q4_0": ["--quantize", "Q4_0"]}
TESTS = {
    f"{name}, {format}": [*options, *quantize]
    for format, quantize in FORMATS.items()
    for name, options in {"prompt of 32 tokens": PROMPT, "8 tokens generated": GENERATE}.items()
}

# One path through all libraries, whatever the processor.
ENVIRONMENT = {
    **os.environ, "SWIFT_DETERMINISTIC_HASHING": "1", "OPENBLAS_CORETYPE": "Haswell", "INFER_SERVE_ISA": "avx2"}


def can_count() -> bool:
    """Whether this machine executes what the thresholds were counted for."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    return re.search(r"^flags.*\bavx2\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE) is not None


def strip(binary: Path, folder: str) -> Path:
    """A copy without debug information, which this valgrind may be too old to read."""
    copy = Path(folder) / binary.name
    result = subprocess.run(["strip", "--strip-debug", "-o", copy, binary], capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"strip: {result.stderr.strip()}")
    return copy


def instructions(binary: Path, model: Path, options: list[str], repetitions: int) -> int:
    """Instructions of a whole run."""
    command = [
        "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(binary), "bench", "--model", str(model),
        "--threads", "1", "--batch", "0", "--repetitions", str(repetitions), *options]
    result = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode or found is None:
        sys.exit("\n".join([" ".join(command), *result.stderr.strip().splitlines()[-20:]]))
    return int(found[1])


def count(binary: Path, model: Path, thresholds: dict[str, int]) -> dict[str, int]:
    """Instructions of each test."""
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool,
    ):
        copy = strip(binary, folder)
        least: dict[tuple[str, int], int] = {}
        names = list(TESTS)
        for _ in range(ATTEMPTS):
            runs = {
                (name, repetitions): pool.submit(instructions, copy, model, TESTS[name], repetitions)
                for name in names
                for repetitions in (2, 1)
            }
            for run, result in runs.items():
                least[run] = min(result.result(), least.get(run, sys.maxsize))
            counts = {name: least[name, 2] - least[name, 1] for name in TESTS}
            names = [name for name in TESTS if exceeds(counts[name], thresholds.get(name))]
        return counts


def count_products(binary: Path) -> dict[str, int]:
    """Instructions of products on tiles, of the kernels that stand beside a binary; none where this machine cannot."""
    command = ["sh", ROOT / "Tests/Instructions/products.sh", binary.resolve().parent / "CKernels.build"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"products.sh: {result.stderr.strip()}")
    lines = [line.split() for line in result.stdout.splitlines()]
    return {f"{format} by {rows} rows, on tiles": int(count) for format, rows, count, _ in lines}


def exceeds(counted: int, threshold: int | None) -> bool:
    """Whether a test executes too many instructions."""
    return threshold is not None and counted / threshold - 1 > TOLERANCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/infer-serve")
    parser.add_argument("--model", type=Path, default=ROOT / "Models/tiny")
    parser.add_argument("--update", action="store_true", help="write what is counted to thresholds.json")
    arguments = parser.parse_args()
    if not can_count():
        print("instructions: not counted, for this is no Linux machine with AVX2")
        return
    thresholds: dict[str, int] = {} if arguments.update else json.loads(THRESHOLDS.read_text())
    counts = count(arguments.binary, arguments.model, thresholds) | count_products(arguments.binary)
    if arguments.update:
        # What this machine cannot count stays as it was.
        thresholds = json.loads(THRESHOLDS.read_text()) | counts
        THRESHOLDS.write_text(json.dumps(thresholds, indent=2) + "\n")
    failed = False
    for name, counted in counts.items():
        if name not in thresholds:
            sys.exit(f"{THRESHOLDS.name} has no {name!r}: run count.py --update")
        change = counted / thresholds[name] - 1
        is_over = exceeds(counted, thresholds[name])
        verdict = "too many" if is_over else "fewer: --update keeps that" if change < -TOLERANCE else "ok"
        print(f"{name:32} {counted:12,} instructions, {change:+.1%}: {verdict}")
        failed = failed or is_over
    if failed:
        sys.exit(f"more instructions than in {THRESHOLDS.name} by more than {TOLERANCE:.0%}")


if __name__ == "__main__":
    main()
