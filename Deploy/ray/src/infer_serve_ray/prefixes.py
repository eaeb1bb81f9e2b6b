"""Hashes of a request's beginnings, as infer-serve computes them (its `PrefixChain`, format 1).

The first hash is that of the members that stand before the conversation in a prompt. Those that follow are chained: each is of
the one before and of the next block of the conversation. So a request's hashes are those of another as far as both begin alike.
"""

import hashlib
import json
import struct
from typing import Any, List, Optional

FORMAT = 1
BLOCK_BYTES = 1024
ROOT_FIELDS = (
    "model", "cache_salt", "previous_response_id", "conversation", "system", "instructions", "tools", "functions",
    "documents", "chat_template_kwargs", "reasoning_effort", "reasoning", "thinking", "think", "enable_thinking",
)  # fmt: skip
LIST_FIELDS = ("messages", "input", "prompt")


def encode(value: Any, out: bytearray) -> None:
    """Writes a value of JSON so that values that begin alike have bytes that do."""
    if value is None:
        out += b"n"
    elif isinstance(value, bool):
        out += b"t" if value else b"f"
    elif isinstance(value, int):
        out += b"i%d;" % value
    elif isinstance(value, float):
        out += b"d" + struct.pack(">d", value)
    elif isinstance(value, str):
        out += b"s" + value.encode("utf-8", "surrogatepass") + b"\xff"
    elif isinstance(value, list):
        out += b"a"
        for element in value:
            encode(element, out)
        out += b"e"
    elif isinstance(value, dict):
        out += b"o"
        for name, member in value.items():
            encode(name, out)
            encode(member, out)
        out += b"e"
    else:
        raise TypeError(f"no value of JSON is a {type(value).__name__}")


def chain(body: Any) -> List[str]:
    """The hashes of a request's body, sixteen hexadecimal digits each, from the root to the whole of it; none for a body
    without a conversation or with several prompts."""
    if not isinstance(body, dict):
        return []
    segments = _segments(body)
    if segments is None:
        return []
    out = bytearray(b"infer-serve prefixes %d\n" % FORMAT)
    for name in ROOT_FIELDS:
        if body.get(name) is not None:
            encode(name, out)
            encode(body[name], out)
    digest = hashlib.sha256(out).digest()
    hashes = [_name(digest)]
    for segment in segments:
        out = bytearray()
        encode(segment, out)
        for start in range(0, len(out), BLOCK_BYTES):
            digest = hashlib.sha256(digest + out[start : start + BLOCK_BYTES]).digest()
            hashes.append(_name(digest))
    return hashes


def chain_of_bytes(body: bytes) -> List[str]:
    """The hashes of a request's body; none for one that is not JSON, which its server refuses."""
    try:
        return chain(json.loads(body))
    except (ValueError, RecursionError):
        return []


def _segments(body: "dict[str, Any]") -> Optional[List[Any]]:
    for name in LIST_FIELDS:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list) or not value:
            return None
        if isinstance(value[0], int) and not isinstance(value[0], bool):
            return [value]
        return None if name == "prompt" and len(value) > 1 else value
    return None


def _name(digest: bytes) -> str:
    return (max(1, int.from_bytes(digest[:8], "big"))).to_bytes(8, "big").hex()
