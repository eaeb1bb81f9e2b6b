import pytest
from infer_serve_ray.digest import Digest, DigestError

WHOLE = {
    "type": "digest", "format": 1, "block_bytes": 1024, "model": "m", "instance": "0f", "sequence": 3,
    "entries": [["00000000000000aa", 100], ["00000000000000bb", 40]],
}  # fmt: skip
CHANGE = {
    "type": "change", "instance": "0f", "previous": 3, "sequence": 5, "added": [["00000000000000cc", 7]],
    "removed": ["00000000000000bb"],
}  # fmt: skip


def test_changes_are_applied():
    digest = Digest.of(WHOLE)
    assert digest.kept(["00000000000000bb", "00000000000000aa", "x"]) == 100 and digest.kept([]) == 0
    assert digest.apply(CHANGE)
    assert digest.entries == {"00000000000000aa": 100, "00000000000000cc": 7} and digest.sequence == 5
    # The same once more, one that comes too late, and one of another server.
    assert not digest.apply(CHANGE)
    assert not digest.apply(CHANGE | {"previous": 4})
    assert not digest.apply(CHANGE | {"previous": 5, "instance": "1f"})
    assert digest.sequence == 5


@pytest.mark.parametrize(
    "other, words",
    [
        ({"format": 2}, "format is 2, expected 1"), ({"format": None}, "format is None"),
        ({"type": "history"}, "type is 'digest'"), ({"sequence": "3"}, "integer 'sequence'"),
        ({"entries": {}}, "list of at most"), ({"entries": [["aa", 1]]}, "sixteen hexadecimal"),
        ({"entries": [["00000000000000aa"]]}, "a hash and a number"),
        ({"entries": [["00000000000000aa", -5]]}, "above 0"), ({"entries": [["00000000000000aa", True]]}, "above 0"),
        ({"entries": [["00000000000000aa", 1 << 50]]}, "above 0"),
    ],
)  # fmt: skip
def test_other_forms_are_refused(other, words):
    with pytest.raises(DigestError, match=words):
        Digest.of(WHOLE | other)


@pytest.mark.parametrize("event", [None, [], {"type": "digest"}, CHANGE | {"removed": None}, CHANGE | {"added": 5}])
def test_changes_of_other_forms_are_refused(event):
    with pytest.raises(DigestError):
        Digest.of(WHOLE).apply(event)
