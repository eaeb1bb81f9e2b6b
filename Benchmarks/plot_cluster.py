"""Draws what `infer-serve-cluster run` printed: prompt tokens computed, and p99 of first tokens, by number of replicas.

usage: plot_cluster.py LINES.jsonl FOLDER

Writes FOLDER/cluster.svg. Needs no packages.
"""

import argparse
import json
import math
from html import escape
from pathlib import Path
from typing import Any

from plot import COLOURS, STYLE, label

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 220, 70, 56, 90
POLICIES = {"random": "at random", "least": "to the least loaded", "prefix": "by kept prefixes"}


def panel(lines: list[dict[str, Any]], value: Any, title: str, left: float, unit: str, is_log: bool) -> list[str]:
    """A picture of one figure by the number of replicas, on a logarithmic axis."""
    counts = sorted({line["replicas"] for line in lines})
    values = [value(line) for line in lines]
    most, least = (max(values), min(values)) if is_log else (1.0, 0.0)
    span = math.log(counts[-1] / counts[0]) or 1.0

    def x(count: int) -> float:
        return left + WIDTH * math.log(count / counts[0]) / span

    def y(figure: float) -> float:
        share = math.log(figure / least) / (math.log(most / least) or 1) if is_log else figure / most
        return TOP + HEIGHT * (1 - share)

    parts = [label(left, TOP - 12, title, "start")]
    ticks = (
        [10.0**e for e in range(-4, 6) if least <= 10.0**e <= most] if is_log else [most * k / 4 for k in range(5)])
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{left}" x2="{left + WIDTH}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(label(left - 8, y(tick) + 4, f"{tick:,g}{unit}", "end"))
    for count in counts:
        parts.append(label(x(count), TOP + HEIGHT + 18, f"{count:,}"))
    parts.append(label(left + WIDTH / 2, TOP + HEIGHT + 36, "replicas"))
    for index, policy in enumerate(POLICIES):
        points = sorted((line["replicas"], value(line)) for line in lines if line["policy"] == policy)
        if points:
            path = " ".join(f"{x(count):.1f},{y(figure):.1f}" for count, figure in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[index]}" stroke-width="2"/>')
    return parts


def draw(lines: list[dict[str, Any]]) -> str:
    title = "Routing, simulated"
    width, height = LEFT + 2 * WIDTH + GAP + 30, TOP + HEIGHT + 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}"><style>{STYLE}</style>',
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="title" x="16" y="24">{escape(title)}</text>']
    parts += panel(lines, lambda line: line["computed_tokens"] / line["prompt_tokens"], "prompt tokens computed, of all",
                   LEFT, "", False)
    parts += panel(lines, lambda line: line["first_token_p99_s"], "p99 of the time to the first token", LEFT + WIDTH + GAP,
                   " s", True)
    for index, name in enumerate(POLICIES.values()):
        at = LEFT + 200 * index
        parts.append(f'<rect x="{at}" y="{height - 26}" width="14" height="4" fill="{COLOURS[index]}"/>')
        parts.append(label(at + 20, height - 20, name, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in arguments.lines.read_text().splitlines()]
    if not lines:
        parser.error("no lines")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "cluster.svg").write_text(draw(lines))


if __name__ == "__main__":
    main()
