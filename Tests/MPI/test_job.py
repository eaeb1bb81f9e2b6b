"""One model over several machines."""
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from machines import Job, Machines

sys.path.append(str(Path(__file__).resolve().parent.parent / "EndToEnd"))
from server import Server  # noqa: E402

PROMPTS = ["Hello", "What is the capital of France?", "Count from one to twenty.", "Tell me a story about a dog."]


def completion(client, prompt, **fields):
    response = client.post(
        "/v1/completions", json={"prompt": prompt, "max_tokens": 48, "temperature": 0, "ignore_eos": True, **fields})
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["text"]


@pytest.fixture(scope="module")
def expected(binary, model):
    import httpx

    with Server(binary, model, "--threads", "1") as server:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            return [completion(client, prompt) for prompt in PROMPTS]


@pytest.mark.parametrize("count", [2, 4])
def test_answers_are_those_of_one_machine(machines, binary, model, expected, count):
    with Job(machines, count, binary, model) as job:
        job.wait_until_ready()
        assert [completion(job.client, prompt) for prompt in PROMPTS] == expected
        # At the same time, and again from the prefix cache.
        with ThreadPoolExecutor(len(PROMPTS)) as pool:
            assert list(pool.map(lambda prompt: completion(job.client, prompt), PROMPTS)) == expected
        model_name = job.client.get("/v1/models").json()["data"][0]["id"]
        refused = job.client.post("/models/unload", json={"model": model_name})
        assert refused.status_code == 409 and refused.json()["error"]["code"] == "model_divided"
        # The end of rank 0 is the end of all, and no failure.
        job.kill(0, signal.SIGTERM)
        assert job.exit_code() == 0, job.output()


@pytest.mark.parametrize("parallel", ["pipeline=2", "pipeline=3", "tensor=2,pipeline=2"])
def test_stages_answer_as_one_machine(machines, binary, model, expected, parallel):
    count = 3 if parallel == "pipeline=3" else 2 * parallel.count("=")
    with Job(machines, count, binary, model, parallel=parallel) as job:
        job.wait_until_ready()
        assert [completion(job.client, prompt) for prompt in PROMPTS] == expected
        with ThreadPoolExecutor(len(PROMPTS)) as pool:
            assert list(pool.map(lambda prompt: completion(job.client, prompt), PROMPTS)) == expected
        # Long enough to go through the stages in parts.
        prompt = " ".join(str(number) for number in range(200))
        assert completion(job.client, prompt, max_tokens=4) == completion(job.client, prompt, max_tokens=4)
        job.kill(0, signal.SIGTERM)
        assert job.exit_code() == 0, job.output()


@pytest.mark.parametrize("rate, delay", [("10gbit", 50), ("1gbit", 500), ("1gbit", 2000)])
def test_slow_networks_give_the_same_answers(binary, model, expected, tmp_path, rate, delay):
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    with Machines(2, tmp_path, rate=rate, delay=delay) as machines:
        # There and back, each through two cables.
        assert machines.round_trip() >= 4 * delay / 1000
        for parallel in ["tensor=2", "pipeline=2"]:
            with Job(machines, 2, binary, model, parallel=parallel) as job:
                job.wait_until_ready()
                assert [completion(job.client, prompt) for prompt in PROMPTS[:2]] == expected[:2]


