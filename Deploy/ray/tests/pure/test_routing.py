from infer_serve_ray.routing import Candidate, Chooser

CHAIN = [f"{number:016x}" for number in range(1, 42)]


def candidates(**loads):
    return [Candidate(name, load, {}) for name, load in loads.items()]


def test_requests_go_where_their_prefix_is_kept():
    chooser = Chooser()
    a, b, c = Candidate("a", 1, {}), Candidate("b", 2, {CHAIN[30]: 8000}), Candidate("c", 0, {CHAIN[1]: 250})
    assert chooser.rank(CHAIN, [a, b, c], 0) == ["b", "c", "a"]
    # Not to a replica that has too much to do.
    assert chooser.rank(CHAIN, [a, Candidate("b", 40, b.kept), c], 0)[0] == "c"
    # What others keep is nothing to this request.
    assert chooser.rank(["f" * 16], [a, b, c], 0)[0] == "c"


def test_kept_tokens_count_more_where_all_have_something_to_do():
    def first(least):
        # 20 requests more cost 10,240 tokens; 6,000 are kept.
        busy, idle = Candidate("busy", least + 20, {CHAIN[30]: 6000}), Candidate("idle", least, {})
        return Chooser().rank(CHAIN, [busy, idle], 0)[0]

    assert [first(0), first(1), first(3)] == ["idle", "busy", "busy"]
    # There is an end to it: 60 more are too many.
    far = [Candidate("busy", 160, {CHAIN[30]: 6000}), Candidate("idle", 100, {})]
    assert Chooser().rank(CHAIN, far, 0)[0] == "idle"


def test_by_load_alone():
    chooser = Chooser(prefix_aware=False)
    kept = {CHAIN[30]: 8000}
    assert chooser.rank(CHAIN, [Candidate("a", 3, kept), Candidate("b", 2, {}), Candidate("c", 4, kept)], 0) == list("bac")
    assert Chooser().rank([], candidates(a=2, b=1), 0) == ["b", "a"]


def test_what_was_sent_is_remembered_until_a_digest_could_tell():
    chooser = Chooser(trust_s=30)
    replicas = candidates(a=0, b=0, c=0)
    first = chooser.rank(CHAIN, replicas, 0)[0]
    others = [c for c in replicas if c.name != first]
    chooser.note(CHAIN, next(c for c in replicas if c.name == first), 0)
    # The next that begins alike goes there, although the others have nothing to do.
    busy = [Candidate(first, 3, {}), *others]
    longer = CHAIN[:35] + ["e" * 16, "d" * 16]
    assert chooser.rank(longer, busy, 1)[0] == first
    assert chooser.rank(longer, busy, 31)[0] != first
    # A replica that has ended has nothing.
    chooser.forget(first)
    assert chooser.rank(longer, busy, 1)[0] != first


def test_beginnings_that_nobody_has_are_spread_and_meet():
    replicas = candidates(a=0, b=0, c=0, d=0)
    first = {root: Chooser().rank([root, root], replicas, 0)[0] for root in map(str, range(200))}
    assert all(Chooser().rank([root, root], replicas[::-1], 0)[0] == name for root, name in first.items())
    assert all(list(first.values()).count(name) > 25 for name in "abcd")


def test_a_replica_that_lies_is_found_out_by_its_load():
    chooser = Chooser()
    load, sent = {"honest": 0, "liar": 0}, []
    for _ in range(60):
        name = chooser.rank(
            CHAIN, [Candidate("honest", load["honest"], {}), Candidate("liar", load["liar"], {CHAIN[40]: 10**12 >> 25})], 0
        )[0]
        load[name] += 1
        sent.append(name)
    assert {"honest", "liar"} == set(sent)


def test_memory_is_bounded():
    chooser = Chooser(max_notes=100)
    for number in range(50):
        chooser.note([f"{number}-{i}" for i in range(20)], Candidate("a", 0, {}), number)
    assert len(chooser._notes) == 100
