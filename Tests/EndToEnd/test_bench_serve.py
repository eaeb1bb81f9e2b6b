"""`bench-serve` against our own server, and against one that misbehaves."""
import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from faulty import FaultyServer
from server import wait_until

TRACES = Path(__file__).resolve().parent.parent / "Fixtures/traces"


@pytest.fixture
def bench(binary, tmp_path):
    """Runs the command; returns its result and what it wrote as JSON."""

    def bench(url, *arguments, code=0):
        output = tmp_path / "result.json"
        result = subprocess.run(
            [binary, "bench-serve", "--base-url", url, "--json", str(output), "--save-detailed",
             *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert result.returncode == code, result.stderr
        return result, json.loads(output.read_text()) if output.exists() else None

    return bench


def expected_lengths(lines, column):
    return [int(line.split(",")[column]) for line in lines]


def test_random_prompts_are_as_long_as_asked_for(server, bench):
    result, report = bench(
        server.url, "--num-prompts", 12, "--random-input-len", 100, "--output-tokens", 8, "--prefix-tokens", 50,
        "--request-rate", 40, "--goodput", "ttft:60000", "e2el:0", "--metric-percentiles", "50,99.9")
    assert report["completed"] == 12 and report["failed"] == 0 and set(report["output_lens"]) == {8}
    assert report["model_id"] == server.model and report["request_rate"] == 40
    assert all(abs(length - 150) <= 8 for length in report["input_lens"])
    assert report["total_input_tokens"] == sum(report["input_lens"]) and report["total_output_tokens"] == 96
    assert report["p50_ttft_ms"] == pytest.approx(report["median_ttft_ms"]) and "p99.9_itl_ms" in report
    assert report["request_goodput"] == 0 and 0 <= report["cached_share"] <= 1
    assert all(ttft > 0 for ttft in report["ttfts"]) and report["start_times"][-1] == pytest.approx(0.3, abs=0.1)
    shown = dict(re.findall(r"^(.+?): +([\d.]+)$", result.stdout, re.M))
    assert shown["Successful requests"] == "12" and shown["Total generated tokens"] == "96"
    assert float(shown["Mean TPOT (ms)"]) == pytest.approx(report["mean_tpot_ms"], abs=0.01)
    assert "failed" not in result.stderr


def test_azure_lengths_and_times_are_replayed(server, bench):
    lines = (TRACES / "azure_conv.csv").read_text().splitlines()[1:]
    _, report = bench(
        server.url, "--trace", f"azure:{TRACES / 'azure_conv.csv'}", "--rate-scale", 10, "--length-scale", 0.1,
        "--requests", 12, "--endpoint", "/v1/chat/completions")
    assert report["completed"] == 12 and report["backend"] == "openai-chat"
    assert report["output_lens"] == [round(length / 10) for length in expected_lengths(lines[:12], 2)]
    inputs = expected_lengths(lines[:12], 1)
    # The template's own tokens come on top.
    assert all(-4 <= told - length / 10 <= 40 for told, length in zip(report["input_lens"], inputs))
    first, last = (float(lines[index].split(",")[0][-10:]) for index in (0, 11))
    assert report["start_times"][-1] - report["start_times"][0] == pytest.approx((last - first) / 10, abs=0.1)


def test_mooncakes_blocks_are_shared_text(bench):
    recorded = [json.loads(line) for line in (TRACES / "mooncake_conversation.jsonl").read_text().splitlines()]
    with FaultyServer() as faulty:
        _, report = bench(
            faulty.url, "--trace", f"mooncake:{TRACES / 'mooncake_conversation.jsonl'}", "--rate-scale", 1000,
            "--length-scale", 0.015625)
        prompts = [prompt.split() for prompt in faulty.prompts]
    assert report["completed"] == 20 and len(prompts) == 20
    # A block is 8 tokens, which this server counts as 4 words; the last block is cut.
    by_length = sorted(range(20), key=lambda index: len(prompts[index]))
    lengths = sorted(round(request["input_length"] / 64) // 2 for request in recorded)
    assert [len(prompts[index]) for index in by_length] == lengths
    assert len({tuple(prompt[:4]) for prompt in prompts}) == len({request["hash_ids"][0] for request in recorded})
    assert len({tuple(prompt[:8]) for prompt in prompts}) == len({tuple(r["hash_ids"][:2]) for r in recorded})


def test_conversations_repeat_the_servers_answers(server, bench, tmp_path):
    file = tmp_path / "conversations.json"
    turns = [{"from": who, "value": text} for who, text in [
        ("human", "What is 3 + 4?"), ("gpt", "7"), ("human", "And 5 + 6?"), ("gpt", "It is 11, I think.")]]
    file.write_text(json.dumps([{"conversations": turns}] * 3))
    _, report = bench(server.url, "--conversations", file, "--max-concurrency", 1, "--output-tokens", 6)
    assert report["completed"] == 6 and report["max_concurrent_requests"] == 1 and report["endpoint"].endswith("chat/completions")
    assert all(length <= 6 for length in report["output_lens"])
    with FaultyServer() as faulty:
        bench(faulty.url, "--conversations", file, "--max-concurrency", 1)
        histories = faulty.prompts
        assert [body["max_tokens"] for body in faulty.bodies[1:]] == [2, 2, 2, 10, 10, 10]
    assert [len(messages) for messages in histories] == [1, 1, 1, 3, 3, 3]
    assert histories[3][1] == {"role": "assistant", "content": "t0 t1 "}


FAULTS = {
    "fail": "the server answered 500: out of memory",
    "page": "the server answered with text/html and not with text/event-stream: <html>welcome</html>",
    "complain": "the engine died",
    "garble": "an event is no JSON",
    "stop_short": "the stream ended before the answer did",
    "cut": "the server closed the connection amid the answer",
    "hang_up": "the server closed the connection\n",
    "hang": "no complete answer within 2 s",
}


def test_each_fault_is_told_and_the_others_succeed(bench):
    with FaultyServer(*FAULTS) as faulty:
        result, report = bench(
            faulty.url, "--requests", 20, "--input-tokens", 10, "--output-tokens", 4, "--max-concurrency", 20,
            "--request-timeout", 2)
    assert report["completed"] == 20 - len(FAULTS) and report["failed"] == len(FAULTS)
    errors = "\n".join([*report["errors"], ""])
    assert len([error for error in report["errors"] if error]) == len(FAULTS)
    for message in FAULTS.values():
        assert message in errors
        assert message in result.stderr
    assert report["total_output_tokens"] == 4 * report["completed"]
    # Every word is two tokens here.
    assert report["total_input_tokens"] == 10 * report["completed"]
    assert report["cached_share"] == pytest.approx(0.6)


def test_times_are_those_of_the_server(bench):
    with FaultyServer(pause=0.02) as faulty:
        _, report = bench(faulty.url, "--requests", 8, "--input-tokens", 4, "--output-tokens", 11)
    assert report["median_itl_ms"] == pytest.approx(20, abs=6) and len(report["itls"][0]) == 10
    assert report["median_tpot_ms"] == pytest.approx(20, abs=6)
    assert report["median_e2el_ms"] == pytest.approx(report["median_ttft_ms"] + 200, abs=60)
    assert report["max_concurrent_requests"] == 8


def test_a_server_that_refuses_ignore_eos_is_asked_without(bench):
    with FaultyServer(refuses=["ignore_eos"]) as faulty:
        result, report = bench(
            faulty.url, "--requests", 2, "--input-tokens", 4, "--output-tokens", 3, "--header", "X-Team=a b", "--api-key",
            "secret", "--extra-body", '{"user": "u", "temperature": 1}')
        body, headers = faulty.bodies[-1], faulty.headers_seen[-1]
    assert report["completed"] == 2 and "ignore_eos" in result.stderr and "ignore_eos" not in body
    assert body["user"] == "u" and body["temperature"] == 1 and body["stream_options"] == {"include_usage": True}
    assert headers["X-Team"] == "a b" and headers["Authorization"] == "Bearer secret"
    # A connection of its own, which no server can close too early.
    assert headers["Connection"] == "close"


def test_an_interrupt_reports_what_was_measured(binary):
    with FaultyServer("well", "hang", "hang") as faulty:
        process = subprocess.Popen(
            [binary, "bench-serve", "--base-url", faulty.url, "--requests", "3", "--input-tokens", "4",
             "--output-tokens", "2", "--max-concurrency", "2"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: len(faulty.bodies) == 4)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 1 and re.search("Successful requests: +1\n", output)
    assert "interrupted when 1 of 3 requests had ended" in errors


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_servers_that_cannot_be_measured_are_named(bench, server):
    url = f"http://127.0.0.1:{free_port()}"
    result, _ = bench(url, code=1)
    assert result.stderr == f"infer-serve: cannot connect to {url}: Connection refused\n" and not result.stdout
    with FaultyServer() as faulty:
        result, _ = bench(faulty.url, "--endpoint", "/v2/nothing", code=1)
        assert "the server answered 404: no /v2/nothing here" in result.stderr
    result, _ = bench(server.url, "--model", "other", "--requests", 1, code=1)
    assert "the server answered 404" in result.stderr and "other" in result.stderr


@pytest.mark.parametrize("arguments, message", [
    (["--trace", "x.csv"], "--trace must be azure:FILE.csv or mooncake:FILE.jsonl"),
    (["--trace", "azure:/nowhere"], "cannot read /nowhere"),
    (["--request-rate", "0"], "--request-rate must be a positive number"),
    (["--request-rate", "nan"], "--request-rate must be a positive number"),
    (["--goodput", "itl:5"], "itl:5"),
    (["--trace", "azure:x", "--input-tokens", "5"], "--input-tokens is for random prompts"),
    (["--conversations", "x", "--rate-scale", "2"], "--rate-scale is for the times of a --trace"),
    (["--burstiness", "2"], "--burstiness needs a --request-rate"),
    (["--base-url", "localhost:8080"], "--base-url must be a URL such as"),
    (["--header", "nothing"], "--header must be NAME=VALUE"),
    (["--extra-body", "[]"], "--extra-body must be a JSON object"),
    (["--json", "/nowhere/x.json"], "--json: cannot write /nowhere/x.json"),
    (["--save-detailed"], "--save-detailed needs --json"),
    (["--requests", "0"], "--requests must be between 1 and"),
    (["--unheard-of"], "--unheard-of"),
])
def test_wrong_options_are_refused(binary, arguments, message):
    result = subprocess.run([binary, "bench-serve", *arguments], capture_output=True, text=True, timeout=20)
    assert result.returncode != 0 and message in result.stderr and not result.stdout
    assert len(result.stderr.splitlines()) == 1
