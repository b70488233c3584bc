"""Client processes that load an engine, all at once."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from rt_gait.bench.load.answers import Answers
from rt_gait.bench.load.engine import Target
from rt_gait.bench.load.jobs import Job
from rt_gait.errors import RtGaitError, ServerError

_HEAD_START_S = 0.1
"""For the moment to reach all processes."""


class Clients:
    """``count`` processes that open the engine for themselves. Use it as a context manager.

    Raises:
        ModelError: the engine cannot be opened.
    """

    def __init__(self, target: Target, count: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ends: list[Connection] = []
        self._theirs: list[Connection] = []
        self._processes = []
        for _ in range(count):
            here, there = spawn.Pipe()
            self._ends.append(here)
            self._theirs.append(there)
            process = spawn.Process(target=_serve, args=(there, target), daemon=True)
            self._processes.append(process)

    def __enter__(self) -> Clients:
        for process in self._processes:
            process.start()
        for end in self._theirs:  # or the end of a process would go unnoticed
            end.close()
        for end in self._ends:
            _received(end)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end, process in zip(self._ends, self._processes, strict=True):
            end.close()
            if error is not None:
                process.terminate()
        for process in self._processes:
            process.join(10)

    def __len__(self) -> int:
        return len(self._ends)

    def start(self, job_of: Callable[[int], Job]) -> float:
        """Have client k do ``job_of(k)``, all from the monotonic time that is returned."""
        for k, end in enumerate(self._ends):
            end.send(job_of(k))
        for end in self._ends:
            _received(end)
        begin_s = time.monotonic() + _HEAD_START_S
        for end in self._ends:
            end.send(begin_s)
        return begin_s

    def collect(self) -> Answers:
        """Wait for the answers of all."""
        return Answers.joined([_received(end) for end in self._ends])

    def do(self, job_of: Callable[[int], Job]) -> Answers:
        """Both."""
        self.start(job_of)
        return self.collect()

    def share(self, whole: int, k: int) -> int:
        """Client k's part of something."""
        return whole // len(self) + (k < whole % len(self))


def _serve(pipe: Connection, target: Target) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this process ends it

    def begin() -> float:
        pipe.send(None)
        return float(pipe.recv())

    try:
        engine = target.open()
        pipe.send(None)
        while True:
            pipe.send(pipe.recv().run(engine, begin))
    except EOFError:
        return
    except RtGaitError as error:
        pipe.send(error)


def _received(end: Connection) -> Any:
    try:
        told = end.recv()
    except EOFError:
        raise ServerError("a client process of the bench has died") from None
    if isinstance(told, Exception):
        raise told
    return told
