"""What one client process asks of an engine, and how it counts the answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rt_gait.bench.load.answers import Answers, Sample
from rt_gait.bench.load.engine import Batch, Engine, Reply, Request, batch_from, inputs_of
from rt_gait.errors import ServerError
from rt_gait.gait.network import batches

#: Windows of a camera fall due with its frames.
TICK_HZ = 25.0
TIMEOUT_S = 10.0
_VARIETY = 4
"""Different requests of a closed loop, in turn."""
_POLL_S = 0.0002


Begin = Callable[[], float]
"""Says that a client is ready, and returns when all begin, monotonic seconds."""


class Job(Protocol):
    """Load for one client process."""

    def run(self, engine: Engine, begin: Begin) -> Answers:
        """Get ready, ask for the monotonic time to begin at, and load the engine from then on."""
        ...


@dataclass(frozen=True)
class ClosedLoop:
    """``concurrency`` requests of ``batch`` windows under way at any time, for ``secs``."""

    batch: int
    concurrency: int
    secs: float

    def run(self, engine: Engine, begin: Begin) -> Answers:
        """Send, wait, and send the next; what is under way at the end is waited for."""
        inputs = inputs_of(engine.info)
        firsts = [len(inputs) * k // _VARIETY for k in range(_VARIETY)]
        requests = [engine.prepare(batch_from(inputs, first, self.batch)) for first in firsts]
        begin_s = begin()
        with ThreadPoolExecutor(max(self.concurrency, 1)) as pool:
            parts = list(
                pool.map(lambda k: self._loop(k, requests, begin_s), range(self.concurrency))
            )
        replied = [(at_s, ms) for part in parts for at_s, ms in part.replied]
        times, latencies = np.array(replied).reshape(-1, 2).T
        failed = np.array([at_s for part in parts for at_s in part.failed])
        samples = [Sample(firsts[which], v) for part in parts for which, v in part.last.items()]
        return Answers(
            np.repeat(times, self.batch),
            np.repeat(latencies, self.batch),
            np.repeat(failed, self.batch),
            tuple(samples),
        )

    def _loop(self, k: int, requests: Sequence[Request], begin_s: float) -> _Part:
        part = _Part([], [], {})
        sleep_until(begin_s)
        while (sent_s := time.monotonic()) < begin_s + self.secs:
            which = k % len(requests)
            k += 1
            try:
                vectors = requests[which].ask(TIMEOUT_S)[0]
            except ServerError:
                part.failed.append(time.monotonic() - begin_s)
                continue
            now_s = time.monotonic()
            part.replied.append((now_s - begin_s, 1000 * (now_s - sent_s)))
            part.last[which] = vectors
        return part


@dataclass(frozen=True)
class _Part:
    """What one thread has seen."""

    replied: list[tuple[float, float]]
    failed: list[float]
    last: dict[int, Batch]
    """The last answer to each request."""


@dataclass(frozen=True)
class Camera:
    """``people`` before a camera of 25 frames a second, each with ``rate_hz`` windows a second.

    Windows fall due with the frames, and wait for nothing: an engine that is too slow finds more
    and more of them. All windows of a frame leave in requests of up to the model's largest batch.
    """

    people: int
    rate_hz: float
    secs: float

    def run(self, engine: Engine, begin: Begin) -> Answers:
        """Film; what is under way at the end is waited for."""
        inputs, info = inputs_of(engine.info), engine.info
        least = int(self.people * self.rate_hz / TICK_HZ)  # a frame has so many, or one more
        sizes = {len(p) for n in (least, least + 1) for p in batches(info, range(n))}
        requests = {size: engine.prepare(batch_from(inputs, 0, size)) for size in sizes}
        shift_s = np.random.default_rng(os.getpid()).random() / TICK_HZ
        begin_s = begin()
        waiting = _Waiting(begin_s)
        sent = 0
        for tick in range(round(self.secs * TICK_HZ)):
            due_s = begin_s + shift_s + tick / TICK_HZ
            waiting.collect(until_s=due_s, more_to_send=True)
            due = int((tick + 1) * self.people * self.rate_hz / TICK_HZ) - sent
            sent += due
            for part in batches(info, range(due)):
                waiting.add(due_s, len(part), requests[len(part)].send(TIMEOUT_S))
        waiting.collect(until_s=time.monotonic() + 2 * TIMEOUT_S, more_to_send=False)
        return waiting.answers()


class _Waiting:
    """Requests under way, and what came of the others."""

    def __init__(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._under_way: list[tuple[float, int, Reply]] = []
        self._answered: list[tuple[float, float]] = []
        self._failed: list[float] = []

    def add(self, due_s: float, count: int, reply: Reply) -> None:
        self._under_way.append((due_s, count, reply))

    def collect(self, *, until_s: float, more_to_send: bool) -> None:
        """Note the answers that come until a moment, or the last one."""
        while True:
            now_s = time.monotonic()
            for item in [w for w in self._under_way if w[2].done]:
                self._under_way.remove(item)
                due_s, count, reply = item
                at_s = due_s - self._begin_s
                try:
                    reply.outputs()
                    self._answered += [(at_s, 1000 * (now_s - due_s))] * count
                except ServerError:
                    self._failed += [at_s] * count
            if now_s >= until_s or not (self._under_way or more_to_send):
                return
            time.sleep(_POLL_S)

    def answers(self) -> Answers:
        times, latencies = np.array(self._answered).reshape(-1, 2).T
        return Answers(times, latencies, np.array(self._failed, dtype=float))


def sleep_until(moment_s: float) -> None:
    """Sleep until a monotonic time."""
    time.sleep(max(moment_s - time.monotonic(), 0.0))
