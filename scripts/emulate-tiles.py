#!/usr/bin/env python3
"""Links the tests of a build once more, or its command, with the tiles of AMX in plain C (Tests/Kernels/emulated_tiles.h).

usage: emulate-tiles.py PLAN OUT [infer-serve [TILES]]

PLAN is what `swift build` leaves, such as .build/release.yaml; writes OUT/tests, or OUT/infer-serve. TILES is another header in
place of those tiles, seen from Sources/CKernels. The one file of kernels that has tiles is compiled as the plan says. All else
is what the build has, and stays as it is.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

TILES = "../../Tests/Kernels/emulated_tiles.h"
KERNELS = "/CKernels.build/isa_amx.c.o"
TESTS = "PackageTests.xctest"


def command(plan: str, suffix: str) -> list[str]:
    """The arguments of the command that writes a file whose path ends so."""
    for entry in plan.split("\n\n"):
        lists = {name: json.loads(text) for name, text in re.findall(r"^ *(outputs|args): (\[.*\])$", entry, re.MULTILINE)}
        if "args" in lists and any(output.endswith(suffix) for output in lists["outputs"]):
            return lists["args"]
    sys.exit(f"emulate-tiles: nothing makes …{suffix} in the plan of the build")


def replace(arguments: list[str], option: str, value: Path) -> str:
    """Gives an option another value, and says which it had."""
    position = arguments.index(option) + 1
    old, arguments[position] = arguments[position], str(value)
    return old


def main(plan: str, out: Path, product: str = "tests", tiles: str = TILES) -> None:
    out.mkdir(parents=True, exist_ok=True)
    emulated = out / "isa_amx.c.o"
    compiling = command(plan, KERNELS)
    replace(compiling, "-MF", out / "isa_amx.c.d")
    original = replace(compiling, "-o", emulated)
    subprocess.run([*compiling, f'-DCK_TILE_EMULATION="{tiles}"'], check=True)

    linking = command(plan, TESTS if product == "tests" else f"/{product}")
    replace(linking, "-o", out / product)
    [listed] = [position for position, each in enumerate(linking) if each.endswith(".LinkFileList")]
    objects = Path(linking[listed].removeprefix("@")).read_text()
    if objects.count(original) != 1:
        sys.exit(f"emulate-tiles: {original} is not among what is linked")
    (out / "objects").write_text(objects.replace(original, str(emulated)))
    linking[listed] = f"@{out / 'objects'}"
    subprocess.run(linking, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text(), Path(sys.argv[2]).resolve(), *sys.argv[3:])
