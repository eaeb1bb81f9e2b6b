"""How many replicas there should be, by what the engines tell of their queues and of first tokens."""

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union


@dataclass(frozen=True)
class Load:
    """What one replica told last."""

    waiting: float
    """Requests that wait for their first step, on average."""
    running: float
    first_token_s: float
    """The time to the first token that nine of ten recent requests did not exceed; 0 when there were none."""


@dataclass(frozen=True)
class Targets:
    """What is wanted of a replica."""

    waiting: float = 2
    first_token_s: float = 2
    max_running: float = 16
    """Requests that a replica runs at once."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0 or math.isinf(value):
                raise ValueError(f"{name} must be a number above 0, not {value}")


def wanted(current: int, loads: Sequence[Load], targets: Targets) -> int:
    """The number of replicas that would meet the targets, at most twice as many as there are; one fewer than there are where
    all is well without the last."""
    if current <= 0 or not loads:
        return current
    waiting = sum(load.waiting for load in loads) / len(loads)
    running = sum(load.running for load in loads)
    # One replica that is slow by chance is no reason: half of them, or more, have to be.
    slow = sorted(load.first_token_s for load in loads)[len(loads) // 2]
    need = max(waiting / targets.waiting, slow / targets.first_token_s)
    if need > 1:
        return max(current + 1, min(2 * current, math.ceil(current * need)))
    slowest = max(load.first_token_s for load in loads)
    calm = waiting < targets.waiting / 4 and slowest < targets.first_token_s / 2
    if current > 1 and calm and running <= 0.7 * targets.max_running * (current - 1):
        return current - 1
    return current


class ScalingPolicy:
    """Ray Serve's custom autoscaling policy; delays and bounds are those of its configuration."""

    def __init__(self, **targets: float) -> None:
        self._targets = Targets(**targets)

    def __call__(self, context: Any) -> Tuple[Union[int, float], Dict[str, Any]]:
        loads = loads_of(context.aggregated_metrics or {})
        current = int(context.current_num_replicas)
        return (wanted(current, loads, self._targets) if loads else context.target_num_replicas), {}


def loads_of(metrics: Mapping[str, Mapping[Any, float]]) -> List[Load]:
    """What the replicas that have told anything told last, from Ray Serve's metrics by name and replica."""
    waiting, running = metrics.get("waiting", {}), metrics.get("running", {})
    first = metrics.get("first_token_s", {})
    return [Load(value, running.get(replica, 0), first.get(replica, 0)) for replica, value in waiting.items()]
