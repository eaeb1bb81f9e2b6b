"""Prints what compare.py measured as Markdown tables.

usage: report.py FILE.json [--hybrid NAME --attention NAME]

With --hybrid and --attention, also how much faster the hybrid model generates than the one with attention in every
layer at each depth, against the ratio of the bytes that a step must read.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

Spread = tuple[float, float, float]


def spread(values: list[float]) -> Spread:
    """Median, least and most."""
    return statistics.median(values), min(values), max(values)


def tests_of(results: dict[str, Any], case: str) -> dict[str, list[dict[str, Any]]]:
    """The measurements of each test of a case, by round."""
    tests: dict[str, list[dict[str, Any]]] = {}
    for entry in results["rounds"]:
        if entry["case"] == case:
            for name, sample in entry["tests"].items():
                tests.setdefault(name, []).append(sample)
    return tests


def case_names(results: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(entry["case"] for entry in results["rounds"]))


def ratio(samples: list[dict[str, Any]]) -> Spread | None:
    """Our speed over the peer's, each round by itself, of those in which the peer did not crash."""
    ratios = [sample["ours"]["speed"] / sample["peer"] for sample in samples if sample["peer"] is not None]
    return spread(ratios) if ratios else None


def other_names(results: dict[str, Any]) -> list[str]:
    """Further peers that have figures."""
    samples = [sample for entry in results["rounds"] for sample in entry["tests"].values()]
    return list(dict.fromkeys(name for sample in samples for name in sample.get("others", {})))


def other_cells(samples: list[dict[str, Any]], name: str) -> list[str]:
    """A further peer's speed, and ours over it, each round by itself."""
    pairs = [(sample["ours"]["speed"], sample["others"][name]) for sample in samples if name in sample.get("others", {})]
    if not pairs:
        return ["–", "–"]
    middle, least, most = spread([ours / other for ours, other in pairs])
    return [f"{statistics.median(other for _, other in pairs):.1f}", f"{middle:.2f} ({least:.2f} … {most:.2f})"]


def table(results: dict[str, Any]) -> str:
    """Medians over rounds; least and most of the ratio beside it."""
    rows = [
        ["model", "test", "ours, tokens/s", "peer, tokens/s", "ours / peer", "min … max", "of roof", "MiB/step"],
        ["---", "---", "---:", "---:", "---:", "---:", "---:", "---:"],
    ]
    others = other_names(results)
    rows[0] += [cell for name in others for cell in (f"{name}, tokens/s", f"ours / {name}")]
    rows[1] += ["---:"] * (2 * len(others))
    for case in case_names(results):
        for name, samples in tests_of(results, case).items():
            rows.append([case, name, *cells(samples), *(cell for other in others for cell in other_cells(samples, other))])
    busiest = max(entry["busy"] for entry in results["rounds"])
    plan = results["plan"]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += [
        "", f"{results['label']} {results['date'][:10]}, {results['machine']['processor']}, {plan['threads']} threads; "
        f"{len(tests_rounds(results))} rounds in turn, medians; at most {busiest:.0%} of the machine busy otherwise."]
    return "\n".join(lines)


def tests_rounds(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The rounds of the first case: as many as there are of each."""
    first = case_names(results)[0]
    return [entry for entry in results["rounds"] if entry["case"] == first]


def cells(samples: list[dict[str, Any]]) -> list[str]:
    peer = [sample["peer"] for sample in samples if sample["peer"] is not None]
    ratios = ratio(samples)
    shares = [sample["ours"]["roof_share"] for sample in samples if sample["ours"]["roof_share"] is not None]
    sizes = [sample["ours"]["bytes_per_step"] for sample in samples if sample["ours"]["bytes_per_step"] is not None]
    return [
        f"{statistics.median(sample['ours']['speed'] for sample in samples):.1f}",
        f"{statistics.median(peer):.1f}" if peer else "–", f"{ratios[0]:.2f}" if ratios else "–",
        f"{ratios[1]:.2f} … {ratios[2]:.2f}" if ratios else "–",
        f"{statistics.median(shares):.2f}" if shares else "–",
        f"{statistics.median(sizes) / 2**20:.1f}" if sizes else "–"]


def hybrid_table(results: dict[str, Any], hybrid: str, attention: str) -> str:
    """Generating at each depth: hybrid against attention everywhere."""
    left, right = tests_of(results, hybrid), tests_of(results, attention)
    lines = [
        "| test | hybrid, tokens/s | attention, tokens/s | faster | bytes | faster / bytes | peer: faster |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name in left:
        if not name.startswith("tg") or " b" in name or name not in right:
            continue
        pairs = list(zip(left[name], right[name], strict=False))
        speeds = spread([a["ours"]["speed"] / b["ours"]["speed"] for a, b in pairs])
        sizes = statistics.median(b["ours"]["bytes_per_step"] / a["ours"]["bytes_per_step"] for a, b in pairs)
        peers = [a["peer"] / b["peer"] for a, b in pairs if a["peer"] and b["peer"]]
        lines.append(
            f"| {name} | {statistics.median(a['ours']['speed'] for a, _ in pairs):.1f} "
            f"| {statistics.median(b['ours']['speed'] for _, b in pairs):.1f} "
            f"| {speeds[0]:.2f} ({speeds[1]:.2f} … {speeds[2]:.2f}) | {sizes:.2f} | {speeds[0] / sizes:.2f} "
            f"| {f'{statistics.median(peers):.2f}' if peers else '–'} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--hybrid")
    parser.add_argument("--attention")
    arguments = parser.parse_args()
    results = json.loads(arguments.file.read_text())
    print(table(results))
    if bool(arguments.hybrid) != bool(arguments.attention):
        parser.error("--hybrid and --attention go together")
    if arguments.hybrid:
        for name in (arguments.hybrid, arguments.attention):
            if name not in case_names(results):
                parser.error(f"{name} is no case of {arguments.file}: it has {', '.join(case_names(results))}")
        print("\n" + hybrid_table(results, arguments.hybrid, arguments.attention))


if __name__ == "__main__":
    main()
