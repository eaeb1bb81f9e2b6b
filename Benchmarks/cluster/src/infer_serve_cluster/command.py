"""The command `infer-serve-cluster`: fits a model of steps, and simulates replicas with it."""

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from infer_serve_ray.scaling import Targets

from .deployment import table
from .replica import Engine
from .simulation import Cluster, Failures, Link, Scaling, Simulation
from .steps import StepModel, fit, rows_of
from .traces import Request, pressed, read, repeated


def numbers(text: str) -> List[int]:
    return [int(part) for part in text.split(",")]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="infer-serve-cluster", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    fitting = commands.add_parser("fit", help="a model of steps from what `infer-serve bench --json` printed")
    fitting.add_argument("bench", type=Path, nargs="+")
    fitting.add_argument("--output", type=Path, required=True)

    running = commands.add_parser("run", help="replays a trace over replicas, and prints a line of JSON a combination")
    running.add_argument("--model", type=Path, required=True, help="what `fit` has written")
    running.add_argument("--trace", required=True, help="mooncake:FILE or azure:FILE")
    running.add_argument("--replicas", type=numbers, default=[1], help="numbers of them, as 1,10,100")
    running.add_argument("--policies", default="random,least,prefix")
    running.add_argument("--slower", type=float, default=1, help="how many times as long as in the model steps take")
    running.add_argument("--first", type=int, help="so many requests of the trace")
    running.add_argument("--copies", type=int, default=1, help="users as the trace has them, so many times over")
    running.add_argument("--seconds", type=float, help="time into which the trace is pressed")
    running.add_argument("--cache-tokens", type=int, default=1 << 20, help="tokens that a replica keeps")
    running.add_argument("--state-interval", type=int, default=512, help="0 for models without recurrent state")
    running.add_argument("--latency", type=float, default=0.0005, help="seconds from router to replica")
    running.add_argument("--scale", metavar="LEAST,MOST", type=numbers, help="scale by the engines' metrics")
    running.add_argument("--start-seconds", type=float, default=30, help="until a new replica has its weights")
    running.add_argument("--fail-every", type=float, help="mean seconds between failures of one of the replicas")
    running.add_argument("--seed", type=int, default=1)

    pricing = commands.add_parser("price", help="what so many users would need on machines of clouds, as a table")
    pricing.add_argument("plan", type=Path, help="models, machines, prices and load: deployment.json")
    pricing.add_argument("--trace", required=True, help="mooncake:FILE or azure:FILE")
    return top


def simulate(options: argparse.Namespace) -> None:
    model = StepModel.load(options.model).times(options.slower)
    requests: Sequence[Request] = read(options.trace)[: options.first]
    if options.seconds:
        requests = pressed(requests, options.seconds)
    scaling: Optional[Scaling] = None
    if options.scale:
        if len(options.scale) != 2:
            raise ValueError("--scale takes two numbers, as 4,64")
        scaling = Scaling(options.scale[0], options.scale[1], start_s=options.start_seconds, targets=Targets())
    failures = Failures(options.fail_every) if options.fail_every else None
    for count, policy in itertools.product(options.replicas, options.policies.split(",")):
        cluster = Cluster(
            model, count, policy, Engine(cache_tokens=options.cache_tokens, state_interval=options.state_interval),
            Link(latency_s=options.latency), scaling=scaling, failures=failures, seed=options.seed)  # fmt: skip
        result = Simulation(cluster).run(repeated(requests, options.copies))
        line: Dict[str, object] = {"replicas": count, "policy": policy, **result.summary()}
        print(json.dumps({name: round(v, 4) if isinstance(v, float) else v for name, v in line.items()}), flush=True)


def main() -> None:
    options = parser().parse_args()
    try:
        if options.command == "fit":
            reports = [json.loads(path.read_text(encoding="utf-8")) for path in options.bench]
            model = fit([row for report in reports for row in rows_of(report)])
            model.save(options.output)
            print(model)
        elif options.command == "run":
            simulate(options)
        else:
            print(table(json.loads(options.plan.read_text(encoding="utf-8")), read(options.trace)))
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"infer-serve-cluster: {error!r}" if isinstance(error, KeyError) else f"infer-serve-cluster: {error}",
              file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
