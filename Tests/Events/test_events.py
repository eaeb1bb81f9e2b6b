"""Events of the prefix cache, as vLLM publishes them, for routers that know what is kept where."""
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
import zmq
from infer_serve_ray.digest import Digest
from infer_serve_ray.prefixes import chain as request_chain
from server import Server, wait_until

from subscriber import BlockRemoved, BlockStored, Subscriber, chain

BLOCK = 16


def text(count, seed):
    return [3 + (seed * 7919 + at * 104729) % 500 for at in range(count)]


def complete(server, tokens, **fields):
    """Sends a prompt; returns the number of its tokens that were kept, and the request."""
    body = {"model": server.model, "prompt": tokens, "max_tokens": 8, "temperature": 0, "ignore_eos": True, **fields}
    response = server.post("/v1/completions", body)
    assert response.status_code == 200, response.text
    answer = response.json()
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"], body


def test_the_sum_of_events_foretells_what_is_found(publish):
    with publish() as server, Subscriber(server) as subscriber:
        index = subscriber.receive().index
        # That nothing is there yet is told first.
        assert subscriber.next == 1 and index.cleared == 1 and subscriber.topics <= {b"kv@pod@tiny"}
        long, other = text(200, 1), text(120, 2)
        prompts = [long, long + text(40, 3), other, long[:100] + text(60, 4), long + text(40, 3) + text(70, 5), other[:48]]
        hits = []
        for prompt in prompts:
            foretold = BLOCK * subscriber.receive().index.match(chain(prompt[:-1], BLOCK))
            found, body = complete(server, prompt)
            # State is kept at some places: what is found is no more than is foretold, but for the rest of a block.
            assert found < foretold + BLOCK, (found, foretold)
            hits.append((found, foretold))
            # The digest of the same moment says no more than events do.
            kept = Digest.of(httpx.get(server.url + "/cache/digest").json()).kept(request_chain(body))
            assert kept > 0 and subscriber.receive().index.match(chain(prompt, BLOCK)) >= kept // BLOCK, kept
        assert hits[0] == (0, 0) and hits[2] == (0, 0)
        # Who goes on from a whole prompt finds what is foretold of it.
        assert all(found > 0 and foretold - found < BLOCK for found, foretold in (hits[1], hits[4])), hits
        # Blocks hold what their hashes are of.
        numbers = chain(prompts[4], BLOCK)
        assert len(numbers) == 19
        for at, hash in enumerate(numbers):
            assert index.blocks[hash] == tuple(prompts[4][at * BLOCK:(at + 1) * BLOCK])
        assert subscriber.topics == {b"kv@pod@tiny"}
        # What is given up is told block by block and as a whole.
        before = len(index.blocks)
        assert before > 19 and httpx.post(server.url + "/cache/reset").status_code == 200
        subscriber.receive()
        assert index.blocks == {} and index.cleared == 2
        removed = [hash for batch in subscriber.batches.values() for event in batch.events
                   if isinstance(event, BlockRemoved) for hash in event.block_hashes]
        assert len(removed) >= before
        assert Digest.of(httpx.get(server.url + "/cache/digest").json()).entries == {}
        # And the end is the end of all.
        complete(server, long)
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
        assert subscriber.receive().index.blocks == {} and subscriber.gaps == 0 or subscriber.index.cleared >= 3


def test_what_is_evicted_is_told(publish):
    """With little memory, what is there is still the sum of events."""
    with publish("--kv-cache-mib", "1", "--state-cache-mib", "8", "--max-running", "2", "--max-batch-tokens", "64",
                 "--max-context", "512") as server, Subscriber(server) as subscriber:
        for seed in range(30):
            complete(server, text(200, seed), max_tokens=2)
        index = subscriber.receive().index
        assert any(isinstance(event, BlockRemoved) for batch in subscriber.batches.values() for event in batch.events)
        for seed in range(30):
            foretold = BLOCK * index.match(chain(text(200, seed), BLOCK))
            if not foretold:
                assert complete(server, text(200, seed), max_tokens=1)[0] == 0
                break
        else:
            raise AssertionError("all is kept")


