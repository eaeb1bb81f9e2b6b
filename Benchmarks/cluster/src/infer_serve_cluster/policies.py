"""Routing: at random, to the least loaded, and by kept prefixes as the router of Deploy/ray does."""

import random
from typing import Dict, Mapping, Protocol, Sequence, Set

from infer_serve_ray.routing import Candidate, Chooser

from .loads import LoadIndex
from .traces import Request

POLLED = 8
"""Least loaded replicas, and holders of a prefix, that are looked at where there are more than `ALL`."""
ALL = 32


class Policy(Protocol):
    """Chooses a replica for a request."""

    def choose(self, request: Request, now: float) -> int:
        """One of the replicas that take requests, of which there is one at least."""

    def changed(self, replica: int, block: str, is_kept: bool) -> None:
        """Takes note of what a replica keeps."""

    def ended(self, replica: int) -> None:
        """Takes note that a replica has begun anew, or is gone."""


class Blind:
    """What policies have in common that know nothing of prefixes."""

    def __init__(self, loads: LoadIndex, dice: random.Random) -> None:
        self._loads = loads
        self._dice = dice

    def changed(self, replica: int, block: str, is_kept: bool) -> None:
        pass

    def ended(self, replica: int) -> None:
        pass


class AtRandom(Blind):
    def __init__(self, loads: LoadIndex, dice: random.Random) -> None:
        super().__init__(loads, dice)
        self._names: Sequence[int] = []

    def choose(self, request: Request, now: float) -> int:
        while True:
            if len(self._names) != len(self._loads) or not self._names:
                self._names = list(self._loads.of)
            name = self._dice.choice(self._names)
            if name in self._loads.of:
                return name
            self._names = []


class LeastLoaded(Blind):
    def choose(self, request: Request, now: float) -> int:
        return self._loads.least(1, self._dice)[0]


class PrefixAware:
    """Scores replicas as `infer_serve_ray.routing.Chooser` does. Of many, those that keep most of the request and those that
    are least loaded are scored."""

    def __init__(self, loads: LoadIndex, dice: random.Random, kept: Mapping[int, Mapping[str, int]], block_tokens: int) -> None:
        """`kept` has, for each replica, tokens by block."""
        self._loads = loads
        self._dice = dice
        self._kept = kept
        self._chooser: Chooser[int] = Chooser(tokens_per_block=block_tokens)
        self._holders: Dict[str, Set[int]] = {}

    def choose(self, request: Request, now: float) -> int:
        hashes = ("root", *request.blocks)
        of = self._loads.of
        if len(of) <= ALL:
            names = list(of)
        else:
            names = self._loads.least(POLLED, self._dice)
            for block in reversed(request.blocks):
                holders = [name for name in self._holders.get(block, ()) if name in of]
                if holders and len(holders) <= ALL:
                    names += [name for name in holders if name not in names]
                    break
        candidates = {name: Candidate(name, of[name], self._kept[name]) for name in names}
        name = self._chooser.rank(hashes, list(candidates.values()), now)[0]
        self._chooser.note(hashes, candidates[name], now)
        # A digest tells as much soon after.
        if request.blocks:
            self._holders.setdefault(request.blocks[-1], set()).add(name)
        return name

    def changed(self, replica: int, block: str, is_kept: bool) -> None:
        if is_kept:
            self._holders.setdefault(block, set()).add(replica)
        elif block in self._holders:
            self._holders[block].discard(replica)
            if not self._holders[block]:
                del self._holders[block]

    def ended(self, replica: int) -> None:
        self._chooser.forget(replica)
