"""The interface of trackers."""

from __future__ import annotations

from typing import Protocol

from rt_gait.types import Detections, Track


class Tracker(Protocol):
    """Follows people."""

    def update(self, detections: Detections, *, time_secs: float) -> tuple[Track, ...]:
        """Take the detections of the next frame; return confirmed and lost tracks by id.

        A track that is no longer returned has ended.
        """
        ...

    def reset(self) -> None:
        """Forget every track; ids are not used again."""
        ...
