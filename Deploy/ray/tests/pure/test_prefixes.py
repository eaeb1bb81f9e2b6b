"""Hashes that are equal to the server's: its own tests are held to the same file."""

import json
from pathlib import Path

import pytest
from infer_serve_ray.prefixes import chain, chain_of_bytes

CASES = json.loads((Path(__file__).parents[4] / "Tests/Fixtures/prefixes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES)
def test_hashes_are_the_servers(case):
    assert chain(case["body"]) == case["hashes"]
    assert chain_of_bytes(json.dumps(case["body"]).encode()) == case["hashes"]


def test_whitespace_and_escapes_change_nothing():
    body = {"model": "m", "messages": [{"role": "user", "content": "雞\n"}]}
    plain = chain_of_bytes(json.dumps(body, indent=4).encode())
    assert plain == chain_of_bytes(json.dumps(body, ensure_ascii=False).encode()) and len(plain) == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"1", b"\xff\xfe", b'{"messages": 5}', b'{"messages": "' + b"[" * 10, b"[" * 100_000,
     b'{"prompt": {"a": 1}}'],
)  # fmt: skip
def test_what_is_no_conversation_has_no_hashes(body):
    assert chain_of_bytes(body) == []


def test_what_no_utf8_can_say_is_hashed():
    assert len(chain_of_bytes(b'{"prompt": "\\ud800"}')) == 2
