from infer_serve_cluster.cache import PrefixCache, kept_positions
from infer_serve_cluster.traces import Request


def request(tokens, blocks, size=512):
    return Request(0, tokens, 1, tuple(blocks), size)


def test_positions_are_those_of_the_engine():
    # As the article Architecture has them: each 4,096, the last but one multiple of 2,048, 1,024 and 512, the last of 512.
    assert list(kept_positions(10_000, 512)) == [4096, 6144, 8192, 9216, 9728]
    assert list(kept_positions(300, 512)) == []


def test_models_without_state_go_on_from_any_block():
    cache = PrefixCache(10_000, 0, lambda *_: None)
    assert cache.take(request(1100, "abc")) == 0
    assert cache.take(request(1600, "abxy")) == 1024
    # One token is computed whatever is kept.
    assert cache.take(request(1024, "ab")) == 1023


def test_state_is_kept_where_the_second_parts():
    cache = PrefixCache(100_000, 512, lambda *_: None)
    first = [f"a{i}" for i in range(20)]
    assert cache.take(request(20 * 512, first)) == 0
    cache.finish(request(20 * 512, first))
    other = [*first[:5], *(f"b{i}" for i in range(15))]
    # The first has none within its first 4,096 tokens; the second leaves one where they part.
    assert cache.take(request(20 * 512, other)) == 0
    assert cache.take(request(20 * 512, [*first[:5], "c"])) == 5 * 512


def test_prompts_under_way_are_shared_at_once():
    cache = PrefixCache(100_000, 512, lambda *_: None)
    first, other = request(20 * 512, [f"a{i}" for i in range(20)]), request(6 * 512, [*(f"a{i}" for i in range(5)), "b"])
    cache.take(first)
    assert cache.look(other) == (5, 5 * 512)
    cache.finish(first)
    assert cache.look(other) == (5, 0)


def test_what_nobody_uses_goes_and_is_told():
    told = []
    cache = PrefixCache(4 * 512, 0, lambda block, is_kept: told.append((block, is_kept)))
    cache.take(request(1024, "ab"))
    cache.take(request(1024, "cd"))
    cache.take(request(1024, "ab"))
    cache.take(request(1024, "ef"))
    assert set(cache.kept) == set("abef")
    assert [block for block, is_kept in told if not is_kept] == ["d", "c"]
    cache.clear()
    assert not cache.kept and len(told) == 12
