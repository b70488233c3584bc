"""Cutting tracks into windows of silhouettes or flow, in time instead of frames.

A gait model sees a person at one cadence (say 25 Hz) whatever the camera's frame rate: each step
of the window takes what is nearest in time. No window reaches over a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from rt_gait.types import Silhouette, Step, Window

GAP_FRAMES = 3
"""Two steps missing in a row may be bridged, three may not ..."""
GAP_LEAST_SECS = 0.1
GAP_MOST_SECS = 0.5
"""... but a tenth of a second always, and never more than half a walking step."""
_RECENT_STEPS = 31


@dataclass(frozen=True)
class WindowShape:
    """What a gait model wants to see."""

    frames: int
    cadence_hz: float
    stride_secs: float
    """Time between the starts of two windows of one track."""

    @property
    def span_secs(self) -> float:
        """Time from the first to the last step of a window."""
        return (self.frames - 1) / self.cadence_hz


@dataclass
class _Run:
    """Silhouettes or flow of one track without a gap."""

    held: deque[Step] = field(default_factory=deque)
    next_start_secs: float = 0.0


class WindowBuilder:
    """Collects silhouettes or flow and gives out windows as they fall due."""

    def __init__(self, shape: WindowShape) -> None:
        self._shape = shape
        self._runs: dict[int, _Run] = {}
        self._steps_secs: deque[float] = deque(maxlen=_RECENT_STEPS)
        self._last_tick_secs: float | None = None

    def tick(self, time_secs: float) -> None:
        """Note the time of a frame, to learn how far apart frames are."""
        if self._last_tick_secs is not None and time_secs > self._last_tick_secs:
            self._steps_secs.append(time_secs - self._last_tick_secs)
        self._last_tick_secs = time_secs

    @property
    def longest_gap_secs(self) -> float:
        """The longest time without a step that a window may bridge."""
        step_secs = median(self._steps_secs) if self._steps_secs else 0.0
        return min(max(GAP_FRAMES * step_secs * 1.01, GAP_LEAST_SECS), GAP_MOST_SECS)

    def add(self, step: Step) -> list[Window]:
        """Take the next step of a track; return the windows that it completes."""
        run = self._runs.get(step.track_id)
        gap_secs = step.time_secs - run.held[-1].time_secs if run else 0.0
        if run is None or not 0 <= gap_secs <= self.longest_gap_secs:
            run = self._runs[step.track_id] = _Run(next_start_secs=step.time_secs)
        run.held.append(step)

        windows = []
        while run.next_start_secs + self._shape.span_secs <= step.time_secs + 1e-6:
            windows.append(self._cut(run))
            run.next_start_secs += self._shape.stride_secs
            self._trim(run)
        return windows

    def forget(self, track_id: int) -> None:
        """Drop what is held of a track that has ended, or whose identity is in doubt."""
        self._runs.pop(track_id, None)

    def reset(self) -> None:
        """Drop everything, after a jump in time or a reconnect."""
        self._runs.clear()
        self._steps_secs.clear()
        self._last_tick_secs = None

    def _cut(self, run: _Run) -> Window:
        held = list(run.held)
        times = np.array([s.time_secs for s in held])
        steps = run.next_start_secs + np.arange(self._shape.frames) / self._shape.cadence_hz
        after = np.searchsorted(times, steps).clip(0, len(times) - 1)
        before = (after - 1).clip(0)
        nearest = np.where(steps - times[before] <= times[after] - steps, before, after)
        return Window(
            track_id=held[0].track_id,
            start_secs=float(steps[0]),
            end_secs=float(steps[-1]),
            pixels=np.stack([held[i].pixels for i in nearest]),
        )

    def _trim(self, run: _Run) -> None:
        """Forget what is older than the next window, but the one just before its start."""
        while len(run.held) > 1 and run.held[1].time_secs <= run.next_start_secs:
            run.held.popleft()


def cut_windows(silhouettes: Iterable[Silhouette], shape: WindowShape) -> Iterator[Window]:
    """Give the windows of one recorded track as they fell due in the run.

    Frames that were left out were seen all the same: they tell how far apart frames are, and so
    how long a gap may be bridged. Their times are taken to lie evenly between their neighbours.
    """
    builder = WindowBuilder(shape)
    before: Silhouette | None = None
    for silhouette in silhouettes:
        before = before or silhouette
        frames = max(silhouette.frame_index - before.frame_index, 1)
        for passed_secs in np.linspace(before.time_secs, silhouette.time_secs, frames + 1)[1:]:
            builder.tick(float(passed_secs))
        yield from builder.add(silhouette)
        before = silhouette
