"""Draws what compare.py measured: tokens a second against batch size, and against context.

usage: plot.py FILE.json FOLDER [--title TEXT]

Writes FOLDER/batch.svg and FOLDER/context.svg, each where there is something to draw. Lines are medians, bars go from
least to most. Ours are drawn through, the peer's dashed; a colour is a model. The pictures follow the reader's choice
of a light or a dark page. Needs no packages.
"""

import argparse
import json
import math
import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import report

# Colours that stand out on white and on nearly black, also to colour-blind readers (after Okabe and Ito).
COLOURS = ["#0a7bc2", "#d1651a", "#1a9970", "#b3589a"]
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 }
.grid { stroke: #ddd } .axis { stroke: #888 } .page { fill: #fff }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc } .grid { stroke: #3a3a3a } .axis { stroke: #888 } .page { fill: #161616 }
}
"""
LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 64, 24, 44, 52, 460, 300


@dataclass
class Series:
    """A line: at each place of the horizontal axis, median, least and most."""

    name: str
    colour: str
    dashed: bool
    points: dict[int, report.Spread]


def series(results: dict[str, Any], pattern: str) -> list[Series]:
    """Lines of the tests whose names match; the pattern's group is the place, 0 where it is absent."""
    lines = []
    for index, case in enumerate(report.case_names(results)):
        colour = COLOURS[index % len(COLOURS)]
        own: dict[int, report.Spread] = {}
        peer: dict[int, report.Spread] = {}
        for name, samples in report.tests_of(results, case).items():
            match = re.fullmatch(pattern, name)
            if match is None:
                continue
            place = int(match[1] or 0)
            own[place] = report.spread([sample["ours"]["speed"] for sample in samples])
            others = [sample["peer"] for sample in samples if sample["peer"] is not None]
            if others:
                peer[place] = report.spread(others)
        lines.append(Series(f"{case}, infer-serve", colour, False, own))
        lines.append(Series(f"{case}, llama.cpp", colour, True, peer))
    return [line for line in lines if line.points]


class Chart:
    """A chart with evenly spaced places and a linear vertical axis from zero."""

    def __init__(self, lines: list[Series]) -> None:
        self.lines = lines
        self.places = sorted({place for line in lines for place in line.points})
        most = max(spread[2] for line in lines for spread in line.points.values())
        self.step = nice_step(most / 5)
        self.top = math.ceil(most / self.step) * self.step

    def x(self, place: int) -> float:
        room = WIDTH / max(len(self.places), 1)
        return LEFT + room * (self.places.index(place) + 0.5)

    def y(self, value: float) -> float:
        return TOP + HEIGHT * (1 - value / self.top)

    def draw(self, title: str, axis: str) -> str:
        height = TOP + HEIGHT + BOTTOM + 20 * len(self.lines)
        width = LEFT + WIDTH + RIGHT
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="{escape(title)}"><style>{STYLE}</style>',
            f'<rect class="page" width="{width}" height="{height}"/>',
            f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>']
        for number in range(round(self.top / self.step) + 1):
            value = number * self.step
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" {level(self.y(value))}/>')
            parts.append(label(LEFT - 8, self.y(value) + 4, f"{value:g}", "end"))
        for place in self.places:
            parts.append(label(self.x(place), TOP + HEIGHT + 18, f"{place:,}"))
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{LEFT + WIDTH}" {level(TOP + HEIGHT)}/>')
        parts.append(label(LEFT + WIDTH / 2, TOP + HEIGHT + 40, axis))
        parts.append(
            f'<text transform="translate(16 {TOP + HEIGHT / 2}) rotate(-90)" text-anchor="middle">tokens/s</text>')
        for number, line in enumerate(self.lines):
            parts += self.line(line, TOP + HEIGHT + BOTTOM + 20 * number + 8)
        return "\n".join([*parts, "</svg>"]) + "\n"

    def line(self, line: Series, legend: float) -> list[str]:
        stroke = f'stroke="{line.colour}" stroke-width="2" fill="none"'
        dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
        places = sorted(line.points)
        path = " ".join(f"{self.x(place):.1f},{self.y(line.points[place][0]):.1f}" for place in places)
        parts = [
            f'<polyline points="{path}" {stroke}{dashes}/>',
            f'<line x1="{LEFT}" x2="{LEFT + 36}" {level(legend)} {stroke}{dashes}/>',
            label(LEFT + 46, legend + 4, line.name, "start")]
        for place in places:
            median, least, most = line.points[place]
            x = self.x(place)
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.y(least):.1f}" y2="{self.y(most):.1f}" {stroke}/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{self.y(median):.1f}" r="3.5" fill="{line.colour}"/>')
        return parts


def nice_step(least: float) -> float:
    """The least of 1, 2, 5, 10, 20, … that is no smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def level(y: float) -> str:
    return f'y1="{y:.1f}" y2="{y:.1f}"'


def label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--title", help="what stands above the pictures (default: the comparison's label)")
    arguments = parser.parse_args()
    results = json.loads(arguments.file.read_text())
    title = arguments.title or results["label"]
    plan = results["plan"]
    charts = {
        "batch": (rf"tg{plan['generate']} b(\d+)", "sequences that generate together"),
        "context": (rf"tg{plan['generate']}(?: @ d(\d+))?", "tokens of context before those that are generated"),
    }
    arguments.folder.mkdir(parents=True, exist_ok=True)
    drawn = False
    for name, (pattern, axis) in charts.items():
        lines = series(results, pattern)
        if lines:
            text = Chart(lines).draw(f"Generating, {title}" if title else "Generating", axis)
            (arguments.folder / f"{name}.svg").write_text(text)
            drawn = True
    if not drawn:
        sys.exit(f"{arguments.file} holds no test of generating")


if __name__ == "__main__":
    main()
