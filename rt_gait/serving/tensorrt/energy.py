"""What an inference costs on an engine, by batch.

The latency runs are over in milliseconds, shorter than a meter's period: so each batch is run again
and again for some seconds, one after the other as there, and the energy shared out.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import numpy as np

from rt_gait.energy.find import find_meter
from rt_gait.energy.meter import EnergyMeter, total_name
from rt_gait.energy.sampler import IDLE_S, measured
from rt_gait.serving.tensorrt.compiler import Batch, Engine
from rt_gait.serving.tensorrt.report import BatchEnergy, BuildEnergy, BuildReport, Latency

RUN_S = 3.0
_MOST_OVERHEAD = 3.0
"""Times its median latency that a run may take; trtexec, started anew each time, takes far more,
and what it costs is its start."""


def with_energy(report: BuildReport, engine: Engine, inputs: Batch) -> BuildReport:
    """Return a report with the energy of the batches whose latency it has, or why it has none.

    Args:
        report: what is known so far.
        engine: the engine that it is of, loaded.
        inputs: [N, ...] any number of them.
    """
    with closing(find_meter()) as meter:
        if not meter.rails:
            return replace(report, energy_note=f"not measured: {meter}")
        batches = []
        for row in report.latency:
            batch = np.resize(inputs, (row.batch, *inputs.shape[1:]))
            found = _batch_energy(engine, batch, row, meter)
            if isinstance(found, str):
                return replace(report, energy_note=f"not measured: {found}")
            batches.append(found)
        energy = BuildEnergy(meter.name, total_name(meter.rails), tuple(batches))
        return replace(report, energy=energy, energy_note="")


def _batch_energy(
    engine: Engine, batch: Batch, latency: Latency, meter: EnergyMeter
) -> BatchEnergy | str:
    runs = 0
    with measured(meter, idle_s=IDLE_S) as work:
        end_s = time.perf_counter() + RUN_S
        while time.perf_counter() < end_s:
            engine.run(batch)
            runs += 1
    energy, count = work.energy, runs * len(batch)
    if energy.duration_s / runs > _MOST_OVERHEAD * latency.p50_ms / 1000:
        return "a run takes far longer than its latency, as through trtexec"
    return BatchEnergy(
        batch=len(batch),
        mj_per_inference=energy.mj_per(count),
        mj_above_idle=energy.mj_per(count, above_idle=True),
        mean_w=energy.mean_w,
        idle_w=energy.idle_w,
        inferences=count,
        coverage=energy.coverage,
        note=energy.note,
    )
