"""Serves the same weights with infer-serve and with llama-server in turn, and measures both from outside.

usage: serve.py --model OURS --peer-model FILE.gguf --peer FOLDER/build/bin --output FILE.json [options]

OURS is what infer-serve reads; both models must have a tokenizer and a chat template (give_vocabulary.py lends one to
weights without). Every workload gets a server of its own, so that it begins with nothing in any cache. Prints a Markdown
table; FILE.json is written after every workload. --scale shrinks all lengths, to try things out.
"""

import argparse
import contextlib
import datetime
import functools
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure

Figures = dict[str, float | None]


@dataclass
class Program:
    """A server's command line, but for its port."""

    name: str
    command: list[str]
    is_ours: bool


class Running:
    """A server that is up, and what is asked of it."""

    def __init__(self, url: str, arguments: argparse.Namespace) -> None:
        self.url, self.arguments = url, arguments

    def length(self, tokens: int) -> int:
        """A length at the scale of this run."""
        return max(1, round(tokens * self.arguments.scale))

    def start_bench(self, output: Path, *options: object) -> subprocess.Popen[str]:
        command = [
            self.arguments.binary, "bench-serve", "--base-url", self.url, "--json", str(output), "--save-detailed",
            *map(str, options)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def bench(self, *options: object) -> dict[str, Any]:
        """What bench-serve writes; ends the program when a request failed."""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "result.json")
            return self.result(self.start_bench(output, *options), output)

    def result(self, process: subprocess.Popen[str], output: Path) -> dict[str, Any]:
        _, errors = process.communicate()
        result = json.loads(output.read_text()) if output.exists() else {"failed": 1}
        if process.returncode or result["failed"]:
            sys.exit(f"{' '.join(map(str, process.args))}:\n{errors.strip()}")  # type: ignore[union-attr]
        return result

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def tokens(self, text: str) -> int:
        """The tokens of a text, without special ones."""
        return len(self.post("/tokenize", {"content": text})["tokens"])

    def text(self, tokens: int, seed: object) -> str:
        """Words that take about so many tokens."""
        words = random.Random(str(seed))
        text = " ".join(words.choice(WORDS) for _ in range(tokens))
        excess = self.tokens(text) / tokens
        return " ".join(text.split()[: max(1, round(tokens / excess))])

    @functools.cached_property
    def words(self) -> dict[str, int]:
        """A bias to tokens that are a word each: weights without sense write text that is cut otherwise when it is read."""
        tokens = [self.post("/tokenize", {"content": f" {word}"})["tokens"] for word in dict.fromkeys(WORDS)]
        return {str(found[0]): 100 for found in tokens if len(found) == 1}

    def ask(self, messages: list[dict[str, str]], tokens: int) -> tuple[str, int]:
        """An answer, and how many tokens of the prompt were computed for it."""
        answer = self.post(
            "/v1/chat/completions",
            {"messages": messages, "max_tokens": tokens, "temperature": 0, "ignore_eos": True, "model": "default",
             "logit_bias": self.words}
            | ({"model": self.model} if self.model else {}))
        usage, timings = answer["usage"], answer.get("timings", {})
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", timings.get("cache_n", 0))
        return answer["choices"][0]["message"].get("content") or "", usage["prompt_tokens"] - cached

    @property
    def model(self) -> str:
        with urllib.request.urlopen(self.url + "/v1/models") as response:
            return json.load(response)["data"][0]["id"]


WORDS = """time year people way day man thing woman life child world school state family student group country problem hand
part place case week company system program question work government number night point home water room mother area money
story fact month lot right study book eye job word business issue side kind head house service friend father power hour
game line end member law car city community name president team minute idea body information back parent face others
level office door health person art war history party result change morning reason research girl guy moment air teacher
force education""".split()


def computed(result: dict[str, Any]) -> list[int]:
    """Prompt tokens that were computed for each request, in the order of their times."""
    return [length - (cached or 0) for length, cached in zip(result["input_lens"], result["cached_lens"], strict=True)]


# Workloads. Each returns its figures by name.


def shared(server: Running) -> Figures:
    """Requests one after another with a system prompt in common and questions of their own."""
    result = converse(
        server, 6, 1, server.text(server.length(1900), "system"), lambda number, turn: server.text(24, (number, turn)), 8)
    first, *later = result["ttfts"]
    return {
        "prompt tokens computed from the second request on, most": max(computed(result)[1:]),
        "time to first token from the second on / the first's": statistics.median(later) / first}


