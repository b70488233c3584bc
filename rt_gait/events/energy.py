"""What a run has cost, as ``stats`` and ``run.ended`` tell it."""

from __future__ import annotations

from typing import Any

from rt_gait.energy.result import Energy
from rt_gait.events.counters import Counters
from rt_gait.events.data import secs
from rt_gait.events.names import redact


def energy_data(energy: Energy, counters: Counters) -> dict[str, Any]:
    """Return the energy of a run so far: in all, by rail, and for one of what was done with it."""
    return {
        "meter": energy.meter,
        "total": energy.total,
        "duration_secs": secs(energy.duration_s),
        "energy_j": _rounded(energy.energy_j),
        "mean_w": _rounded(energy.mean_w),
        "idle_w": _rounded(energy.idle_w),
        **costs_mj(energy, counters),
        "above_idle": costs_mj(energy, counters, above_idle=True),
        "rails": {
            rail.name: {
                "in_total": rail.in_total,
                "energy_j": _rounded(rail.energy_j),
                "mean_w": _rounded(rail.mean_w),
            }
            for rail in energy.rails
        },
        "samples": energy.samples,
        "rate_hz": _rounded(energy.rate_hz),
        "coverage": round(energy.coverage, 4),
        "gaps": energy.gaps,
        "note": redact(energy.note),
    }


def costs_mj(
    energy: Energy, counters: Counters, *, above_idle: bool = False
) -> dict[str, float | None]:
    """Return millijoules for a frame processed, a window embedded and an identity decided."""
    counts = {
        "mj_per_frame": counters.processed,
        "mj_per_window": counters.windows,
        "mj_per_decision": counters.decisions,
    }
    return {
        name: _rounded(energy.mj_per(count, above_idle=above_idle))
        for name, count in counts.items()
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
