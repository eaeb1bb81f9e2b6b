"""What is kept on disk outlives the server, and no disk does it harm."""
import concurrent.futures
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from server import wait_until

CHAT = "/v1/chat/completions"
SYSTEM = "You are a careful teacher of arithmetic, who explains every single step. " * 38


def chat(server, question, system=SYSTEM, **more):
    body = {
        "model": server.model, "max_tokens": 24, "temperature": 0, "ignore_eos": True,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": question}]} | more
    response = server.post(CHAT, body)
    assert response.status_code == 200, response.text
    answer = response.json()
    usage = answer["usage"]
    return answer["choices"][0]["message"], usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"]


def stop(server):
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 0


def is_written(server):
    told = httpx.get(server.url + "/cache").json()["disk"]
    return told["entries"] >= 3 and told


def files(folder, pattern="*"):
    return sorted(Path(folder).glob(pattern))


def test_the_first_request_after_a_restart_is_warm(start, tmp_path):
    options = ["--cache-dir", str(tmp_path / "cache")]
    with start(*options) as server:
        cold, computed = chat(server, "What is 3 + 4?")
        assert computed > 500
        stop(server)
    assert files(tmp_path / "cache", "*.state")
    with start(*options) as server:
        other, computed = chat(server, "What is 15 + 26?")
        assert computed <= 32
        assert chat(server, "What is 15 + 26?", cache_prompt=False)[0] == other
        warm, computed = chat(server, "What is 3 + 4?")
        assert warm == cold and computed <= 32
        assert server.metric("prefix_cache_disk_loads_total") >= 1
        assert server.metric("prefix_cache_disk_loaded_tokens_total") > 500
        assert chat(server, "What is 15 + 26?", cache_salt="other")[1] > 500
        # What was kept last may still be on its way to the disk.
        tell = lambda: httpx.get(server.url + "/cache").json()["disk"]
        wait_until(lambda: tell()["entries"] == server.metric("prefix_cache_disk_entries") > 0)
        assert tell()["loaded_tokens"] > 500
        # A reset is one on disk as well.
        assert httpx.post(server.url + "/cache/reset").json()["disk"]["entries"] == 0
        assert not files(tmp_path / "cache", "*.state")


def test_requests_that_come_together_after_a_restart_share(start, tmp_path):
    options = ["--cache-dir", str(tmp_path)]
    with start(*options) as server:
        chat(server, "What is 3 + 4?")
        stop(server)
    with start(*options) as server:
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            counts = list(pool.map(lambda number: chat(server, f"What is {number} + {number}?")[1], range(10, 16)))
        assert all(count <= 40 for count in counts), counts


def test_killed_at_any_time_the_next_start_is_sound(start, tmp_path):
    options = ["--cache-dir", str(tmp_path)]
    answers = {}
    for round in range(4):
        with start(*options) as server:
            for number in range(round + 1):
                question = f"What is {number} + {round}?"
                answers[question] = chat(server, question, system=f"{number} {SYSTEM}")[0]
            server.signal(signal.SIGKILL)
            server.exit_code()
    (tmp_path / ("0" * 64 + ".state.partial-ABC")).write_bytes(b"ISSTATE\n half of a file")
    with start(*options) as server:
        assert not files(tmp_path, "*.partial-*")
        for question, answer in answers.items():
            number = question.split()[2]
            assert chat(server, question, system=f"{number} {SYSTEM}")[0] == answer
        assert server.metric("prefix_cache_disk_failures_total", operation="read") == 0


@pytest.mark.parametrize("damage", ["cut", "flip", "swap", "empty"])
def test_damaged_files_are_misses(start, tmp_path, damage):
    options = ["--cache-dir", str(tmp_path)]
    with start(*options) as server:
        cold, _ = chat(server, "What is 3 + 4?")
        stop(server)
    paths = files(tmp_path, "*.state")
    whole = [path.read_bytes() for path in paths]
    for path, content, other in zip(paths, whole, whole[1:] + whole[:1]):
        path.write_bytes({
            "cut": content[:-1], "flip": content[:-50] + bytes([content[-50] ^ 1]) + content[-49:], "swap": other,
            "empty": b""}[damage])
    with start(*options) as server:
        again, computed = chat(server, "What is 3 + 4?")
        assert again == cold and computed > 500
        wait_until(lambda: is_written(server), what="files anew")
        stop(server)
    with start(*options) as server:
        assert chat(server, "What is 3 + 4?") == (cold, 1)


def test_a_folder_that_cannot_be_is_a_warning(start, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with start("--cache-dir", str(blocked)) as server:
        for number in range(3):
            chat(server, f"What is {number} + 4?")
        wait_until(lambda: server.metric("prefix_cache_disk_failures_total", operation="write"), what="a failure")
        warnings = [event for event in server.events() if event["message"] == "cache folder"]
        assert len(warnings) == 1 and str(blocked) in warnings[0]["warning"]
        assert blocked.read_text() == "not a folder"


def test_a_folder_that_goes_away_is_made_again(start, tmp_path):
    folder = tmp_path / "cache"
    with start("--cache-dir", str(folder)) as server:
        chat(server, "What is 3 + 4?")
        wait_until(lambda: is_written(server), what="files")
        # More may be written meanwhile.
        wait_until(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists(), what="the folder's end")
        httpx.post(server.url + "/cache/reset")
        # Should a write have failed meanwhile, nothing is written for ten seconds.
        for number in range(300):
            chat(server, f"What is {number} + 4?")
            if files(folder, "*.state"):
                break
            time.sleep(0.1)
        assert files(folder, "*.state")


def test_the_bound_holds(start, tmp_path):
    with start("--cache-dir", str(tmp_path), "--cache-dir-mib", "2") as server:
        for number in range(12):
            chat(server, "What is 3 + 4?", system=f"{number} " + SYSTEM)
        time.sleep(0.5)
        stop(server)
    sizes = [path.stat().st_size for path in files(tmp_path)]
    assert 0 < sum(sizes) <= 2 << 20, sizes


@pytest.mark.parametrize("options", [
    ["--cache-dir-mib", "0", "--cache-dir", "x"], ["--cache-dir", ""], ["--cache-dir", "x", "--no-prefix-caching"]])
def test_options_that_make_no_sense_are_refused(binary, model, options):
    result = subprocess.run([binary, "serve", "--model", model, *options], capture_output=True, text=True, timeout=60)
    assert result.returncode == 64 and "--cache-dir" in result.stderr
