"""The energy of a run: its meter, idle power before it, and the log of samples."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

from rt_gait.config import Settings
from rt_gait.energy.find import find_meter
from rt_gait.energy.log import EnergyLog
from rt_gait.energy.result import Energy
from rt_gait.energy.sampler import IDLE_S, Sampler
from rt_gait.events.counters import Counters
from rt_gait.events.energy import costs_mj


class Metering:
    """Measures a run, from :meth:`begin` on."""

    def __init__(self, sampler: Sampler, log: EnergyLog | None) -> None:
        self.log = log
        """An output of the run, if there is one."""
        self._sampler = sampler
        self._latest: Energy | None = None

    def begin(self) -> None:
        """The first frame comes now."""
        if self.log is not None:
            self.log.phase = "run"
        self._sampler.restart()

    def energy(self) -> Energy:
        """Return the energy since :meth:`begin`."""
        self._latest = self._sampler.energy()
        return self._latest

    def summary(self, counters: Counters) -> str:
        """Return in a line what was last returned by :meth:`energy`."""
        if self._latest is None:
            return "not measured"
        names = {"mj_per_frame": "frame", "mj_per_window": "window", "mj_per_decision": "decision"}
        costs = costs_mj(self._latest, counters)
        each = [f"{mj:.1f} mJ a {names[key]}" for key, mj in costs.items() if mj is not None]
        return "; ".join([str(self._latest), *([", ".join(each)] if each else [])])


@contextmanager
def metering(settings: Settings) -> Iterator[Metering | None]:
    """Measure idle power, then go on measuring; None where that was not asked for or cannot be.

    Raises:
        MeterError: a meter was named and is not there.
        OutputError: the log cannot be created.
    """
    if settings.energy_log is None and settings.energy_meter in (None, "none"):
        yield None
        return
    with closing(find_meter(settings.energy_meter or "auto")) as meter:
        if not meter.rails:
            sys.stderr.write(f"warning: energy is not measured: {meter}\n")
            yield None
            return
        log = EnergyLog(settings.energy_log, meter.name) if settings.energy_log else None
        try:
            with Sampler(meter, log.add if log else None) as sampler:
                sampler.measure_idle(IDLE_S)
                yield Metering(sampler, log)
        finally:
            if log is not None:
                log.close()
