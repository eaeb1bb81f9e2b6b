"""What passes between the ingress, the router and the replicas."""

from dataclasses import dataclass, field
from typing import FrozenSet, List, Optional, Tuple

Headers = List[Tuple[str, str]]

_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade host content-length expect".split()
)


@dataclass(frozen=True)
class Call:
    """A request of a client."""

    method: str
    target: str
    """Path and query."""
    headers: Headers
    body: bytes
    hashes: Tuple[str, ...] = ()
    """See `prefixes`."""
    excluded: FrozenSet[str] = field(default_factory=frozenset)
    """Replicas that have failed to answer it."""
    preferred: Optional[str] = None
    """The replica that has what it asks for."""


@dataclass(frozen=True)
class Head:
    """The beginning of an answer."""

    status: int
    headers: Headers
    replica: str


def end_to_end(headers: Headers) -> Headers:
    """The headers that are for the other end, and not for the next."""
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def lost(content_type: str, named: bool) -> Optional[bytes]:
    """What a stream that its replica leaves unfinished ends with, in the form of the stream; None where there is none.

    `named` tells events with names, as Anthropic's API has them, from others.
    """
    message = "The replica that answered has ended. What came is not complete; the request can be repeated."
    if content_type.startswith("text/event-stream"):
        if named:
            return (
                'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"%s"}}\n\n' % message
            ).encode()
        return (
            'data: {"error":{"message":"%s","type":"server_error","param":null,"code":"replica_lost"}}\n\n' % message
        ).encode()
    if content_type.startswith("application/x-ndjson"):
        return ('{"error":"%s"}\n' % message).encode()
    return None
