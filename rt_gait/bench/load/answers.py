"""What an engine answered, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One answer, kept to be compared with the reference."""

    first: int
    """Which of the inputs the batch began with."""
    vectors: npt.NDArray[Any]
    """[N, D], of the inputs ``first``, ``first`` + 1, ..."""


@dataclass(frozen=True)
class Answers:
    """Of one client or several: a latency for each window answered, a time for each that failed."""

    time_s: Floats
    """When each counts, seconds from the beginning: in closed loop when it was answered, of a
    camera when it fell due."""
    latency_ms: Floats
    failed_s: Floats
    """When each window that failed counts."""
    samples: tuple[Sample, ...] = field(default=())

    @staticmethod
    def joined(parts: Sequence[Answers]) -> Answers:
        """Those of several clients at work together."""
        return Answers(
            np.concatenate([p.time_s for p in parts]),
            np.concatenate([p.latency_ms for p in parts]),
            np.concatenate([p.failed_s for p in parts]),
            tuple(sample for p in parts for sample in p.samples),
        )

    def between(self, begin_s: float, end_s: float) -> Answers:
        """Those that count in a part of the time."""
        inside = (self.time_s >= begin_s) & (self.time_s < end_s)
        failed = (self.failed_s >= begin_s) & (self.failed_s < end_s)
        return Answers(self.time_s[inside], self.latency_ms[inside], self.failed_s[failed])

    @property
    def count(self) -> int:
        """Windows answered."""
        return len(self.latency_ms)

    @property
    def failed(self) -> int:
        """Windows that were not."""
        return len(self.failed_s)

    def quantile_ms(self, share: float) -> float | None:
        """The latency that ``share`` (0 to 1) of the windows did not exceed; None without any."""
        return float(np.quantile(self.latency_ms, share)) if self.count else None

    def within(self, p99_ms: float) -> bool:
        """Whether all were answered, 99% of them within a limit."""
        p99 = self.quantile_ms(0.99)
        return not self.failed and p99 is not None and p99 <= p99_ms
