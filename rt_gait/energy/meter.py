"""What every energy meter is: rails that are read, again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rt_gait.errors import MeterError


@dataclass(frozen=True)
class Rail:
    """One supply, chip or zone that a meter tells apart."""

    name: str
    in_total: bool = True
    """Whether it is added to the total; not where another rail contains it."""


@dataclass(frozen=True)
class Reading:
    """What a meter said at one moment; a rail that could not be read is missing."""

    time_s: float
    """When it was measured, on the monotonic clock. The same time twice is the same reading."""
    power_w: Mapping[str, float] = field(default_factory=dict)
    """Rail to power at that moment, watts."""
    energy_j: Mapping[str, float] = field(default_factory=dict)
    """Rail to a counter of energy, joules from any start, wrap-around undone."""


class EnergyMeter(Protocol):
    """A source of readings."""

    @property
    def name(self) -> str:
        """What kind it is, as ``--energy-meter`` has it."""
        ...

    @property
    def rails(self) -> Sequence[Rail]:
        """All rails; those in the total do not contain one another."""
        ...

    @property
    def period_s(self) -> float:
        """How often it is worth reading, seconds."""
        ...

    def read(self) -> Reading:
        """Read all rails; takes milliseconds.

        Raises:
            MeterError: nothing could be read; a later try may do.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def total_name(rails: Sequence[Rail]) -> str:
    """Return which rails the total is the sum of, such as ``VDD_IN``."""
    return " + ".join(rail.name for rail in rails if rail.in_total)


class NoMeter:
    """An :class:`EnergyMeter` where there is none: nothing is measured, and it says why."""

    name = "none"
    rails: Sequence[Rail] = ()
    period_s = 1.0

    def __init__(self, why: str) -> None:
        self._why = why

    def __str__(self) -> str:
        return self._why

    def read(self) -> Reading:
        """Raise the reason."""
        raise MeterError(self._why)

    def close(self) -> None:
        """There is nothing to let go of."""
