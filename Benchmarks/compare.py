"""Measures infer-serve, llama.cpp and OpenVINO GenAI in turn on the same weights.

usage: compare.py --case NAME=OURS[,PEER.gguf[,OPENVINO]] [--case …] --peer FOLDER/build/bin --output FILE.json [options]

OURS is what infer-serve reads, PEER.gguf the same weights for llama.cpp, OPENVINO the folder that openvino_peer.py wrote of
them. A round measures each case with one program and then with the others; a program that crashes is named, and what it was
measuring has no figures. The ratio of a test is that of two neighbours in time. Prints a Markdown table at the end;
the file is written after every round, and plot.py draws it. Several cases are measured in one round each, so that their
speeds can be compared as well (report.py --hybrid NAME --attention NAME).
"""

import argparse
import dataclasses
import datetime
import json
import os
import sys
from pathlib import Path
from typing import Any

import measure
import report


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", required=True, help="NAME=OURS[,PEER.gguf[,OPENVINO]]")
    parser.add_argument("--binary", default=".build/release/infer-serve", help="our program")
    parser.add_argument("--peer", help="folder of llama-bench and llama-batched-bench")
    parser.add_argument(
        "--other-peer", action="append", default=[], type=named, metavar="NAME=FOLDER",
        help="a second build of llama.cpp, on the same file, such as one without AMX")
    parser.add_argument(
        "--other-isa", action="append", default=[], metavar="NAME",
        help="our program once more, with another instruction set than the machine's best, such as avx512-vnni")
    parser.add_argument("--openvino", metavar="PYTHON", help="the interpreter of the environment of openvino_peer.py")
    parser.add_argument(
        "--option", action="append", default=[], help="one more word for our bench: --option=--quantize --option=Q4_0")
    parser.add_argument("--label", default="", help="what to call this comparison, such as the format")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=2, help="measurements of each test within a round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--prompts", type=measure.numbers, default=[512], help="lengths of prompts; 0 for none")
    parser.add_argument("--generate", type=int, default=32, help="tokens that are generated")
    parser.add_argument("--depths", type=measure.depths, default=[0], help="tokens before the generated; or none")
    parser.add_argument("--batches", type=measure.numbers, default=[1, 4, 16], help="sequences together; 0 for none")
    parser.add_argument("--batch-prompt", type=int, default=128, help="tokens of the prompts in batches")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {arguments.rounds}")
    return arguments


def named(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER, not {text}")
    return name, folder


def record(
    rounds: list[dict[str, Any]], case: str, ours: measure.Results, peer: measure.Results,
    others: dict[str, measure.Results], busy: float,
) -> None:
    tests = {
        name: {
            "ours": dataclasses.asdict(sample), "peer": peer[name].speed if name in peer else None,
            "others": {other: results[name].speed for other, results in others.items() if name in results}}
        for name, sample in ours.items()
    }
    rounds.append({"case": case, "busy": round(busy, 3), "tests": tests})


def main() -> None:
    arguments = parse()
    plan = measure.Plan(
        arguments.prompts, arguments.generate, arguments.depths, arguments.batches, arguments.batch_prompt,
        arguments.repetitions, arguments.threads)
    results: dict[str, Any] = {
        "label": arguments.label, "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": measure.machine(), "command": ["compare.py", *sys.argv[1:]], "plan": dataclasses.asdict(plan),
        "rounds": [],
    }
    if arguments.other_peer and not arguments.peer:
        sys.exit("--other-peer is a second build beside that of --peer")
    cases = [measure.Case.parse(text, arguments.option, arguments.peer) for text in arguments.case]
    for case in cases:
        if case.openvino and not arguments.openvino:
            sys.exit(f"--case {case.name} has a model of OpenVINO: --openvino must name its interpreter")
    for number in range(arguments.rounds):
        for case in cases:
            print(f"round {number + 1} of {arguments.rounds}: {case.name}", file=sys.stderr)
            busy = measure.warn_if_busy()
            ours = measure.ours(arguments.binary, case, plan)
            busy = max(busy, measure.warn_if_busy()) if case.peer or case.openvino else busy
            peer = measure.peers(arguments.peer, case, plan)
            others = {name: measure.peers(folder, case, plan) for name, folder in arguments.other_peer}
            others |= {name: measure.ours(arguments.binary, case, plan, name) for name in arguments.other_isa}
            if arguments.openvino:
                others["OpenVINO"] = measure.openvino(arguments.openvino, case, plan)
            record(results["rounds"], case.name, ours, peer, others, busy)
        arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    print(report.table(results))


if __name__ == "__main__":
    main()