def together(server: Running) -> Figures:
    """Four requests with one prefix that arrive at once."""
    result = server.bench(
        "--requests", 4, "--prefix-tokens", server.length(2678), "--input-tokens", 8, "--output-tokens", 8)
    return {"prompts computed for four": sum(computed(result)) / max(result["input_lens"])}


def converse(
    server: Running, count: int, turns: int, system: str, question: Callable[[int, int], str], answer: int
) -> dict[str, Any]:
    """Conversations that take turns, with answers of so many tokens."""
    conversations = [
        {"conversations": [{"from": "system", "value": system}] + [
            message for turn in range(turns) for message in (
                {"from": "human", "value": question(number, turn)}, {"from": "gpt", "value": ""})]}
        for number in range(count)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(conversations, file)
        file.flush()
        return server.bench(
            "--conversations", file.name, "--output-tokens", answer, "--ignore-eos", "--max-concurrency", 1, "--extra-body",
            json.dumps({"logit_bias": server.words}))


def talk(server: Running, count: int, turns: int, system: str, question: Callable[[int, int], str], answer: int) -> float:
    """Conversations that take turns: prompt tokens computed over those that are really new."""
    result = converse(server, count, turns, system, question, answer)
    inputs, outputs = result["input_lens"], result["output_lens"]
    new = sum(inputs[:count]) - (count - 1) * server.tokens(system)
    # One turn of all, then the next of all.
    new += sum(inputs[index] - inputs[index - count] - outputs[index - count] for index in range(count, count * turns))
    return sum(computed(result)) / new


def conversations(server: Running) -> Figures:
    """Eight conversations of four turns over one system prompt; then one that is told again, and otherwise."""
    system = server.text(server.length(520), "system")
    figures: Figures = {
        "prompt tokens computed / really new": talk(
            server, 8, 4, system, lambda number, turn: server.text(server.length(60), (number, turn)),
            server.length(60))}
    messages = [{"role": "system", "content": system}]
    for turn in range(4):
        messages.append({"role": "user", "content": server.text(server.length(60), ("again", turn))})
        answer, _ = server.ask(messages, server.length(60))
        messages.append({"role": "assistant", "content": answer})
    figures["tokens computed to regenerate the last answer"] = server.ask(messages[:-1], 1)[1]
    edited = [*messages[:-5], {"role": "user", "content": server.text(server.length(60), "edited")}]
    figures["tokens computed after an edit two turns back / the edited turn's"] = (
        server.ask(edited, 1)[1] / server.tokens(edited[-1]["content"]))
    return figures


def agents(server: Running) -> Figures:
    """Three agents in turn, with results of tools that grow, over one prefix."""
    system = server.text(server.length(3000), "tools")
    return {
        "prompt tokens computed / really new": talk(
            server, 3, server.arguments.agent_turns, system,
            lambda number, turn: server.text(server.length(40 + 10 * turn), (number, turn)), server.length(24))}


def azure(server: Running) -> Figures:
    """Eight clients of Azure's conversations."""
    result = server.bench(
        "--trace", f"azure:{server.arguments.traces}/azure/AzureLLMInferenceTrace_conv.csv", "--request-rate", "inf",
        "--requests", server.arguments.trace_requests, "--length-scale", server.arguments.scale, "--max-concurrency", 8)
    return {
        "output tokens/s": result["output_throughput"], "p99 inter-token latency, ms": result["p99_itl_ms"],
        "p99 time to first token, ms": result["p99_ttft_ms"]}


def mooncake(server: Running) -> Figures:
    """Mooncake's conversations."""
    trace = f"{server.arguments.traces}/mooncake/conversation_trace.jsonl"
    count = server.arguments.trace_requests
    result = server.bench(
        "--trace", f"mooncake:{trace}", "--request-rate", "inf", "--requests", count, "--length-scale",
        server.arguments.scale, "--max-concurrency", 4)
    with open(trace) as lines:
        best = unbounded_share([json.loads(line) for _, line in zip(range(count), lines, strict=False)])
    share = result["cached_share"] or 0
    return {
        "cached share": share, "cached share / an unbounded cache's": share / best if best else None,
        "output tokens/s": result["output_throughput"]}


def unbounded_share(requests: list[dict[str, Any]]) -> float:
    """The share of prompt tokens that stand in the longest prefix of blocks which an earlier request had."""
    seen: set[tuple[int, ...]] = set()
    cached = 0
    for request in requests:
        blocks = tuple(request["hash_ids"])
        depth = 0
        while depth < len(blocks) and blocks[: depth + 1] in seen:
            depth += 1
        cached += min(512 * depth, request["input_length"])
        seen.update(blocks[: end + 1] for end in range(len(blocks)))
    return cached / sum(request["input_length"] for request in requests)


def side_by_side(server: Running, first: list[object], second: list[object], delay: float) -> Iterator[dict[str, Any]]:
    """What two runs of bench-serve come to, the second begun a while after the first."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder, name) for name in ("first.json", "second.json")]
        one = server.start_bench(outputs[0], *first)
        time.sleep(delay)
        other = server.start_bench(outputs[1], *second)
        yield server.result(one, outputs[0])
        yield server.result(other, outputs[1])


def neighbours(server: Running) -> Figures:
    """A long prompt that arrives among running answers."""
    running, _ = side_by_side(
        server, ["--requests", 4, "--input-tokens", 16, "--output-tokens", server.arguments.running_tokens],
        ["--requests", 1, "--input-tokens", server.length(4000), "--output-tokens", 2, "--seed", 2], 2)
    target = server.arguments.target_itl_ms
    return {
        "p99 inter-token latency, ms": running["p99_itl_ms"], "longest pause, ms": max(map(max, running["itls"])) * 1000,
        "p99 inter-token latency / target": running["p99_itl_ms"] / target if target else None}


def behind(server: Running) -> Figures:
    """A short prompt behind a very long one."""
    long, short = side_by_side(
        server, ["--requests", 1, "--input-tokens", server.length(30_000), "--output-tokens", 2],
        ["--requests", 1, "--input-tokens", 20, "--output-tokens", 2, "--seed", 2], 2)
    return {
        "time to first token of the short prompt, ms": short["mean_ttft_ms"],
        "the same, of the long one's": short["mean_ttft_ms"] / long["mean_ttft_ms"]}


def cold(server: Running) -> Figures:
    """Prompts that share nothing."""
    figures: Figures = {}
    for batch in (1, 16):
        result = server.bench(
            "--requests", 2 * batch + 2, "--input-tokens", server.length(512), "--output-tokens", server.length(64),
            "--max-concurrency", batch, "--seed", batch)
        figures[f"tokens/s, {batch} at a time"] = result["total_token_throughput"]
    return figures


def restart(program: Program, arguments: argparse.Namespace) -> Figures:
    """The first request of a server that was ended and started again, with its cache in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for question in (24, 32):
            with serve(program, arguments, ["--cache-dir", folder]) as server:
                result = server.bench(
                    "--requests", 1, "--prefix-tokens", server.length(2000), "--input-tokens", question,
                    "--output-tokens", 4)
    return {"prompt tokens computed after a restart": computed(result)[0]}


WORKLOADS: dict[str, Callable[[Running], Figures]] = {
    "shared": shared, "together": together, "conversations": conversations, "agents": agents, "azure": azure,
    "mooncake": mooncake, "neighbours": neighbours, "behind": behind, "cold": cold}


@contextlib.contextmanager
def serve(program: Program, arguments: argparse.Namespace, options: list[str]) -> Iterator[Running]:
    """Starts a server and ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*program.command, "--host", "127.0.0.1", "--port", str(port), *options]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            while not is_ready(url):
                if process.poll() is not None:
                    log.seek(0)
                    sys.exit(f"{' '.join(command)} ended:\n" + "\n".join(log.read().splitlines()[-5:]))
                time.sleep(0.1)
            yield Running(url, arguments)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/health") as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def programs(arguments: argparse.Namespace) -> list[Program]:
    context = arguments.context * arguments.slots
    ours = [arguments.binary, "serve", "--model", arguments.model, "--threads", str(arguments.threads)]
    found = [Program("ours", ours, True)]
    if arguments.without_cache:
        found.append(Program("ours without cache", [*ours, arguments.without_cache], True))
    if arguments.peer_model:
        found.append(Program("peer", [
            f"{arguments.peer}/llama-server", "--model", arguments.peer_model, "--threads", str(arguments.threads),
            "--parallel", str(arguments.slots), "--ctx-size", str(context)], False))
    return found


def options_of(program: Program, workload: str, arguments: argparse.Namespace) -> list[str]:
    """The words that the command line adds for a program, those for one workload only where they belong."""
    options = []
    for text in arguments.option if program.is_ours else arguments.peer_option:
        name, separator, word = text.partition(":")
        if not separator or name not in WORKLOADS:
            options.append(text)
        elif name == workload:
            options.append(word)
    if workload == "neighbours" and program.is_ours and arguments.target_itl_ms:
        options += ["--target-itl-ms", str(arguments.target_itl_ms)]
    return options


def measure_all(program: Program, workload: str, arguments: argparse.Namespace) -> Figures:
    if workload == "restart":
        return restart(program, arguments)
    with serve(program, arguments, options_of(program, workload, arguments)) as server:
        return WORKLOADS[workload](server)


def applies(program: Program, workload: str) -> bool:
    """Whether a program takes part: without a cache to hold the cold speed against only, and the peer keeps none."""
    if program.name == "ours without cache":
        return workload == "cold"
    return program.is_ours or workload != "restart"


def medians(rounds: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, float]]:
    """Medians over rounds of each program, by workload and figure."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for entry in rounds:
        for figure, value in entry["figures"].items():
            if value is not None:
                values.setdefault((entry["workload"], figure), {}).setdefault(entry["program"], []).append(value)
    return {key: {name: statistics.median(found) for name, found in each.items()} for key, each in values.items()}


def table(results: dict[str, Any]) -> str:
    """Medians over rounds, a figure a line."""
    names = list(dict.fromkeys(entry["program"] for entry in results["rounds"]))
    lines = [
        "| workload | figure | " + " | ".join(names) + " | ours / peer |", "| --- | --- |" + " ---: |" * (len(names) + 1)]
    for (workload, figure), found in medians(results["rounds"]).items():
        both = [found[name] for name in ("ours", "peer") if name in found]
        ratio = f"{both[0] / both[1]:.3f}" if len(both) == 2 and both[1] else "–"
        cells = [f"{found[name]:.4g}" if name in found else "–" for name in names]
        lines.append(f"| {workload} | {figure} | {' | '.join(cells)} | {ratio} |")
    rounds = max((entry["round"] for entry in results["rounds"]), default=0)
    lines += ["", f"{results['date'][:10]}, {results['machine']['processor']}, lengths × {results['scale']:g}; medians of "
              f"{rounds} rounds in turn."]
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="what infer-serve reads")
    parser.add_argument("--binary", default=".build/release/infer-serve", help="our program")
    parser.add_argument("--peer", help="folder of llama-server")
    parser.add_argument("--peer-model", help="the same weights for llama-server")
    parser.add_argument("--option", action="append", default=[], help="one more word for our server, or WORKLOAD:WORD")
    parser.add_argument("--peer-option", action="append", default=[], help="the same for llama-server")
    parser.add_argument("--without-cache", help="option of our server that turns its cache off, to hold cold prompts against")
    parser.add_argument("--target-itl-ms", type=float, help="our target of inter-token latency beside a long prompt")
    parser.add_argument("--only", default=",".join([*WORKLOADS, "restart"]), help="workloads: %(default)s")
    parser.add_argument("--traces", type=Path, default=Path(".build/traces"), help="folder of azure/ and mooncake/")
    parser.add_argument("--trace-requests", type=int, default=64)
    parser.add_argument("--agent-turns", type=int, default=30)
    parser.add_argument("--running-tokens", type=int, default=200, help="tokens of answers beside a long prompt")
    parser.add_argument("--scale", type=float, default=1, help="factor for all lengths of prompts and answers")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--slots", type=int, default=8, help="llama-server's requests at a time")
    parser.add_argument("--context", type=int, default=32_768, help="llama-server's tokens of each")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    for name in arguments.only:
        if name not in WORKLOADS and name != "restart":
            parser.error(f"--only: there is no workload {name}, but {', '.join([*WORKLOADS, 'restart'])}")
    if arguments.peer_model and not arguments.peer:
        parser.error("--peer-model needs --peer, the folder of llama-server")
    return arguments


def main() -> None:
    arguments = parse()
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "machine": measure.machine(),
        "command": ["serve.py", *sys.argv[1:]], "scale": arguments.scale, "rounds": []}
    for number in range(1, arguments.rounds + 1):
        for workload in arguments.only:
            for program in programs(arguments):
                if not applies(program, workload):
                    continue
                print(f"round {number} of {arguments.rounds}: {workload}, {program.name}", file=sys.stderr)
                busy = measure.warn_if_busy()
                figures = measure_all(program, workload, arguments)
                results["rounds"].append({
                    "round": number, "workload": workload, "program": program.name, "busy": round(busy, 3),
                    "figures": figures})
                arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
