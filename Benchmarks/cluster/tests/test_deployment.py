import json
from pathlib import Path

import pytest
from infer_serve_cluster.deployment import Load, fewest, load_of, measured_model, model_on, table
from infer_serve_cluster.replica import Engine
from infer_serve_cluster.steps import StepModel
from infer_serve_cluster.traces import Request

PLAN = json.loads((Path(__file__).parents[1] / "deployment.json").read_text())
REQUESTS = [Request(i / 5, 200 + i % 7, 20) for i in range(500)]


def test_load_is_that_of_the_busiest_hour():
    load = Load(1000, 864, 2, 30, 0.5)
    assert load.peak == 20
    sent = load_of(REQUESTS[:50], load)
    assert len(sent) == pytest.approx(300, rel=0.03)
    assert 29 < sent[-1].at <= 30


def test_the_measured_machine_gets_its_own_steps():
    measured = PLAN["measured"]
    machine = {"cores": 2, "core_share": 1, "memory_gb_s": measured["memory_gb_s"], "memory_share": 1}
    same = model_on(measured, machine, {"active_billions": measured["active_billions"], "weights_gib": 1})
    assert same.prompt_row_s == measured_model(measured).prompt_row_s
    assert same.seconds(0, 1, 0, 0) == pytest.approx(1 / 116.8, rel=0.1)
    # A step does not read more than all weights.
    assert same.step_s + same.apart * same.sequence_s == pytest.approx(1.0737 / measured["memory_gb_s"], rel=0.01)


def test_the_fewest_are_found():
    # One after another: 0.2 s of prompts and 0.2 s of answers each, five a second.
    model, engine = StepModel(1e-9, 1e-3, 1e-2), Engine(max_running=4)
    count, result = fewest(model, engine, REQUESTS, 1.0, 1.0)
    assert 2 <= count <= 4 and result.answered == 500
    with pytest.raises(ValueError, match="first tokens"):
        fewest(model, engine, REQUESTS[:20], 1e-6, 1.0)


def test_the_table_has_every_model_machine_and_list():
    plan = dict(PLAN, load=dict(PLAN["load"], simulated_s=20, simulated_share=0.02))
    text = table(plan, REQUESTS)
    for kind in ("models", "machines", "lists"):
        assert all(entry["name"] in text for entry in plan[kind])
    assert "does not fit: 354 of 256 GiB" in text
    # 210 of 230 tokens are of prompts, of which none are found: (203 · 0.8 + 20 · 2) / 223 CNY.
    assert "| Tencent, Hunyuan TurboS | 27 February 2025 | 0.126 |" in text
