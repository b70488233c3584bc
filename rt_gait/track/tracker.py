"""The interface of trackers."""

from __future__ import annotations

from typing import Protocol

from rt_gait.types import Detections, FloatArray, Track


class Tracker(Protocol):
    """Follows people."""

    def update(
        self, detections: Detections, *, time_secs: float, motion: FloatArray | None = None
    ) -> tuple[Track, ...]:
        """Take the detections of the next frame; return confirmed and lost tracks by id.

        A track that is no longer returned has ended.

        Args:
            detections: The people found.
            time_secs: Of the frame.
            motion: [2, 3], takes places of the last frame to this one, in pixels; None for a
                camera that stands still.
        """
        ...

    def reset(self) -> None:
        """Forget every track; ids are not used again."""
        ...
