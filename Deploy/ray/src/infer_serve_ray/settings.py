"""What an application of replicas can be told."""

from dataclasses import dataclass, field
from typing import List, Optional

from .scaling import Targets


@dataclass(frozen=True)
class Settings:
    options: List[str]
    """Options of `infer-serve serve`, but for where it listens. `{replica}` in one is the number of the replica, for folders
    and files of its own: `--cache-dir /cache/{replica}`."""
    binary: str = "infer-serve"
    min_replicas: int = 1
    max_replicas: int = 1
    processors: float = 1
    """Processors of a replica, which bound its threads as well unless the options say otherwise."""
    max_requests: int = 64
    """Requests that a replica has at once, running and waiting in its engine."""
    max_queued: int = 256
    """Requests that wait for a replica; others are refused with status 503."""
    retry_s: float = 20
    """For how long a request whose answer has not begun is sent to others when replicas fail."""
    prefix_aware: bool = True
    targets: Targets = field(default_factory=Targets)
    start_limit_s: float = 600
    drain_s: float = 30
    stats_period_s: float = 0.5
    """The time between two looks at a replica's digest."""
    upscale_delay_s: float = 10
    downscale_delay_s: float = 300
    key: Optional[str] = None
    """A key of the server's with the scopes cache and metrics, where it has keys."""

    def __post_init__(self) -> None:
        if not 1 <= self.min_replicas <= self.max_replicas:
            raise ValueError(
                f"expected 1 <= min_replicas <= max_replicas, not {self.min_replicas} and {self.max_replicas}"
            )
        if self.processors <= 0 or self.max_requests < 1 or self.max_queued < 1:
            raise ValueError("expected processors, max_requests and max_queued above 0")
        taken = {"--port", "--host", "--unix-socket", "--drain-timeout"} & {o.split("=")[0] for o in self.options}
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))} cannot be given: the replica says where its server listens")
