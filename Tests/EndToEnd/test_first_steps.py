"""What a newcomer sees."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from server import wait_until


@pytest.fixture(scope="module")
def banner(binary, model):
    """What the server prints when it is ready, while it runs."""
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen(
            [binary, "serve", "--model", model, "--port", "0"], stdout=subprocess.PIPE, stderr=log)
        read = lambda: Path(log.name).read_text(encoding="utf-8")
        try:
            wait_until(lambda: " ready " in read(), 60, "the banner")
            yield read()
        finally:
            process.terminate()
            assert process.communicate(timeout=60)[0] == b""


def test_the_banner_tells_what_was_loaded(banner, binary, model):
    report = json.loads(subprocess.run([binary, "inspect", "--model", model, "--json"], capture_output=True).stdout)
    assert report["layout"] in banner and report["family"] in banner and Path(model).name in banner
    for word in ("parameters", "active", "weights", "KV", "state", "http://127.0.0.1:"):
        assert word in banner


def test_the_command_to_try_works(banner, model):
    command = re.search(r"^ *(curl .*)$", banner, re.MULTILINE).group(1)
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    lines = [line.removeprefix("data: ") for line in result.stdout.splitlines() if line]
    assert lines.pop() == "[DONE]"
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    reasoning = "".join(delta.get("reasoning_content") or "" for delta in deltas)
    content = "".join(delta.get("content") or "" for delta in deltas)
    assert reasoning and content and "think>" not in content
    if Path(model).name != "tiny":
        pytest.skip("only the bundled model is known to be right")
    assert re.findall(r"\d+", content) == ["23", "12"]
