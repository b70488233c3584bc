"""What a run looks like from outside, at any moment, to whoever asks in another thread.

The main loop tells of every turn and every frame; nothing here ever waits for anybody. What is
kept has a fixed size: histograms by source, never anything of a person. What the run counts itself
is read where it stands: another thread may see a frame counted whose time is not, no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rt_gait.energy.result import Energy
from rt_gait.events.build import EventBuilder
from rt_gait.events.patient import Log
from rt_gait.monitoring.exposition import Histogram
from rt_gait.types import FrameResult

STUCK_SECS = 60.0
"""A main loop that has not turned for so long is stuck; it turns ten times a second without
frames, and a frame that waits for a server takes a second."""
STALE_SECS = 10.0
"""Without a frame for so long nobody is watched; a stalled camera is connected again after 5."""

_AGE_BOUNDS_SECS = (0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_BOUNDS_SECS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True)
class Verdict:
    """An answer to "is it well?"."""

    well: bool
    reason: str | None
    """Why not, in one line."""
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is known of each source, as plain JSON values."""


@dataclass
class Times:
    """When the frames of one source were done, and how long they took."""

    age: Histogram = field(default_factory=lambda: Histogram(_AGE_BOUNDS_SECS))
    """Seconds from the arrival of a live frame to its result."""
    stages: dict[str, Histogram] = field(default_factory=dict)
    """Seconds spent by each stage on a frame."""
    last_frame_secs: float | None = None
    """When the last frame was done, on the monotonic clock."""


class Watched:
    """One source of the run. To the run it is one more output."""

    name = "metrics"
    path: Path | None = None

    def __init__(self, builder: EventBuilder, monotonic: Callable[[], float]) -> None:
        self.source_name = builder.source_name
        self.counters = builder.counters
        self._builder, self._monotonic = builder, monotonic
        self._lock = threading.Lock()
        self._times = Times()

    @property
    def state(self) -> str:
        """``online``, ``reconnecting``, ``offline`` or ``ended``."""
        return self._builder.state or "reconnecting"

    def write(self, result: FrameResult) -> None:
        """Take in one frame."""
        now_secs, arrived_secs = self._monotonic(), result.frame.arrived_secs
        with self._lock:
            self._times.last_frame_secs = now_secs
            if arrived_secs is not None:
                self._times.age.observe(now_secs - arrived_secs)
            for stage, secs in result.stage_secs.items():
                histogram = self._times.stages.setdefault(stage, Histogram(_STAGE_BOUNDS_SECS))
                histogram.observe(secs)

    def close(self) -> None:
        """What has been measured stays."""

    def times(self) -> Times:
        """Return what has been measured, as a copy that stays as it is; from any thread."""
        with self._lock:
            stages = {stage: taken.copy() for stage, taken in self._times.stages.items()}
            return Times(self._times.age.copy(), stages, self._times.last_frame_secs)


class Monitor:
    """All of a run. The main loop tells, any thread may ask.

    Args:
        monotonic: Seconds that never jump.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.model = ""
        self.log: Log | None = None
        self.energy: Callable[[], Energy] | None = None
        self.monotonic = monotonic
        self.started_secs = monotonic()
        self.sources: list[Watched] = []
        self._turned_secs: float | None = None

    def output_for(self, builder: EventBuilder) -> Watched:
        """Return the output that takes the frames of a builder's source; before the run begins."""
        watched = Watched(builder, self.monotonic)
        self.sources.append(watched)
        return watched

    def tell_of(self, model: str, *, log: Log | None, energy: Callable[[], Energy] | None) -> None:
        """Take in what all sources have together; before the run begins.

        Args:
            model: Name of the gait model.
            log: The event log, if there is one.
            energy: Gives the energy so far, where it is measured; asked from another thread.
        """
        self.model, self.log, self.energy = model, log, energy

    def tick(self) -> None:
        """The main loop turns; the first time says that everything is loaded."""
        self._turned_secs = self.monotonic()

    def alive(self) -> Verdict:
        """Say whether the main loop turns; while models are loaded it is not asked to."""
        turned_secs = self._turned_secs
        still_secs = 0.0 if turned_secs is None else self.monotonic() - turned_secs
        if still_secs <= STUCK_SECS:
            return Verdict(well=True, reason=None)
        return Verdict(well=False, reason=f"the main loop has been stuck for {still_secs:.0f} s")

    def ready(self) -> Verdict:
        """Say whether people are being watched: by one source at least."""
        if self._turned_secs is None:
            return Verdict(well=False, reason="starting: models and sources are being opened")
        seen = {watched.source_name: self._look_at(watched) for watched in self.sources}
        told = {name: data for name, (data, _) in seen.items()}
        wrong = {name: reason for name, (_, reason) in seen.items() if reason is not None}
        if len(wrong) < len(seen):
            return Verdict(well=True, reason=None, sources=told)
        reason = "; ".join(f"{name}: {why}" for name, why in wrong.items()) or "no source"
        return Verdict(well=False, reason=reason, sources=told)

    def _look_at(self, watched: Watched) -> tuple[dict[str, Any], str | None]:
        last_secs = watched.times().last_frame_secs
        still_secs = None if last_secs is None else self.monotonic() - last_secs
        data = {
            "state": watched.state,
            "secs_since_frame": None if still_secs is None else round(still_secs, 3),
        }
        if watched.state != "online":
            return data, watched.state
        if still_secs is None:
            return data, "no frame yet"
        return data, None if still_secs <= STALE_SECS else f"no frame for {still_secs:.0f} s"
