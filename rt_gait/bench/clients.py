"""Client processes that load a Triton server, all at once, and tell how long it took to answer."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import RtGaitError, ServerError, UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.gait.network import batches
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.repository import ModelInfo
from rt_gait.serving.served import Pending, ServedModels
from rt_gait.serving.tensorrt.held_out import held_out
from rt_gait.serving.triton import TritonClient

#: Windows of a camera fall due with its frames.
TICK_HZ = 25.0
_TIMEOUT_S = 5.0
_HEAD_START_S = 0.3
_POLL_S = 0.0002


@dataclass(frozen=True)
class Answers:
    """What a server answered: how long each window waited, milliseconds, and how many failed."""

    latency_ms: npt.NDArray[np.float64]
    failed: int
    secs: float
    """From the first request to the last answer."""

    @staticmethod
    def joined(parts: list[Answers]) -> Answers:
        """Those of several clients at work together."""
        return Answers(
            np.concatenate([p.latency_ms for p in parts]),
            sum(p.failed for p in parts),
            max(p.secs for p in parts),
        )

    @property
    def per_sec(self) -> float:
        """Windows answered a second."""
        return len(self.latency_ms) / self.secs

    def quantile_ms(self, share: float) -> float:
        """The latency that ``share`` (0 to 1) of the windows did not exceed; no answer is inf."""
        if not len(self.latency_ms):
            return float("inf")
        return float(np.quantile(self.latency_ms, share))


@dataclass(frozen=True)
class ClosedLoop:
    """``concurrency`` requests of ``batch`` windows under way at any time, for ``secs``."""

    batch: int
    concurrency: int
    secs: float

    def run(self, served: ServedModels, info: ModelInfo, begin_s: float) -> Answers:
        """Load the server from the monotonic time ``begin_s``."""
        windows = inputs_of(info, self.batch)

        def one_after_another(_: int) -> tuple[list[float], int]:
            took_ms: list[float] = []
            failed = 0
            _sleep_until(begin_s)
            while (sent_s := time.monotonic()) < begin_s + self.secs:
                try:
                    served.send(info, windows, timeout_secs=_TIMEOUT_S).outputs()
                except ServerError:
                    failed += self.batch
                    continue
                took_ms += [1000 * (time.monotonic() - sent_s)] * self.batch
            return took_ms, failed

        with ThreadPoolExecutor(self.concurrency) as pool:
            parts = list(pool.map(one_after_another, range(self.concurrency)))
        secs = time.monotonic() - begin_s
        latency_ms = np.concatenate([np.array(took_ms) for took_ms, _ in parts])
        return Answers(latency_ms, sum(failed for _, failed in parts), secs)


@dataclass(frozen=True)
class Camera:
    """``people`` before a camera of 25 frames a second, each with ``rate_hz`` windows a second.

    Windows fall due with the frames, and wait for nothing: a server that is too slow finds more
    and more of them. All windows of a frame leave in requests of up to the model's largest batch.
    """

    people: int
    rate_hz: float
    secs: float

    def run(self, served: ServedModels, info: ModelInfo, begin_s: float) -> Answers:
        """Film from the monotonic time ``begin_s``."""
        windows = inputs_of(info, info.largest_batch)
        begin_s += np.random.default_rng(os.getpid()).random() / TICK_HZ
        waiting: list[tuple[float, int, Pending]] = []
        took_ms: list[float] = []
        failed = sent = 0
        for tick in range(round(self.secs * TICK_HZ)):
            due_s = begin_s + tick / TICK_HZ
            failed += _collect(waiting, took_ms, until_s=due_s, more_to_send=True)
            due = int((tick + 1) * self.people * self.rate_hz / TICK_HZ) - sent
            sent += due
            for part in batches(info, range(due)):
                call = served.send(info, windows[: len(part)], timeout_secs=_TIMEOUT_S)
                waiting.append((due_s, len(part), call))
        end_s = time.monotonic() + 2 * _TIMEOUT_S
        failed += _collect(waiting, took_ms, until_s=end_s, more_to_send=False)
        return Answers(np.array(took_ms), failed, max(self.secs, time.monotonic() - begin_s))


def _collect(
    waiting: list[tuple[float, int, Pending]],
    took_ms: list[float],
    *,
    until_s: float,
    more_to_send: bool,
) -> int:
    """Note the answers that come until a moment, or the last one; how many windows failed."""
    failed = 0
    while True:
        now_s = time.monotonic()
        for item in [w for w in waiting if w[2].done]:
            waiting.remove(item)
            due_s, count, call = item
            try:
                call.outputs()
                took_ms += [1000 * (now_s - due_s)] * count
            except ServerError:
                failed += count
        if now_s >= until_s or not (waiting or more_to_send):
            return failed
        time.sleep(_POLL_S)


Job = ClosedLoop | Camera


class Clients:
    """``count`` processes with a connection each. Use it as a context manager.

    Raises:
        ModelError: the server does not have the model.
    """

    def __init__(self, address: str, models_dir: Path, model: str, count: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ends: list[Connection] = []
        self._processes = []
        for _ in range(count):
            here, there = spawn.Pipe()
            arguments = (there, address, models_dir, model)
            self._ends.append(here)
            self._processes.append(spawn.Process(target=_serve, args=arguments, daemon=True))

    def __enter__(self) -> Clients:
        for process in self._processes:
            process.start()
        for end in self._ends:
            _received(end)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join(10)

    def __len__(self) -> int:
        return len(self._ends)

    def do(self, job_of: Callable[[int], Job]) -> Answers:
        """Have client k do ``job_of(k)``, all together; the answers of all."""
        begin_s = time.monotonic() + _HEAD_START_S
        for k, end in enumerate(self._ends):
            end.send((job_of(k), begin_s))
        return Answers.joined([_received(end) for end in self._ends])


def _serve(pipe: Connection, address: str, models_dir: Path, model: str) -> None:
    try:
        connection = TritonClient(Endpoint(address))
        served = ServedModels(connection, [gait_model_info(models_dir, model)])
        pipe.send(None)
        while True:
            job, begin_s = pipe.recv()
            pipe.send(job.run(served, served.models[0], begin_s))
    except EOFError:
        return
    except RtGaitError as error:
        pipe.send(error)


def _received(end: Connection) -> Any:
    told = end.recv()
    if isinstance(told, Exception):
        raise told
    return told


def inputs_of(info: ModelInfo, count: int) -> npt.NDArray[Any]:
    """``count`` inputs of a model: silhouettes of walkers where it takes them.

    Raises:
        UsageError: it takes something else.
    """
    some = held_out(info)
    if some is None:
        raise UsageError(f"expected a model of windows of silhouettes, not {info.name!r}")
    return np.resize(some, (count, *some.shape[1:]))


def _sleep_until(moment_s: float) -> None:
    time.sleep(max(moment_s - time.monotonic(), 0.0))
