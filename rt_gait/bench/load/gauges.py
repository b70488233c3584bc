"""What is read beside the answers, over the same stretches of time: server, energy, GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from types import TracebackType
from typing import Any

from rt_gait.bench.load.jobs import sleep_until
from rt_gait.energy.meter import EnergyMeter
from rt_gait.energy.nvml import Gpus
from rt_gait.energy.result import LEAST_COVERAGE, Energy
from rt_gait.energy.sampler import IDLE_S, Sampler

_LOOK_S = 0.1
Counts = dict[str, int]


@dataclass(frozen=True)
class Gauged:
    """One stretch of time."""

    server: Counts | None
    """What the server's statistics rose by; None without a server."""
    energy: Energy
    gpu_share: float | None
    """Mean utilisation, 0 to 1; None without a GPU that tells."""

    def server_figures(self) -> dict[str, float | None]:
        """Return requests a second, mean batch, mean queue and compute time of a request in ms."""
        rose = self.server
        if not rose or not rose["requests"] or not rose["executions"]:
            names = ("requests_per_sec", "server_batch", "queue_ms", "compute_ms")
            return dict.fromkeys(names)
        return {
            "requests_per_sec": rose["requests"] / self.energy.duration_s,
            "server_batch": rose["inferences"] / rose["executions"],
            "queue_ms": rose["queue_ns"] / rose["requests"] / 1e6,
            "compute_ms": rose["compute_ns"] / rose["requests"] / 1e6,
        }


class Gauges:
    """Reads all of them. Use it as a context manager; idle power is measured on entry.

    Args:
        statistics: the server's counts, if there is a server.
        meter: for the energy; stays open.
    """

    def __init__(self, statistics: Callable[[], Counts] | None, meter: EnergyMeter) -> None:
        self._statistics, self._has_rails = statistics, bool(meter.rails)
        self._gpus, self._sampler = Gpus(), Sampler(meter)

    def __enter__(self) -> Gauges:
        self._sampler.__enter__()
        if self._has_rails:
            self._sampler.measure_idle(IDLE_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sampler.__exit__(kind, error, trace)

    def over(self, begin_s: float, secs: float) -> Gauged:
        """Gauge ``secs`` from the monotonic time ``begin_s``."""
        sleep_until(begin_s)
        return self.during(lambda: time.monotonic() < begin_s + secs, begin_s + secs)

    def during(self, going_on: Callable[[], bool], end_s: float = float("inf")) -> Gauged:
        """Gauge until something is over."""
        before = self._statistics() if self._statistics else None
        self._sampler.restart()
        seen = []
        while going_on():
            time.sleep(max(min(_LOOK_S, end_s - time.monotonic()), 0))
            seen.append(self._gpus.utilisation())
        energy = self._sampler.energy()
        after = self._statistics() if self._statistics else None
        rose = {k: v - before[k] for k, v in after.items()} if before and after else None
        shares = [share for share in seen if share is not None]
        return Gauged(rose, energy, fmean(shares) if shares else None)


def cost(parts: list[tuple[float, Energy]]) -> dict[str, Any]:
    """Return what a window cost over several stretches of time together.

    Args:
        parts: windows a second, and the energy, of each.

    Returns:
        ``mj_per_window`` and ``mj_above_idle``, None where not measured; meter, rails, mean and
        idle power, coverage and ``note``.
    """
    energies = [energy for _, energy in parts]
    first = energies[0]
    secs = sum(energy.duration_s for energy in energies)
    windows = sum(per_sec * energy.duration_s for per_sec, energy in parts)
    watts = [(e.mean_w, e.duration_s) for e in energies if e.coverage >= LEAST_COVERAGE]
    known = len(watts) == len(energies) and all(mean_w is not None for mean_w, _ in watts)
    mean_w = sum((w or 0.0) * s for w, s in watts) / secs if known and secs else None

    def per_window(base_w: float | None) -> float | None:
        if mean_w is None or base_w is None or not windows:
            return None
        return 1000 * (mean_w - base_w) * secs / windows

    return {
        "mj_per_window": per_window(0.0),
        "mj_above_idle": per_window(first.idle_w),
        "meter": first.meter,
        "total": first.total,
        "mean_w": mean_w,
        "idle_w": first.idle_w,
        "coverage": min(energy.coverage for energy in energies),
        "note": next((energy.note for energy in energies if energy.note), ""),
    }
