"""What a replica keeps of prompts, as infer-serve's prefix cache does for models with recurrent state."""

from collections import Counter, OrderedDict
from typing import Callable, Dict, Sequence

from .traces import Request

Change = Callable[[str, bool], None]


def kept_positions(tokens: int, interval: int) -> Sequence[int]:
    """Where state is kept of a prompt that nobody has asked before: each 8 intervals, and towards its end the last but one
    multiple of 4, 2 and 1 intervals, and the last of 1."""
    positions = set(range(8 * interval, tokens, 8 * interval))
    for size in (4 * interval, 2 * interval, interval):
        positions.add((tokens // size - 1) * size)
    positions.add(tokens // interval * interval)
    return sorted(position for position in positions if 0 < position <= tokens)


class PrefixCache:
    """Blocks of prompts, at some of which state is kept; those that nobody has used for longest go first."""

    def __init__(self, max_tokens: int, interval: int, changed: Change) -> None:
        """`interval` is that of kept states in tokens, or 0 for a model that has none and can go on from any block.
        `changed` is called with a block that is kept now, and with one that no longer is."""
        self._max_tokens = max_tokens
        self._interval = interval
        self._changed = changed
        self._tokens = 0
        self._blocks: "OrderedDict[str, int]" = OrderedDict()
        self._under_way: Counter[str] = Counter()
        self.kept: Dict[str, int] = {}
        """Tokens before the end of each block from which a request can go on."""

    def look(self, request: Request) -> "tuple[int, int]":
        """The blocks of a prompt that are known, and the tokens of it that need not be computed."""
        blocks, known = request.blocks, 0
        while known < len(blocks) and blocks[known] in self._blocks:
            known += 1
        # What is being read keeps its state where another parts from it.
        if known and self._under_way[blocks[known - 1]]:
            found = known * request.block_tokens
        else:
            found = next((self.kept[blocks[i]] for i in range(known - 1, -1, -1) if blocks[i] in self.kept), 0)
        return known, min(found, request.prompt - 1)

    def take(self, request: Request) -> int:
        """The tokens of a prompt that need not be computed; all of it is kept from now on, and it is under way until
        `finish`."""
        blocks, size = request.blocks, request.block_tokens
        known, found = self.look(request)
        self._under_way.update(blocks)
        # Ends are older than the beginnings that they need.
        for name in reversed(blocks):
            if name in self._blocks:
                self._blocks.move_to_end(name)
            else:
                self._blocks[name] = size
                self._tokens += size
        if self._interval:
            for position in kept_positions(request.prompt, self._interval):
                if position % size == 0 and position // size <= len(blocks):
                    self._keep(blocks[position // size - 1], position)
            # Where two prompts part, the state is kept when the second passes there.
            if known:
                self._keep(blocks[known - 1], known * size)
        else:
            for index in range(known, len(blocks)):
                self._keep(blocks[index], (index + 1) * size)
        while self._tokens > self._max_tokens and self._blocks:
            name, tokens = self._blocks.popitem(last=False)
            self._tokens -= tokens
            if self.kept.pop(name, None) is not None:
                self._changed(name, False)
        return found

    def finish(self, request: Request) -> None:
        """Takes note that a prompt has been read."""
        self._under_way.subtract(request.blocks)
        for block in request.blocks:
            if self._under_way[block] <= 0:
                del self._under_way[block]

    def _keep(self, block: str, position: int) -> None:
        if block not in self.kept and block in self._blocks:
            self.kept[block] = position
            self._changed(block, True)

    def clear(self) -> None:
        for name in self.kept:
            self._changed(name, False)
        self._blocks.clear()
        self._under_way.clear()
        self.kept.clear()
        self._tokens = 0
