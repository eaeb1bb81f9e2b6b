"""The engine's metrics as its scaling needs them."""

import math
import re
from dataclasses import dataclass, field
from typing import Dict, Optional

_SAMPLE = re.compile(r"(infer_\w+)(?:\{(.*)\})? (\S+)$")
_BOUND = re.compile(r'(?:^|,)le="([^"]+)"')
WAITING = "infer_num_requests_waiting"
RUNNING = "infer_num_requests_running"
FIRST_TOKEN = "infer_time_to_first_token_seconds_bucket"


@dataclass(frozen=True)
class Reading:
    """Metrics of one moment, summed over the models of a server."""

    waiting: float = 0
    running: float = 0
    first_tokens: Dict[float, float] = field(default_factory=dict)
    """Requests that had their first token so many seconds after they came, or earlier."""

    @classmethod
    def of(cls, text: str) -> "Reading":
        """The reading of a page of Prometheus' text form. Lines of another form are passed over."""
        values = {WAITING: 0.0, RUNNING: 0.0}
        first_tokens: Dict[float, float] = {}
        for line in text.splitlines():
            sample = _SAMPLE.match(line)
            if not sample:
                continue
            name, labels = sample[1], sample[2] or ""
            try:
                value = float(sample[3])
                if name in values:
                    values[name] += value
                elif name == FIRST_TOKEN and (bound := _BOUND.search(labels)):
                    first_tokens[float(bound[1])] = first_tokens.get(float(bound[1]), 0) + value
            except ValueError:
                continue
        return cls(values[WAITING], values[RUNNING], first_tokens)

    def first_token(self, fraction: float, since: "Reading") -> Optional[float]:
        """The time to the first token that a fraction of the requests since an earlier reading did not exceed, in seconds;
        None when there were none. As exact as the buckets are narrow."""
        counts = [(bound, max(0.0, n - since.first_tokens.get(bound, 0))) for bound, n in sorted(self.first_tokens.items())]
        if not counts or counts[-1][1] <= 0:
            return None
        wanted, lower, before = fraction * counts[-1][1], 0.0, 0.0
        for bound, count in counts:
            if count >= wanted:
                if math.isinf(bound):
                    return lower
                return lower + (bound - lower) * (wanted - before) / max(count - before, 1e-9)
            lower, before = bound, count
        return lower
