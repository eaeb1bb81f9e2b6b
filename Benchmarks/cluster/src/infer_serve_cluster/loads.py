"""Replicas by how many requests they have: the least is found at once, whatever their number."""

import random
from typing import Dict, List


class LoadIndex:
    """Numbers of requests by replica, of those that take some."""

    def __init__(self) -> None:
        self.of: Dict[int, int] = {}
        self._levels: List[List[int]] = [[]]
        self._places: Dict[int, int] = {}
        self._least = 0

    def __len__(self) -> int:
        return len(self.of)

    def add(self, name: int, load: int = 0) -> None:
        self.of[name] = load
        self._enter(name, load)

    def remove(self, name: int) -> None:
        self._leave(name, self.of.pop(name))

    def change(self, name: int, by: int) -> None:
        """Takes note of requests that come or go; replicas that take none are passed over."""
        if name in self.of:
            self._leave(name, self.of[name])
            self.of[name] += by
            self._enter(name, self.of[name])

    def _enter(self, name: int, load: int) -> None:
        while len(self._levels) <= load:
            self._levels.append([])
        self._places[name] = len(self._levels[load])
        self._levels[load].append(name)
        self._least = min(self._least, load)

    def _leave(self, name: int, load: int) -> None:
        level, place = self._levels[load], self._places.pop(name)
        last = level.pop()
        if last != name:
            level[place] = last
            self._places[last] = place

    def least(self, count: int, dice: random.Random) -> List[int]:
        """So many of the replicas that have least, or all where there are fewer; drawn among equals."""
        if not self.of:
            return []
        while not self._levels[self._least]:
            self._least += 1
        found: List[int] = []
        load = self._least
        while len(found) < count and load < len(self._levels):
            level = self._levels[load]
            wanted = count - len(found)
            found += dice.sample(level, wanted) if len(level) > wanted else level
            load += 1
        return found
