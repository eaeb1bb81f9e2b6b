"""`--numa`: where threads and memory are on machines of one node and of several."""
import json
import os
import subprocess
from pathlib import Path

import pytest

from server import Server

NODES = Path("/sys/devices/system/node")
MODES = ["distribute", "isolate"]
only_one_node = pytest.mark.skipif(len(list(NODES.glob("node[0-9]*"))) > 1, reason="a machine of several nodes")


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
    assert f"--numa {mode}: the machine has one node" in placed.stderr and "nothing to do" in placed.stderr


@only_one_node
@pytest.mark.parametrize("mode", MODES)
def test_a_server_on_one_node_says_so_and_serves(start, server, mode):
    with start("--numa", mode) as placed:
        told = [placement["numa"] for placement in placements(placed)]
        assert told == [
            f"--numa {mode}: the machine has one node for this process, so that there is nothing to do"]
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
    for options in ("--mount", "--user --map-root-user --mount"):
        script = folder / "infer-serve"
        script.write_text(
            f"#!/bin/sh\nexec unshare {options} sh -c 'mount --bind {folder} {NODES} && exec \"$0\" \"$@\"' "
            f"{binary} \"$@\"\n")
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


def test_the_doctor_tells_of_two_nodes(on_two_nodes):
    report = json.loads(run(on_two_nodes, "doctor", "--no-measurement", "--json").stdout)
    finding = next(finding for finding in report["findings"] if finding["check"] == "NUMA")
    assert finding["level"] == "warn" and finding["found"] == "nodes 0, 1", finding
    assert finding["why"] == "processors of node 1 have no memory nearby"
