"""The scripts that measure beside llama.cpp, with programs in its place that crash, and the simulation of teams."""
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "Benchmarks"

# What llama-bench and llama-batched-bench print, as far as it is read.
BENCH = """#!/usr/bin/env python3
import json, sys
words = sys.argv[1:]
prompt, generate = (int(words[words.index(name) + 1]) for name in ("-p", "-n"))
print(json.dumps([{"n_prompt": prompt, "n_gen": generate, "n_depth": 0, "avg_ts": 100.0 if prompt else 10.0}]))
"""
BATCHED = """#!/usr/bin/env python3
import json
print("main: n_kv_max = 640")
for pl in (1, 4): print(json.dumps({"pp": 128, "tg": 32, "pl": pl, "speed_pp": 50.0 * pl, "speed_tg": 5.0 * pl}))
"""
CRASH = "#!/bin/sh\nkill -ILL $$\n"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield {name: importlib.import_module(name) for name in ("measure", "compare", "report")}
    for name in ("measure", "compare", "report"):
        sys.modules.pop(name, None)


def programs(folder, **texts):
    for name, text in texts.items():
        path = folder / name.replace("_", "-")
        path.write_text(text)
        path.chmod(0o755)


@pytest.mark.parametrize("crashing", ["llama-bench", "llama-batched-bench", "", "both"])
def test_a_crash_leaves_what_others_measure(scripts, tmp_path, capsys, crashing):
    measure = scripts["measure"]
    alone, together = crashing in ("llama-bench", "both"), crashing in ("llama-batched-bench", "both")
    programs(tmp_path, llama_bench=CRASH if alone else BENCH, llama_batched_bench=CRASH if together else BATCHED)
    plan = measure.Plan([512], 32, [0], [1, 4], 128, 2, 2)
    found = measure.peers(str(tmp_path), measure.Case("x", "ours", "peer.gguf"), plan)
    expected = {} if alone else {"pp512": 100, "tg32": 10}
    expected |= {} if together else {"pp128 b1": 50, "tg32 b1": 5, "pp128 b4": 200, "tg32 b4": 20}
    assert {name: sample.speed for name, sample in found.items()} == expected
    warnings = capsys.readouterr().err
    assert warnings.count("llama-bench was ended by SIGILL") == 2 * alone
    assert warnings.count("llama-batched-bench was ended by SIGILL") == together
    # Ours stay in the table, beside what there is.
    ours = {name: measure.Sample(20.0) for name in ("pp512", "tg32", "tg32 b4")}
    rounds = []
    scripts["compare"].record(rounds, "x", ours, {}, {}, 0.0)
    scripts["compare"].record(rounds, "x", ours, found, {}, 0.0)
    results = {"rounds": rounds, "plan": {"threads": 2}, "label": "", "date": "2026-01-31", "machine": {"processor": "p"}}
    rows = {row[1].strip(): row for row in (line.split("|")[1:] for line in scripts["report"].table(results).splitlines()) if row}
    for name in ours:
        assert rows[name][2].strip() == "20.0"
        assert rows[name][4].strip() == (f"{20 / expected[name]:.2f}" if name in expected else "–"), name


def test_builds_that_crash_are_told_of_every_file(tmp_path):
    """Of files that are there already too, and of the one that the others are made of."""
    model, peer = tmp_path / "model", tmp_path / "peer"
    model.mkdir()
    (model / "config.json").write_text("{}")
    for build in "build", "build-without-amx":
        (peer / build / "bin").mkdir(parents=True)
        programs(peer / build / "bin", llama_bench=BENCH if "without" in build else CRASH,
                 llama_quantize="#!/bin/sh\n: >\"$2\"\n")
    output = tmp_path / "weights"
    for name in "BF16", "Q8_0":
        Path(f"{output}-{name}.gguf").write_text("")
    told = subprocess.run(
        [BENCHMARKS / "peer.sh", "convert", peer, model, output, "Q8_0", "Q4_0"], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and Path(f"{output}-Q4_0.gguf").exists(), told.stderr
    crashes = [line.split("/")[-1] for line in told.stderr.splitlines() if "build/bin/llama-bench fails on" in line]
    assert crashes == [f"weights-{name}.gguf: SIGILL" for name in ("BF16", "Q8_0", "Q4_0")], told.stderr
    assert "without-amx" not in told.stderr


@pytest.fixture
def barriers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("barriers")
    sys.modules.pop("barriers", None)


def test_a_simulated_team_deals_items_and_takes_from_others(barriers):
    # Two shares of two items each: the first thread ends first, at 250, and finds none left to take.
    assert barriers.region([100, 150, 100, 300], 2, 0, "groups") == 400
    # Here the second takes the first's second item, at 200.
    assert barriers.region([300, 150, 100, 100], 2, 0, "groups") == 350
    # One item, or one thread, is no region.
    assert barriers.region([70], 8, 50, "groups") == 70 and barriers.region([70, 30], 1, 50, "groups") == 100
    # Shares of 4 threads are dealt at once (10), the group is called (10), and the last of its 3 reads the line third, and
    # tells (40): 60 + 100. It looks at the shares of all (10), and the two before it have counted on its group's line by
    # then; it does so too (10), and the caller reads that (10).
    assert barriers.region([100] * 4, 4, 10, "groups") == 190


def test_simulated_costs_grow_with_threads_and_transfers(barriers):
    regions = [{"gap_ns": 500, "items_ns": [1000.0 + 10 * (item % 7) for item in range(256)]}] * 3

    def time(workers, transfer, protocol="groups"):
        return barriers.step(regions, workers, transfer, protocol)

    alone = sum(each["gap_ns"] + sum(each["items_ns"]) for each in regions)
    assert time(1, 100) == alone
    for workers in (2, 4, 8, 16, 32):
        # No team is faster than all items spread evenly; one that pays for its lines is slower, and more so between sockets.
        assert 3 * 500 + (alone - 3 * 500) / workers <= time(workers, 0) < time(workers, 100) < time(workers, 300)
        assert time(workers, 0) < time(workers // 2, 0)
    # Everything on one line costs what grows with the square of the threads.
    assert time(32, 100, "counter") > 2 * time(32, 100)


def test_the_simulation_reports_every_test_and_transfer(barriers):
    tests = [{"test": name, "regions": [{"gap_ns": 100, "items_ns": [1000.0] * 8}, {"gap_ns": 7, "items_ns": []}]}
             for name in ("pp512", "tg4")]
    measured = {"barriers": [{"n_threads": 1, "region_ns": 20},
                             {"n_threads": 2, "region_ns": 300, "round_trip_ns": 200}], "tests": tests}
    table = barriers.report(measured, [1, 2, 4], [1, 3]).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table if line.startswith(("| pp512", "| tg4"))]
    assert [row[:3] for row in rows] == [
        [test, transfer, threads] for test in ("pp512", "tg4") for transfer in ("100", "300") for threads in ("2", "4")]
    # A region of 8,000 ns and 100 of the caller's alone.
    assert [row[3] for row in rows[:2]] == [f"{8100 / (100 + 8000 / n):.2f}" for n in (2, 4)]
    assert all(float(row[5]) <= float(row[3]) and 0 < float(row[7]) < 1 for row in rows)
