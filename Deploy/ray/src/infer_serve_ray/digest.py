"""What one server keeps, as it tells: a whole digest first, and then what changes."""

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Tuple

from .prefixes import FORMAT

MAX_ENTRIES = 1 << 17
_HASH = re.compile(r"[0-9a-f]{16}")


class DigestError(ValueError):
    """A digest that is not of the form that this package knows."""


@dataclass
class Digest:
    """Tokens that are kept of prompts, by the hash of their beginning."""

    instance: str = ""
    sequence: int = -1
    entries: Dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Any) -> "Digest":
        """The digest of a server's answer or first event.

        Raises DigestError for another format or form; who routes does so without.
        """
        if not isinstance(event, dict) or event.get("type") != "digest":
            raise DigestError("expected an object whose type is 'digest'")
        if event.get("format") != FORMAT:
            raise DigestError(f"the digest's format is {event.get('format')!r}, expected {FORMAT}")
        instance, sequence = event.get("instance"), event.get("sequence")
        if not isinstance(instance, str) or not isinstance(sequence, int):
            raise DigestError("expected a string 'instance' and an integer 'sequence'")
        return cls(instance, sequence, dict(_entries(event.get("entries"))))

    def apply(self, event: Any) -> bool:
        """Takes a change. Returns whether it is the next one: if not, one was lost, and the whole digest is needed."""
        if not isinstance(event, dict) or event.get("type") != "change":
            raise DigestError("expected an object whose type is 'change'")
        if event.get("instance") != self.instance or event.get("previous") != self.sequence:
            return False
        sequence, removed = event.get("sequence"), event.get("removed")
        if not isinstance(sequence, int) or not isinstance(removed, list):
            raise DigestError("expected an integer 'sequence' and a list 'removed'")
        for name in removed:
            self.entries.pop(name if isinstance(name, str) else "", None)
        self.entries.update(_entries(event.get("added")))
        if len(self.entries) > MAX_ENTRIES:
            raise DigestError(f"the digest has more than {MAX_ENTRIES} entries")
        self.sequence = sequence
        return True

    def kept(self, hashes: Iterable[str]) -> int:
        """The tokens that are kept of a request with these hashes."""
        return max((self.entries.get(name, 0) for name in hashes), default=0)


def _entries(value: Any) -> List[Tuple[str, int]]:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise DigestError(f"expected a list of at most {MAX_ENTRIES} entries")
    entries: List[Tuple[str, int]] = []
    for entry in value:
        if not (isinstance(entry, list) and len(entry) == 2):
            raise DigestError("expected entries of a hash and a number of tokens")
        name, tokens = entry
        if not (isinstance(name, str) and _HASH.fullmatch(name)):
            raise DigestError("expected hashes of sixteen hexadecimal digits")
        if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 < tokens < 1 << 40:
            raise DigestError("expected numbers of tokens above 0")
        entries.append((name, tokens))
    return entries
