#!/usr/bin/env python3
"""What teams of more threads than this machine has cores would make of a model's steps: a simulation of the team, driven by
times of items and of cache lines that are measured here.

Every region of a step is known from a run with one thread: the time of each of its items, and the time between regions,
in which the caller works alone. The simulation deals items out as the team does, lets workers take from others' shares,
and adds what it costs to begin and to end together by three rules:

1. to read or change a cache line that another thread changed last takes one transfer;
2. transfers of one line happen one after another;
3. a thread's transfers of different lines that do not depend on each other overlap, eight at a time.

"counter" is a team that counts everything on one line and looks at every share by changing it, "groups" the team as it is.
A transfer between cores of one cache is measured; --far says how many times as long it takes between sockets, which cannot be
measured here. The simulation knows nothing of memory: items take as long with many threads as with one, so that a
step which reads more than the memory gives is slower than told.

usage: barriers.py [--binary FILE] [--model FOLDER] [--threads 1,2,4,8,16,32] [--far 1,3] [--input FILE] [--save FILE] …
"""
import argparse
import heapq
import json
import math
import subprocess
import sys

OVERLAP = 8


def begin(workers, transfer, protocol):
    """The time at which each worker takes its first item, 0 when the caller begins to open the region."""
    deal = math.ceil(workers / OVERLAP) * transfer
    size = workers if protocol == "counter" else group_size(workers)
    calls = math.ceil((workers - 1) / size / OVERLAP) * transfer
    # Helpers of a group read the line that calls them one after another, and then tell that they are inside.
    places = [(worker - 1) % size + 1 for worker in range(1, workers)]
    return [deal + calls] + [deal + calls + (place + 1) * transfer for place in places]


def group_size(workers):
    return max(4, math.ceil(math.sqrt(max(1, workers - 1))))


def end(finished, transfer, protocol):
    """The time at which the caller goes on, from when each worker found the first share that was not its own empty."""
    workers = len(finished)
    if workers == 1:
        return finished[0]
    if protocol == "counter":
        # Each looks at every share by adding to it: those of one line queue. Then all count on one line, twice.
        free = [0.0] * workers
        left = []
        for time, worker in sorted((time, worker) for worker, time in enumerate(finished)):
            for step in range(workers):
                share = (worker + step) % workers
                time = max(time, free[share]) + transfer
                free[share] = time
            left.append((time, worker))
        line = 0.0
        for time, worker in sorted(left):
            line = max(line, time) + transfer * (2 if worker else 1)
        return line + transfer
    # The first looks at all shares, and tells the others.
    order = sorted((time, worker) for worker, time in enumerate(finished))
    told = order[0][0] + math.ceil(workers / OVERLAP) * transfer
    size = group_size(workers)
    groups = {}
    caller = 0.0
    for time, worker in order:
        time = min(time + transfer if time >= told else told, time + math.ceil(workers / OVERLAP) * transfer)
        if worker == 0:
            caller = time
            continue
        group = (worker - 1) // size
        groups[group] = max(groups.get(group, 0.0), time) + transfer
    last = max(groups.values())
    return max(caller, last) + math.ceil(len(groups) / OVERLAP) * transfer


def region(items, workers, transfer, protocol):
    """Nanoseconds of one region."""
    if len(items) < 2 or workers == 1:
        return sum(items)
    places = [[len(items) * worker // workers, len(items) * (worker + 1) // workers] for worker in range(workers)]
    queue = [(time, worker, worker) for worker, time in enumerate(begin(workers, transfer, protocol))]
    heapq.heapify(queue)
    finished = [0.0] * workers
    left = len(items)
    while queue:
        time, worker, share = heapq.heappop(queue)
        if left:
            while places[share][0] == places[share][1]:
                share = (share + 1) % workers
                time += transfer / OVERLAP
            item = places[share][0]
            places[share][0] += 1
            left -= 1
            # A share that is not the worker's own is on a line that another has changed.
            cost = items[item] + (transfer if share != worker else 0)
            heapq.heappush(queue, (time + cost, worker, share))
        else:
            finished[worker] = time
    return end(finished, transfer, protocol)


def step(regions, workers, transfer, protocol):
    """Nanoseconds of all regions, and of the caller alone between them."""
    return sum(
        each["gap_ns"] + region(each["items_ns"], workers, transfer, protocol) for each in regions if each["items_ns"])


def measure(arguments):
    command = [arguments.binary, "bench", "--barriers", "--json", "--model", arguments.model, "--threads", "1,2",
               "--prompt-tokens", str(arguments.prompt), "--generate-tokens", "4", "--batch", "0", *arguments.option]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def report(measured, threads, factors):
    """A Markdown table."""
    pair = next(cost for cost in measured["barriers"] if cost["n_threads"] == 2)
    near = pair["round_trip_ns"] / 2
    empty = region([0, 0], 2, near, "groups")
    lines = [
        f"A transfer of a cache line takes {near:.0f} ns. An empty region of two threads takes {pair['region_ns']:.0f} ns, "
        f"by the rules {empty:.0f}.", "",
        "| test | transfer, ns | threads | no costs | counter | groups | efficiency of groups | barriers' part |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for test in measured["tests"]:
        alone = step(test["regions"], 1, 0, "groups")
        for factor in factors:
            for count in threads:
                if count == 1:
                    continue
                times = {name: step(test["regions"], count, transfer, protocol) for name, transfer, protocol in (
                    ("none", 0, "groups"), ("counter", near * factor, "counter"), ("groups", near * factor, "groups"))}
                speeds = {name: alone / time for name, time in times.items()}
                lines.append(
                    f"| {test['test']} | {near * factor:.0f} | {count} | {speeds['none']:.2f} | {speeds['counter']:.2f} | "
                    f"{speeds['groups']:.2f} | {speeds['groups'] / count:.2f} | {1 - times['none'] / times['groups']:.3f} |")
    return "\n".join(lines)


def main():
    numbers = lambda text: [int(part) for part in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/infer-serve")
    parser.add_argument("--model", default="Models/tiny")
    parser.add_argument("--option", action="append", default=[], help="one more option for bench, as in --option=--quantize")
    parser.add_argument("--prompt", type=int, default=128, help="tokens of the prompt")
    parser.add_argument("--threads", type=numbers, default=[2, 4, 8, 16, 32], help="numbers of threads")
    parser.add_argument("--far", type=numbers, default=[1, 3], help="transfers, as multiples of the one that was measured")
    parser.add_argument("--input", help="what bench --barriers --json printed, in place of a measurement")
    parser.add_argument("--save", help="keep the measurement in this file")
    arguments = parser.parse_args()
    if arguments.input:
        with open(arguments.input) as file:
            measured = json.load(file)
    else:
        measured = measure(arguments)
    if arguments.save:
        with open(arguments.save, "w") as file:
            json.dump(measured, file)
    if not any("round_trip_ns" in cost for cost in measured["barriers"]):
        sys.exit("barriers.py: no cache line was handed over: was there a processor for each of two threads?")
    print(report(measured, arguments.threads, arguments.far))


if __name__ == "__main__":
    main()
