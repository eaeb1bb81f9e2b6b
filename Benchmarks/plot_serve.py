"""Draws what serve.py measured: how many times better one server is than the other, workload by workload.

usage: plot_serve.py FILE.json … FOLDER

Writes FOLDER/serving.svg, with a bar for each figure that both servers have: of tokens a second ours over the peer's, of
latencies and of prompt tokens computed the peer's over ours, on a logarithmic axis. Beside a bar stand the medians over
rounds. Needs no packages.
"""

import argparse
import json
import math
from html import escape
from pathlib import Path
from typing import Any

import serve
from plot import COLOURS, STYLE, label

LEFT, RIGHT, TOP, ROW, WIDTH = 400, 150, 44, 26, 340
# Figures of which more is better.
GAINS = ("tokens/s", "cached share")

Row = tuple[str, float, float, float]


def rows(rounds: list[dict[str, Any]]) -> list[Row]:
    """The name of each figure, how many times better ours is, and both medians."""
    found = []
    for (workload, figure), programs in serve.medians(rounds).items():
        ours, peer = programs.get("ours", 0), programs.get("peer", 0)
        if ours > 0 and peer > 0:
            ratio = ours / peer if any(gain in figure for gain in GAINS) else peer / ours
            found.append((f"{workload}: {figure}", ratio, ours, peer))
    return found


def draw(found: list[Row]) -> str:
    most = max(3.0, *(ratio for _, ratio, _, _ in found))
    least = min(1.0, *(ratio for _, ratio, _, _ in found))

    def x(ratio: float) -> float:
        return LEFT + WIDTH * math.log(ratio / least) / math.log(most / least)

    title = "Times better than llama-server"
    bottom = TOP + ROW * len(found)
    width, height = LEFT + WIDTH + RIGHT, bottom + 48
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}"><style>{STYLE}</style>',
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="title" x="16" y="24">{escape(title)}</text>']
    for ratio in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000):
        if least <= ratio <= most:
            mark = "axis" if ratio == 1 else "grid"
            parts.append(f'<line class="{mark}" x1="{x(ratio):.1f}" x2="{x(ratio):.1f}" y1="{TOP}" y2="{bottom}"/>')
            parts.append(label(x(ratio), bottom + 18, f"{ratio:g}"))
    for index, (name, ratio, ours, peer) in enumerate(found):
        y = TOP + ROW * index
        start, end = sorted((x(1), x(ratio)))
        parts.append(
            f'<rect x="{start:.1f}" y="{y + 5}" width="{max(1.0, end - start):.1f}" height="{ROW - 10}" '
            f'fill="{COLOURS[0 if ratio >= 1 else 1]}"/>')
        parts.append(label(LEFT - 10, y + ROW / 2 + 4, name, "end"))
        parts.append(label(max(end, x(1)) + 6, y + ROW / 2 + 4, f"{ratio:.3g}  ({ours:.3g}, {peer:.3g})", "start"))
    parts.append(label(LEFT + WIDTH / 2, bottom + 38, "in brackets: infer-serve, llama-server"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.json")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    found = rows([entry for file in arguments.files for entry in json.loads(file.read_text())["rounds"]])
    if not found:
        parser.error("no figure that both servers have")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "serving.svg").write_text(draw(found))


if __name__ == "__main__":
    main()
