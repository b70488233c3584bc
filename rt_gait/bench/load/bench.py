"""What all measurements of a model share: the engine, its clients and gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from rt_gait.bench.load.answers import Answers
from rt_gait.bench.load.clients import Clients
from rt_gait.bench.load.engine import Engine, Served, Target
from rt_gait.bench.load.gauges import Gauged, Gauges, cost
from rt_gait.bench.load.jobs import Job
from rt_gait.bench.load.reference import Reference
from rt_gait.bench.results.environment import about_model, environment
from rt_gait.bench.results.file import Result
from rt_gait.energy.find import find_meter
from rt_gait.serving.repository import ModelInfo

MOST_SPREAD = 0.1
"""Repeats further apart than this, of their median, are not of one steady state."""
LEAST_REQUESTS = 5
"""In a repeat; fewer say nothing of a rate."""
_STATISTICS_SECS = 10.0
_FIGURES = ("windows_per_sec", "p50_ms", "p95_ms", "p99_ms", "server_batch", "queue_ms")
_MEDIANS = (*_FIGURES, "compute_ms", "gpu_share")


@dataclass(frozen=True)
class Timing:
    """How long a point is measured: warm-up, which is left out, then so many repeats."""

    secs: float
    repeats: int
    warm_up_secs: float

    @property
    def all_secs(self) -> float:
        """Of the whole load."""
        return self.warm_up_secs + self.secs * self.repeats


class Bench:
    """A model under load."""

    def __init__(self, target: Target, engine: Engine, gauges: Gauges, clients: Clients) -> None:
        self.target, self.info = target, engine.info
        self.gauges, self.clients = gauges, clients
        self.reference = Reference(engine.info)

    def measure(self, job_of: Callable[[int], Job], timing: Timing, batch: int) -> dict[str, Any]:
        """Load it for the whole time; figures as plain values.

        The clients never pause between repeats: a repeat is a stretch of one steady load.

        Args:
            job_of: the job of client k, for ``timing.all_secs``.
            timing: how long.
            batch: windows in a request, to count those.
        """
        begin_s = self.clients.start(job_of)
        at_s = [timing.warm_up_secs + k * timing.secs for k in range(timing.repeats)]
        gauged = [self.gauges.over(begin_s + start_s, timing.secs) for start_s in at_s]
        answers = self.clients.collect()
        parts = [answers.between(start_s, start_s + timing.secs) for start_s in at_s]
        rows = [_row(p, timing.secs, g) for p, g in zip(parts, gauged, strict=True)]
        rates = [row["windows_per_sec"] for row in rows]
        return {
            **summary(rows, batch, timing.secs),
            **self.reference.cosines(answers.samples),
            "energy": cost([(r, g.energy) for r, g in zip(rates, gauged, strict=True)]),
            "repeats": rows,
        }


def _row(answers: Answers, secs: float, gauged: Gauged) -> dict[str, Any]:
    return {
        "windows_per_sec": answers.count / secs,
        **{f"p{p}_ms": answers.quantile_ms(p / 100) for p in (50, 95, 99)},
        "failed": answers.failed,
        **gauged.server_figures(),
        "gpu_share": gauged.gpu_share,
    }


def summary(rows: list[dict[str, Any]], batch: int, secs: float) -> dict[str, Any]:
    """Return medians of repeats, how far they are apart, and why they may not be believed."""
    told: dict[str, Any] = {name: _median([row[name] for row in rows]) for name in _MEDIANS}
    told["failed"] = sum(row["failed"] for row in rows)
    told["spread"] = _spread([row["windows_per_sec"] for row in rows])
    told["p50_spread"] = _spread([row["p50_ms"] for row in rows])
    why = []
    if told["failed"]:
        why.append(f"{told['failed']} windows failed")
    if min(row["windows_per_sec"] for row in rows) * secs < LEAST_REQUESTS * batch:
        why.append(f"fewer than {LEAST_REQUESTS} requests in a repeat of {secs:g} s")
    if max(told["spread"] or 0, told["p50_spread"] or 0) > MOST_SPREAD:
        why.append(f"repeats are over {100 * MOST_SPREAD:.0f}% apart")
    return told | {"unstable": "; ".join(why)}


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) == len(values) else None


def _spread(values: list[float | None]) -> float | None:
    """Return the distance of the least and the greatest, as a share of the median."""
    middle = _median(values)
    known = [value for value in values if value is not None]
    return (max(known) - min(known)) / middle if middle and len(known) > 1 else None


@contextmanager
def opened(target: Target, processes: int, meter_name: str = "auto") -> Iterator[Bench]:
    """Open the engine here for its configuration and counts, and in so many client processes.

    Raises:
        UsageError: there is no such model, or it does not take silhouettes.
        ModelError: it cannot be run, or no server is ready, or it has another model.
        MeterError: the meter named is not there.
    """
    with closing(find_meter(meter_name)) as meter, closing(target.open()) as engine:
        statistics = None
        if isinstance(engine, Served):
            client, name = engine.client, engine.info.name

            def statistics() -> dict[str, int]:
                return client.statistics(name, timeout_secs=_STATISTICS_SECS)

        with Clients(target, processes) as clients, Gauges(statistics, meter) as gauges:
            yield Bench(target, engine, gauges, clients)


def new_result(kind: str, target: Target, info: ModelInfo, setting: dict[str, Any]) -> Result:
    """Return a result with nothing in it yet."""
    server = None
    if target.endpoint is not None:
        engine = target.open()
        assert isinstance(engine, Served)
        server = engine.client.version(timeout_secs=_STATISTICS_SECS)
        engine.close()
    inputs = "silhouettes of the people in the sample clips"
    where = {"where": target.where, "inputs": inputs}
    return Result(kind, environment(server), about_model(info), where | setting)
