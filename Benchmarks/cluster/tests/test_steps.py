import json

import pytest
from infer_serve_cluster.steps import StepModel, fit, rows_of

MODEL = StepModel(2e-3, 1e-4, 3e-4, 1e-8, 2e-7)


def report():
    """What `infer-serve bench --json` would print of a machine that is as the model has it."""
    tests = []
    for prompt, depth in ((128, 0), (512, 0), (2048, 0), (512, 4096)):
        rows = [(min(512, prompt - at), depth + at) for at in range(0, prompt, 512)]
        seconds = sum(MODEL.seconds(n, 0, n * at + n * (n - 1) / 2, 0) for n, at in rows)
        tests.append({"n_batch": 512, "n_prompt": prompt, "n_gen": 0, "n_depth": depth, "avg_ns": seconds * 1e9})
    for depth in (0, 4096):
        seconds = sum(MODEL.seconds(0, 1, 0, depth + i) for i in range(32))
        tests.append({"n_batch": 512, "n_prompt": 0, "n_gen": 32, "n_depth": depth, "avg_ns": seconds * 1e9})
    for count in (4, 16):
        reading = MODEL.seconds(count * 16, 0, count * 16 * 15 / 2, 0)
        writing = sum(MODEL.seconds(0, count, 0, count * (16 + i)) for i in range(32))
        tests.append({"n_batch": 512, "n_prompt": 16, "n_gen": 32, "pl": count, "pp": 16, "tg": 32, "t_pp": reading,
                      "t_tg": writing, "avg_ns": 1})
    return tests


def test_a_model_is_found_again():
    found = fit(rows_of(report()))
    assert list(vars(found).values()) == pytest.approx(list(vars(MODEL).values()), rel=1e-6)


def test_sequences_cost_rows_where_all_experts_are_read():
    model = StepModel(1, 0.1, 0.5, apart=4)
    assert [model.seconds(0, count, 0, 0) for count in (1, 4, 6)] == pytest.approx([1.5, 3, 3.2])
    assert model.times(2).seconds(1, 6, 0, 0) == pytest.approx(2 * 3.3)


def test_no_number_is_below_zero():
    # Longer prompts are faster here, by which context would cost less than nothing.
    tests = [dict(test, avg_ns=test["avg_ns"] * (0.5 if test.get("n_depth") else 1)) for test in report()]
    assert min(vars(fit(rows_of(tests))).values()) >= 0


def test_what_does_not_tell_is_refused():
    with pytest.raises(ValueError, match="generating"):
        fit([])
    with pytest.raises(ValueError, match="no time"):
        StepModel(0, 0, 1)
    with pytest.raises(ValueError, match="sequence_s"):
        StepModel(1, 1, -1)


def test_models_are_kept_in_files(tmp_path):
    MODEL.save(tmp_path / "model.json")
    assert StepModel.load(tmp_path / "model.json") == MODEL
    for text in ('{"step_s": 1}', '[1]', '{"step_s": "x", "prompt_row_s": 1, "sequence_s": 1}', json.dumps({"a": 1})):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError):
            StepModel.load(tmp_path / "bad.json")