def test_a_rank_behind_a_cut_network_is_named(binary, model, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    with Machines(2, tmp_path, delay=50) as machines:
        with Job(machines, 2, binary, model, "--parallel-timeout", "3") as job:
            job.wait_until_ready()
            machines.cables[1].send_signal(signal.SIGSTOP)
            assert job.exit_code(60) != 0
            assert "rank 1 has not answered for 3 s" in job.output()


def test_experts_are_dealt_out_by_their_rows(machines, binary, model, expected, tmp_path):
    page = tmp_path / "metrics.prom"
    with Server(binary, model, "--threads", "1") as server:
        import httpx

        with httpx.Client(base_url=server.url, timeout=120) as client:
            completion(client, PROMPTS[0])
            page.write_text(client.get("/metrics").text)
    with Job(machines, 2, binary, model, "--expert-load", str(page)) as job:
        job.wait_until_ready()
        assert [completion(job.client, prompt) for prompt in PROMPTS] == expected
        assert "the busiest rank has" in job.output()


def test_a_job_that_is_started_again_goes_on(machines, binary, model, tmp_path):
    """A rank is killed, and the job started again: what was kept of requests is there, and so is a session that was saved."""
    folders = ["--cache-dir", str(tmp_path / "cache"), "--session-dir", str(tmp_path / "sessions")]
    prompt = " ".join(str(number) for number in range(60))
    with Job(machines, 2, binary, model, *folders) as job:
        job.wait_until_ready()
        cold = completion(job.client, prompt, session_id="talk")
        saved = job.client.post("/v1/sessions/talk/save")
        assert saved.status_code == 200, saved.text
        deadline = time.monotonic() + 30
        while not list((tmp_path / "cache").glob("*.state")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        job.kill(1)
        assert job.exit_code() != 0
    names = sorted(file.name for file in (tmp_path / "cache").iterdir() if ".partial-" not in file.name)
    assert {f"{name}.rank1" for name in names if name.endswith(".state")} <= set(names)
    assert (tmp_path / "sessions/talk.session.rank1").exists()
    for restores in [False, True]:
        folders = folders if not restores else folders[2:]
        with Job(machines, 2, binary, model, *folders) as job:
            job.wait_until_ready()
            if restores:
                restored = job.client.post("/v1/sessions/talk/restore")
                assert restored.status_code == 200 and restored.json()["restored_tokens"] > 60, restored.text
            response = job.client.post("/v1/completions", json={
                "prompt": prompt, "max_tokens": 48, "temperature": 0, "ignore_eos": True, "session_id": "talk"}).json()
            assert response["choices"][0]["text"] == cold
            assert response["usage"]["prompt_tokens_details"]["cached_tokens"] > 60
            if restores:
                assert job.client.delete("/v1/sessions/talk").status_code == 200
            job.kill(0, signal.SIGTERM)
            assert job.exit_code() == 0, job.output()
    assert not list((tmp_path / "sessions").iterdir())


def test_an_idle_job_stays(machines, binary, model, expected):
    with Job(machines, 2, binary, model, "--parallel-timeout", "2") as job:
        job.wait_until_ready()
        time.sleep(6)
        assert completion(job.client, PROMPTS[0]) == expected[0]


def test_a_rank_that_dies_ends_the_job(machines, binary, model):
    with Job(machines, 2, binary, model) as job:
        job.wait_until_ready()
        job.kill(1)
        assert job.exit_code(30) != 0
        assert "rank 1" in job.output()


def test_a_rank_that_hangs_ends_the_job_in_the_stated_time(machines, binary, model):
    with Job(machines, 2, binary, model, "--parallel-timeout", "3") as job:
        job.wait_until_ready()
        job.kill(1, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(Exception):
            completion(job.client, PROMPTS[0], max_tokens=200)
        assert job.exit_code(30) != 0
        assert time.monotonic() - begin < 15
        assert "rank 1 has not answered for 3 s" in job.output()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_hangs_while_nothing_is_to_do_is_named(machines, binary, model, rank):
    with Job(machines, 2, binary, model, "--parallel-timeout", "2") as job:
        job.wait_until_ready()
        job.kill(rank, signal.SIGSTOP)
        assert job.exit_code(30) != 0
        assert f"rank {rank} has not answered for 2 s" in job.output()


def test_other_models_and_formats_are_named(machines, binary, model, tmp_path):
    other = tmp_path / "tiny"
    other.mkdir()
    for file in Path(model).iterdir():
        if file.is_file() and file.name != "config.json":
            (other / file.name).symlink_to(file)
    config = (Path(model) / "config.json").read_text()
    (other / "config.json").write_text(config.replace('"rms_norm_eps": 1e-05', '"rms_norm_eps": 1e-06'))
    for options, words in [
        (["--model", str(other)], "rank 1 has another model than rank 0"),
        (["--quantize", "q8_0"], "rank 1 has another weight formats"),
        (["--page-tokens", "32"], "--page-tokens 32"),
    ]:
        with Job(machines, 2, binary, model, each={1: options}) as job:
            assert job.exit_code(60) != 0
            assert words in job.output(), job.output()


def test_jobs_of_another_size_are_refused(machines, binary, model):
    for count, parallel in [(2, "tensor=3"), (1, "tensor=2")]:
        command = machines.mpirun(count, binary, "serve", "--model", model, "--port", "0", "--parallel", parallel)
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode != 0
        assert f"needs {parallel[-1]} processes, and the job has {count}" in result.stderr + result.stdout


def test_processes_of_a_job_do_not_serve_each_by_itself(machines, binary, model):
    command = machines.mpirun(2, binary, "serve", "--model", model, "--port", "0")
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode != 0
    assert "expected --parallel tensor=2" in result.stderr + result.stdout


def test_no_rank_is_left_behind(machines, binary, model):
    with Job(machines, 2, binary, model) as job:
        job.wait_until_ready()
        assert sorted(machines.processes(binary)) == [0, 1]
    deadline = time.monotonic() + 10
    while machines.processes(binary) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert machines.processes(binary) == {}
