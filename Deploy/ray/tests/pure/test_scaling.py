import math

import pytest
from infer_serve_ray.metrics import Reading
from infer_serve_ray.scaling import Load, ScalingPolicy, Targets, loads_of, wanted

TARGETS = Targets(waiting=2, first_token_s=1, max_running=8)
CALM = Load(0, 1, 0.1)


@pytest.mark.parametrize(
    "loads, expected",
    [
        ([CALM], 1), ([Load(2, 8, 0.5)], 1), ([Load(3, 8, 0.5)], 2), ([Load(100, 8, 0.5)], 2),
        # Twice as many at most, and one more at least.
        ([Load(50, 8, 9)] * 4, 8), ([Load(2.1, 8, 0.5)] * 4, 5),
        # Slow first tokens, of half of them and of one alone.
        ([Load(0, 8, 3), Load(0, 8, 2)], 4), ([Load(0, 8, 3), CALM, CALM], 3),
        # Fewer where what runs fits the others.
        ([CALM, CALM, CALM], 2), ([Load(0, 7, 0.1)] * 2, 2), ([Load(1, 1, 0.1)] * 2, 2), ([Load(0, 1, 0.8)] * 2, 2),
        ([], 3),
    ],
)  # fmt: skip
def test_replicas_that_are_wanted(loads, expected):
    assert wanted(len(loads) or 3, loads, TARGETS) == expected


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_targets_are_checked(value):
    with pytest.raises(ValueError, match="first_token_s must be a number above 0"):
        Targets(first_token_s=value)


def test_the_policy_reads_what_replicas_told():
    class Context:
        current_num_replicas, target_num_replicas = 2, 2
        aggregated_metrics = {"waiting": {"a": 9.0, "b": 7.0}, "running": {"a": 3.0}, "first_token_s": {"b": 0.2}}

    assert loads_of(Context.aggregated_metrics) == [Load(9, 3, 0), Load(7, 0, 0.2)]
    assert ScalingPolicy(waiting=4)(Context) == (4, {})
    Context.aggregated_metrics, Context.target_num_replicas = None, 3
    assert ScalingPolicy()(Context) == (3, {})


PAGE = """
# TYPE infer_num_requests_waiting gauge
infer_num_requests_waiting{model_name="a",engine="0"} 2.0
infer_num_requests_waiting{model_name="b, le=\\"9\\"",engine="0"} 1.0
infer_num_requests_running{model_name="a",engine="0"} 4.0
infer_time_to_first_token_seconds_bucket{model_name="a",engine="0",le="0.1"} 10
infer_time_to_first_token_seconds_bucket{model_name="a",engine="0",le="1.0"} 100
infer_time_to_first_token_seconds_bucket{model_name="a",engine="0",le="+Inf"} 100
no metric
infer_num_requests_waiting{ nonsense
"""


def test_metrics_are_read():
    reading = Reading.of(PAGE)
    assert (reading.waiting, reading.running) == (3, 4)
    assert reading.first_token(0.9, Reading()) == pytest.approx(0.1 + 0.9 * 80 / 90)
    assert reading.first_token(0.05, Reading()) == pytest.approx(0.05)
    # Nothing since then, and only what is beyond the buckets.
    assert reading.first_token(0.9, reading) is None and Reading().first_token(0.9, Reading()) is None
    later = Reading(0, 0, {0.1: 10, 1.0: 100, math.inf: 104})
    assert later.first_token(0.9, reading) == 1.0
