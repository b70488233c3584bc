"""A gait model on a server, for live sources: a step never waits for it.

What falls due while the server is busy or away waits here, one window a track, the newest; results
come with a later frame, if their track still lives. Every window is embedded or counted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

from rt_gait.errors import ModelError, ServerError
from rt_gait.gait.embedder import window_shape
from rt_gait.gait.inputs import Batch
from rt_gait.gait.network import Job, Network, Request, embeddings
from rt_gait.reasons import WindowLoss
from rt_gait.serving.call import Arrays
from rt_gait.serving.health import Health, Question, Verdict, ignore
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import Embedding, Window

IN_FLIGHT = 4
"""Batches under way at once. More would only wait at the server instead of here, where the newest
window of a track takes the place of an older one."""
DEADLINE_SECS = 1.0
"""Of one request. What comes later says little of where somebody is now."""
SOON_SECS = 0.5
"""Answers that take longer mean that too much is under way: a server that is given all that fell
due, and cannot keep up, answers nothing within the deadline."""
FIRST_WINDOWS = 8
"""Under way before anything is known of the server."""


class Answer(Protocol):
    """A request on its way."""

    @property
    def done(self) -> bool:
        """Whether waiting is over."""
        ...

    def cancel(self) -> None:
        """Give it up."""
        ...

    def outputs(self) -> Arrays:
        """Return the outputs of a request that is done.

        Raises:
            ServerError: the server is away, overloaded or too slow.
            ModelError: it refuses, or another network answered.
        """
        ...


class Service(Protocol):
    """What is asked of a server; :class:`~rt_gait.serving.served.ServedModels` is one."""

    def send(self, info: ModelInfo, batch: Batch, *, timeout_secs: float) -> Answer:
        """Send a batch."""
        ...

    def probe(self) -> Question:
        """Ask whether the server is well."""
        ...


@dataclass(eq=False)
class _Flight:
    """Some windows whose requests have left."""

    windows: Sequence[Window]
    job: Job
    calls: list[Answer]
    sent_secs: float


class LiveGaitEmbedder:
    """A gait model on a server that is not waited for.

    Args:
        network: What it asks.
        service: The connection.
        clock: Monotonic seconds.
        note: Told when the server is taken to be away, and when to be back.
    """

    def __init__(
        self,
        network: Network,
        service: Service,
        *,
        clock: Callable[[], float] = time.monotonic,
        note: Callable[[bool], None] = ignore,
    ) -> None:
        self.info = network.models[0]
        self.shape = window_shape(self.info)
        self.lost: Counter[WindowLoss] = Counter()
        """Windows that were not embedded; every other one is, or waits."""
        self._network = network
        self._service = service
        self._clock = clock
        self._health = Health(service.probe, clock, note)
        self._waiting: dict[int, Window] = {}
        self._flights: list[_Flight] = []
        self._answered: dict[int, float] = {}
        """When each track was last answered: whose turn is longest past comes first."""
        self._untold: list[tuple[int, WindowLoss]] = []
        self._suspects: list[tuple[int, bool]] = []
        """Tracks of windows in failed requests whose reason is being asked for: was the server
        slow?"""
        self._most_in_batch = self.info.largest_batch
        self._allowed = min(FIRST_WINDOWS, self._most_in_batch)
        """Windows that may be under way: more while answers come soon, fewer when they do not."""

    @property
    def pending(self) -> int:
        """Windows that are neither embedded nor lost."""
        return len(self._waiting) + self._under_way + len(self._suspects)

    @property
    def _under_way(self) -> int:
        return sum(len(flight.windows) for flight in self._flights)

    def exchange(self, windows: Sequence[Window], alive: Collection[int]) -> list[Embedding]:
        """Hand in windows that fell due; take what has come of those before.

        Args:
            windows: Of tracks that are alive.
            alive: Tracks whose results are still wanted.

        Raises:
            ModelError: the server refuses, or has other models than before.
        """
        found: list[Embedding] = []
        try:
            self._land(found)
            self._explain(self._health.poll())
        except ModelError:
            self._lose(WindowLoss.LATE, [e.track_id for e in found])
            raise
        self._queue(windows, alive)
        if not self._health.is_open:
            self._send_waiting()
        self._lose(WindowLoss.LATE, [e.track_id for e in found if e.track_id not in alive])
        return [embedding for embedding in found if embedding.track_id in alive]

    def take_lost(self) -> list[tuple[int, WindowLoss]]:
        """Return the tracks of windows given up since the last call, each with the reason."""
        told, self._untold = self._untold, []
        return told

    def finish(self) -> None:
        """Give up what is still on its way, at the end of the source."""
        for flight in self._flights:
            for call in flight.calls:
                call.cancel()
            self._lose(WindowLoss.LATE, [w.track_id for w in flight.windows])
        self._lose(WindowLoss.LATE, [*self._waiting, *(i for i, _ in self._suspects)])
        self._flights, self._waiting, self._suspects = [], {}, []

    def _lose(self, reason: WindowLoss, track_ids: Sequence[int]) -> None:
        self.lost[reason] += len(track_ids)
        self._untold += [(i, reason) for i in track_ids]

    def _queue(self, windows: Sequence[Window], alive: Collection[int]) -> None:
        for track_id in [i for i in self._waiting if i not in alive]:
            del self._waiting[track_id]
            self._lose(WindowLoss.LATE, [track_id])
        self._answered = {i: secs for i, secs in self._answered.items() if i in alive}
        for window in windows:
            if window.track_id in self._waiting:
                self._lose(WindowLoss.REPLACED, [window.track_id])
            self._waiting[window.track_id] = window  # in the place of the older one

    def _send_waiting(self) -> None:
        while self._waiting and len(self._flights) < IN_FLIGHT:
            room = min(self._allowed - self._under_way, self._most_in_batch)
            if room < 1:
                return
            turns = sorted(self._waiting, key=lambda i: self._answered.get(i, -inf))
            windows = [self._waiting.pop(i) for i in turns[:room]]
            job = self._network.job(windows)
            self._flights.append(_Flight(windows, job, self._send(next(job)), self._clock()))

    def _send(self, requests: Sequence[Request]) -> list[Answer]:
        return [self._service.send(r.model, r.batch, timeout_secs=DEADLINE_SECS) for r in requests]

    def _land(self, found: list[Embedding]) -> None:
        """Put in ``found`` what has come."""
        too_slow = False
        for flight in list(self._flights):
            try:
                landed = self._advance(flight)
            except ServerError as error:
                self._flights.remove(flight)
                self._fail(flight, slow=error.slow)
                too_slow = too_slow or error.slow
                continue
            if landed is not None:
                self._adapt(flight)
                self._flights.remove(flight)
                self._answered |= dict.fromkeys((w.track_id for w in flight.windows), self._clock())
                found += landed
        if too_slow:
            self._allowed = max(self._allowed // 2, 1)

    def _adapt(self, flight: _Flight) -> None:
        count = len(flight.windows)
        if self._clock() - flight.sent_secs >= SOON_SECS:
            self._allowed = max(self._allowed - count // 2, 1)
        elif 2 * self._under_way > self._allowed:  # what was not used has not been tried
            self._allowed = min(self._allowed + count, IN_FLIGHT * self._most_in_batch)

    def _advance(self, flight: _Flight) -> list[Embedding] | None:
        """Take a batch as far as its answers go; return its embeddings when there are all."""
        while all(call.done for call in flight.calls):
            answers = [call.outputs()[0] for call in flight.calls]
            try:
                flight.calls = self._send(flight.job.send(answers))
            except StopIteration as end:
                return embeddings(flight.windows, end.value)
        return None

    def _fail(self, flight: _Flight, *, slow: bool) -> None:
        for call in flight.calls:
            call.cancel()
        self._suspects += [(w.track_id, slow) for w in flight.windows]
        self._health.trouble()

    def _explain(self, verdict: Verdict | None) -> None:
        if verdict is None:
            return
        for track_id, slow in self._suspects:
            busy = WindowLoss.TIMED_OUT if slow else WindowLoss.REJECTED
            reason = busy if verdict is Verdict.WELL else WindowLoss.UNAVAILABLE
            self._lose(reason, [track_id])
        self._suspects = []
