"""A run without cameras and networks, told to a monitor frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np

from rt_gait.events.build import EventBuilder
from rt_gait.monitoring.monitor import Monitor
from rt_gait.types import (
    Detections,
    Frame,
    FrameResult,
    Identity,
    IdentityState,
    Rejection,
    Track,
    TrackState,
    TrackSummary,
)

SUBJECT = "s_7Q2F9K3D"
PIXELS = np.zeros((4, 4, 3), np.uint8)
STAGES = {"detect": 0.03, "track": 0.002, "silhouette": 0.001, "embed": 0.02, "identify": 0.0001}


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.secs = 1000.0

    def __call__(self) -> float:
        return self.secs


class World:
    """A monitor, its clock, and sources that it watches.

    Args:
        names: Of the sources.
    """

    def __init__(self, *names: str) -> None:
        self.clock = Clock()
        self.monitor = Monitor(monotonic=self.clock)
        self.builders = {name: _builder(name) for name in names}
        self.watched = {name: self.monitor.output_for(b) for name, b in self.builders.items()}

    def frame(
        self, name: str, *, age_secs: float | None = 0.04, ended: Sequence[TrackSummary] = ()
    ) -> None:
        """A frame with one person who is known, one who is rejected, and tracks that end."""
        arrived_secs = None if age_secs is None else self.clock.secs - age_secs
        index = self.builders[name].counters.processed
        result = FrameResult(
            Frame(PIXELS, index, index / 25, arrived_secs=arrived_secs),
            Detections.none(),
            tracks=(_track(1), _track(2)),
            rejections={2: Rejection.MERGED},
            identities={
                1: Identity(IdentityState.KNOWN, SUBJECT, 0.9, 0.2, 4, ((SUBJECT, 0.9),)),
                2: Identity(),
            },
            ended=tuple(ended),
            stage_secs=STAGES,
        )
        self.builders[name].frame(result)
        self.watched[name].write(result)


def ended(track_id: int, *, not_walking: int) -> TrackSummary:
    """Somebody who was known and is gone."""
    identity = Identity(IdentityState.KNOWN, SUBJECT, 0.9)
    return TrackSummary(track_id, 0.0, 1.0, 25, 20, {}, identity, windows_not_walking=not_walking)


def _track(track_id: int) -> Track:
    box = np.zeros(4, np.float32)
    return Track(track_id, TrackState.CONFIRMED, box, 0.9, 0, 0.0)


def _builder(name: str) -> EventBuilder:
    return EventBuilder(
        run_id="test",
        source_name=name,
        frame_size_wh=(4, 4),
        model=None,
        gallery_revision=None,
        utc_now=lambda: datetime.now(timezone.utc),
        live=True,
    )
