"""Draws the table of RESULTS.md that holds tokens a second against llama.cpp's, for one model.

usage: plot_speed.py [--model NAME] [--results RESULTS.md] [--output FILE.svg]

A chart for each kind of work, with a pair of bars for each format of weights: medians, as the table has them. The caption is
RESULTS.md's word on the machine. The picture follows the reader's choice of a light or a dark page. Needs no packages.
"""

import argparse
import re
import sys
from html import escape
from pathlib import Path

from plot import COLOURS, STYLE, label, level

FOLDER = Path(__file__).parent
TESTS = {"pp512": "reading a prompt of 512", "tg64": "generating one answer", "tg32 b16": "generating 16 together"}
PROGRAMS = ["infer-serve", "llama.cpp"]
LEFT, TOP, WIDTH, HEIGHT, GAP, BAR = 16, 88, 256, 170, 20, 25

# Format of weights and test to the medians of both programs.
Figures = dict[tuple[str, str], tuple[float, float]]


def figures(text: str, model: str) -> Figures:
    """The figures of the tables whose heading names the model, with a format beside it or in the first column."""
    found: Figures = {}
    formats = ""
    is_ours = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            is_ours = False
        elif "ours, tokens/s" in cells and cells[1] == "test":
            name, _, formats = cells[0].partition(",")
            is_ours = name == f"`{model}`" and cells[2:4] == ["ours, tokens/s", "llama.cpp, tokens/s"]
            formats = formats.strip()
        elif is_ours and not re.fullmatch(r"[-:|]+", line):
            formats = cells[0] or formats
            found[formats, cells[1]] = float(cells[2]), float(cells[3])
    return found


def machine(text: str) -> str:
    """The beginning of the first paragraph, which tells of the machine."""
    paragraph = text.split("\n\n")[1]
    return " ".join(re.split(r"[;.]\s", paragraph)[0].split())


def chart(found: Figures, test: str, left: float) -> list[str]:
    """Pairs of bars, each pair a format."""
    formats = [name for name, other in found if other == test]
    most = max(max(found[name, test]) for name in formats)
    room = WIDTH / len(formats)
    parts = [label(left + WIDTH / 2, TOP - 10, TESTS[test])]
    for number, name in enumerate(formats):
        middle = left + room * (number + 0.5)
        parts.append(label(middle, TOP + HEIGHT + 18, name))
        for program, value in enumerate(found[name, test]):
            height = (HEIGHT - 24) * value / most
            x, y = middle + (program - 1) * BAR, TOP + HEIGHT - height
            parts.append(
                f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{BAR - 2}" height="{height:.1f}" fill="{COLOURS[program]}"/>')
            parts.append(label(x + BAR / 2, y - 4, f"{value:.0f}"))
    parts.append(f'<line class="axis" x1="{left}" x2="{left + WIDTH}" {level(TOP + HEIGHT)}/>')
    return parts


def draw(found: Figures, model: str, caption: str) -> str:
    tests = [test for test in TESTS if any(other == test for _, other in found)]
    width = 2 * LEFT + len(tests) * WIDTH + (len(tests) - 1) * GAP
    height = TOP + HEIGHT + 52
    title = f"Tokens a second, {model}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}"><style>{STYLE}</style>',
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>']
    for number, program in enumerate(PROGRAMS):
        x = LEFT + 110 * number
        parts.append(f'<rect x="{x}" y="40" width="14" height="14" fill="{COLOURS[number]}"/>')
        parts.append(label(x + 20, 52, program, "start"))
    for number, test in enumerate(tests):
        parts += chart(found, test, LEFT + number * (WIDTH + GAP))
    parts.append(label(LEFT, height - 12, caption, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="granite-h-tiny-10l")
    parser.add_argument("--results", type=Path, default=FOLDER / "RESULTS.md")
    parser.add_argument("--output", type=Path, default=FOLDER / "plots/speed.svg")
    arguments = parser.parse_args()
    text = arguments.results.read_text()
    found = figures(text, arguments.model)
    if not found:
        sys.exit(f"{arguments.results} holds no table of {arguments.model} against llama.cpp")
    arguments.output.write_text(draw(found, arguments.model, machine(text)))


if __name__ == "__main__":
    main()
