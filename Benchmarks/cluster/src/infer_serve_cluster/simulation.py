"""Events in the order of their times: requests that come, steps that end, replicas that fail, start and go."""

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from infer_serve_ray.scaling import Load, Targets, wanted

from .loads import LoadIndex
from .policies import AtRandom, LeastLoaded, Policy, PrefixAware
from .replica import Engine, Job, Machine, Replica
from .steps import StepModel
from .traces import Request


@dataclass(frozen=True)
class Link:
    """What a request costs before a replica has it."""

    router_s: float = 0
    """Seconds of one core of the router's, which takes one request after another."""
    router_token_s: float = 0
    """The same, for each token of a prompt that it reads."""
    latency_s: float = 0.0005
    """Seconds from the router to a replica, and for the first token's way back."""


@dataclass(frozen=True)
class Scaling:
    """Replicas by the engines' own metrics, as the policy of Deploy/ray has it."""

    least: int = 1
    most: int = 10_000
    every_s: float = 10
    start_s: float = 30
    """Until a new replica has loaded its weights."""
    targets: Targets = field(default_factory=Targets)

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"replicas from {self.least} to {self.most} are none")
        if self.every_s <= 0 or self.start_s < 0:
            raise ValueError("a look at the load comes after more than 0 seconds, and a start takes 0 or more")


@dataclass(frozen=True)
class Failures:
    """Servers that end without a word."""

    every_s: float
    """Mean seconds between two, over all replicas."""
    restart_s: float = 5


@dataclass(frozen=True)
class Cluster:
    """Replicas, and how requests come to them."""

    model: StepModel
    replicas: int = 1
    policy: str = "prefix"
    engine: Engine = Engine()
    link: Link = Link()
    shared_cores: Optional[float] = None
    """Cores of one machine that all replicas and the router share; by default each has its own."""
    others: float = 0
    """Processes on that machine that are none of the cluster's."""
    scaling: Optional[Scaling] = None
    failures: Optional[Failures] = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise ValueError(f"there must be one replica or more, not {self.replicas}")
        if self.policy not in ("random", "least", "prefix"):
            raise ValueError(f"a policy is 'random', 'least' or 'prefix', not {self.policy!r}")
        if self.shared_cores is not None and not self.shared_cores > 0:
            raise ValueError(f"the cores to share must be more than 0, not {self.shared_cores}")


