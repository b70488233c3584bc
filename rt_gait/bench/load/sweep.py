"""Every batch at every concurrency, in closed loop: by our own clients, by perf_analyzer, or both.

Energy is of all that the meter sees, per window, with and without what it used idle.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rt_gait.bench.load.bench import Bench, Timing
from rt_gait.bench.load.engine import inputs_of
from rt_gait.bench.load.gauges import cost
from rt_gait.bench.load.jobs import ClosedLoop
from rt_gait.bench.load.perf_analyzer import PerfAnalyzer
from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.repository import ModelInfo

ENGINES = ("own", "perf_analyzer", "both")
Point = dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """Which points, and how long each is measured."""

    batches: Sequence[int]
    concurrencies: Sequence[int]
    timing: Timing

    def check(self, info: ModelInfo) -> None:
        """Check that the model takes such batches.

        Raises:
            UsageError: it does not.
        """
        for batch in self.batches:
            if not 1 <= batch <= info.largest_batch:
                raise UsageError(
                    f"--batch {batch} is not among 1 to {info.largest_batch}, which model "
                    f"{info.name!r} takes here (max_batch_size)"
                )

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return itertools.product(self.batches, self.concurrencies)

    def __len__(self) -> int:
        return len(self.batches) * len(self.concurrencies)


def sweep(
    bench: Bench, grid: Grid, program: PerfAnalyzer | None, *, own: bool = True
) -> Iterator[Point]:
    """Measure all points; where both measure, they take turns at each."""
    for batch, concurrency in grid:
        point = {"batch": batch, "concurrency": concurrency}
        if own:
            yield {**point, "engine": "own", **_own(bench, grid.timing, batch, concurrency)}
        if program is not None:
            measured = _theirs(bench, program, batch, concurrency)
            yield {**point, "engine": "perf_analyzer", **measured}


def _own(bench: Bench, timing: Timing, batch: int, concurrency: int) -> Point:
    def job(k: int) -> ClosedLoop:
        return ClosedLoop(batch, bench.clients.share(concurrency, k), timing.all_secs)

    return bench.measure(job, timing, batch)


def _theirs(bench: Bench, program: PerfAnalyzer, batch: int, concurrency: int) -> Point:
    """Run perf_analyzer; where it finds no steady figure, the point says why and has none.

    Energy and GPU are of all the time that it runs, its start included.
    """
    info = bench.info
    found = Background(
        lambda: program.measure(batch, concurrency, info.inputs[0].name, inputs_of(info))
    )
    gauged = bench.gauges.during(found.going_on)
    point: Point = {**gauged.server_figures(), "gpu_share": gauged.gpu_share}
    try:
        point |= found.result()
    except ModelError as error:
        return point | {"windows_per_sec": None, "unstable": str(error)}
    point |= {"spread": None, "failed": 0, "unstable": ""}
    return point | {"energy": cost([(point["windows_per_sec"], gauged.energy)])}


class Background:
    """Work in a thread of its own."""

    def __init__(self, work: Callable[[], dict[str, float]]) -> None:
        self._found: dict[str, float] | Exception = {}
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._work()
        except Exception as error:  # raised again where it is waited for
            self._found = error

    def going_on(self) -> bool:
        """Whether it is."""
        return self._thread.is_alive()

    def result(self) -> dict[str, float]:
        """Wait for it."""
        self._thread.join()
        if isinstance(self._found, Exception):
            raise self._found
        return self._found
