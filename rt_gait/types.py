"""What flows through the house: one frozen record for each arrow of the pipeline.

Conventions: boxes are ``x1, y1, x2, y2`` in pixels of the full frame, origin top left; times are
seconds of media time, 0 at the first frame of the source; arrays are never written to after they
have been put into a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rt_gait.reasons import Reason, Rejection

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float32]
HalfArray: TypeAlias = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source."""

    image_bgr: UInt8Array
    """[H, W, 3] uint8, blue first as OpenCV has it."""
    index: int
    """0-based position in the source; dropped frames leave gaps."""
    time_secs: float
    """Presentation time, never decreasing within an epoch."""
    epoch: int = 0
    """Raised by the source after a reconnect or a jump in time: nothing is carried across."""
    arrived_secs: float | None = None
    """Monotonic clock of the machine when a live source gave it; None in a recording."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The pixels of one person, stored as the crop that holds them."""

    x_px: int
    """Left edge of the crop in the frame."""
    y_px: int
    """Top edge of the crop in the frame."""
    pixels: BoolArray
    """[h, w] bool, True on the person."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The N people found in one frame, best score first."""

    boxes_xyxy_px: FloatArray
    """[N, 4] float32, clipped to the frame."""
    scores: FloatArray
    """[N] float32 in 0..1."""
    masks: tuple[Mask, ...]
    """N masks, same order; none at all where only boxes are known, which trackers can do with."""
    detail: float = 1.0
    """Pixels of the detector's input for one pixel of the frame, at most 1: a large frame is made
    smaller first, and what that loses no mask shows."""
    missing: bool = False
    """The segmenter gave no answer: nobody was looked for."""

    def __len__(self) -> int:
        return len(self.scores)

    @staticmethod
    def none(*, missing: bool = False) -> Detections:
        """Return the detections of a frame without people, or one that was not looked at."""
        boxes, scores = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        return Detections(boxes, scores, (), missing=missing)


class TrackState(str, Enum):
    """Life of a track. Only confirmed tracks are people; lost ones are kept to be found again."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person followed, as seen in one frame."""

    track_id: int
    """1, 2, 3, ... in the order of confirmation; never used twice by one tracker."""
    state: TrackState
    box_xyxy_px: FloatArray
    """[4] float32: the detector's box when seen in this frame, else the Kalman prediction."""
    score: float
    """Score of the detection in 0..1; 0 when not seen in this frame."""
    detection: int | None
    """Index into the frame's :class:`Detections`; None when not seen."""
    first_time_secs: float
    """Time of the first detection that belongs to the track."""
    parted: bool = False
    """It has just left another track that it may have been swapped with."""


@dataclass(frozen=True, slots=True, eq=False)
class Silhouette:
    """A person's normalised outline in one frame."""

    track_id: int
    frame_index: int
    time_secs: float
    box_xyxy_px: FloatArray
    """[4] float32."""
    pixels: UInt8Array
    """[64, 44] uint8, 0 background to 255 person."""


@dataclass(frozen=True, slots=True, eq=False)
class FlowField:
    """A person's optical flow from the frame before to this one."""

    track_id: int
    time_secs: float
    """Of the later frame."""
    pixels: HalfArray
    """[60, 60, 2] float16: motion right and down, in heights of the person a second."""


Step: TypeAlias = Silhouette | FlowField
"""What windows are made of."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A stretch of one track at the cadence of a gait model."""

    track_id: int
    start_secs: float
    end_secs: float
    pixels: UInt8Array | HalfArray
    """[T, 64, 44] uint8 of silhouettes, or [T, 60, 60, 2] float16 of flow."""
    quality: float = 1.0
    """Above 0, at most 1: how much its evidence is worth."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What a gait model says of one window."""

    track_id: int
    end_secs: float
    vector: FloatArray
    """[D] float32, L2 norm 1."""
    quality: float = 1.0
    """Of the window."""


@dataclass(frozen=True, slots=True)
class Stitch:
    """A track that turned out to be somebody whose track had ended."""

    track_id: int
    continues: int
    """The track that had ended."""
    similarity: float
    """Of their gait: cosine in -1..1."""
    gap_secs: float
    """Time out of sight."""


class IdentityState(str, Enum):
    """What is claimed about a track."""

    INSUFFICIENT = "insufficient"
    """Too few windows to say anything, or none yet since a suspected swap."""
    UNKNOWN = "unknown"
    """Enough windows, and nobody in the gallery is close."""
    CANDIDATE = "candidate"
    """Somebody is close, but not close enough or not clearly closer than the next."""
    KNOWN = "known"
    """Recognised."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a track is, as far as the evidence goes."""

    state: IdentityState = IdentityState.INSUFFICIENT
    subject_id: str | None = None
    """Pseudonym of the subject; set for ``candidate`` and ``known``."""
    score: float | None = None
    """Fused cosine similarity of the best subject in -1..1; None without windows or gallery."""
    margin: float | None = None
    """Score less the score of the next subject; None with fewer than two subjects."""
    windows: int = 0
    """Windows fused."""
    top: tuple[tuple[str, float], ...] = ()
    """Up to three (subject_id, score), best first."""
    reason: Reason | None = None
    """None for ``known`` alone."""
    probability: float | None = None
    """That the best subject is right, 0..1, at even odds beforehand; None without calibration."""


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """A track that has ended."""

    track_id: int
    first_time_secs: float
    last_time_secs: float
    """Time it was last seen."""
    frames: int
    """Frames in which it was seen."""
    silhouettes: int
    rejected: dict[str, int]
    """Frames left out, by :class:`Rejection` value."""
    identity: Identity
    """The last claim that was not in doubt."""
    known_after_secs: float | None = None
    """From the first detection to the first frame with somebody known; None if never."""
    windows_not_walking: int = 0
    """Windows left out because the person stood or turned in them."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All that is known after one frame."""

    frame: Frame
    detections: Detections
    tracks: tuple[Track, ...]
    """Confirmed and lost tracks, by id."""
    started: tuple[int, ...] = ()
    """Ids confirmed in this frame."""
    ended: tuple[TrackSummary, ...] = ()
    silhouettes: tuple[Silhouette, ...] = ()
    rejections: dict[int, Rejection] = field(default_factory=dict)
    """Track id to the reason its picture in this frame was left out."""
    identities: dict[int, Identity] = field(default_factory=dict)
    """Every track in ``tracks``."""
    embeddings: tuple[Embedding, ...] = ()
    """Of the windows that fell due in this frame."""
    stitched: tuple[Stitch, ...] = ()
    """Tracks found out in this frame to continue another."""
    numbers: dict[int, int] = field(default_factory=dict)
    """Track id to the number to show, that of the first track, where a track continues another."""
    stage_secs: dict[str, float] = field(default_factory=dict)
    """Seconds spent by each stage."""
