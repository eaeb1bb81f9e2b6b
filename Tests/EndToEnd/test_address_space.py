"""A limit of addresses: the server serves, or does not start, in words."""
import subprocess
import threading

import httpx
import pytest

from server import Server

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("command", [["bench"], ["generate", "--tokens", "5,6", "--max-tokens", "3"], ["perplexity", "--file", __file__]])
@pytest.mark.parametrize("mebibytes", [450, 700])
def test_commands_end_in_words(binary, model, command, mebibytes):
    arguments = [binary, command[0], "--model", model, *command[1:]]
    result = subprocess.run(
        ["bash", "-c", f'ulimit -v {mebibytes << 10} && exec "$@"', "bash", *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "address space" in result.stderr, result


@pytest.mark.parametrize("mebibytes", [250, 400, 550, 700, 850, 1000, 1200, 1500, 2000, 3000])
def test_what_starts_serves(binary, model, mebibytes):
    limit = f"ulimit -v {mebibytes << 10}"
    command = f'{limit} && exec "$@"'
    arguments = [binary, "serve", "--model", model, "--port", "0", "--log-format", "json"]
    process = subprocess.Popen(["bash", "-c", command, "bash", *arguments], stderr=subprocess.PIPE, text=True)
    # One that neither serves nor ends is no better than one that crashes.
    patience = threading.Timer(60, process.kill)
    patience.start()
    try:
        lines = []
        while (line := process.stderr.readline()) and '"ready"' not in line:
            lines.append(line)
        if not line:
            assert process.wait(30) not in (0, 132, 133, 134, 139) and process.returncode > 0, lines
            assert lines and len(lines[-1]) < 500 and "memory" in lines[-1] or "address" in lines[-1], lines
            return
    finally:
        patience.cancel()
        process.kill()
        process.wait()
    with Server(binary, model, limits=f"-v {mebibytes << 10}") as server:
        long = server.chat("seven " * 200, max_tokens=30, ignore_eos=True)
        many = server.chat(max_tokens=30, n=32, logprobs=True, top_logprobs=20)
        for body in (long, many):
            assert server.post(CHAT, body).status_code == 200
        for _ in range(20):
            assert httpx.get(server.url + "/health").status_code == 200
        server.signal()
        assert server.exit_code() == 0
