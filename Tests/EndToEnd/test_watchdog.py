"""Steps that do not end, threads that die, weights that are cut short, and logits that are no numbers."""
import ctypes
import json
import os
import platform
import shutil
import struct
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from server import LONG, Server, wait_until

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
SEIZE, INTERRUPT, GETREGS, SETREGS, DETACH = 0x4206, 0x4207, 12, 13, 17
WALL = 0x40000000


def ptrace(request, thread, address=None, data=None):
    if libc.ptrace(request, thread, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {thread}")


def thread_named(server, name):
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip().startswith(name):
            return int(task.name)
    raise AssertionError(f"there is no thread {name}")


class Stopped:
    """A thread of the server's that the system runs no further, as if it had lost its way."""

    def __init__(self, server, name):
        self.thread = thread_named(server, name)
        try:
            ptrace(SEIZE, self.thread)
        except OSError as error:
            pytest.skip(f"this system lets nobody stop a thread: {error}")
        ptrace(INTERRUPT, self.thread)
        os.waitpid(self.thread, WALL)

    def go_on(self):
        ptrace(DETACH, self.thread)

    def see_killed(self):
        """Returns once the thread is ended with its process, of whose end the system tells nobody before."""
        while not os.WIFSIGNALED(status := os.waitpid(self.thread, WALL)[1]) and not os.WIFEXITED(status):
            pass

    def end(self):
        """Has the thread call exit(2), which ends it and nothing else of the process."""
        if platform.machine() != "x86_64":
            pytest.skip("the registers are those of x86-64")
        registers = (ctypes.c_ulong * 27)()
        ptrace(GETREGS, self.thread, None, ctypes.cast(registers, ctypes.c_void_p))
        code = open(f"/proc/{self.thread}/mem", "rb")
        code.seek(registers[16] - 2)
        assert code.read(2) == b"\x0f\x05", "the thread sleeps in a system call"
        # The call again, but for another number (rax) and no error to end with (rdi); orig_rax says that none is under way.
        registers[10], registers[14], registers[15], registers[16] = 60, 0, 2**64 - 1, registers[16] - 2
        ptrace(SETREGS, self.thread, None, ctypes.cast(registers, ctypes.c_void_p))
        ptrace(DETACH, self.thread)


def in_background(server, **fields):
    def ask():
        try:
            server.post("/v1/chat/completions", server.chat(**fields))
        except httpx.HTTPError:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_step_that_takes_long_is_told_and_counted(start):
    with start("--slow-step", "0.3", "--stuck-step", "0") as server:
        request = in_background(server, **LONG | {"max_tokens": 3000})
        wait_until(lambda: server.metric("num_requests_running") > 0)
        stopped = Stopped(server, "infer-engine")
        told = server.wait_for_event("a step takes long")
        assert told["level"] == "warning" and told["model"] == server.model
        assert int(told["sequences"]) == 1 and int(told["rows"]) >= 1 and int(told["step"]) >= 1
        stopped.go_on()
        ended = server.wait_for_event("a step that took long has ended")
        assert ended["step"] == told["step"]
        request.join(60)
        assert server.metric("slow_steps_total") == 1
        assert server.post("/v1/chat/completions", server.chat(max_tokens=2)).status_code == 200


def test_a_step_that_does_not_end_ends_the_process(start):
    with start("--slow-step", "0.2", "--stuck-step", "0.8") as server:
        request = in_background(server, **LONG)
        wait_until(lambda: server.metric("num_requests_running") > 0)
        Stopped(server, "infer-engine").see_killed()
        assert server.exit_code() == 70
        told = next(event for event in server.events() if event["message"].startswith("a step does not end"))
        assert told["level"] == "critical" and int(told["sequences"]) == 1
        request.join(60)


def test_a_thread_that_died_ends_the_process(start):
    with start("--threads", "2") as server:
        assert server.post("/v1/chat/completions", server.chat(max_tokens=2)).status_code == 200
        server.wait_until_idle()
        Stopped(server, "infer-worker-1").end()
        assert server.exit_code() == 70
        told = next(event for event in server.events() if event["message"].startswith("threads have died"))
        assert told["threads"] == "infer-worker-1" and told["level"] == "critical"


def test_threads_of_the_server_that_do_not_answer_are_told(start):
    with start("--slow-step", "0.3", "--stuck-step", "1.2") as server:
        Stopped(server, "NIO-SGLTN").see_killed()
        assert server.exit_code() == 70
        messages = [event["message"] for event in server.events()]
        assert "the server's threads do not answer" in messages
        assert "the server's threads do not answer: the process ends" in messages


def test_weights_that_are_cut_short_are_named(binary, model, tmp_path):
    # Weights that are used where the file is mapped.
    weights = tmp_path / "panels.gguf"
    subprocess.run([binary, "quantize", "--model", model, "--format", "Q8_0", "--panels", "--output", str(weights)],
                   check=True, capture_output=True)
    size = weights.stat().st_size
    with Server(binary, weights) as server:
        assert server.post("/v1/chat/completions", server.chat(max_tokens=2)).status_code == 200
        with open(weights, "r+b") as file:
            file.truncate(8192)
        try:
            server.post("/v1/chat/completions", server.chat("Something else", max_tokens=50))
        except httpx.HTTPError:
            pass
        assert server.exit_code() == 74
        last = Path(server.log.name).read_text(encoding="utf-8").splitlines()[-1]
        assert f"{weights} was cut short, from {size} bytes to 8192, while it was in use" in last


def test_logits_that_are_no_numbers_end_their_request_alone(binary, model, tmp_path):
    """The last norm's weights are NaN: every answer ends with an error, nothing of it is cached, and serving goes on."""
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    with open(folder / "model.safetensors", "r+b") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        first, last = json.loads(file.read(length))["model.norm.weight"]["data_offsets"]
        file.seek(8 + length + first)
        file.write(b"\xff" * (last - first))
    with Server(binary, folder) as server:
        answer = server.post("/v1/chat/completions", server.chat(max_tokens=5))
        assert answer.status_code == 500 and "no number" in answer.json()["error"]["message"]
        with httpx.stream("POST", server.url + "/v1/chat/completions",
                          json=server.chat(max_tokens=5, stream=True), timeout=60) as stream:
            assert '"error"' in stream.read().decode()
        line = wait_until(lambda: next((event for event in server.events() if event["message"] == "request"
                                        and event.get("finish_reason") == "not_finite"), None))
        assert line["level"] == "error" and int(line["prompt_tokens"]) > 0 and line["model"] == server.model
        assert server.metric("request_success_total", finished_reason="not_finite") == 2
        assert server.metric("prefix_cache_entries", kind="kv") == 0
        assert httpx.get(server.url + "/health").status_code == 200