def test_what_was_missed_is_sent_again(publish):
    with publish("--kv-events-buffer-steps", "6") as server, Subscriber(server) as first:
        first.receive()
        for seed in range(9):
            complete(server, text(64, seed))
        first.receive()
        count = first.next
        assert count > 8 and first.index.blocks
        # The last six, from a number on that is kept, and from one that is to come.
        assert [seq for seq, _ in first.missed(0)] == list(range(count - 6, count))
        assert [seq for seq, _ in first.missed(count - 2)] == [count - 2, count - 1]
        assert list(first.missed(count)) == [] and list(first.missed(2**64 - 1)) == []
        # vLLM's own example asks with a REQ socket, whose first answer is the first batch.
        with first.context.socket(zmq.REQ) as asking:
            asking.linger = 0
            asking.connect(first.replay_address)
            asking.send((count - 3).to_bytes(8, "big"))
            assert asking.poll(5000)
            seq, payload = asking.recv_multipart()
            assert int.from_bytes(seq, "big") == count - 3 and payload
        # A gap is filled.
        first.socket.unsubscribe("kv@")
        time.sleep(0.3)
        complete(server, text(64, 10), max_tokens=1)
        first.socket.subscribe("kv@")
        time.sleep(0.3)
        complete(server, text(64, 11), max_tokens=1)
        first.receive()
        assert first.gaps == 1 and sorted(first.batches) == list(range(first.next))
        assert all(hash in first.index.blocks for seed in (10, 11) for hash in chain(text(64, seed), BLOCK))


