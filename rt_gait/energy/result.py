"""What a piece of work cost, and how well that is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

LEAST_COVERAGE = 0.9
"""Share of the time that must have been measured before a cost is given for one of a number of
things: what was not measured is taken to have been like the rest."""


@dataclass(frozen=True)
class RailEnergy:
    """Of one rail."""

    name: str
    in_total: bool
    energy_j: float | None
    """By the counter where there is one, else integrated; None where nothing was measured."""
    covered_s: float
    """Seconds that ``energy_j`` is the energy of."""
    counter_j: float | None
    """The difference of the rail's energy counter, if it has one."""
    integrated_j: float | None
    """The trapezoid over the rail's power samples, if it gives power."""

    @property
    def mean_w(self) -> float | None:
        """Mean power over the time that was measured, watts."""
        return None if self.energy_j is None else self.energy_j / self.covered_s


@dataclass(frozen=True)
class Energy:
    """Of all rails, over one interval. Nothing measured is None, never 0."""

    meter: str
    total: str
    """The rails that ``energy_j`` is the sum of, such as ``VDD_IN``."""
    duration_s: float
    energy_j: float | None
    """What was measured; where ``coverage`` is below 1, not all of it."""
    mean_w: float | None
    idle_w: float | None
    """Mean power while nothing ran, measured before; None where it was not."""
    rails: tuple[RailEnergy, ...]
    samples: int
    rate_hz: float | None
    """Samples a second, as they came."""
    coverage: float
    """Share of the interval between the first and the last sample, gaps left out: 0 to 1."""
    gaps: int
    note: str
    """What is wrong with it in words; empty where nothing is."""

    def mj_per(self, count: int, *, above_idle: bool = False) -> float | None:
        """Return the cost of one of ``count`` things done in the interval, millijoules.

        Args:
            count: how many were done.
            above_idle: leave out what the machine would have used anyway.

        Returns:
            Mean power times the interval, shared out; None where that is not known: nothing
            done, idle not measured, or coverage below :data:`LEAST_COVERAGE`.
        """
        base_w = self.idle_w if above_idle else 0.0
        if count < 1 or self.mean_w is None or base_w is None or self.coverage < LEAST_COVERAGE:
            return None
        return 1000 * (self.mean_w - base_w) * self.duration_s / count

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values, rails included."""
        return asdict(self)

    def __str__(self) -> str:
        if self.energy_j is None or self.mean_w is None:
            return self.note
        idle = "" if self.idle_w is None else f", idle {self.idle_w:.2f} W"
        text = (
            f"{self.energy_j:.2f} J in {self.duration_s:.1f} s, {self.mean_w:.2f} W{idle} "
            f"({self.meter}: {self.total})"
        )
        return f"{text}; {self.note}" if self.note else text
