"""Reading tracks in MOTChallenge's text format, and laying them beside the ground truth.

One box a line, ``frame,id,x,y,width,height[,score,...]``, frames counted from 1, pixels. In a
MOT15 ground truth the seventh value says whether the box counts: a 0 is left out before anything
is measured, and a track that follows it anyway is a false positive. Later editions (MOT16 on)
also leave out distractors by class; that is not done here.

Format: Leal-Taixé et al., "MOTChallenge 2015: Towards a Benchmark for Multi-Target Tracking",
arXiv:1504.01942.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rt_gait.errors import SourceOpenError, UsageError

IntArray: TypeAlias = npt.NDArray[np.int64]
DoubleArray: TypeAlias = npt.NDArray[np.float64]

_FIELDS = ("frame", "id", "x", "y", "width", "height", "score")


@dataclass(frozen=True, slots=True, eq=False)
class TrackBoxes:
    """The N boxes of one sequence, in any order; an id occurs at most once in a frame."""

    frames: IntArray
    """[N] int64, 1 or more."""
    ids: IntArray
    """[N] int64, any value."""
    boxes_xywh_px: DoubleArray
    """[N, 4] float64: left, top, width >= 0, height >= 0."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class PairedFrame:
    """The G people and the T tracks of one frame; either may be none, but not both."""

    truth: IntArray
    """[G] int64, index of the person, 0 to ``PairedSequence.people - 1``, no two the same."""
    tracks: IntArray
    """[T] int64, index of the track, 0 to ``PairedSequence.tracks - 1``, no two the same."""
    iou: DoubleArray
    """[G, T] float64 in 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class PairedSequence:
    """What every tracking metric is computed from."""

    frames: tuple[PairedFrame, ...]
    """The frames that hold a box at all, in order."""
    people: int
    """Different ids in the ground truth."""
    tracks: int
    """Different ids among the tracks."""
    truth_boxes: int
    track_boxes: int


def read_tracks(path: Path) -> TrackBoxes:
    """Read what a tracker wrote; scores are not looked at.

    Raises:
        SourceOpenError: the file cannot be read.
        UsageError: a line is not a box, or an id occurs twice in one frame; the message names
            the file and the line.
    """
    return _read(path, truth=False)


def read_ground_truth(path: Path) -> TrackBoxes:
    """Read a MOT15 ground truth, without the boxes whose seventh value is 0.

    Raises:
        SourceOpenError: the file cannot be read.
        UsageError: as for :func:`read_tracks`; seven values are needed on every line.
    """
    return _read(path, truth=True)


def pair(truth: TrackBoxes, tracks: TrackBoxes) -> PairedSequence:
    """Lay tracks beside the ground truth, frame by frame.

    The boxes of a frame are ordered by position, so that neither the order of the lines nor the
    numbers used as ids can decide between matches that are equally good.
    """
    people, person_of = np.unique(truth.ids, return_inverse=True)
    labels, track_of = np.unique(tracks.ids, return_inverse=True)
    truth_rows, track_rows = _rows_by_frame(truth), _rows_by_frame(tracks)
    none = np.zeros(0, np.int64)
    paired = []
    for frame in sorted(truth_rows.keys() | track_rows.keys()):
        g, t = truth_rows.get(frame, none), track_rows.get(frame, none)
        iou = iou_xywh(truth.boxes_xywh_px[g], tracks.boxes_xywh_px[t])
        paired.append(PairedFrame(person_of[g], track_of[t], iou))
    return PairedSequence(tuple(paired), len(people), len(labels), len(truth), len(tracks))


def iou_xywh(a: DoubleArray, b: DoubleArray) -> DoubleArray:
    """Return the intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: [A, 4] float64, left, top, width, height.
        b: [B, 4] float64, the same.

    Returns:
        [A, B] float64 in 0..1; 0 where the two together have no area.
    """
    start = np.maximum(a[:, None, :2], b[None, :, :2])
    end = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.maximum(end - start, 0.0).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None, :] - shared
    iou: DoubleArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.minimum(iou, 1.0)


def _rows_by_frame(boxes: TrackBoxes) -> dict[int, IntArray]:
    if not len(boxes):
        return {}
    order = np.lexsort((*boxes.boxes_xywh_px.T[::-1], boxes.frames))
    frames, starts = np.unique(boxes.frames[order], return_index=True)
    return dict(zip(frames.tolist(), np.split(order, starts[1:]), strict=True))


def _read(path: Path, *, truth: bool) -> TrackBoxes:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SourceOpenError(f"cannot read boxes: {error.strerror}: {path}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file of boxes") from error
    frames, ids, boxes = [], [], []
    line_of: dict[int, dict[int, int]] = defaultdict(dict)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame, track_id, box, counts = _parse(line, truth=truth)
            first = line_of[frame].setdefault(track_id, number)
            if first != number:
                hint = "; are these detections, not tracks?" if track_id < 0 else ""
                raise ValueError(f"id {track_id} is in frame {frame} already, line {first}{hint}")
        except ValueError as error:
            raise UsageError(f"{path}:{number}: {error}") from error
        if counts:
            frames.append(frame)
            ids.append(track_id)
            boxes.append(box)
    return TrackBoxes(
        np.array(frames, np.int64),
        np.array(ids, np.int64),
        np.array(boxes, np.float64).reshape(-1, 4),
    )


def _parse(line: str, *, truth: bool) -> tuple[int, int, list[float], bool]:
    texts = line.split(",")
    needed = 7 if truth else 6
    if len(texts) < needed:
        raise ValueError(f"expected {needed} values with commas between, got {len(texts)}")
    values = [_number(text, name) for text, name in zip(texts, _FIELDS[:needed], strict=False)]
    frame, track_id = _whole(values[0], "frame"), _whole(values[1], "id")
    if frame < 1:
        raise ValueError(f"expected a frame of 1 or more, got {frame}")
    box = values[2:6]
    if min(box[2:]) < 0:
        raise ValueError(f"expected a width and height of 0 or more, got {box[2]:g} x {box[3]:g}")
    return frame, track_id, box, not truth or int(values[6]) != 0


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e15:  # beyond it doubles no longer hold every whole number; nan, inf
        raise ValueError(f"expected a number as {name}, got {text.strip()[:40]!r}")
    return value


def _whole(value: float, name: str) -> int:
    if value != int(value):
        raise ValueError(f"expected a whole number as {name}, got {value:g}")
    return int(value)
