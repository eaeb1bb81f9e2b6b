"""Recorded load: Mooncake's and Azure's traces, as requests."""

import csv
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple


@dataclass(frozen=True)
class Request:
    """A request of a trace."""

    at: float
    """Seconds after the first."""
    prompt: int
    """Tokens of its prompt."""
    answer: int
    """Tokens of its answer."""
    blocks: Tuple[str, ...] = ()
    """Names of its prompt's blocks: requests with the same one begin alike up to its end."""
    block_tokens: int = 512


def mooncake(path: Path, divisor: int = 1) -> List[Request]:
    """The requests of a trace of Mooncake's: lines of JSON with `timestamp` in milliseconds, `input_length`, `output_length`
    and `hash_ids`, of blocks of 512 tokens. Lengths are divided by `divisor`.

    Raises ValueError with the number of a line of another form.
    """
    if not 1 <= divisor <= 512:
        raise ValueError(f"the divisor of lengths must be from 1 to 512, not {divisor}")
    requests = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            requests.append(Request(
                float(row["timestamp"]) / 1000, max(1, int(row["input_length"]) // divisor),
                max(1, int(row["output_length"]) // divisor), tuple(str(name) for name in row["hash_ids"]), 512 // divisor))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: line {number} is no request of Mooncake's form: {error!r}") from error
    return _from_zero(requests, path)


def azure(path: Path) -> List[Request]:
    """The requests of a trace of Azure's: columns TIMESTAMP, ContextTokens and GeneratedTokens. It does not tell what they
    share.

    Raises ValueError with the number of a line of another form.
    """
    requests = []
    with open(path, encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                # Python reads six digits of a second's fraction.
                at = datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp()
                requests.append(Request(at, max(1, int(row["ContextTokens"])), max(1, int(row["GeneratedTokens"]))))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}: line {number} is no request of Azure's form: {error!r}") from error
    return _from_zero(requests, path)


def _from_zero(requests: List[Request], path: Path) -> List[Request]:
    if not requests:
        raise ValueError(f"{path} has no requests")
    requests.sort(key=lambda request: request.at)
    first = requests[0].at
    return [replace(request, at=request.at - first) for request in requests]


def read(name: str) -> List[Request]:
    """The requests of `mooncake:FILE` or `azure:FILE`."""
    kind, _, path = name.partition(":")
    if kind == "mooncake" and path:
        return mooncake(Path(path))
    if kind == "azure" and path:
        return azure(Path(path))
    raise ValueError(f"a trace is 'mooncake:FILE' or 'azure:FILE', not {name!r}")


def repeated(requests: Sequence[Request], times: int) -> Iterator[Request]:
    """As many users more, whose requests come at the same times: their blocks are their own, but for the first, which is
    what all begin with. Ordered by time."""
    if times < 1:
        raise ValueError(f"a trace is repeated once or more, not {times} times")
    for request in requests:
        yield request
        for copy in range(1, times):
            blocks = request.blocks[:1] + tuple(f"{name}/{copy}" for name in request.blocks[1:])
            yield replace(request, blocks=blocks)


def pressed(requests: Sequence[Request], seconds: float) -> List[Request]:
    """The same requests within so many seconds."""
    span = requests[-1].at or 1.0
    return [replace(request, at=request.at / span * seconds) for request in requests]
