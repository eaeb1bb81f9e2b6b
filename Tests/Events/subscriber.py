"""A subscriber to events of a prefix cache, as a router has one: vLLM's types, strictly decoded, and an index of blocks."""
import hashlib
from typing import Any, Optional, Union

import cbor2
import msgspec
import zmq

END = (-1).to_bytes(8, "big", signed=True)


class Event(msgspec.Struct, array_like=True, omit_defaults=True, tag=True):
    pass


class BlockStored(Event):
    block_hashes: list[int]
    parent_block_hash: Optional[int]
    token_ids: list[int]
    block_size: int
    lora_id: Optional[int]
    medium: Optional[str]
    lora_name: Optional[str]
    extra_keys: Optional[list[Optional[list[Any]]]] = None


class BlockRemoved(Event):
    block_hashes: list[int]
    medium: Optional[str]


class AllBlocksCleared(Event):
    pass


class Batch(msgspec.Struct, array_like=True, omit_defaults=True):
    ts: float
    events: list[Union[BlockStored, BlockRemoved, AllBlocksCleared]]
    data_parallel_rank: Optional[int] = None


DECODER = msgspec.msgpack.Decoder(type=Batch)


def digest(value):
    return hashlib.sha256(cbor2.dumps(value, canonical=True)).digest()


def number(hash):
    return int.from_bytes(hash[-8:], "big")


def chain(tokens, size, *first, every=()):
    """The numbers of a text's whole blocks, as vLLM computes them with `sha256_cbor` and PYTHONHASHSEED=0. `first` are the keys
    of the first block, `every` those of all."""
    hash, numbers = digest("0"), []
    for start in range(0, len(tokens) - size + 1, size):
        keys = tuple(every) + (tuple(first) if start == 0 else ())
        hash = digest((hash, tuple(tokens[start:start + size]), keys or None))
        numbers.append(number(hash))
    return numbers


class Index:
    """What is stored, by the sum of events."""

    def __init__(self):
        self.blocks, self.cleared = {}, 0

    def apply(self, batch):
        for event in batch.events:
            if isinstance(event, BlockStored):
                size = event.block_size
                assert len(event.token_ids) == size * len(event.block_hashes) and size == 16
                assert event.parent_block_hash is None or event.parent_block_hash in self.blocks
                for position, hash in enumerate(event.block_hashes):
                    assert hash not in self.blocks
                    self.blocks[hash] = tuple(event.token_ids[position * size:(position + 1) * size])
            elif isinstance(event, BlockRemoved):
                for hash in event.block_hashes:
                    del self.blocks[hash]
            else:
                self.blocks, self.cleared = {}, self.cleared + 1

    def match(self, chain):
        """How many of a text's blocks are stored, from its beginning on."""
        return next((at for at, hash in enumerate(chain) if hash not in self.blocks), len(chain))


class Subscriber:
    """The batches of a server, from its first on: what came too early is asked for again."""

    def __init__(self, server, topic="kv@", replayed=True, **options):
        places = server.wait_for_event("cache events")
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        self.socket.subscribe(topic)
        self.socket.connect(places["endpoint"].replace("0.0.0.0", "127.0.0.1"))
        self.replay_address = places.get("replay_endpoint")
        self.index, self.batches, self.topics = Index(), {}, set()
        self.next = 0 if replayed else None
        self.gaps, self.is_late = 0, replayed and bool(self.replay_address)

    def missed(self, first, kind=zmq.DEALER):
        """The batches from a number on that are kept still."""
        with self.context.socket(kind) as socket:
            socket.linger = 0
            socket.connect(self.replay_address)
            socket.send_multipart([b"", first.to_bytes(8, "big")])
            while socket.poll(5000):
                empty, seq, payload = socket.recv_multipart()
                assert empty == b""
                if seq == END:
                    assert payload == b""
                    return
                yield int.from_bytes(seq, "big"), payload
            raise AssertionError("no end of what was missed")

    def take(self, seq, payload):
        batch = DECODER.decode(payload)
        assert batch.data_parallel_rank == 0 and batch.ts > 1.7e9
        assert batch.events
        self.batches[seq] = batch
        self.index.apply(batch)
        self.next = seq + 1

    def receive(self, timeout=0.3):
        """Takes what comes, until nothing has for a while; the first time, what came before too."""
        if self.is_late:
            self.is_late = False
            for seq, content in self.missed(0):
                self.take(seq, content)
        while self.socket.poll(int(timeout * 1000)):
            topic, seq, payload = self.socket.recv_multipart()
            self.topics.add(topic)
            assert len(seq) == 8
            seq = int.from_bytes(seq, "big")
            if self.next is not None and seq > self.next:
                self.gaps += 1
                for late, content in self.missed(self.next):
                    if self.next <= late < seq:
                        self.take(late, content)
            if self.next is None or seq >= self.next:
                assert self.next is None or seq == self.next
                self.take(seq, payload)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=0)
