"""Which replica gets a request: the one that has least to compute for it, among those before it as well.

Pure: it knows neither Ray nor clocks, and a replica that tells what is not true only gets requests that others would have
answered faster.
"""

import hashlib
import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Dict, Generic, Hashable, List, Mapping, Sequence, TypeVar

Name = TypeVar("Name", bound=Hashable)
MAX_WEIGHT = 4
"""Of a kept token against one that is to be computed, where all replicas have requests."""


@dataclass(frozen=True)
class Candidate(Generic[Name]):
    """A replica as a router sees it."""

    name: Name
    load: int
    """Requests that it has, running or waiting."""
    kept: Mapping[str, int]
    """Tokens that it keeps, by hash, of its last digest."""


class Chooser(Generic[Name]):
    """Chooses replicas, and remembers what it has sent where: digests come later than requests."""

    def __init__(
        self, *, prefix_aware: bool = True, tokens_per_block: int = 256, trust_s: float = 30, max_notes: int = 1 << 16
    ) -> None:
        """`tokens_per_block` is what a block of a chain is taken for until a digest tells; `trust_s` for how long, and
        `max_notes` how many hashes are remembered."""
        self._prefix_aware = prefix_aware
        self._tokens_per_block = tokens_per_block
        self._trust_s = trust_s
        self._max_notes = max_notes
        self._random = random.Random()
        self._notes: "OrderedDict[str, Dict[Name, float]]" = OrderedDict()
        # What a request costs the replica that gets it, in tokens; its mean so far.
        self._cost = 512.0

    def rank(self, hashes: Sequence[str], candidates: Sequence[Candidate[Name]], now: float) -> List[Name]:
        """The names of all candidates, the best first."""
        if not self._prefix_aware or not hashes:
            return [c.name for c in sorted(candidates, key=lambda c: (c.load, self._random.random()))]
        kept = {c.name: self.kept(hashes, c, now) for c in candidates}
        # What is computed although another replica has it delays those behind it as well: where all have something to do,
        # kept tokens count more.
        weight = min(MAX_WEIGHT, 1 + min((c.load for c in candidates), default=0))
        # What nobody has goes where others that begin alike would go as well.
        return [
            c.name
            for c in sorted(
                candidates,
                key=lambda c: (c.load * self._cost - weight * kept[c.name], c.load, _lot(hashes[0], c.name)),
            )
        ]

    def kept(self, hashes: Sequence[str], candidate: Candidate[Name], now: float) -> int:
        """The tokens that a replica is expected to have of a request."""
        told = max((candidate.kept.get(name, 0) for name in hashes), default=0)
        for index in range(len(hashes) - 1, 0, -1):
            if self._is_noted(hashes[index], candidate.name, now):
                return max(told, index * self._tokens_per_block)
        return told

    def _is_noted(self, name: str, replica: Name, now: float) -> bool:
        noted = self._notes.get(name, {}).get(replica)
        return noted is not None and now - noted < self._trust_s

    def note(self, hashes: Sequence[str], candidate: Candidate[Name], now: float) -> None:
        """Notes that a replica gets a request."""
        size = max(0, len(hashes) - 1) * self._tokens_per_block
        missing = max(self._tokens_per_block / 4, size - self.kept(hashes, candidate, now))
        self._cost += (missing - self._cost) / 32
        for name in hashes[1:]:
            self._notes.setdefault(name, {})[candidate.name] = now
            self._notes.move_to_end(name)
        while len(self._notes) > self._max_notes:
            self._notes.popitem(last=False)

    def forget(self, replica: Name) -> None:
        """Notes that a replica is gone, or has begun anew."""
        for noted in self._notes.values():
            noted.pop(replica, None)


def _lot(root: str, name: Hashable) -> bytes:
    """A number that is the same for a beginning and a replica in every router."""
    return hashlib.sha256(f"{root} {name}".encode()).digest()
