#!/usr/bin/env python3
"""Measures replicas of infer-serve: what routing by kept prefixes saves, what a second replica brings, and what is left
unanswered when replicas are killed.

    replicas.py trace      --binary B --model M --trace FILE   prompt tokens computed and times, by prefix and by load
    replicas.py throughput --binary B --model M                one replica, and two, each on a processor of its own
    replicas.py kill       --binary B --model M                behind Ray Serve, one killed every so many seconds
    replicas.py predict    --binary B --model M --trace FILE   one, two and four replicas, beside what Benchmarks/cluster foretells

It needs the package Deploy/ray (with Ray for `kill`). What a run measured is printed as JSON.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "Deploy/ray/src"), str(Path(__file__).parent / "cluster/src")]
from infer_serve_cluster import simulation, steps, traces  # noqa: E402
from infer_serve_cluster.replica import Engine as SimulatedEngine  # noqa: E402
from infer_serve_ray.engine import Engine, EngineDown  # noqa: E402
from infer_serve_ray.messages import Call  # noqa: E402
from infer_serve_ray.prefixes import chain  # noqa: E402
from infer_serve_ray.routing import Candidate, Chooser  # noqa: E402

COMPUTED = ("infer_prefix_cache_queries_total", "infer_prefix_cache_hits_total")


def quantile(values, fraction):
    return sorted(values)[min(len(values) - 1, int(fraction * len(values)))] if values else None


class Pool:
    """Servers, and a router before them in this process: what Ray takes of the machine is not measured."""

    def __init__(self, arguments, count, prefix_aware=True, cores=None):
        self.engines, self.load, self.prefix_aware = {}, {}, prefix_aware
        self.chooser = Chooser(prefix_aware=prefix_aware)
        options = ["--model", arguments.model, "--threads", "1", *arguments.options]
        for index in range(count):
            # A program that binds the server to its processor.
            binary = arguments.binary
            if cores:
                path = Path(arguments.folder) / f"bound-{cores[index]}"
                path.write_text(f'#!/bin/sh\nexec taskset -c {cores[index]} "{arguments.binary}" "$@"\n')
                path.chmod(0o755)
                binary = str(path)
            self.engines[index], self.load[index] = Engine(options, binary=binary, drain_s=5), 0

    async def __aenter__(self):
        await asyncio.gather(*(engine.start() for engine in self.engines.values()))
        return self

    async def __aexit__(self, *_):
        await asyncio.gather(*(engine.stop() for engine in self.engines.values()))

    async def ask(self, body, path="/v1/completions"):
        """Sends a request to the replica that is best; returns its answer and the seconds that it took."""
        start, hashes = time.monotonic(), chain(body) if self.prefix_aware else []
        candidates = {name: Candidate(name, self.load[name], engine.digest.entries) for name, engine in self.engines.items()}
        name = self.chooser.rank(hashes, list(candidates.values()), start)[0]
        self.chooser.note(hashes, candidates[name], start)
        self.load[name] += 1
        try:
            headers = [("Content-Type", "application/json")]
            async for status, _, pieces in self.engines[name].forward(Call("POST", path, headers, json.dumps(body).encode())):
                text = b"".join([piece async for piece in pieces])
                if status != 200:
                    raise EngineDown(text.decode())
                return json.loads(text), time.monotonic() - start
        finally:
            self.load[name] -= 1

    async def computed(self):
        """Prompt tokens that were asked for, and those that were found, over all replicas."""
        totals = dict.fromkeys(COMPUTED, 0.0)
        for engine in self.engines.values():
            _, page = await engine.get("/metrics")
            for line in page.decode().splitlines():
                name = line.split("{")[0]
                if name in totals:
                    totals[name] += float(line.rsplit(" ", 1)[1])
        return totals[COMPUTED[0]], totals[COMPUTED[1]]


def rows_of(arguments):
    """The trace's conversations of at least --turns requests, none of them longer than --longest, the first of them in order,
    and all of their requests. What has the same second block is one conversation: the first is everybody's."""
    conversations = {}
    for line in Path(arguments.trace).read_text().splitlines():
        row = json.loads(line)
        conversations.setdefault(tuple(row["hash_ids"][:2]), []).append(row)
    wanted = [
        rows for rows in conversations.values()
        if len(rows) >= arguments.turns and max(r["input_length"] for r in rows) // arguments.scale <= arguments.longest]
    return sorted((r for rows in wanted[: arguments.conversations] for r in rows), key=lambda r: r["timestamp"])


def requests_of(arguments):
    """The trace's prompts as token ids: a block of equal number has equal tokens. Lengths are divided by --scale."""
    requests = []
    for row in rows_of(arguments):
        length, ids = row["input_length"] // arguments.scale, row["hash_ids"]
        block = 512 // arguments.scale
        tokens = []
        for number in ids:
            dice = random.Random(number)
            tokens += [dice.randrange(300, arguments.vocabulary) for _ in range(block)]
        requests.append((row["timestamp"] / 1000, tokens[:length], ids))
    return requests


def bound(requests, arguments):
    """The parts of the prompts that would be computed with unlimited caches: sent at random, and each where most of it is."""
    block, results = 512 // arguments.scale, []
    for aware in (False, True):
        dice, kept, work = random.Random(1), [set() for _ in range(arguments.replicas)], [0] * arguments.replicas
        for _, tokens, ids in requests:
            hits = [next((i for i, number in enumerate(ids) if number not in s), len(ids)) for s in kept]
            best = max(range(len(kept)), key=lambda j: (hits[j] > 1, hits[j] if hits[j] > 1 else 0, -work[j]))
            at = best if aware else dice.randrange(len(kept))
            work[at] += len(tokens) - min(len(tokens) - 1, hits[at] * block)
            kept[at].update(ids)
        results.append(sum(work) / sum(len(tokens) for _, tokens, _ in requests))
    return {"random": results[0], "best": results[1], "ratio": results[1] / results[0]}


async def trace(arguments):
    requests = requests_of(arguments)
    span = requests[-1][0] - requests[0][0]
    report = {"requests": len(requests), "tokens": sum(len(r[1]) for r in requests), "replicas": arguments.replicas,
              "bound": bound(requests, arguments)}
    for name, aware in (("load", False), ("prefix", True)):
        async with Pool(arguments, arguments.replicas, aware) as pool:
            start, times = time.monotonic(), []

            async def one(at, tokens):
                await asyncio.sleep(max(0, start + at - time.monotonic()))
                _, seconds = await pool.ask({"prompt": tokens, "max_tokens": 1, "ignore_eos": True})
                times.append(seconds)

            await asyncio.gather(*(
                one((at - requests[0][0]) / span * arguments.seconds, tokens) for at, tokens, _ in requests))
            asked, found = await pool.computed()
            report[name] = {
                "computed": asked - found, "part": (asked - found) / asked, "seconds": time.monotonic() - start,
                "p50": quantile(times, 0.5), "p90": quantile(times, 0.9), "p99": quantile(times, 0.99)}
    report["ratio"] = report["prefix"]["computed"] / report["load"]["computed"]
    return report


async def throughput(arguments):
    """Requests without a shared beginning, as many at once as keep all replicas busy."""
    report, dice = {}, random.Random(5)

    def body():
        tokens = [dice.randrange(300, arguments.vocabulary) for _ in range(arguments.prompt_tokens)]
        return {"prompt": tokens, "max_tokens": arguments.answer_tokens, "ignore_eos": True}

    runs = {1: [], 2: []}
    for _ in range(arguments.rounds):
        for count in (1, 2):
            async with Pool(arguments, count, prefix_aware=False, cores=[0, 1]) as pool:
                over, done = time.monotonic() + arguments.seconds, []

                async def client():
                    while time.monotonic() < over:
                        answer, _ = await pool.ask(body())
                        if time.monotonic() < over:
                            done.append(answer["usage"]["total_tokens"])

                await asyncio.gather(*(client() for _ in range(8 * count)))
                runs[count].append(sum(done) / arguments.seconds)
    for count, values in runs.items():
        report[str(count)] = {"tokens_per_s": statistics.median(values), "runs": values}
    report["ratio"] = report["2"]["tokens_per_s"] / report["1"]["tokens_per_s"]
    return report


class Neighbours:
    """What other processes compute beside a pool, from its making to `count`."""

    def __init__(self, pool):
        self.pool, self.start, self.before = pool, time.monotonic(), None
        self.before = self._seconds()

    def _seconds(self):
        """Seconds of processors that all have used, and this pool has."""
        tick = os.sysconf("SC_CLK_TCK")
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        # All but idle and waiting for disks.
        used, own = (sum(fields) - fields[3] - fields[4]) / tick, time.process_time()
        for engine in self.pool.engines.values():
            words = Path(f"/proc/{engine.process_id}/stat").read_text().rpartition(")")[2].split()
            own += (int(words[11]) + int(words[12])) / tick
        return used, own

    def count(self):
        """How many wanted to compute, on average: where the cores were not enough, each had as much as a server."""
        seconds, cores = time.monotonic() - self.start, len(os.sched_getaffinity(0))
        used, own = ((now - then) / seconds for now, then in zip(self._seconds(), self.before))
        others = max(0.0, used - own)
        # With a tenth of a core idle, nobody has waited for long.
        return others if used < cores - 0.1 else others / max(0.1, own) * len(self.pool.engines)


async def closed(pool, sizes, clients, seconds):
    """Has so many clients ask without a pause, for prompts and answers of `sizes`. Returns answers a second, the seconds of
    this process' time for each, and how many other processes computed."""
    dice, done, over = random.Random(7), 0, time.monotonic() + seconds
    others, spent = Neighbours(pool), time.process_time()

    async def client():
        nonlocal done
        while time.monotonic() < over:
            tokens = [dice.randrange(300, 500) for _ in range(sizes[0])]
            await pool.ask({"prompt": tokens, "max_tokens": sizes[1], "ignore_eos": True})
            if time.monotonic() < over:
                done += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return done / seconds, (time.process_time() - spent) / max(1, done), others.count()


def fitted(arguments):
    """The model of steps of one thread, measured anew."""
    told = subprocess.run(
        [arguments.binary, "bench", "--model", arguments.model, "--threads", "1", "--prompt-tokens", "64,512", "--depth",
         "0,2048", "--generate-tokens", "32", "--batch", "1,4,16", "--batch-prompt-tokens", "16", "--repetitions", "3",
         "--json"], capture_output=True, text=True, check=True)
    return steps.fit(steps.rows_of(json.loads(told.stdout)))


async def predict(arguments):
    """Fits the simulator to one server with one load, and foretells others, which are measured. It is told how many
    other processes computed meanwhile."""
    sizes, clients = (512, 64), 8
    model = fitted(arguments)

    reading = writing = 1.0

    def simulated(requests, count, link, others, **how):
        here = steps.StepModel(
            model.step_s * writing, model.prompt_row_s * reading, model.sequence_s * writing,
            model.prompt_context_s * reading, model.context_s * writing)
        cluster = simulation.Cluster(
            here, count, "prefix", SimulatedEngine(cache_tokens=8 << 20), link, len(os.sched_getaffinity(0)), others)
        return simulation.Simulation(cluster).run(requests, **how).summary()

    def answered(size, count, link, others):
        return simulated(alike(size), count, link, others, clients=clients * count, until=10)["answered"] / 10

    def alike(size, count=100_000):
        return (traces.Request(0, size[0], size[1]) for _ in range(count))

    # What a request costs beside its steps, in this process and in all, by its tokens.
    async with Pool(arguments, 1) as pool:
        await closed(pool, (16, 1), 1, 1)
        rate, short_cpu, _ = await closed(pool, (16, 1), 1, 3)
        _, long_cpu, _ = await closed(pool, (1016, 1), 1, 3)
        token_s = max(0.0, (long_cpu - short_cpu) / 1000)
        router_s = max(0.0, short_cpu - 16 * token_s)
        latency = max(0.0, 1 / rate - short_cpu - model.seconds(16, 0, 120, 0)) / 2
        link = simulation.Link(router_s, token_s, latency)
        read, _, read_others = await closed(pool, (384, 1), clients, arguments.seconds / 3)
        written, _, written_others = await closed(pool, (32, 128), clients, arguments.seconds / 3)
    for _ in range(8):
        reading *= answered((384, 1), 1, link, read_others) / read
        writing *= answered((32, 128), 1, link, written_others) / written
    report = {
        "cores": len(os.sched_getaffinity(0)), "model": vars(model),
        "in a server, of steps alone": {"reading": reading, "writing": writing},
        "router": {"s": router_s, "s a token": token_s, "latency_s": latency}, "figures": []}

    def note(what, count, others, foretold, found):
        report["figures"].append({
            "what": what, "replicas": count, "other processes": others, "foretold": foretold, "measured": found,
            "error": foretold / found - 1})

    rows, asked = rows_of(arguments), requests_of(arguments)
    first, span = asked[0][0], asked[-1][0] - asked[0][0]
    load = [
        traces.Request((at - first) / span * arguments.seconds, len(tokens), 1, tuple(map(str, row["hash_ids"])),
                       512 // arguments.scale) for (at, tokens, _), row in zip(asked, rows)]
    for count in (1, 2, 4):
        async with Pool(arguments, count) as pool:
            rate, _, others = await closed(pool, sizes, clients * count, arguments.seconds)
        foretold = answered(sizes, count, link, others)
        note("tokens a second, nothing shared", count, others, foretold * sum(sizes), rate * sum(sizes))
        async with Pool(arguments, count) as pool:
            neighbours, start, taken = Neighbours(pool), time.monotonic(), []

            async def one(request, tokens):
                await asyncio.sleep(max(0, start + request.at - time.monotonic()))
                _, seconds = await pool.ask({"prompt": tokens, "max_tokens": 1, "ignore_eos": True})
                taken.append(seconds)

            await asyncio.gather(*(one(request, tokens) for request, (_, tokens, _) in zip(load, asked)))
            total, others = time.monotonic() - start, neighbours.count()
            queried, found = await pool.computed()
        foretold = simulated(load, count, link, others)
        note("prompt tokens computed of a trace", count, others, foretold["computed_tokens"], queried - found)
        note("seconds of the trace", count, others, foretold["seconds"], total)
        note("p90 of its answers in seconds", count, others, foretold["answer_p90_s"], quantile(taken, 0.9))
    report["largest error but for p90"] = max(
        abs(figure["error"]) for figure in report["figures"] if not figure["what"].startswith("p90"))
    return report


def descendants(root):
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, grown = {root}, True
    while grown:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | new, bool(new)
    return found


def servers(root):
    """The servers that a command has started."""
    found = []
    for pid in descendants(root):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and words[0].endswith(b"infer-serve") and words[1] == b"serve":
            found.append(pid)
    return sorted(found)


async def kill(arguments):
    import aiohttp

    folder, url = Path(arguments.folder), f"http://127.0.0.1:{arguments.port}"
    command = [
        str(Path(sys.executable).parent / "infer-serve-ray"), "--model", arguments.model, "--binary", arguments.binary,
        "--replicas", str(arguments.replicas), "--processors", "0.1", "--port", str(arguments.port), "--",
        "--threads", "1", "--usage-db", str(folder / "usage-{replica}.db"), *arguments.options]
    outcomes = {"answered": 0, "broken streams": 0, "unanswered": 0, "wrong": 0}
    seen, times, reasons = [], [], []
    with open(folder / "ray.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as client:
            limit = time.monotonic() + 120
            while len(servers(process.pid)) < arguments.replicas or "replicas serve" not in (folder / "ray.log").read_text():
                if process.poll() is not None or time.monotonic() > limit:
                    raise SystemExit((folder / "ray.log").read_text()[-2000:])
                await asyncio.sleep(0.5)

            async def one(number):
                is_stream = number % 2 == 0
                body = {"model": "tiny", "max_tokens": 200, "ignore_eos": True, "stream": is_stream, "messages": [
                    {"role": "user", "content": f"{number % 20}: you are a careful teacher. What is {number} + 1?"}]}
                if is_stream:
                    body["stream_options"] = {"include_usage": True}
                start = time.monotonic()
                try:
                    async with client.post(url + "/v1/chat/completions", json=body) as answer:
                        text = (await answer.read()).decode()
                        if answer.status != 200:
                            reasons.append(text[:200])
                            outcomes["unanswered"] += 1
                            return
                except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                    reasons.append(f"{type(error).__name__}: {error}")
                    outcomes["unanswered"] += 1
                    return
                times.append(time.monotonic() - start)
                events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
                if is_stream and "replica_lost" in events[-1]:
                    outcomes["broken streams"] += 1
                    return
                last = json.loads(events[-2] if is_stream else text)
                is_right = last["usage"]["completion_tokens"] == 200 and (not is_stream or events[-1] == "[DONE]")
                outcomes["answered" if is_right else "wrong"] += 1
                seen.append(last["id"])

            tasks, start, killed, number, dice = [], time.monotonic(), 0, 0, random.Random(3)
            next_kill = start + arguments.every
            while time.monotonic() < start + arguments.seconds:
                tasks.append(asyncio.create_task(one(number)))
                number += 1
                if time.monotonic() >= next_kill and (found := servers(process.pid)):
                    os.kill(dice.choice(found), signal.SIGKILL)
                    killed, next_kill = killed + 1, next_kill + arguments.every
                await asyncio.sleep(dice.expovariate(arguments.rate))
            await asyncio.gather(*tasks)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)
    counted = 0
    for database in sorted(folder.glob("usage-*.db")):
        told = subprocess.run(
            [arguments.binary, "usage", "--usage-db", str(database), "--format", "json"], capture_output=True, text=True)
        counted += sum(row["requests"] for row in json.loads(told.stdout)["data"])
    begun = outcomes["answered"] + outcomes["broken streams"] + outcomes["wrong"]
    return {"requests": number, "killed": killed, "seconds": arguments.seconds, **outcomes,
            "answers of which the beginning came": begun / number, "answered twice": len(seen) - len(set(seen)),
            "requests in the servers' usage": counted, "p50": quantile(times, 0.5), "p99": quantile(times, 0.99),
            "reasons": reasons[:3]}


def with_context(source, folder, context):
    """A model that is another but for its context."""
    folder.mkdir()
    for file in Path(source).iterdir():
        if file.is_file() and file.name != "config.json":
            (folder / file.name).symlink_to(file)
    config = json.loads((Path(source) / "config.json").read_text(encoding="utf-8"))
    config["max_position_embeddings"] = context
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["trace", "throughput", "kill", "predict"])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60, help="time of a run, into which a trace is pressed")
    parser.add_argument("--trace")
    parser.add_argument("--conversations", type=int, default=100, help="conversations of the trace")
    parser.add_argument("--turns", type=int, default=1, help="requests of a conversation, at least")
    parser.add_argument("--scale", type=int, default=4, help="divisor of the trace's lengths")
    parser.add_argument("--longest", type=int, default=8000, help="tokens of the longest prompt that is asked")
    parser.add_argument("--context", type=int, help="what a copy of the model's configuration has as its context")
    parser.add_argument("--vocabulary", type=int, default=500)
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--answer-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=float, default=20, help="seconds between two kills")
    parser.add_argument("--rate", type=float, default=10, help="requests a second")
    parser.add_argument("--port", type=int, default=8497)
    parser.epilog = "What follows -- are options of infer-serve serve."
    own = sys.argv[1:]
    place = own.index("--") if "--" in own else len(own)
    arguments = parser.parse_args(own[:place])
    arguments.options = own[place + 1 :]
    arguments.binary, arguments.model = os.path.abspath(arguments.binary), os.path.abspath(arguments.model)
    with tempfile.TemporaryDirectory() as arguments.folder:
        if arguments.context:
            arguments.model = with_context(arguments.model, Path(arguments.folder) / "model", arguments.context)
        print(json.dumps(asyncio.run(globals()[arguments.what](arguments)), indent=1))


if __name__ == "__main__":
    main()
