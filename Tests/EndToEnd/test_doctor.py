"""`infer-serve doctor` and `infer-serve health`."""
import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from server import Server


def run(binary, *arguments, **environment):
    return subprocess.run(
        [binary, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


def doctor(binary, *arguments, **environment):
    """The exit code, and findings by check."""
    result = run(binary, "doctor", "--no-measurement", "--json", *arguments, **environment)
    report = json.loads(result.stdout)
    assert report["ok"] == (result.returncode == 0), result.stderr
    for finding in report["findings"]:
        assert finding["level"] == "ok" or finding["why"] and finding["advice"], finding
    return result.returncode, {finding["check"]: finding for finding in report["findings"]}


def test_a_sound_model_passes(binary, model):
    code, findings = doctor(binary, model)
    assert code == 0
    for check in ("kernels", "processors", "memory", "files", "model", "fits", "tokenizer", "template"):
        assert check in findings, check
    assert findings["tokenizer"]["level"] == findings["template"]["level"] == findings["files"]["level"] == "ok"
    text = run(binary, "doctor", model)
    assert text.returncode == 0 and "GB/s" in text.stdout and "tokens a second" in text.stdout


def broken(model, folder, change):
    shutil.copytree(model, folder)
    change(folder)
    return folder


@pytest.mark.parametrize("change, check, says", [
    (lambda folder: (folder / "model.safetensors").unlink(), "files", "model.safetensors"),
    (lambda folder: os.truncate(folder / "model.safetensors", 100_000), "files", "truncated"),
    (lambda folder: (folder / "config.json").write_text("{}"), "model", "config.json"),
    (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer", "none"),
    (lambda folder: (folder / "chat_template.jinja").write_text("{{ raise_exception('no') }}"), "template", "no"),
], ids=["missing", "truncated", "config", "tokenizer", "template"])
def test_what_is_wrong_with_a_model_is_told(binary, model, tmp_path, change, check, says):
    code, findings = doctor(binary, broken(model, tmp_path / "model", change))
    assert code == 1 and findings[check]["level"] == "fail" and says in findings[check]["found"], findings


def test_kernels_that_were_not_wanted_are_warned_of(binary):
    code, findings = doctor(binary, INFER_SERVE_ISA="mmx")
    assert code == 0 and findings["kernels"]["level"] == "warn" and "mmx" in findings["kernels"]["why"]


@pytest.mark.parametrize("arguments", [["--max-context", "5"], ["MODEL", "--max-context", "0"], ["--quantize", "Q8_0"]], ids=str)
def test_wrong_options_are_one_clear_line(binary, model, arguments):
    result = run(binary, "doctor", *(model if a == "MODEL" else a for a in arguments))
    assert result.returncode == 64 and result.stdout == "" and result.stderr.count("\n") == 1


def test_a_ready_server_is_healthy(binary, server):
    result = run(binary, "health", server.url)
    assert (result.returncode, result.stdout, result.stderr) == (0, "ready\n", "")


def test_health_needs_no_key_and_reaches_sockets(binary, model, tmp_path):
    with Server(binary, model, "--api-key", "secret", address=("--unix-socket", str(tmp_path / "s"))):
        assert run(binary, "health", f"unix:{tmp_path}/s").returncode == 0


def test_health_waits_for_a_server(binary, model, start):
    with start() as first:
        port = first.port
    nobody = run(binary, "health", f"http://127.0.0.1:{port}")
    assert nobody.returncode == 1 and "cannot connect" in nobody.stderr and nobody.stderr.count("\n") == 1
    begun = time.monotonic()
    assert run(binary, "health", "--wait", "0.5", f"http://127.0.0.1:{port}").returncode == 1
    assert 0.2 < time.monotonic() - begun < 30
    servers = []
    thread = threading.Thread(target=lambda: (time.sleep(0.5), servers.append(
        Server(binary, model, address=("--port", str(port))))))
    thread.start()
    try:
        assert run(binary, "health", "--wait", "60", f"http://127.0.0.1:{port}").returncode == 0
    finally:
        thread.join()
        servers[0].__exit__()


def test_a_wrong_address_is_wrong_usage(binary):
    result = run(binary, "health", "nowhere")
    assert result.returncode == 64 and "nowhere" in result.stderr and result.stderr.count("\n") == 1
