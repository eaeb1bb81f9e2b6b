"""Runs the benchmark programs, ours and the peer's, and reads what they print. Used by compare.py and contention.py."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# More than this share of the processors busy with others' work spoils a measurement.
BUSY_LIMIT = 0.05


@dataclass
class Plan:
    """What is measured."""

    prompts: list[int]
    generate: int
    depths: list[int]
    batches: list[int]
    batch_prompt: int
    repetitions: int
    threads: int


@dataclass
class Sample:
    """A test of a round: tokens a second, and what only our program tells."""

    speed: float
    roof_share: float | None = None
    bytes_per_step: float | None = None


@dataclass
class Case:
    """A model as the programs read it; the peers' files may be absent."""

    name: str
    ours: str
    peer: str | None
    openvino: str | None = None
    options: list[str] = field(default_factory=list)

    @staticmethod
    def parse(text: str, options: list[str], peer_folder: str | None) -> "Case":
        """Reads NAME=OURS[,PEER.gguf[,OPENVINO]]; ends the program when it is something else."""
        name, _, files = text.partition("=")
        ours, peer, openvino, *rest = [*files.split(","), "", ""]
        if not name or not ours or any(rest):
            sys.exit(f"--case: expected NAME=OURS[,PEER.gguf[,OPENVINO]], not {text}")
        if peer and not peer_folder:
            sys.exit(f"--case {name} has a file for the peer: --peer must name the folder of its programs")
        return Case(name, ours, peer or None, openvino or None, options)


Results = dict[str, Sample]


def decode_name(generate: int, depth: int) -> str:
    """The name of a test of generating, as in llama-bench."""
    return f"tg{generate}" + (f" @ d{depth}" if depth else "")


def ours(binary: str, case: Case, plan: Plan, isa: str | None = None) -> Results:
    """A round of our program, with the machine's best instruction set or with another one."""
    results: Results = {}
    for options in our_options(plan):
        text = run(
            [binary, "bench", "--model", case.ours, *case.options, "--json", "--roofline", "--threads",
             str(plan.threads), "--repetitions", str(plan.repetitions), *options], isa)
        for row in json.loads(text):
            size = row["bytes_per_step"]
            if "pl" not in row:
                results[row["test"]] = Sample(row["median_ts"], row["roof_share"], size)
            else:
                results[f"tg{row['tg']} b{row['pl']}"] = Sample(row["speed_tg"], row["roof_share_tg"], size)
                results[f"pp{row['pp']} b{row['pl']}"] = Sample(row["speed_pp"], row["roof_share_pp"])
    return results


def our_options(plan: Plan) -> Iterator[list[str]]:
    """A process for all that begins with nothing, and one for what comes after a long context."""
    generate = ["--generate-tokens", str(plan.generate)]
    near, deep = [depth for depth in plan.depths if depth == 0], [depth for depth in plan.depths if depth > 0]
    if plan.prompts or plan.batches or near:
        yield [
            "--prompt-tokens", listed(plan.prompts), "--batch", listed(plan.batches), "--batch-prompt-tokens",
            str(plan.batch_prompt), *generate]
    if deep:
        yield ["--prompt-tokens", "0", "--depth", listed(deep), *generate]


class Crash(SystemExit):
    """A program was ended by a signal, which ends this one unless it goes on without."""


def peers(folder: str, case: Case, plan: Plan) -> Results:
    """A round of llama.cpp's programs in `folder`; without the results of those that crash, which is said."""
    results: Results = {}
    if case.peer is None:
        return results
    for test in llama_prompts, llama_generation, llama_batches:
        try:
            results |= test(folder, case.peer, plan)
        except Crash as crash:
            print(f"warning: {crash}", file=sys.stderr)
    return results


def openvino(python: str, case: Case, plan: Plan) -> Results:
    """A round of OpenVINO GenAI, the better of its precisions; `python` is that of its environment."""
    if case.openvino is None:
        return {}
    script = str(Path(__file__).parent / "openvino_peer.py")
    generate = plan.generate if 0 in plan.depths else 0
    try:
        text = run(
            [python, script, "bench", case.openvino, "--prompts", listed(plan.prompts), "--generate", str(generate),
             "--repetitions", str(plan.repetitions), "--threads", str(plan.threads)])
    except Crash as crash:
        print(f"warning: {crash}", file=sys.stderr)
        return {}
    return {row["test"]: Sample(row["best"]) for row in map(json.loads, text.splitlines())}


