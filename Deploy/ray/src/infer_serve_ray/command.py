"""`infer-serve-ray`: replicas of a model on this machine, behind one address."""

import argparse
import os
import signal
import sys
import threading
from typing import List, Optional

from .scaling import Targets
from .settings import Settings


def parse(arguments: List[str]) -> argparse.Namespace:
    own, _, options = _split(arguments)
    parser = argparse.ArgumentParser(
        prog="infer-serve-ray",
        description="Serves a model by several replicas of infer-serve on Ray Serve. What follows -- are further options "
        "of infer-serve serve.",
    )
    parser.add_argument("--model", required=True, help="the model's folder or file")
    parser.add_argument("--replicas", type=int, default=2, help="replicas at the start and at least (2)")
    parser.add_argument("--max-replicas", type=int, help="replicas at most; as many as --replicas by default")
    parser.add_argument("--processors", type=float, default=1, help="processors of a replica (1)")
    parser.add_argument("--max-requests", type=int, default=64, help="requests that a replica has at once (64)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="the port to listen on (8000)")
    parser.add_argument("--binary", default="infer-serve", help="the program, infer-serve of the path by default")
    parser.add_argument("--by-load", action="store_true", help="route by load alone")
    parser.add_argument("--target-waiting", type=float, default=2, help="requests that wait for a replica (2)")
    parser.add_argument("--target-first-token", type=float, default=2, help="seconds to a first token, p90 (2)")
    parser.add_argument("--upscale-delay", type=float, default=10, help="seconds before replicas are added (10)")
    parser.add_argument("--downscale-delay", type=float, default=300, help="seconds before one is removed (300)")
    parser.add_argument("--address", help="a Ray cluster to join; one of its own by default")
    parsed = parser.parse_args(own)
    parsed.options = options
    return parsed


def _split(arguments: List[str]) -> "tuple[List[str], str, List[str]]":
    if "--" not in arguments:
        return arguments, "", []
    place = arguments.index("--")
    return arguments[:place], "--", arguments[place + 1 :]


def settings(parsed: argparse.Namespace) -> Settings:
    binary = os.path.abspath(parsed.binary) if os.sep in parsed.binary else parsed.binary
    return Settings(
        options=["--model", os.path.abspath(parsed.model), *parsed.options],
        binary=binary,
        min_replicas=parsed.replicas,
        max_replicas=parsed.max_replicas or parsed.replicas,
        processors=parsed.processors,
        max_requests=parsed.max_requests,
        prefix_aware=not parsed.by_load,
        targets=Targets(waiting=parsed.target_waiting, first_token_s=parsed.target_first_token),
        upscale_delay_s=parsed.upscale_delay,
        downscale_delay_s=parsed.downscale_delay,
    )


def main(arguments: Optional[List[str]] = None) -> None:
    parsed = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        wanted = settings(parsed)
    except ValueError as error:
        sys.exit(f"infer-serve-ray: {error}")
    import ray
    from ray import serve

    from .application import application

    # The processors of replicas are taken for as many as there are to be: a server shares them as any program does.
    local = {} if parsed.address else {
        "num_cpus": max(os.cpu_count() or 1, int(wanted.max_replicas * wanted.processors) + 1),
        "include_dashboard": False,
    }  # fmt: skip
    ray.init(address=parsed.address, log_to_driver=True, **local)
    serve.start(http_options={"host": parsed.host, "port": parsed.port})
    serve.run(application(wanted), name="infer-serve", route_prefix="/")
    print(f"{wanted.min_replicas} replicas serve at http://{parsed.host}:{parsed.port}", flush=True)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    over.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
