import random
import time

import pytest
from infer_serve_cluster.loads import LoadIndex
from infer_serve_cluster.replica import Engine
from infer_serve_cluster.simulation import Cluster, Failures, Link, Scaling, Simulation
from infer_serve_cluster.steps import StepModel
from infer_serve_cluster.traces import Request
from infer_serve_ray.scaling import Targets

MODEL = StepModel(1e-3, 1e-4, 5e-4)
NO_LINK = Link(latency_s=0)


def run(requests, model=MODEL, clients=0, **cluster):
    return Simulation(Cluster(model, link=cluster.pop("link", NO_LINK), **cluster)).run(requests, clients)


def conversations(count, turns, gap=1.0, start=2048):
    """Conversations that grow by 512 tokens a turn, all at the same times."""
    return [
        Request(turn * gap + i * 1e-3, start + 512 * turn, 20,
                tuple(f"{i}-{block}" for block in range((start + 512 * turn) // 512)))
        for turn in range(turns) for i in range(count)]


def test_one_request_takes_its_steps():
    result = run([Request(0, 1000, 11)])
    # 512 and 488 rows, of which the last gives the first token, and ten more.
    assert result.first_token_s == [pytest.approx(2 * 1e-3 + 1000e-4)]
    assert result.answer_s == [pytest.approx(2e-3 + 0.1 + 10 * 1.5e-3)]
    assert (result.steps, result.computed_tokens) == (12, 1000)


def test_who_comes_meanwhile_waits_for_one_step_alone():
    model = StepModel(1e-3, 1e-4, 5e-4, context_s=1e-7)
    apart = run([Request(0, 10, 1000), Request(0.5, 10, 2)], model)
    # The step that is under way ends first, 1.5 ms at most and what the context costs.
    assert apart.first_token_s[1] < 0.002 + 0.0016 + 1000 * 1e-7
    assert apart.answered == 2


def test_short_prompts_pass_long_ones():
    result = run([Request(0, 20_000, 1), Request(0.01, 20, 1)])
    assert result.answer_s[0] < 0.2 and result.answer_s[1] > 2
    # Those that wait as well, and none for ever.
    load = [Request(0, 3000, 1), *(Request(0.001 * i, 600, 1) for i in range(1, 300))]
    result = run(load, engine=Engine(max_running=1))
    assert result.answer_s.index(max(result.answer_s)) > 200
    load = [Request(0, 50, 1), Request(0.001, 3000, 1), *(Request(0.002 + 0.03 * i, 600, 1) for i in range(300))]
    times = run(load, engine=Engine(max_running=1)).answer_s
    assert sorted(times)[-1] < 40 * 0.063 + 300 * 0.04


def test_processes_share_cores():
    requests = [Request(0, 100, 400) for _ in range(4)]
    alone = run(requests, replicas=4, policy="least")
    shared = run(requests, replicas=4, policy="least", shared_cores=2)
    assert shared.seconds == pytest.approx(2 * alone.seconds, rel=0.02)
    # The router takes a core, too.
    slow = run(requests, replicas=1, policy="least", shared_cores=2, link=Link(router_s=1, latency_s=0))
    assert slow.seconds > 4


def test_clients_that_wait_for_answers():
    result = run([Request(0, 100, 10)] * 50, clients=5)
    assert result.answered == 50
    twice = run([Request(0, 100, 10)] * 100, clients=10, replicas=2, policy="least")
    assert twice.seconds == pytest.approx(result.seconds, rel=0.05)


def test_prefixes_save_prompts():
    load = conversations(40, 6)
    results = {policy: run(load, replicas=8, policy=policy) for policy in ("random", "least", "prefix")}
    assert all(result.answered == len(load) for result in results.values())
    assert results["prefix"].computed_tokens < 0.6 * results["least"].computed_tokens
    assert results["prefix"].computed_tokens < 0.6 * results["random"].computed_tokens


def test_failures_lose_what_had_begun_alone():
    load = conversations(8, 20, gap=2)
    result = run(load, replicas=4, failures=Failures(1, restart_s=0.2))
    assert result.answered + result.broken == result.requests == len(load)
    assert result.retried > 0 and result.broken > 0
    assert result.broken < 0.2 * result.requests


def test_nobody_there_for_a_while():
    result = run([Request(i / 10, 100, 5) for i in range(50)], failures=Failures(1, restart_s=0.5))
    assert result.answered + result.broken == 50


def test_scaling_follows_the_load():
    busy = [Request(i / 20, 2000, 20) for i in range(2000)]
    calm = [Request(100 + i, 100, 5) for i in range(400)]
    scaling = Scaling(1, 64, every_s=2, start_s=1, targets=Targets(waiting=2, first_token_s=1))
    result = run(busy + calm, replicas=1, scaling=scaling)
    assert result.answered == 2400
    assert 4 < result.most_replicas <= 64
    # Most go when they are no longer needed.
    assert result.replica_s < 0.5 * result.most_replicas * result.seconds


def test_ten_thousand_replicas_take_seconds():
    load = conversations(2000, 3, gap=3.0)
    start = time.monotonic()
    result = run(load, replicas=10_000)
    assert result.answered == len(load)
    assert result.computed_tokens < 0.7 * result.prompt_tokens
    assert time.monotonic() - start < 20


def test_the_same_seed_gives_the_same():
    load = conversations(20, 4)
    one, two = (run(load, replicas=4, failures=Failures(1)).summary() for _ in range(2))
    assert one == two


def test_bad_clusters_are_refused():
    for wrong in ({"replicas": 0}, {"policy": "best"}, {"shared_cores": 0}):
        with pytest.raises(ValueError):
            Cluster(MODEL, **wrong)
    with pytest.raises(ValueError, match="ordered"):
        run([Request(1, 1, 1), Request(0, 1, 1)])
    with pytest.raises(ValueError):
        Scaling(3, 2)


def test_the_least_loaded_are_found():
    index, dice, loads = LoadIndex(), random.Random(1), {}
    for name in range(50):
        index.add(name)
        loads[name] = 0
    for _ in range(2000):
        name, by = dice.randrange(50), dice.choice((1, 1, -1))
        if name not in loads:
            index.add(name)
            loads[name] = 0
        elif dice.random() < 0.02:
            index.remove(name)
            del loads[name]
        elif loads[name] + by >= 0:
            index.change(name, by)
            loads[name] += by
        least = index.least(3, dice)
        assert sorted(loads[name] for name in least) == sorted(loads.values())[:3]
        assert index.of == loads


def test_an_engine_runs_no_more_than_it_may():
    result = run([Request(0, 10, 100) for _ in range(64)], engine=Engine(max_running=8))
    assert sorted(result.first_token_s)[8] > 0.1
