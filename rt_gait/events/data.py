"""The parts of an event's ``data``: records of the pipeline as plain, rounded JSON values.

Rounding is part of the format: a tenth of a pixel, a millisecond and a ten-thousandth of a score
are finer than what they were measured with, and keep the last bits of a float out of the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rt_gait.events.counters import rejections_by_reason
from rt_gait.types import FloatArray, Frame, Identity, Stitch, TrackSummary


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The gait model that a claim rests on."""

    name: str
    version: str


@dataclass(slots=True)
class Told:
    """What the events have said of a track so far."""

    box_xyxy_px: list[float]
    identity: Identity = field(default_factory=Identity)


def model_data(model: ModelRef | None, gallery_revision: int | None) -> dict[str, Any] | None:
    """Return the model and the revision of the gallery it was compared with."""
    if model is None:
        return None
    return {"name": model.name, "version": model.version, "gallery_revision": gallery_revision}


def frame_data(frame: Frame) -> dict[str, Any]:
    """Return where in the source something happened."""
    height, width = frame.image_bgr.shape[:2]
    return {
        "index": frame.index,
        "epoch": frame.epoch,
        "media_time_secs": secs(frame.time_secs),
        "size_wh_px": [width, height],
    }


def identity_data(identity: Identity) -> dict[str, Any]:
    """Return a claim with the evidence for it."""
    return {
        "state": identity.state.value,
        "subject_id": identity.subject_id,
        "score": None if identity.score is None else score(identity.score),
        "margin": None if identity.margin is None else score(identity.margin),
        "windows": identity.windows,
        "top": [[subject_id, score(similarity)] for subject_id, similarity in identity.top],
        "reason": None if identity.reason is None else identity.reason.value,
        "probability": None if identity.probability is None else score(identity.probability),
    }


def summary_data(summary: TrackSummary) -> dict[str, Any]:
    """Return the whole of a track."""
    first, last = secs(summary.first_time_secs), secs(summary.last_time_secs)
    return {
        "first_media_time_secs": first,
        "last_media_time_secs": last,
        "duration_secs": secs(last - first),
        "frames": summary.frames,
        "silhouettes": summary.silhouettes,
        "rejections": rejections_by_reason(summary.rejected),
        "identity": identity_data(summary.identity),
        "known_after_secs": (
            None if summary.known_after_secs is None else secs(summary.known_after_secs)
        ),
        "windows_not_walking": summary.windows_not_walking,
    }


def stitch_data(stitch: Stitch) -> dict[str, Any]:
    """Return which track another one continues, and why."""
    return {
        "continues": stitch.continues,
        "similarity": score(stitch.similarity),
        "gap_secs": secs(stitch.gap_secs),
    }


def box(box_xyxy_px: FloatArray) -> list[float]:
    """Return a box to a tenth of a pixel."""
    return [_rounded(side, 1) for side in box_xyxy_px]


def secs(value: float) -> float:
    """Return a time or duration to the millisecond."""
    return _rounded(value, 3)


def score(value: float) -> float:
    """Return a score or similarity to four decimals."""
    return _rounded(value, 4)


def _rounded(value: float, digits: int) -> float:
    return round(float(value), digits) + 0.0  # + 0.0 makes a plain zero of minus zero
