"""What is noted of a long run: whatever would grow if something leaked, and how late frames are."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rt_gait.bench.soak.passers import filmed_secs
from rt_gait.events.counters import Counters
from rt_gait.monitoring.process import open_files, resident_bytes
from rt_gait.types import FrameResult

WARM_UP_SHARE = 0.2
"""Of the run, left out: caches fill. The table of people who left is full after six minutes."""
MEMORY_WARM_UP_SHARE = 2 / 3
"""Left out of the slope of memory: of half an hour, 20 minutes. What malloc holds, and nobody uses,
grew until minute 19 (docs/faults.md)."""
_TABLES = (dict, list, set, frozenset, tuple, deque)


@dataclass(frozen=True)
class Sample:
    """The process at one moment."""

    at_secs: float
    """Since the start of the run."""
    rss_mb: float
    threads: int
    descriptors: int
    entries: int
    """In all tables of the pipeline and of the events' maker together."""
    tracks: int
    """Confirmed and lost ones."""
    age_p95_ms: float
    """From filming to after the outputs, since the sample before."""
    age_max_ms: float
    births: int
    dropped: int


@dataclass
class Watch:
    """Takes every frame's result, and a sample now and then.

    Args:
        tables: Objects whose tables are counted, with all they hold.
        every_secs: Between samples.
        tell: Takes each sample.
    """

    tables: tuple[object, ...]
    every_secs: float
    tell: Callable[[Sample], None] = lambda _sample: None
    samples: list[Sample] = field(default_factory=list)
    _begun_secs: float = field(default_factory=time.monotonic)
    _ages_ms: list[float] = field(default_factory=list)

    def frame(self, result: FrameResult, counters: Counters) -> None:
        """Take one frame, after its events and outputs."""
        now_secs = time.monotonic()
        self._ages_ms.append(1000 * (now_secs - filmed_secs(result.frame.image_bgr)))
        if now_secs - self._begun_secs < (len(self.samples) + 1) * self.every_secs:
            return
        self.samples.append(
            Sample(
                at_secs=now_secs - self._begun_secs,
                rss_mb=resident_bytes() / 1e6,
                threads=threading.active_count(),
                descriptors=open_files(),
                entries=sum(entries(table) for table in self.tables),
                tracks=counters.tracks_live,
                age_p95_ms=float(np.percentile(self._ages_ms, 95)),
                age_max_ms=max(self._ages_ms),
                births=counters.tracks,
                dropped=counters.dropped,
            )
        )
        self._ages_ms.clear()
        self.tell(self.samples[-1])

    def settled(self, warm_up_share: float = WARM_UP_SHARE) -> list[Sample]:
        """Return the samples after the warm-up."""
        return self.samples[int(len(self.samples) * warm_up_share) :]


def slope_per_10_min(samples: list[Sample], name: str) -> float:
    """Return the least-squares slope of a figure of the samples, in its unit per 10 minutes."""
    if len(samples) < 2:
        return 0.0
    at = [sample.at_secs / 600 for sample in samples]
    return float(np.polyfit(at, [getattr(sample, name) for sample in samples], 1)[0])


def entries(holder: object) -> int:
    """Count the entries of all tables that an object of rt-gait holds, however deep."""
    seen: set[int] = set()

    def count(value: Any) -> int:
        if id(value) in seen:
            return 0
        seen.add(id(value))
        if isinstance(value, _TABLES):
            held = value.values() if isinstance(value, dict) else value
            return len(value) + sum(count(one) for one in held)
        if not type(value).__module__.startswith("rt_gait."):
            return 0
        slots = [n for kind in type(value).__mro__ for n in getattr(kind, "__slots__", ())]
        inside = [*vars(value).values()] if hasattr(value, "__dict__") else []
        return sum(map(count, inside + [getattr(value, n) for n in slots if hasattr(value, n)]))

    return count(holder)
