"""Reading boxes in MOTChallenge's text format: detections, tracks and ground truth.

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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rt_gait.errors import SourceOpenError, UsageError
from rt_gait.types import Detections

IntArray: TypeAlias = npt.NDArray[np.int64]
DoubleArray: TypeAlias = npt.NDArray[np.float64]

MOST_FRAMES = 10_000_000
"""About four days at 30 a second; a larger number is a mistake in the file."""
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


def read_tracks(path: Path) -> TrackBoxes:
    """Read what a tracker wrote; scores are not looked at.

    Raises:
        SourceOpenError: the file cannot be read.
        UsageError: a line is not a box, or an id occurs twice in one frame; the message names
            the file and the line.
    """
    return _with_ids(path, _rows(path, 6))


def read_ground_truth(path: Path) -> TrackBoxes:
    """Read a MOT15 ground truth, without the boxes whose seventh value is 0.

    Raises:
        SourceOpenError: the file cannot be read.
        UsageError: as for :func:`read_tracks`; seven values are needed on every line.
    """
    return _with_ids(path, _rows(path, 7))


def read_detections(path: Path) -> list[Detections]:
    """Read what a detector found; ids are not looked at, and there are no masks.

    Scores are to lie in 0..1. Where any lies outside, they are of another scale, and all people
    count as certain.

    Returns:
        Every frame from the first one on up to the last one with a box.

    Raises:
        SourceOpenError: the file cannot be read.
        UsageError: a line is not a box with a score, or a frame lies beyond ``MOST_FRAMES``.
    """
    found: dict[int, list[tuple[float, list[float]]]] = defaultdict(list)
    for number, row in _rows(path, 7):
        if row.frame > MOST_FRAMES:
            raise UsageError(f"{path}:{number}: expected a frame up to {MOST_FRAMES:,}")
        found[row.frame].append((row.score, row.box))
    known = all(0 <= score <= 1 for people in found.values() for score, _ in people)
    frames = []
    for frame in range(1, max(found, default=0) + 1):
        people = sorted(found.get(frame, ()), key=lambda p: -p[0])
        boxes = np.array([box for _, box in people], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        scores = np.array([score if known else 1.0 for score, _ in people], np.float32)
        frames.append(Detections(boxes.astype(np.float32), scores, ()))
    return frames


@dataclass(frozen=True, slots=True)
class _Row:
    frame: int
    track_id: int
    box: list[float]
    score: float


def _with_ids(path: Path, rows: Iterable[tuple[int, _Row]]) -> TrackBoxes:
    kept: list[_Row] = []
    line_of: dict[tuple[int, int], int] = {}
    for number, row in rows:
        first = line_of.setdefault((row.frame, row.track_id), number)
        if first != number:
            hint = "; are these detections, not tracks?" if row.track_id < 0 else ""
            raise UsageError(
                f"{path}:{number}: id {row.track_id} is in frame {row.frame} already, "
                f"line {first}{hint}"
            )
        if int(row.score) != 0:
            kept.append(row)
    return TrackBoxes(
        np.array([r.frame for r in kept], np.int64),
        np.array([r.track_id for r in kept], np.int64),
        np.array([r.box for r in kept], np.float64).reshape(-1, 4),
    )


def _rows(path: Path, needed: int) -> Iterator[tuple[int, _Row]]:
    """Give the lines with their numbers; a score that is not needed is 1."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SourceOpenError(f"cannot read boxes: {error.strerror}: {path}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file of boxes") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, _parse(line, needed)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: {error}") from error


def _parse(line: str, needed: int) -> _Row:
    texts = line.split(",")
    if len(texts) < needed:
        raise ValueError(f"expected {needed} values with commas between, got {len(texts)}")
    values = [_number(text, name) for text, name in zip(texts, _FIELDS[:needed], strict=False)]
    frame, track_id = _whole(values[0], "frame"), _whole(values[1], "id")
    if frame < 1:
        raise ValueError(f"expected a frame of 1 or more, got {frame}")
    box = values[2:6]
    if min(box[2:]) < 0:
        raise ValueError(f"expected a width and height of 0 or more, got {box[2]:g} x {box[3]:g}")
    return _Row(frame, track_id, box, values[6] if needed > 6 else 1.0)


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
