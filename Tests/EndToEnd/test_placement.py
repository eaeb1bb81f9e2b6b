"""`--numa`: where threads and memory are on machines of one node and cache, and of several."""
import ctypes
import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from server import Server

NODES = Path("/sys/devices/system/node")
PROCESSORS = Path("/sys/devices/system/cpu")
CACHES = {path.read_text() for path in PROCESSORS.glob("cpu[0-9]*/cache/index3/shared_cpu_list")}
MODES = ["distribute", "isolate"]
only_one_node = pytest.mark.skipif(
    len(list(NODES.glob("node[0-9]*"))) > 1 or len(CACHES) > 1, reason="a machine of several nodes or caches")


def run(binary, *arguments, **environment):
    return subprocess.run(
        [binary, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment})


def placements(server):
    return [event for event in server.events() if event["message"] == "placement"]


def answer(server):
    body = server.chat("雞兔同籠，上有35頭，下有94足，問雞兔各幾何？", temperature=0, max_tokens=40)
    response = server.post("/v1/chat/completions", body)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]


@only_one_node
@pytest.mark.parametrize("mode", MODES)
def test_one_node_needs_no_placement(binary, model, mode):
    plain = run(binary, "generate", "--model", model, "--tokens", "5,17,9", "--max-tokens", 4)
    placed = run(binary, "generate", "--model", model, "--tokens", "5,17,9", "--max-tokens", 4, "--numa", mode)
    assert placed.returncode == 0 and placed.stdout == plain.stdout
    assert f"--numa {mode}: the machine has one node and one last-level cache" in placed.stderr
    assert "nothing to do" in placed.stderr


@only_one_node
@pytest.mark.parametrize("mode", MODES)
def test_a_server_on_one_node_says_so_and_serves(start, server, mode):
    with start("--numa", mode) as placed:
        told = [placement["numa"] for placement in placements(placed)]
        assert told == [
            f"--numa {mode}: the machine has one node and one last-level cache for this process, so that there is "
            "nothing to do"]
        assert answer(placed) == answer(server)
        placed.signal()
        assert placed.exit_code() == 0


def test_a_server_that_nobody_asks_places_nothing(server):
    assert placements(server) == []


def test_other_modes_are_refused(binary, model):
    for value in ("all", "Distribute", "0", "", "distribute,isolate"):
        wrong = run(binary, "serve", "--port", 0, "--model", model, "--numa", value)
        assert wrong.returncode == 64 and "--numa" in wrong.stderr and wrong.stdout == "", value
        assert "distribute" in wrong.stderr and "isolate" in wrong.stderr, wrong.stderr
    for command in (["generate", "--tokens", "5"], ["bench"]):
        assert run(binary, *command, "--model", model, "--numa", "all").returncode == 64
    missing = run(binary, "serve", "--model", model, "--numa")
    assert missing.returncode == 64 and "--numa" in missing.stderr


def test_configurations_are_held_to_the_modes_as_well(binary, model, tmp_path):
    file = tmp_path / "serve.yaml"
    file.write_text(f"model: {model}\nport: 0\nnuma: both\n")
    for wrong in (run(binary, "config", "check", file), run(binary, "serve", "--config", file)):
        assert wrong.returncode != 0 and "numa" in wrong.stderr and "both" in wrong.stderr, wrong.stderr
    wrong = run(binary, "serve", "--model", model, "--port", 0, INFER_SERVE_NUMA="both")
    assert wrong.returncode != 0 and "numa" in wrong.stderr.lower() and "both" in wrong.stderr, wrong.stderr


@pytest.fixture(scope="session")
def on_two_nodes(binary, tmp_path_factory):
    """The command where the system tells that each second processor is of another node, which has no memory.

    The files that tell so stand over the system's own, in a mount namespace. Everything else is the machine's: threads are
    bound and memory is placed.
    """
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        pytest.skip("one processor is on one node")
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "online").write_text("0-1\n")
    for node in (0, 1):
        (folder / f"node{node}").mkdir()
        (folder / f"node{node}/cpulist").write_text(",".join(map(str, processors[node::2])) + "\n")
        (folder / f"node{node}/meminfo").write_text(f"Node {node} MemTotal: {0 if node else 8_000_000} kB\n")
    return mounted(binary, folder, {folder: NODES})


