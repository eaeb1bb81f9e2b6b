"""A replica: requests that wait, read their prompts and write their answers, step by step, as infer-serve's engine does."""

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Deque, List, Optional, Tuple

from .cache import Change, PrefixCache
from .steps import StepModel
from .traces import Request


@dataclass(frozen=True)
class Engine:
    """What a replica's server is told, and what its cache holds."""

    max_batch_tokens: int = 512
    max_running: int = 32
    cache_tokens: int = 1 << 20
    state_interval: int = 512
    """Tokens between kept states; 0 for a model without recurrent state."""


class Machine:
    """Cores that processes share evenly, each of which computes with one."""

    def __init__(self, cores: float, others: float = 0) -> None:
        """`others` are processes beside the cluster's that want to compute all the time, on average."""
        self.cores = cores
        self.others = others
        self.busy = 0

    @property
    def slowdown(self) -> float:
        """How many times as long what begins now takes."""
        return max(1.0, (self.busy + self.others) / self.cores)


class Job:
    """A request on its way."""

    __slots__ = ("request", "came", "first", "rows", "context", "left", "computed", "tries", "is_waiting")

    def __init__(self, request: Request, came: float) -> None:
        self.request = request
        self.came = came
        self.tries = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        self.first: Optional[float] = None
        self.rows = self.request.prompt
        self.context = 0
        self.left = self.request.answer
        self.computed = 0
        self.is_waiting = False


class Queue:
    """Requests that wait: those with least to compute come first, and the oldest after each 32 that have passed it."""

    PASSED = 32

    def __init__(self) -> None:
        self._by_rows: List[Tuple[int, int, Job]] = []
        self._by_age: Deque[Job] = deque()
        self._number = 0
        self._taken = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, job: Job) -> None:
        self._number += 1
        self._count += 1
        job.is_waiting = True
        heapq.heappush(self._by_rows, (job.rows, self._number, job))
        self._by_age.append(job)

    def take(self) -> Job:
        """The next; there must be one."""
        self._taken += 1
        while True:
            job = self._by_age.popleft() if self._taken % self.PASSED == 0 else heapq.heappop(self._by_rows)[2]
            if job.is_waiting:
                break
        job.is_waiting = False
        self._count -= 1
        while self._by_age and not self._by_age[0].is_waiting:
            self._by_age.popleft()
        return job

    def clear(self) -> List[Job]:
        """Empties it, and returns what was in it, by age."""
        jobs = [job for job in self._by_age if job.is_waiting]
        for job in jobs:
            job.is_waiting = False
        self._by_rows.clear()
        self._by_age.clear()
        self._count = 0
        return jobs


class Replica:
    """The state of one; `Simulation` tells it when a step ends."""

    def __init__(self, number: int, model: StepModel, engine: Engine, machine: Machine, changed: Change) -> None:
        self.number = number
        self.model = model
        self.engine = engine
        self.machine = machine
        self.cache = PrefixCache(engine.cache_tokens, engine.state_interval, changed)
        self.waiting = Queue()
        self.reading: List[Job] = []
        self.writing: List[Job] = []
        self.epoch = 0
        """Counts what makes the end of a step that was foretold wrong."""
        self.is_busy = False
        self.busy_s = 0.0
        self.steps = 0
        self._began = 0.0
        self._ends = 0.0
        self._count = 0
        self._first_s = 0.0
        self._growth_s = 0.0
        self._shares: List[int] = []

    @property
    def running(self) -> int:
        return len(self.reading) + len(self.writing)

    def begin(self, now: float) -> Optional[float]:
        """Begins the next steps, and returns when they end; none when there is nothing to do."""
        while self.waiting and self.running < self.engine.max_running:
            job = self.waiting.take()
            job.context = self.cache.take(job.request)
            job.rows = job.request.prompt - job.context
            job.computed = job.rows
            self.reading.append(job)
        if not self.running:
            if self.is_busy:
                self.machine.busy -= 1
                self.is_busy = False
            return None
        if not self.is_busy:
            self.machine.busy += 1
            self.is_busy = True
        slowdown, model, count = self.machine.slowdown, self.model, len(self.writing)
        context = sum(job.context for job in self.writing)
        if self.reading:
            rows, rows_context = self._share(self.engine.max_batch_tokens - count)
            seconds = slowdown * model.seconds(rows, count, rows_context, context)
            self._count, self._first_s, self._growth_s = 1, seconds, 0.0
        else:
            # Until one ends or comes, steps differ in their context alone.
            self._count = min(job.left for job in self.writing)
            if slowdown > 1 or self.machine.cores > 1:
                # Others begin and end meanwhile.
                self._count = min(self._count, 4)
            self._first_s = slowdown * model.seconds(0, count, 0, context)
            self._growth_s = slowdown * model.context_s * count
        self._began = now
        self._ends = now + self._time_of(self._count)
        return self._ends

    def _time_of(self, count: int) -> float:
        return count * self._first_s + self._growth_s * count * (count - 1) / 2

    def _share(self, budget: int) -> "tuple[int, float]":
        """Shares the rows of a step among the prompts: the oldest gets a quarter, and the others come by how little they need."""
        oldest = min(self.reading, key=lambda job: job.came)
        self.reading.sort(key=lambda job: (job is not oldest, job.rows))
        self._shares, total, context = [], 0, 0.0
        rest = max(0, budget - min(oldest.rows, budget // 4))
        for job in self.reading[1:]:
            share = min(job.rows, rest)
            rest -= share
            self._shares.append(share)
        self._shares.insert(0, min(oldest.rows, budget - sum(self._shares)))
        for job, share in zip(self.reading, self._shares):
            total += share
            context += share * job.context + share * (share - 1) / 2
        return total, context

    def add(self, job: Job, now: float) -> Optional[float]:
        """Has a request wait. Returns when the steps that are under way end now, where that is another time than before."""
        job.rows = job.request.prompt - self.cache.look(job.request)[1]
        self.waiting.add(job)
        if self._count <= 1 or not self.is_busy or self.running >= self.engine.max_running:
            return None
        # The step that is under way is the last of them.
        low, high = 1, self._count
        while low < high:
            middle = (low + high) // 2
            if self._began + self._time_of(middle) >= now:
                high = middle
            else:
                low = middle + 1
        if low == self._count:
            return None
        self._count = low
        self._ends = self._began + self._time_of(low)
        self.epoch += 1
        return self._ends

    def end(self, now: float) -> List[Job]:
        """Ends the steps that were begun, and returns the requests that are answered."""
        count = self._count
        done: List[Job] = []
        self.busy_s += now - self._began
        self.steps += count
        writing: List[Job] = []
        for job in self.writing:
            job.left -= count
            job.context += count
            (writing if job.left > 0 else done).append(job)
        if self.reading:
            reading = []
            for job, share in zip(self.reading, self._shares):
                job.rows -= share
                job.context += share
                if job.rows > 0:
                    reading.append(job)
                    continue
                self.cache.finish(job.request)
                job.first = now
                job.left -= 1
                (writing if job.left > 0 else done).append(job)
            self.reading = reading
        self.writing = writing
        return done

    def lose(self) -> List[Job]:
        """Ends the server, and returns the requests that it had."""
        jobs = [*self.waiting.clear(), *self.reading, *self.writing]
        self.reading, self.writing = [], []
        self.cache.clear()
        self.epoch += 1
        if self.is_busy:
            self.machine.busy -= 1
            self.is_busy = False
        return jobs