def llama_bench(folder: str, model: str, plan: Plan, options: list[str]) -> list[dict[str, Any]]:
    """Rows of llama-bench: one sequence."""
    return json.loads(run(
        [f"{folder}/llama-bench", "-m", model, "-t", str(plan.threads), "-r", str(plan.repetitions), "-o", "json",
         *options]))


def llama_prompts(folder: str, model: str, plan: Plan) -> Results:
    if not plan.prompts:
        return {}
    rows = llama_bench(folder, model, plan, ["-p", listed(plan.prompts), "-n", "0"])
    return {f"pp{row['n_prompt']}": Sample(row["avg_ts"]) for row in rows}


def llama_generation(folder: str, model: str, plan: Plan) -> Results:
    if not plan.depths:
        return {}
    rows = llama_bench(folder, model, plan, ["-p", "0", "-n", str(plan.generate), "-d", listed(plan.depths)])
    return {decode_name(row["n_gen"], row["n_depth"]): Sample(row["avg_ts"]) for row in rows}


def llama_batches(folder: str, model: str, plan: Plan) -> Results:
    """Several sequences together. Those that were measured before a crash do not count: they were not all."""
    results: Results = {}
    if not plan.batches:
        return results
    context = max(plan.batches) * (plan.batch_prompt + plan.generate)
    text = run(
        [f"{folder}/llama-batched-bench", "-m", model, "-t", str(plan.threads), "-c", str(context), "-npp",
         str(plan.batch_prompt), "-ntg", str(plan.generate), "-npl", listed(plan.batches), "--output-format", "jsonl"])
    for row in (json.loads(line) for line in text.splitlines() if line.startswith("{")):
        results[f"tg{row['tg']} b{row['pl']}"] = Sample(row["speed_tg"])
        results[f"pp{row['pp']} b{row['pl']}"] = Sample(row["speed_pp"])
    return results


def run(command: list[str], isa: str | None = None) -> str:
    """What a program prints; ends this one with the program's own words when it fails, and raises `Crash` on a signal."""
    environment = {**os.environ, **({"INFER_SERVE_ISA": isa} if isa else {})}
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")
    if result.returncode < 0:
        raise Crash(f"{command[0]} was ended by {signal.Signals(-result.returncode).name}: {' '.join(command)}")
    if result.returncode:
        lines = result.stderr.strip().splitlines()[-5:]
        sys.exit("\n".join([f"{' '.join(command)} ended with {result.returncode}:", *lines]))
    for line in result.stderr.splitlines():
        if isa and f"INFER_SERVE_ISA={isa}:" in line:
            sys.exit(line)
    return result.stdout


def listed(numbers: list[int]) -> str:
    """An argument such as 1,4,16; 0 for an empty list."""
    return ",".join(map(str, numbers)) or "0"


def busy_share(seconds: float = 0.5) -> float:
    """The share of all processors that is busy while this process sleeps; 0 where the system does not tell."""
    before = processor_times()
    time.sleep(seconds)
    after = processor_times()
    if not before or not after:
        return 0.0
    idle, total = after[0] - before[0], after[1] - before[1]
    return 1 - idle / total if total else 0.0


def processor_times() -> tuple[int, int] | None:
    """Ticks of all processors since the start: idle, and all."""
    try:
        ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    except OSError:
        return None
    return ticks[3] + ticks[4], sum(ticks)


def warn_if_busy() -> float:
    """Says when something else is running; returns how busy the machine is."""
    busy = busy_share()
    if busy > BUSY_LIMIT:
        print(f"warning: {busy:.0%} of the processors are busy with something else", file=sys.stderr)
    return busy


def machine() -> dict[str, Any]:
    """What this machine is."""
    names = [line.split(":")[1].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")]
    memory = [int(line.split()[1]) for line in lines_of("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "processor": names[0] if names else platform.processor(), "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory[0] / 2**20, 1) if memory else None, "system": platform.platform(),
        "environment": {name: value for name, value in os.environ.items() if name.startswith(("OPENBLAS_", "INFER_SERVE_"))},
    }


def lines_of(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def numbers(text: str) -> list[int]:
    """An argument such as 1,4,16; 0 alone is an empty list."""
    values = [int(part) for part in text.split(",")]
    return [] if values == [0] else values


def depths(text: str) -> list[int]:
    """An argument such as 0,16384; `none` is an empty list."""
    return [] if text == "none" else [int(part) for part in text.split(",")]