@pytest.fixture(scope="session")
def on_two_caches(binary, tmp_path_factory):
    """The command where the system tells that each processor has a last-level cache of its own."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2 or len(list(NODES.glob("node[0-9]*"))) > 1:
        pytest.skip("one processor has one cache")
    folder = tmp_path_factory.mktemp("caches")
    mounts = {}
    for id in processors:
        cache = folder / f"cpu{id}/index0"
        cache.mkdir(parents=True)
        (cache / "level").write_text("3\n")
        (cache / "shared_cpu_list").write_text(f"{id}\n")
        mounts[cache.parent] = PROCESSORS / f"cpu{id}/cache"
    if not all(place.is_dir() for place in mounts.values()):
        pytest.skip("this system tells nothing of caches")
    return mounted(binary, folder, mounts)


def mounted(binary, folder, mounts):
    """A script in `folder` that runs the command where some folders stand over others."""
    for options in ("--mount", "--user --map-root-user --mount"):
        script = folder / "infer-serve"
        steps = "".join(f"mount --bind {source} {place} && " for source, place in mounts.items())
        script.write_text(
            f"#!/bin/sh\nexec unshare {options} sh -c '{steps}exec \"$0\" \"$@\"' {binary} \"$@\"\n")
        script.chmod(0o755)
        if run(script, "--version").returncode == 0:
            return str(script)
    pytest.skip("this system lets nobody mount")


def allowed_processors(server):
    """Of each thread that computes with the engine's, the processors that it may run on."""
    result = {}
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        lines = (task / "status").read_text().splitlines()
        result.setdefault(name, set()).add(next(line.split()[1] for line in lines if "Cpus_allowed_list" in line))
    return {name: sets for name, sets in result.items() if name.startswith("infer-worker")}


def test_threads_are_bound_over_two_nodes(on_two_nodes, model, server):
    with Server(on_two_nodes, model, "--numa", "distribute", "--threads", "2") as placed:
        told = [placement.get("numa") or placement["warning"] for placement in placements(placed)]
        assert told[0] == "--numa distribute: threads bound to nodes 0, 1, memory from node 0" or (
            # A container may compute, and place nothing.
            "the system refuses a part of --numa distribute" in told[1]), told
        assert len(told) <= 2 and answer(placed) == answer(server)
        if "bound" in told[0]:
            second = str(sorted(os.sched_getaffinity(0))[1])
            assert allowed_processors(placed) == {"infer-worker-1": {second}}


def test_an_isolated_server_keeps_to_a_node(on_two_nodes, model, server):
    with Server(on_two_nodes, model, "--numa", "isolate", "--threads", "2") as placed:
        told = placements(placed)[0]["numa"]
        processors = sorted(os.sched_getaffinity(0))
        homes = {
            "--numa isolate: threads bound to node 0, memory from node 0": processors[0::2],
            # A preference for memory where there is none is nobody's.
            "--numa isolate: threads bound to node 1, memory left to the system": processors[1::2],
        }
        assert answer(placed) == answer(server)
        if told in homes:
            assert allowed_processors(placed)["infer-worker-1"] <= {str(id) for id in homes[told]}
        else:
            assert "the system refuses a part of --numa isolate" in placements(placed)[1]["warning"], told


@pytest.mark.parametrize("mode", MODES)
def test_threads_keep_to_the_caches_of_one_node(on_two_caches, model, server, mode):
    with Server(on_two_caches, model, "--numa", mode, "--threads", "2") as placed:
        processors = sorted(os.sched_getaffinity(0))
        assert [placement["numa"] for placement in placements(placed)] == [
            f"--numa {mode}: threads bound to {len(processors)} caches of node 0, memory left to the system"]
        assert answer(placed) == answer(server)
        [worker] = allowed_processors(placed)["infer-worker-1"]
        # The cache that the process started behind is filled first, or the first one.
        assert worker in map(str, processors[:2] if mode == "isolate" else processors[1:2])


def test_threads_keep_to_the_processors_that_they_are_given(on_two_caches, model):
    """A mask that leaves one cache leaves nothing to do."""
    last = sorted(os.sched_getaffinity(0))[-1]
    told = subprocess.run(
        ["taskset", "-c", str(last), on_two_caches, "generate", "--model", model, "--tokens", "5", "--max-tokens", "1",
         "--numa", "distribute"], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0 and "one node and one last-level cache for this process" in told.stderr, told.stderr


def interleave_over_the_first_node():
    """What `numactl --interleave=0` does to itself before it starts a program: `set_mempolicy`."""
    call, interleave = {"x86_64": 238, "aarch64": 237}[platform.machine()], 3
    if ctypes.CDLL(None, use_errno=True).syscall(call, interleave, ctypes.byref(ctypes.c_ulong(1)), 64) != 0:
        raise OSError(ctypes.get_errno(), "set_mempolicy")


def test_a_policy_of_memory_from_outside_is_left_alone(on_two_nodes, model):
    try:
        told = subprocess.run(
            [on_two_nodes, "generate", "--model", model, "--tokens", "5", "--max-tokens", "1", "--numa", "distribute"],
            capture_output=True, text=True, timeout=120, preexec_fn=interleave_over_the_first_node)
    except subprocess.SubprocessError:
        pytest.skip("this system places no memory")
    assert told.returncode == 0, told.stderr
    assert "memory by the policy that the process was started with" in told.stderr, told.stderr


def test_the_doctor_tells_of_two_nodes(on_two_nodes):
    report = json.loads(run(on_two_nodes, "doctor", "--no-measurement", "--json").stdout)
    finding = next(finding for finding in report["findings"] if finding["check"] == "NUMA")
    assert finding["level"] == "warn" and finding["found"] == "nodes 0, 1", finding
    assert finding["why"] == "processors of node 1 have no memory nearby"
