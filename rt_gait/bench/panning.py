"""What following the camera's motion is worth: a still video made one of a moving camera.

    python -m rt_gait.bench.panning --video vtest.avi --gt gt.txt [--fps 7]

A window of two thirds of the picture goes to and fro over it, or shakes; people and truth are
those of the whole picture, cut to the window, and left out where less than half is inside. So the
motion is a true one of the picture, without the parallax and the blur of a real camera. Prints the
tracks' scores without and with the motion measured, and with the true one, and what measuring
costs a frame in processor time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from rt_gait.bench.people import people_in, video_parser
from rt_gait.bench.scores import Raw, figures, score
from rt_gait.bench.tracking import format_table
from rt_gait.errors import RtGaitError
from rt_gait.track.camera import CameraMotion
from rt_gait.track.mot import IntArray, TrackBoxes, read_ground_truth
from rt_gait.track.sort import SortTracker
from rt_gait.types import Detections, FloatArray, Frame
from rt_gait.video.source import open_source

INSIDE_SHARE = 0.5
MODES = ("none", "measured", "true")


@dataclass(frozen=True)
class Sway:
    """How the window moves; 0 not at all."""

    period_secs: float
    """Of the way to and fro over the picture."""
    shake_px: float
    """Standard deviation in each frame."""

    def corners(self, count: int, rate_hz: float, room_xy: Sequence[int]) -> IntArray:
        """Return the window's left upper corner in each frame, [count, 2] int64 pixels."""
        rng = np.random.default_rng(0)
        turns = np.arange(count) / rate_hz / self.period_secs if self.period_secs else 0
        swing = np.stack([np.sin(2 * np.pi * turns), np.sin(2.6 * np.pi * turns) / 3], axis=-1)
        places = (1 + 0.9 * swing) * np.array(room_xy) / 2
        places = places + rng.normal(0, self.shake_px, (count, 2))
        whole: IntArray = places.round().clip(0, room_xy).astype(np.int64)
        return whole


SWAYS = {
    "still": Sway(0, 0),
    "pan in 20 s": Sway(20, 0),
    "pan in 8 s": Sway(8, 0),
    "pan in 4 s": Sway(4, 0),
    "shake by 3 px": Sway(0, 3),
    "shake by 10 px": Sway(0, 10),
    "pan in 8 s, shake by 5 px": Sway(8, 5),
}


def cut(boxes: FloatArray, corner: IntArray, size_wh: Sequence[int]) -> tuple[FloatArray, IntArray]:
    """Return the boxes [N, 4] that a window keeps, in its own pixels, and which they were."""
    moved = boxes - np.tile(corner, 2)
    clipped = moved.clip(0, np.tile(size_wh, 2)).astype(np.float32)
    whole, inside = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (moved, clipped))
    kept = np.flatnonzero(inside > INSIDE_SHARE * whole)
    return clipped[kept], kept


def measure(
    seen: Sequence[tuple[Frame, Detections]], truth: TrackBoxes, sway: Sway, rate_hz: float
) -> tuple[dict[str, Raw], list[float]]:
    """Return the scores by :data:`MODES`, and the milliseconds that measuring took by frame."""
    height, width = seen[0][0].image_bgr.shape[:2]
    size_wh = (2 * width // 3, 3 * height // 4)
    corners = sway.corners(len(seen), rate_hz, (width - size_wh[0], height - size_wh[1]))
    people = []
    for (_, found), corner in zip(seen, corners, strict=True):
        boxes, kept = cut(found.boxes_xyxy_px, corner, size_wh)
        people.append(Detections(boxes, found.scores[kept], ()))
    motions: dict[str, list[FloatArray | None]] = {"none": [None] * len(seen)}
    shifts = [np.hstack([np.eye(2), -way[:, None]]) for way in np.diff(corners, axis=0)]
    motions["true"] = [None, *(shift.astype(np.float32) for shift in shifts)]
    motions["measured"], spent_ms = [], []
    camera = CameraMotion()
    for (frame, _), (x, y), found in zip(seen, corners, people, strict=True):
        window = frame.image_bgr[y : y + size_wh[1], x : x + size_wh[0]]
        begun_secs = time.thread_time()
        motions["measured"].append(camera.update(window, found.boxes_xyxy_px))
        spent_ms.append(1000 * (time.thread_time() - begun_secs))
    gt = _truth_in(truth, corners, size_wh)
    times_secs = [frame.time_secs for frame, _ in seen]
    tracks = {mode: _follow(people, motions[mode], times_secs) for mode in MODES}
    return {mode: score(gt, found) for mode, found in tracks.items()}, spent_ms


def _follow(
    people: Sequence[Detections],
    motions: Sequence[FloatArray | None],
    times_secs: Sequence[float],
) -> TrackBoxes:
    tracker = SortTracker()
    rows = [
        (number, track.track_id, *track.box_xyxy_px)
        for number, (found, motion, secs) in enumerate(
            zip(people, motions, times_secs, strict=True), start=1
        )
        for track in tracker.update(found, time_secs=secs, motion=motion)
        if track.detection is not None
    ]
    return _boxes(np.array(rows, np.float64))


def _truth_in(truth: TrackBoxes, corners: IntArray, size_wh: Sequence[int]) -> TrackBoxes:
    xyxy = truth.boxes_xywh_px.astype(np.float32)
    xyxy[:, 2:] += xyxy[:, :2]
    rows = []
    for i in np.flatnonzero(truth.frames <= len(corners)):
        box, kept = cut(xyxy[i : i + 1], corners[truth.frames[i] - 1], size_wh)
        rows += [(truth.frames[i], truth.ids[i], *box[0])] if len(kept) else []
    return _boxes(np.array(rows, np.float64))


def _boxes(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> TrackBoxes:
    xywh = rows[:, 2:].copy()
    xywh[:, 2:] -= xywh[:, :2]
    return TrackBoxes(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), xywh)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = video_parser("panning", __doc__)
    asked = parser.parse_args(argv)
    try:
        truth = read_ground_truth(asked.gt)
        with open_source(video=asked.video, camera=None, frame_rate=asked.fps) as source:
            seen = list(people_in(source))
            rate_hz = float(source.info.frame_rate or 25)
        spent_ms: list[float] = []
        for name, sway in SWAYS.items():
            scores, spent = measure(seen, truth, sway, rate_hz)
            print(f"{name}\n{format_table({m: figures(s) for m, s in scores.items()})}\n")
            spent_ms += spent
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(f"measuring, ms a frame, p50: {median(spent_ms):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