@dataclass
class Result:
    """What came of a simulated load."""

    requests: int = 0
    answered: int = 0
    broken: int = 0
    """Whose replica ended within the answer."""
    retried: int = 0
    prompt_tokens: int = 0
    computed_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0
    """From the first request to the last answer."""
    replica_s: float = 0
    """Sum over replicas of the seconds that they were there."""
    busy_s: float = 0
    steps: int = 0
    most_replicas: int = 0
    first_token_s: List[float] = field(default_factory=list)
    answer_s: List[float] = field(default_factory=list)

    def summary(self) -> Dict[str, float]:
        """The figures by name."""
        times = {}
        for name, values in (("first_token", sorted(self.first_token_s)), ("answer", sorted(self.answer_s))):
            for share in (50, 90, 99):
                times[f"{name}_p{share}_s"] = values[min(len(values) - 1, len(values) * share // 100)] if values else 0.0
        return {
            "requests": self.requests, "answered": self.answered, "broken": self.broken, "retried": self.retried,
            "prompt_tokens": self.prompt_tokens, "computed_tokens": self.computed_tokens,
            "answer_tokens": self.answer_tokens, "seconds": self.seconds,
            "requests_per_s": self.answered / self.seconds if self.seconds else 0.0,
            "tokens_per_s": (self.prompt_tokens + self.answer_tokens) / self.seconds if self.seconds else 0.0,
            "busy": self.busy_s / self.replica_s if self.replica_s else 0.0,
            "replica_hours": self.replica_s / 3600, "most_replicas": self.most_replicas, **times,
        }  # fmt: skip


COMES, ROUTED, ARRIVES, STEPS, FAILS, STARTS, LOOKS = range(7)


class Simulation:
    """One run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._dice = random.Random(cluster.seed)
        self._loads = LoadIndex()
        self._replicas: Dict[int, Replica] = {}
        self._kept: Dict[int, Mapping[str, int]] = {}
        self._since: Dict[int, float] = {}
        self._draining: "set[int]" = set()
        self._starting = 0
        self._numbers = count()
        self._host = Machine(cluster.shared_cores or 1, cluster.others)
        self._router: Deque[Job] = deque()
        self._events: List[Tuple[float, int, int, int, Optional[Job]]] = []
        self._ticks = count()
        self._unplaced: Deque[Job] = deque()
        self._recent: Dict[int, List[float]] = {}
        self._epochs: Dict[int, int] = {}
        self.result = Result()
        self._policy: Policy
        self._source: Iterator[Request] = iter(())
        self._is_closed = False
        self._open = 0
        self._until = math.inf

    def run(self, requests: Iterable[Request], clients: int = 0, until: float = math.inf) -> Result:
        """Sends requests, which are ordered by time, at their times; or, of `clients` above 0, as many at once, each as soon
        as another is answered. None is sent after `until` seconds, and none that is answered later is counted then.

        Raises ValueError for requests whose times go back.
        """
        cluster = self._cluster
        self._source, self._is_closed, self._until = iter(requests), clients > 0, until
        first = next(self._source, None)
        if first is None:
            return self.result
        if cluster.policy == "random":
            self._policy = AtRandom(self._loads, self._dice)
        elif cluster.policy == "least":
            self._policy = LeastLoaded(self._loads, self._dice)
        else:
            self._policy = PrefixAware(self._loads, self._dice, self._kept, first.block_tokens)
        for _ in range(cluster.replicas):
            self._start(0)
        if self._is_closed:
            self._come(first, 0)
            for _ in range(clients - 1):
                self._next(0)
        else:
            self._put(first.at, COMES, 0, Job(first, first.at))
        if cluster.failures:
            self._put(self._dice.expovariate(1 / cluster.failures.every_s), FAILS, 0, None)
        if cluster.scaling:
            self._put(cluster.scaling.every_s, LOOKS, 0, None)
        self._loop()
        for number in list(self._replicas):
            self._account(number, self.result.seconds)
        return self.result

    def _put(self, at: float, kind: int, number: int, job: Optional[Job]) -> None:
        heapq.heappush(self._events, (at, next(self._ticks), kind, number, job))

    def _loop(self) -> None:
        now = 0.0
        while self._events:
            now, _, kind, number, job = heapq.heappop(self._events)
            if kind == STEPS:
                # The epoch that the event was made in is its job's place.
                self._steps(number >> 20, number & 0xFFFFF, now)
            elif kind == COMES:
                assert job is not None
                self._come(job.request, now)
                following = next(self._source, None)
                if following is not None and following.at <= self._until:
                    if following.at < now:
                        raise ValueError("the requests are not ordered by time")
                    self._put(following.at, COMES, 0, Job(following, following.at))
            elif kind == ROUTED:
                self._routed(now)
            elif kind == ARRIVES:
                assert job is not None
                self._arrive(number, job, now)
            elif kind == STARTS:
                self._starting -= 1
                self._start(now)
            elif self._open == 0 and not any(event[2] in (COMES, ROUTED, ARRIVES, STEPS) for event in self._events):
                continue
            elif kind == FAILS:
                self._fail(now)
            else:
                self._look(now)

    # Requests

    def _next(self, now: float) -> None:
        request = next(self._source, None)
        if request is not None and now < self._until:
            self._come(request, now)

    def _come(self, request: Request, now: float) -> None:
        self.result.requests += 1
        self._open += 1
        self._to_router(Job(request, now), now)

    def _to_router(self, job: Job, now: float) -> None:
        if not self._cluster.link.router_s and not self._cluster.link.router_token_s:
            self._place(job, now)
            return
        self._router.append(job)
        if len(self._router) == 1:
            self._host.busy += 1
            self._route(now)

    def _route(self, now: float) -> None:
        link = self._cluster.link
        seconds = link.router_s + link.router_token_s * self._router[0].request.prompt
        self._put(now + seconds * self._host.slowdown, ROUTED, 0, None)

    def _routed(self, now: float) -> None:
        self._place(self._router.popleft(), now)
        if self._router:
            self._route(now)
        else:
            self._host.busy -= 1

    def _place(self, job: Job, now: float) -> None:
        if not len(self._loads):
            self._unplaced.append(job)
            return
        number = self._policy.choose(job.request, now)
        self._loads.change(number, 1)
        if self._cluster.link.latency_s:
            self._put(now + self._cluster.link.latency_s, ARRIVES, number, job)
        else:
            self._arrive(number, job, now)

    def _arrive(self, number: int, job: Job, now: float) -> None:
        replica = self._replicas.get(number)
        if replica is None or number not in self._loads.of and number not in self._draining:
            # It has failed, or is gone, meanwhile.
            self._again(job, now)
            return
        sooner = replica.add(job, now)
        if sooner is not None:
            self._put(sooner, STEPS, number << 20 | replica.epoch & 0xFFFFF, None)
        elif not replica.is_busy:
            self._begin(replica, now)

    def _again(self, job: Job, now: float) -> None:
        job.tries += 1
        self.result.retried += 1
        job.begin_anew()
        self._to_router(job, now)

    def _begin(self, replica: Replica, now: float) -> None:
        ends = replica.begin(now)
        if ends is not None:
            self._put(ends, STEPS, replica.number << 20 | replica.epoch & 0xFFFFF, None)

    def _steps(self, number: int, epoch: int, now: float) -> None:
        replica = self._replicas.get(number)
        if replica is None or replica.epoch & 0xFFFFF != epoch:
            return
        for job in replica.end(now):
            self._answer(job, number, now)
        self._begin(replica, now)
        if number in self._draining and not replica.is_busy:
            self._draining.discard(number)
            self._account(number, now)
            self._policy.ended(number)

    def _answer(self, job: Job, number: int, now: float) -> None:
        self._loads.change(number, -1)
        self._open -= 1
        if now <= self._until:
            result, latency = self.result, self._cluster.link.latency_s
            result.answered += 1
            result.prompt_tokens += job.request.prompt
            result.computed_tokens += job.computed
            result.answer_tokens += job.request.answer
            result.answer_s.append(now - job.came + latency)
            if job.first is not None:
                result.first_token_s.append(job.first - job.came + latency)
                self._recent.setdefault(number, []).append(job.first - job.came)
            result.seconds = max(result.seconds, now)
        if self._is_closed:
            self._next(now)

    # Replicas

    def _start(self, now: float) -> None:
        number, cluster = next(self._numbers), self._cluster
        machine = self._host if cluster.shared_cores else Machine(1)

        def changed(block: str, is_kept: bool) -> None:
            self._policy.changed(number, block, is_kept)

        replica = Replica(number, cluster.model, cluster.engine, machine, changed)
        self._replicas[number], self._kept[number] = replica, replica.cache.kept
        self._since[number] = now
        self._loads.add(number)
        self.result.most_replicas = max(self.result.most_replicas, len(self._replicas))
        while self._unplaced:
            self._place(self._unplaced.popleft(), now)

    def _account(self, number: int, now: float) -> None:
        replica = self._replicas.pop(number)
        del self._kept[number]
        self._recent.pop(number, None)
        self.result.replica_s += max(0.0, now - self._since.pop(number))
        self.result.busy_s += replica.busy_s
        self.result.steps += replica.steps

    def _fail(self, now: float) -> None:
        failures = self._cluster.failures
        assert failures is not None
        self._put(now + self._dice.expovariate(1 / failures.every_s), FAILS, 0, None)
        if not len(self._loads):
            return
        number = self._dice.choice(list(self._loads.of))
        self._loads.remove(number)
        lost = self._replicas[number].lose()
        self._account(number, now)
        self._policy.ended(number)
        self._starting += 1
        self._put(now + failures.restart_s, STARTS, 0, None)
        for job in lost:
            if job.first is None:
                self._again(job, now)
            else:
                self.result.broken += 1
                self._open -= 1
                if self._is_closed:
                    self._next(now)

    def _look(self, now: float) -> None:
        scaling = self._cluster.scaling
        assert scaling is not None
        self._put(now + scaling.every_s, LOOKS, 0, None)
        current = len(self._loads)
        loads = []
        for number in self._loads.of:
            replica, times = self._replicas[number], sorted(self._recent.get(number, ()))
            loads.append(Load(len(replica.waiting), replica.running, times[len(times) * 9 // 10] if times else 0.0))
        self._recent.clear()
        want = max(scaling.least, min(scaling.most, wanted(current, loads, scaling.targets)))
        for _ in range(want - current - self._starting):
            self._starting += 1
            self._put(now + scaling.start_s, STARTS, 0, None)
        for _ in range(current - want):
            number = self._loads.least(1, self._dice)[0]
            self._loads.remove(number)
            if self._replicas[number].is_busy:
                self._draining.add(number)
            else:
                self._account(number, now)
                self._policy.ended(number)
