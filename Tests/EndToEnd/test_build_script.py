"""What `make build` tells where there is no terminal."""
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts/build.sh"

# Says what `swift build` says, and is silent while it compiles.
COMPILER = """#!/usr/bin/env bash
echo "Fetching https://github.com/x"
echo "[1/2] Compiling $*"
bash -c 'sleep 3.5; echo "a warning" >&2' swift-frontend -module-name Huge -O
exit $CODE
"""


@pytest.mark.parametrize("code", [0, 3])
def test_silent_minutes_are_told_of(tmp_path, code):
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/build.sh"
    script.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    compiler = tmp_path / "swift"
    compiler.write_text(COMPILER, encoding="utf-8")
    compiler.chmod(0o755)
    # Where COLUMNS is set, ps cuts the lines of commands if it is not told otherwise.
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "COLUMNS": "40"}
    environment |= {"BUILD_BEAT_SECONDS": "1", "CODE": str(code)}
    result = subprocess.run(["bash", script, "-c", "release"], capture_output=True, text=True, timeout=60, env=environment)
    assert result.returncode == code
    lines = result.stdout.splitlines()
    assert lines[0].startswith("building for the first time: packages are fetched")
    assert lines[1:3] == ["Fetching https://github.com/x", "[1/2] Compiling build -c release"]
    beats = [line for line in lines if line.startswith("still building: ")]
    assert len(beats) >= 2 and all(line.endswith("now compiling Huge") for line in beats)
    assert lines[-1] == "a warning"
    # Later builds do not begin with everything.
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build/workspace-state.json").touch()
    again = subprocess.run(["bash", script], capture_output=True, text=True, timeout=60, env=environment)
    assert again.stdout.startswith("Fetching ")