def test_nonsense_is_not_answered(publish):
    with publish() as server, Subscriber(server) as subscriber:
        subscriber.receive()
        complete(server, text(64, 1))
        for parts in [[b"what?"], [b"", b""], [b"", b"123456789"], [b"x", bytes(8)], [b"", bytes(8), bytes(8)], [b""] * 500]:
            with subscriber.context.socket(zmq.DEALER) as asking:
                asking.linger = 0
                asking.connect(subscriber.replay_address)
                asking.send_multipart(parts)
                assert not asking.poll(100), parts
        # A message that is too long ends its connection; so does what is no ZeroMQ.
        with subscriber.context.socket(zmq.DEALER) as asking:
            asking.linger = 0
            asking.connect(subscriber.replay_address)
            asking.send_multipart([b"", bytes(1 << 20)])
            assert not asking.poll(200)
        port = int(subscriber.replay_address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert [seq for seq, _ in subscriber.missed(0)] == list(range(subscriber.receive().next))


STUCK = """
import sys, time, zmq
context = zmq.Context()
socket = context.socket(zmq.SUB)
socket.rcvhwm = 1
socket.setsockopt(zmq.RCVBUF, 4096)
socket.subscribe("")
socket.connect(sys.argv[1])
asking = context.socket(zmq.DEALER)
asking.rcvhwm = 1
asking.connect(sys.argv[2])
for _ in range(50):
    asking.send_multipart([b"", bytes(8)])
print("ready", flush=True)
time.sleep(600)
"""


def test_subscribers_that_do_not_read_hold_nothing_up(publish):
    with publish("--kv-events-hwm", "10") as server, Subscriber(server) as reader:
        reader.receive()
        alone = time.monotonic()
        for seed in range(20):
            complete(server, text(400, seed), max_tokens=1)
        alone = time.monotonic() - alone
        reader.receive()
        places = server.wait_for_event("cache events")
        command = [sys.executable, "-c", STUCK, places["endpoint"].replace("0.0.0.0", "127.0.0.1"), places["replay_endpoint"]]
        stuck = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
        try:
            for process in stuck:
                assert process.stdout.readline() == b"ready\n"
            time.sleep(0.3)
            stuck[0].send_signal(signal.SIGSTOP)
            stuck[1].kill()
            with_them = time.monotonic()
            for seed in range(20, 40):
                complete(server, text(400, seed), max_tokens=1)
                reader.receive(0)
            with_them = time.monotonic() - with_them
            assert with_them < 3 * alone + 2, (with_them, alone)
            reader.receive()
            assert sorted(reader.batches) == list(range(reader.next))
            assert reader.index.match(chain(text(400, 39), BLOCK)) >= 24
            server.signal(signal.SIGTERM)
            assert server.exit_code(20) == 0
        finally:
            for process in stuck:
                process.kill()
                process.wait()


def test_salts_and_adapters_are_told_apart(publish, tmp_path, model):
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/EndToEnd")
    from test_adapters import write_adapter

    verse = write_adapter(tmp_path / "verse", model, 1)
    with publish("--lora", f"verse={verse}") as server, Subscriber(server) as subscriber:
        prompt = text(64, 1)
        complete(server, prompt, cache_salt="mine")
        complete(server, prompt, model="verse")
        index = subscriber.receive().index
        salt = hashlib.sha256(b"mine").hexdigest()
        assert index.match(chain(prompt, BLOCK)) == 0
        assert index.match(chain(prompt, BLOCK, salt)) == 4
        assert index.match(chain(prompt, BLOCK, every=["verse"])) == 4
        stored = [event for batch in subscriber.batches.values() for event in batch.events if isinstance(event, BlockStored)]
        assert {event.lora_name for event in stored} == {None, "verse"}
        first = [event for event in stored if event.parent_block_hash is None]
        assert [event.extra_keys and event.extra_keys[0] for event in first] == [[salt], None]
        complete(server, prompt)
        assert subscriber.receive().index.match(chain(prompt, BLOCK)) == 4


def test_a_model_that_leaves_takes_its_blocks_along(publish):
    with publish() as server, Subscriber(server) as subscriber:
        complete(server, text(64, 1))
        assert subscriber.receive().index.blocks
        assert server.post("/models/unload", {"model": server.model}).status_code == 200
        wait_until(lambda: not subscriber.receive(0.1).index.blocks, what="the end of all blocks")
        assert server.post("/models/load", {"model": server.model}).status_code == 200
        complete(server, text(64, 2))
        assert subscriber.receive().index.match(chain(text(64, 2), BLOCK)) == 4


def test_a_server_connects_to_a_subscriber_that_listens(publish, tmp_path):
    """As pods do that know one indexer, and over a socket without a network."""
    with zmq.Context() as context, context.socket(zmq.SUB) as listening:
        listening.linger = 0
        listening.subscribe("kv@pod@")
        port = listening.bind_to_random_port("tcp://127.0.0.1")
        with publish(address=f"tcp://127.0.0.1:{port}", replay=None) as server:
            # Which subscribes when it looks for events.
            while listening.poll(300):
                listening.recv_multipart()
            complete(server, text(64, 1))
            assert listening.poll(5000) and listening.recv_multipart()[0] == b"kv@pod@tiny"
    place = f"ipc://{tmp_path}/events"
    with publish(address=place, replay=f"ipc://{tmp_path}/replay") as server, Subscriber(server) as subscriber:
        complete(server, text(64, 1))
        assert subscriber.receive().index.match(chain(text(64, 1), BLOCK)) == 4


@pytest.mark.parametrize("options, said", [
    (["--kv-events-topic", "x"], "--kv-events-topic needs --kv-events-endpoint"),
    (["--kv-events-endpoint", "udp://*:5557"], "expected tcp://*:PORT"),
    (["--kv-events-endpoint", "tcp://*:99999"], "expected tcp://*:PORT"),
    (["--kv-events-endpoint", "tcp://*:*", "--kv-events-replay-endpoint", "nowhere"], "--kv-events-replay-endpoint is 'nowhere'"),
    (["--kv-events-endpoint", "tcp://*:*", "--kv-events-hwm", "0"], "--kv-events-hwm must be between 1 and"),
    (["--kv-events-endpoint", "tcp://*:*", "--no-prefix-caching"], "--no-prefix-caching"),
])
def test_refusals(binary, model, options, said):
    run = subprocess.run([binary, "serve", "--model", model, "--port", "0", *options], capture_output=True, text=True, timeout=60)
    assert run.returncode == 64 and said in run.stderr, run.stderr


def test_an_address_in_use_is_named(binary, model):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        for option, others in [("--kv-events-endpoint", []),
                               ("--kv-events-replay-endpoint", ["--kv-events-endpoint", "tcp://*:*"])]:
            run = subprocess.run(
                [binary, "serve", "--model", model, "--port", "0", *others, option, f"tcp://*:{port}"],
                capture_output=True, text=True, timeout=60)
            assert run.returncode == 1 and f"{option} tcp://*:{port}: Address already in use" in run.stderr, run.stderr


def test_several_models_have_no_events(binary, model, tmp_path):
    entry = "  - model: {}\n    served-model-name: {}\n"
    file = tmp_path / "server.yaml"
    file.write_text("kv-events-endpoint: tcp://*:*\nport: 0\nmodels:\n" + entry.format(model, "a") + entry.format(model, "b"))
    run = subprocess.run([binary, "serve", "--config", str(file)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 64 and "there are 2 models" in run.stderr, run.stderr
    file.write_text("kv-events-endpoint: tcp://*:*\nkv-events-buffer-steps: 10\nport: 0\nmodels:\n" + entry.format(model, "a"))
    with Server(binary, None, "--config", str(file)) as server:
        assert server.wait_for_event("cache events")["endpoint"].startswith("tcp://0.0.0.0:")
