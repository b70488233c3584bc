"""A small world to tell events of: frames with walkers, and a clock that can be set."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator

from rt_gait.events import EventBuilder, ModelRef, load_schema
from rt_gait.reasons import Rejection
from rt_gait.types import (
    Detections,
    Embedding,
    Frame,
    FrameResult,
    Identity,
    IdentityState,
    Silhouette,
    Stitch,
    Track,
    TrackState,
    TrackSummary,
)

KNOWN = Identity(
    IdentityState.KNOWN,
    "s_7Q2F9K3D",
    0.94321,
    0.0512,
    4,
    (("s_7Q2F9K3D", 0.94321), ("s_9KD1", 0.89)),
)
UNKNOWN = Identity(IdentityState.UNKNOWN, None, 0.31, None, 3, (("s_7Q2F9K3D", 0.31),))
CANDIDATE = Identity(IdentityState.CANDIDATE, "s_7Q2F9K3D", 0.8, 0.01, 3)
INSUFFICIENT = Identity()


@cache
def validator() -> Draft202012Validator:
    schema = load_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def valid(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for event in events:
        validator().validate(event)
    return events


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("io.rt-gait.").removesuffix(".v1") for event in events]


def builder(run_id: str = "01KAB", *, day: int = 1, **changes: Any) -> EventBuilder:
    """A builder whose clock goes on by 1 ms with each event."""
    ticks = iter(range(10**9))
    start = datetime(2026, 11, day, 21, 0, 0, 123456, timezone.utc)
    settings: dict[str, Any] = {
        "run_id": run_id,
        "source_name": "lobby.mp4",
        "frame_size_wh": (64, 48),
        "model": ModelRef("gait3d", "1"),
        "gallery_revision": 42,
        "utc_now": lambda: start + timedelta(milliseconds=next(ticks)),
    }
    return EventBuilder(**settings | changes)


def track(track_id: int = 1, *, x_px: float = 10.04, first_secs: float = 0.0) -> Track:
    box = np.array([x_px, 5.55, x_px + 8, 40], np.float32)
    return Track(track_id, TrackState.CONFIRMED, box, 0.87654321, 0, first_secs)


def summary(track_id: int = 1, identity: Identity = INSUFFICIENT, **changes: Any) -> TrackSummary:
    fields: dict[str, Any] = {
        "track_id": track_id,
        "first_time_secs": 0.04,
        "last_time_secs": 12.3456,
        "frames": 300,
        "silhouettes": 280,
        "rejected": {Rejection.MERGED.value: 20},
        "identity": identity,
    }
    return TrackSummary(**fields | changes)


def result(
    index: int = 0,
    *,
    time_secs: float | None = None,
    epoch: int = 0,
    identities: dict[int, Identity] | None = None,
    **changes: Any,
) -> FrameResult:
    """A frame at 25 frames/s with a track for each identity."""
    when = index / 25 if time_secs is None else time_secs
    frame = Frame(np.zeros((48, 64, 3), np.uint8), index, when, epoch)
    fields: dict[str, Any] = {
        "frame": frame,
        "detections": Detections.none(),
        "tracks": tuple(track(track_id) for track_id in sorted(identities or {})),
        "identities": identities or {},
    }
    return FrameResult(**fields | changes)


def silhouette(track_id: int = 1) -> Silhouette:
    return Silhouette(track_id, 0, 0.0, np.zeros(4, np.float32), np.zeros((64, 44), np.uint8))


def embedding(track_id: int = 1) -> Embedding:
    return Embedding(track_id, 1.0, np.ones(1, np.float32))


def walk(made: EventBuilder, *, settings: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A run of 30 s of a file with every type of event in it."""
    events = made.run_started(settings or {"video": Path("/home/ann/lobby.mp4"), "fps": 25}, {})
    events += made.source_state("online")
    for index in range(751):
        stage = {"detect": 0.01 * (1 + index % 3)}
        if index < 10:
            step = result(index, stage_secs=stage)
        elif index < 700:
            identity = KNOWN if index >= 310 else UNKNOWN if index >= 200 else INSUFFICIENT
            step = result(
                index,
                identities={1: identity},
                started=(1,) if index == 10 else (),
                stitched=(Stitch(1, 2, 0.61234, 2.3456),) if index == 200 else (),
                silhouettes=(silhouette(),),
                rejections={2: Rejection.TOO_SMALL} if index % 10 == 0 else {},
                embeddings=(embedding(),) * int(index % 25 == 0),
                stage_secs=stage,
            )
        else:
            step = result(index, ended=(summary(1, KNOWN),) if index == 700 else ())
        events += made.frame(step, age_secs=0.05)
        events += made.stats(index / 20 if made.live else None)
    events += made.output_failed("recording", "the disk is full: /home/ann/out.mp4")
    events += made.source_state("ended")
    return events + made.run_ended("finished", 0)
