"""From readings to joules: trapezoids over power, differences of counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rt_gait.energy.meter import Rail, Reading, total_name
from rt_gait.energy.result import LEAST_COVERAGE, Energy, RailEnergy


@dataclass
class _Power:
    """The integral of one rail's power."""

    last_s: float
    last_w: float
    joules: float = 0.0
    covered_s: float = 0.0

    def add(self, time_s: float, watts: float, gap_s: float) -> None:
        step_s = time_s - self.last_s
        if step_s <= gap_s:
            self.joules += 0.5 * (watts + self.last_w) * step_s
            self.covered_s += step_s
        self.last_s, self.last_w = time_s, watts


@dataclass
class _Counter:
    """The rise of one rail's energy counter."""

    last_s: float
    last_j: float
    joules: float = 0.0
    covered_s: float = 0.0

    def add(self, time_s: float, joules: float) -> bool:
        """Take one value; False if it went back, as after a reset of the device."""
        rose = joules >= self.last_j
        if rose:
            self.joules += joules - self.last_j
            self.covered_s += time_s - self.last_s
        self.last_s, self.last_j = time_s, joules
        return rose


class Account:
    """Adds up readings. It keeps sums, not samples, so it may run for days.

    Args:
        meter: the meter's name.
        rails: the meter's rails.
        start_s: beginning of the interval, on the clock of the readings.
        gap_s: the longest time between two power samples that a straight line bridges; a longer
            one is a gap, and not measured. A counter goes on over gaps.
    """

    def __init__(self, meter: str, rails: Sequence[Rail], *, start_s: float, gap_s: float) -> None:
        self._meter, self._rails = meter, tuple(rails)
        self._start_s, self._gap_s = start_s, gap_s
        self._first_s = self._last_s = start_s
        self._samples = self._gaps = self._failures = 0
        self._powers: dict[str, _Power] = {}
        self._counters: dict[str, _Counter] = {}
        self._failure = ""
        self._went_back: set[str] = set()

    def add(self, reading: Reading) -> bool:
        """Take in a reading; False for one from before the start, or one that is in already."""
        now_s = reading.time_s
        if now_s < self._start_s or (self._samples and now_s <= self._last_s):
            return False
        self._gaps += now_s - self._last_s > self._gap_s
        if not self._samples:
            self._first_s = now_s
        self._last_s = now_s
        self._samples += 1
        for name, watts in reading.power_w.items():
            power = self._powers.setdefault(name, _Power(now_s, watts))
            power.add(now_s, watts, self._gap_s)
        for name, joules in reading.energy_j.items():
            if not self._counters.setdefault(name, _Counter(now_s, joules)).add(now_s, joules):
                self._went_back.add(name)
        return True

    def failed(self, why: str) -> None:
        """Note a reading that did not succeed."""
        self._failures += 1
        self._failure = why

    def energy(self, end_s: float, idle_w: float | None = None) -> Energy:
        """Return what was used from the start to ``end_s``."""
        duration_s = max(end_s - self._start_s, 0.0)
        rails = tuple(self._rail(rail) for rail in self._rails)
        counted = [rail for rail in rails if rail.in_total]
        joules = [rail.energy_j for rail in counted if rail.energy_j is not None]
        watts = [rail.mean_w for rail in counted if rail.mean_w is not None]
        known = bool(counted) and len(joules) == len(counted)
        covered_s = min((rail.covered_s for rail in counted), default=0.0)
        coverage = min(covered_s / duration_s, 1.0) if duration_s else 0.0
        span_s = self._last_s - self._first_s
        return Energy(
            meter=self._meter,
            total=total_name(self._rails),
            duration_s=duration_s,
            energy_j=sum(joules) if known else None,
            mean_w=sum(watts) if known else None,
            idle_w=idle_w,
            rails=rails,
            samples=self._samples,
            rate_hz=(self._samples - 1) / span_s if span_s else None,
            coverage=coverage,
            gaps=self._gaps + (end_s - self._last_s > self._gap_s),
            note=self._note(coverage, known=known),
        )

    def _rail(self, rail: Rail) -> RailEnergy:
        # One sample is a moment: it covers no time.
        counter, power = self._counters.get(rail.name), self._powers.get(rail.name)
        counter = counter if counter and counter.covered_s else None
        power = power if power and power.covered_s else None
        best = counter or power
        return RailEnergy(
            name=rail.name,
            in_total=rail.in_total,
            energy_j=best.joules if best else None,
            covered_s=best.covered_s if best else 0.0,
            counter_j=counter.joules if counter else None,
            integrated_j=power.joules if power else None,
        )

    def _note(self, coverage: float, *, known: bool) -> str:
        said = []
        if not known:
            why = self._failure or "not two samples of every rail in the total"
            return f"not measured: {why}"
        if coverage < LEAST_COVERAGE:
            said.append(f"only {100 * coverage:.0f}% of the time was measured")
        if self._failures:
            said.append(f"{self._failures} readings failed, the last: {self._failure}")
        if self._went_back:
            said.append(f"counters went back: {', '.join(sorted(self._went_back))}")
        return "; ".join(said)
