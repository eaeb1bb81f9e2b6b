"""What many users would need: machines of clouds, memory, and a price beside those of others' lists."""

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence

from .replica import Engine
from .simulation import Cluster, Result, Simulation
from .steps import Row, StepModel, fit
from .traces import Request, pressed, repeated


@dataclass(frozen=True)
class Load:
    """How much is asked in the busiest hour."""

    users: int
    requests_a_day: float
    peak_over_mean: float
    simulated_s: float
    simulated_share: float
    """Of the users; so many times more replicas serve all of them."""

    @property
    def peak(self) -> float:
        """Requests a second."""
        return self.users * self.requests_a_day / 86400 * self.peak_over_mean


def measured_model(measured: Dict[str, Any]) -> StepModel:
    """The steps of what was measured: tokens a second of a prompt of 512 tokens, and of as many sequences as are told."""
    rows: List[Row] = [((1, 512, 0, 0, 0), 512 / measured["prompt_tokens_a_s"])]
    for count, rate in measured["tokens_a_s"].items():
        rows.append(((1, 0, int(count), 0, 0), int(count) / rate))
    return fit(rows)


def model_on(measured: Dict[str, Any], machine: Dict[str, Any], model: Dict[str, Any]) -> StepModel:
    """The steps of a model on a machine, from those of another on `cores` with so many GB of memory a second: generating goes
    with the bandwidth, prompts with the cores, and both with the parameters that a token goes through. A step reads all
    weights at most."""
    steps, bandwidth = measured_model(measured), machine["memory_gb_s"] * machine["memory_share"]
    size = model["active_billions"] / measured["active_billions"]
    memory, cores = measured["memory_gb_s"] / bandwidth, measured["cores"] / (machine["cores"] * machine["core_share"])
    step_s, sequence_s = steps.step_s * size * memory, steps.sequence_s * size * memory
    whole_s = model["weights_gib"] * 1.073741824 / bandwidth
    return StepModel(
        step_s, steps.prompt_row_s * size * cores, sequence_s, apart=max(1.0, (whole_s - step_s) / sequence_s))


def load_of(requests: Sequence[Request], load: Load) -> List[Request]:
    """The trace's requests, repeated and pressed so that they come at the peak's rate for the simulated time."""
    count = int(load.peak * load.simulated_share * load.simulated_s)
    copies = -(-count // len(requests))
    cut = requests[: -(-count // copies)]
    return list(repeated(pressed(cut, load.simulated_s), copies))


def fewest(model: StepModel, engine: Engine, load: Sequence[Request], first_token_s: float, token_s: float) -> "tuple[int, Result]":
    """The least number of replicas with which nine of ten requests have their first token within `first_token_s`, and
    the others `token_s` apart on average; and what came of them.

    Raises ValueError where 10,000 are too few.
    """

    def run(count: int) -> "tuple[bool, Result]":
        policy = "prefix" if load[0].blocks else "least"
        result = Simulation(Cluster(model, count, policy, engine)).run(load)
        firsts = sorted(result.first_token_s)
        writing = sum(result.answer_s) - sum(result.first_token_s)
        tokens = max(1, result.answer_tokens - result.answered)
        return firsts[len(firsts) * 9 // 10] <= first_token_s and writing / tokens <= token_s, result

    # Work alone, in full batches, is what no number of replicas can do with less.
    full = model.seconds(0, engine.max_running, 0, 0) / engine.max_running
    work = sum((0 if request.blocks else request.prompt * model.prompt_row_s) + request.answer * full for request in load)
    low = int(work / (load[-1].at or 1) / 2)
    high = max(1, 2 * low)
    is_enough, result = run(high)
    while not is_enough:
        if high >= 10_000:
            raise ValueError(f"10,000 replicas do not have first tokens within {first_token_s} s")
        low, high = high, min(10_000, 1 + high * 5 // 4)
        is_enough, result = run(high)
    # To a fiftieth.
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        is_enough, found = run(middle)
        if is_enough:
            high, result = middle, found
        else:
            low = middle
    return high, result


def table(plan: Dict[str, Any], requests: Sequence[Request]) -> str:
    """The plan's table in Markdown: models by machines, and the lists' prices for the same tokens."""
    load = Load(**plan["load"])
    sent = load_of(requests, load)
    prompt, answer = sum(r.prompt for r in sent), sum(r.answer for r in sent)
    lines = [
        f"{load.users:,} users, {load.requests_a_day:g} requests a day each, {load.peak:.0f} a second in the busiest hour; "
        f"prompts of {prompt / len(sent):,.0f} tokens and answers of {answer / len(sent):,.0f}.",
        "",
        "| model | machine | machines | replicas | memory | p90 to first token | a token | USD an hour | USD a million tokens |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    found = 0.0
    for model in plan["models"]:
        for machine in plan["machines"]:
            parts = max(1, machine["cores"] // model["cores_a_replica"])
            shared = dict(machine, cores=machine["cores"] / parts, memory_gb_s=machine["memory_gb_s"] / parts)
            gib = parts * (model["weights_gib"] + model["state_gib"])
            name = f"{model['name']} | {machine['name']}"
            if gib > machine["memory_gib"]:
                lines.append(f"| {name} | does not fit: {gib:,.0f} of {machine['memory_gib']:,} GiB ||||||| ")
                continue
            engine = Engine(model["max_batch_tokens"], model["max_running"], model["cache_tokens"])
            try:
                count, result = fewest(
                    model_on(plan["measured"], shared, model), engine, sent, model["first_token_s"], model["token_s"])
                count = math.ceil(count / load.simulated_share)
            except ValueError as error:
                lines.append(f"| {name} | {error} ||||||| ")
                continue
            machines = -(-count // parts)
            hour = machines * machine["usd_an_hour"]
            tokens = (prompt + answer) / load.simulated_share / load.simulated_s * 3600 / load.peak_over_mean
            firsts = sorted(result.first_token_s)
            writing = (sum(result.answer_s) - sum(firsts)) / max(1, result.answer_tokens - result.answered)
            found = 1 - result.computed_tokens / result.prompt_tokens
            lines.append(
                f"| {name} | {machines:,} | {count:,} | {machines * gib / 1024:,.1f} TiB | "
                f"{firsts[len(firsts) * 9 // 10]:.1f} s | {1000 * writing:,.0f} ms | {hour:,.0f} | {hour / tokens * 1e6:,.2f} |")
    lines += ["", f"The same tokens by list, where {found:.0%} of prompts' are found in a cache:", "",
              "| list | of | USD a million tokens |", "|---|---|---:|"]
    for price in plan["lists"]:
        rate = plan["cny_a_usd"] if price["currency"] == "CNY" else 1
        cached = price.get("cached", price["prompt"])
        total = prompt * (found * cached + (1 - found) * price["prompt"]) + answer * price["answer"]
        lines.append(f"| {price['name']} | {price['date']} | {total / (prompt + answer) / rate:.3f} |")
    return "\n".join(lines)
