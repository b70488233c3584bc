"""How fast a live source is being followed, measured between two ``stats`` events.

Nothing of this is in the log of a file, which has to come out the same on every machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_MAX_SAMPLES = 4096  # ten seconds at 400 frames/s; bounds the memory if nobody asks for stats


class LiveTimes:
    """Collects the times of frames until they are asked for."""

    def __init__(self) -> None:
        self._frames = 0
        self._ages_secs: deque[float] = deque(maxlen=_MAX_SAMPLES)
        self._stages_secs: dict[str, deque[float]] = {}

    def add(self, stage_secs: Mapping[str, float], age_secs: float | None) -> None:
        """Add one frame.

        Args:
            stage_secs: Seconds spent by each stage.
            age_secs: Seconds from the capture of the frame to now; None when not measured.
        """
        self._frames += 1
        if age_secs is not None:
            self._ages_secs.append(age_secs)
        for stage, secs in stage_secs.items():
            self._stages_secs.setdefault(stage, deque(maxlen=_MAX_SAMPLES)).append(secs)

    def take(self, elapsed_secs: float) -> dict[str, Any]:
        """Return the optional fields of ``stats`` and begin anew.

        Args:
            elapsed_secs: Seconds of monotonic time since the last call.
        """
        fields: dict[str, Any] = {}
        if elapsed_secs > 0:
            fields["frames_per_second"] = round(self._frames / elapsed_secs, 3)
        if self._stages_secs:
            fields["stage_latency_secs"] = {
                stage: _percentiles(self._stages_secs[stage]) for stage in sorted(self._stages_secs)
            }
        if self._ages_secs:
            fields["frame_age_secs"] = _percentiles(self._ages_secs)
        self._frames = 0
        self._ages_secs.clear()
        self._stages_secs.clear()
        return fields


def _percentiles(samples_secs: Iterable[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.fromiter(samples_secs, dtype=np.float64), (50, 95))
    return {"p50": round(float(p50), 6), "p95": round(float(p95), 6)}
