"""What is noted of a run while it goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rt_gait.events.counters import Counters
from rt_gait.types import Frame, FrameResult, IdentityState
from rt_gait.video.source import BaseSource, Source, SourceInfo

WARM_UP_FRAMES = 50
"""Not counted: caches fill, tracks are confirmed, and the first windows (1.2 s) come."""
_SETTLED = (IdentityState.KNOWN, IdentityState.UNKNOWN)
_PARTS = 3


class AsCamera(BaseSource):
    """A recording that gives its frames when they would have been filmed, as a camera does."""

    def __init__(self, source: Source) -> None:
        info = source.info
        live = SourceInfo(
            info.name, True, info.width_px, info.height_px, info.frame_rate, info.frame_count
        )
        super().__init__(live)
        self._source = source
        self._begin_s: float | None = None

    @property
    def begin_s(self) -> float:
        """Monotonic time of the first frame."""
        return time.monotonic() if self._begin_s is None else self._begin_s

    def read(self) -> Frame | None:
        """Wait for the time of the next frame; one that took longer to decode comes at once."""
        frame = self._source.read()
        if frame is not None:
            if self._begin_s is None:
                self._begin_s = time.monotonic() - frame.time_secs
            time.sleep(max(self._begin_s + frame.time_secs - time.monotonic(), 0.0))
        return frame

    def close(self) -> None:
        """Close the recording."""
        self._source.close()


@dataclass
class Watch:
    """Takes every frame's result."""

    camera: AsCamera | None = None
    """Where frames come from, if they come at their own pace."""
    stages: list[dict[str, float]] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    """From capture to after the events of a frame."""
    waits_s: list[float] = field(default_factory=list)
    """From the first sight of a track to its first identity, known or unknown."""
    _first_s: dict[int, float] = field(default_factory=dict)
    _settled: set[int] = field(default_factory=set)

    def frame(self, result: FrameResult, _counters: Counters) -> None:
        """Take one frame, after its events."""
        self.stages.append(dict(result.stage_secs))
        now_s = result.frame.time_secs
        if self.camera is not None:
            now_s = time.monotonic() - self.camera.begin_s
            self.ages_s.append(now_s - result.frame.time_secs)
        for track in result.tracks:
            self._first_s.setdefault(track.track_id, track.first_time_secs)
            state = result.identities[track.track_id].state
            if state in _SETTLED and track.track_id not in self._settled:
                self._settled.add(track.track_id)
                self.waits_s.append(now_s - self._first_s[track.track_id])

    def stage_times(self) -> dict[str, dict[str, float]]:
        """Return p50 and p95 of each stage in ms, then of ``step`` (all) and ``overhead``.

        ``overhead`` is all but ``embed``, the gait network.
        """
        rows = self._counted()
        for row in rows:
            row["step"] = sum(row.values())
            row["overhead"] = row["step"] - row["embed"]
        return {name: percentiles([1000 * row[name] for row in rows]) for name in rows[0]}

    def spread(self) -> float | None:
        """Return how far the median steps of three parts of the run are apart, as a share."""
        steps = [sum(row.values()) for row in self._counted()]
        if len(steps) < _PARTS * 5:
            return None
        medians = [float(np.median(part)) for part in np.array_split(steps, _PARTS)]
        return (max(medians) - min(medians)) / float(np.median(medians))

    def _counted(self) -> list[dict[str, float]]:
        enough = len(self.stages) >= 2 * WARM_UP_FRAMES
        return [dict(row) for row in self.stages[WARM_UP_FRAMES if enough else 0 :]]


def percentiles(values: Sequence[float]) -> dict[str, Any]:
    """Return ``p50_ms`` and ``p95_ms`` of times in ms; None without any."""
    if not values:
        return {"p50_ms": None, "p95_ms": None}
    p50, p95 = np.percentile(np.array(values), (50, 95))
    return {"p50_ms": float(p50), "p95_ms": float(p95)}
