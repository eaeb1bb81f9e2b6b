"""What a router learns of a server's prefix cache: hashes that it computes from requests alone."""
import json
import sys
import threading
from pathlib import Path

import httpx
import pytest
from server import wait_until

sys.path.insert(0, str(Path(__file__).parents[2] / "Deploy/ray/src"))
from infer_serve_ray.digest import Digest  # noqa: E402
from infer_serve_ray.prefixes import chain  # noqa: E402

SYSTEM = "You are a careful teacher of arithmetic. " * 60


@pytest.fixture(scope="module")
def own(start):
    with start() as server:
        yield server


@pytest.fixture(autouse=True)
def empty(own):
    assert httpx.post(own.url + "/cache/reset").status_code == 200


def digest(server):
    return Digest.of(httpx.get(server.url + "/cache/digest").json())


def conversation(server, *messages, **more):
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    return {
        "model": server.model, "max_tokens": 4, "temperature": 0, "ignore_eos": True,
        "messages": [{"role": role, "content": text} for role, text in zip(roles, messages)], **more}


def cached(server, body, path="/v1/chat/completions"):
    response = server.post(path, body)
    assert response.status_code == 200, response.text
    answer = response.json()
    if "usage" in answer and "prompt_tokens_details" in answer["usage"]:
        return answer["usage"]["prompt_tokens_details"]["cached_tokens"]
    return answer["usage"]["cache_read_input_tokens"]


def expect(server, body, path="/v1/chat/completions"):
    """Sends a request, and returns what the router expects of it and what became of it."""
    kept = digest(server).kept(chain(body))
    return kept, cached(server, body, path)


def test_a_digest_foretells_what_is_found(own):
    first = conversation(own, SYSTEM, "What is 1 + 2?")
    assert expect(own, first) == (0, 0)
    for body in [
        conversation(own, SYSTEM, "What is 3 + 4?"),
        conversation(own, SYSTEM, "What is 1 + 2?", "It is 3.", "And twice that?"),
        conversation(own, SYSTEM, "What is 1 + 2?", "It is 3.", "And half of it?"),
        first,
    ]:
        kept, found = expect(own, body)
        # Where the template goes on otherwise behind a last message, a few tokens of it are foretold as well.
        assert found > 300 and found <= kept + 8 and kept <= found + 32, (kept, found)
    # What begins otherwise.
    for more in [{"cache_salt": "mine"}, {"messages": [{"role": "user", "content": "Hello"}]}]:
        kept, found = expect(own, conversation(own, SYSTEM, "What is 1 + 2?") | more)
        assert kept == 0 and found <= 40
    # The salt is part of the hashes.
    kept, found = expect(own, conversation(own, SYSTEM, "What else?", cache_salt="mine"))
    assert kept > 300 and found > 300


def test_texts_and_other_apis_are_foretold(own):
    text = " ".join(str(number * 7919 % 1000) for number in range(1500))
    body = {"model": own.model, "prompt": text + " and?", "max_tokens": 2}
    assert expect(own, body, "/v1/completions")[0] == 0
    kept, found = expect(own, body | {"prompt": text + " or another?"}, "/v1/completions")
    # Within a block of 1,024 bytes, which are as many tokens here, and the distance of kept states.
    assert found > 2048 and found - 2048 <= kept <= found
    anthropic = {
        "model": own.model, "system": SYSTEM, "max_tokens": 4, "messages": [{"role": "user", "content": "What is 5 + 6?"}]}
    assert expect(own, anthropic, "/v1/messages")[0] == 0
    kept, found = expect(own, anthropic | {"messages": [{"role": "user", "content": "And 7 + 8?"}]}, "/v1/messages")
    assert kept > 300 and found > 300


def test_events_tell_what_changes(own):
    seen, ready = [], threading.Event()

    def follow():
        with httpx.stream("GET", own.url + "/cache/digest", headers={"Accept": "text/event-stream"}, timeout=20) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    seen.append(json.loads(line.removeprefix("data: ")))
                    ready.set()
                if len(seen) >= 2 and seen[-1].get("removed"):
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    assert ready.wait(10)
    follower = Digest.of(seen[0])
    body = conversation(own, SYSTEM, "What is 1 + 2?")
    cached(own, body)

    def applied():
        for event in seen[1:]:
            if event["sequence"] > follower.sequence:
                assert follower.apply(event)
        return follower.sequence == digest(own).sequence

    wait_until(applied, 10, "events of what was kept")
    assert follower.entries == digest(own).entries and follower.kept(chain(body)) > 300
    assert httpx.post(own.url + "/cache/reset").status_code == 200
    thread.join(10)
    assert not thread.is_alive()
    wait_until(applied, 10, "events of what was given up")
    assert follower.entries == {}


def test_a_follower_does_not_keep_the_server(start):
    with start() as server:
        with httpx.stream("GET", server.url + "/cache/digest", headers={"Accept": "text/event-stream"}, timeout=20) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: digest"
            server.signal()
            list(lines)
        assert server.exit_code(20) == 0


def test_refusals(own):
    answer = httpx.get(own.url + "/cache/digest?model=nobody")
    assert answer.status_code == 404 and "nobody" in answer.json()["error"]["message"]
    assert httpx.post(own.url + "/cache/digest").status_code == 405
