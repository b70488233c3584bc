"""A segmenter's masks next to the true ones: sequences from rendered clips with known masks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rt_gait.detect.detector import Detector, input_scale, open_detector
from rt_gait.errors import DamagedInputError, UsageError
from rt_gait.types import Detections

from ...segmenter.average_precision import box_iou
from .stats import Sequence

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

#: Rows and columns of the windows, and the rows that the person covers in the middle of the walk.
WINDOW, TALL = (128, 112), 88
#: Detections and true walkers are matched from this overlap of their boxes on.
LEAST_IOU = 0.5
#: Walkers are taken while at least this share of them is visible.
LEAST_VISIBLE = 0.98
#: Frames a second of the clips.
FPS = 25.0


@dataclass(frozen=True)
class Passage:
    """One walker in one clip: ``masks`` is what the segmenter made of the true masks.

    ``others`` (T, H, W) bool holds the other walkers in the same windows, ``boxes`` (T, 4) the
    segmenter's box edges (top, bottom, left, right) less the true ones, outwards, / height.
    """

    name: str
    masks: Sequence
    others: Bools
    boxes: Array


def _window(mask: Pixels, box: Floats, scale: float) -> Bools:
    """The window about ``box`` of a frame's mask (H, W) 0 or 1, ``scale`` times as large."""
    rows, columns = round(WINDOW[0] / scale), round(WINDOW[1] / scale)
    left = round(float(box[0] + box[2]) / 2 - columns / 2)
    top = round(float(box[1] + box[3]) / 2 - rows / 2)
    part = np.zeros((rows, columns), np.uint8)
    y1, y2 = max(top, 0), min(top + rows, mask.shape[0])
    x1, x2 = max(left, 0), min(left + columns, mask.shape[1])
    part[y1 - top : y2 - top, x1 - left : x2 - left] = mask[y1:y2, x1:x2] * 255
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (WINDOW[1], WINDOW[0]), interpolation=how) > 127)


def match(boxes: npt.ArrayLike, others: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Which of ``others`` (M, 4) each of ``boxes`` (N, 4) is, -1 for none; best pairs first.

    Boxes are x1, y1, x2, y2; pairs overlap by an IoU of at least ``LEAST_IOU``.
    """
    table = box_iou(np.asarray(boxes), np.asarray(others))
    out = np.full(len(table), -1)
    while table.size and table.max() >= LEAST_IOU:
        i, j = np.unravel_index(int(table.argmax()), table.shape)
        out[i] = j
        table[i], table[:, j] = 0.0, 0.0
    return out


def _pixels(found: Detections, which: int, shape: tuple[int, int]) -> Pixels:
    """Mask of one detection, or of none, in the frame."""
    out = np.zeros(shape, np.uint8)
    if which >= 0:
        mask = found.masks[which]
        h, w = mask.pixels.shape
        out[mask.y_px : mask.y_px + h, mask.x_px : mask.x_px + w] = mask.pixels
    return out


@dataclass
class _Frames:
    """What is gathered of one walker."""

    heights: list[float]
    true: list[Bools]
    seen: list[Bools]
    others: list[Bools]
    found: list[bool]
    boxes: list[Array]


def _box_errors(found: Detections, which: int, box: Floats) -> Array:
    if which < 0:
        return np.full(4, np.nan)
    out = (found.boxes_xyxy_px[which] - box) * [-1, -1, 1, 1] / (box[3] - box[1])
    return np.asarray(out[[1, 3, 0, 2]])


def passages(clip: Path, masks: Path, detector: Detector) -> Iterator[Passage]:
    """Every walker of a clip written by ``clips.record``, over the frames where all of it shows.

    Passages shorter than 8 frames are left out; gaps in the visible frames are closed up.

    Raises:
        UsageError: The masks are of another rate than ``FPS``, or do not tell theirs.
        DamagedInputError: The clip has fewer frames than the masks.
    """
    stored = np.load(masks)
    rate = float(stored["fps"]) if "fps" in stored else None
    if rate != FPS:
        raise UsageError(f"{masks}: expected a clip of {FPS:g} frames a second, not {rate}")
    truth = json.loads(str(stored["truth"]))
    gathered: dict[int, _Frames] = {}
    tall = _heights(truth)
    video = cv2.VideoCapture(str(clip))
    for k, records in enumerate(truth):
        ok, image = video.read()
        if not ok:
            raise DamagedInputError(f"{clip}: {k} frames, {len(truth)} expected")
        shape = (image.shape[0], image.shape[1])
        fit = float(input_scale(shape[1], shape[0]))
        found = detector.detect(np.asarray(image, np.uint8))
        boxes = np.array([r["box_xyxy_px"] for r in records], np.float32).reshape(-1, 4)
        whole = {r["id"]: _unpack(stored[f"{k}_{r['id']}"], shape) for r in records}
        pairs = match(boxes, found.boxes_xyxy_px).tolist()
        for r, box, which in zip(records, boxes, pairs, strict=True):
            ident = r["id"]
            if r["cut"] or r["visible"] < LEAST_VISIBLE:
                continue
            rest = [m for i, m in whole.items() if i != ident]
            others = np.max([np.zeros(shape, np.uint8), *rest], axis=0)
            scale = TALL / tall[ident]
            true = _window(whole[ident], box, scale)
            if true.any():
                own = gathered.setdefault(ident, _Frames([], [], [], [], [], []))
                own.heights.append(float(box[3] - box[1]) * fit)
                own.true.append(true)
                own.seen.append(_window(_pixels(found, which, shape), box, scale))
                own.others.append(_window(others, box, scale))
                own.found.append(which >= 0)
                own.boxes.append(_box_errors(found, which, box))
    for ident, own in sorted(gathered.items()):
        if len(own.found) >= 8:
            true, seen, hit = np.stack(own.true), np.stack(own.seen), np.array(own.found)
            sequence = Sequence(true, seen, hit, float(np.median(own.heights)))
            name = f"{clip.stem}:{ident}"
            yield Passage(name, sequence, np.stack(own.others), np.stack(own.boxes))


def _heights(truth: list[list[dict[str, Any]]]) -> dict[int, float]:
    """Median height of each walker in pixels of the frame."""
    out: dict[int, list[float]] = {}
    for record in (r for frame in truth for r in frame):
        out.setdefault(record["id"], []).append(record["box_xyxy_px"][3] - record["box_xyxy_px"][1])
    return {ident: float(np.median(values)) for ident, values in out.items()}


def _unpack(bits: Pixels, shape: tuple[int, int]) -> Pixels:
    return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)


def foreign(walk: Passage) -> Array:
    """Share (T,) of the seen mask that lies on neighbours."""
    area = walk.masks.seen.sum(axis=(1, 2))
    return np.asarray((walk.masks.seen & walk.others).sum(axis=(1, 2)) / np.maximum(area, 1))


def load(folder: Path, models_dir: Path, segmenter: str) -> list[Passage]:
    """All walkers of the clips in ``folder`` as ``segmenter`` sees them.

    Raises:
        UsageError: There are none, or a clip is not of ``FPS``.
        ModelError: There is no such segmenter.
        DamagedInputError: A clip is shorter than its masks.
    """
    from rt_gait.assembly import DETECTOR_MIN_SCORE

    clips = {
        m.with_name(m.name.replace("_masks.npz", ".mp4")): m for m in folder.glob("*_masks.npz")
    }
    found = []
    if clips:
        detector = open_detector(segmenter, models_dir=models_dir, min_score=DETECTOR_MIN_SCORE)
        found = [
            walk
            for clip, masks in sorted(clips.items())
            for walk in passages(clip, masks, detector)
        ]
    if not found:
        raise UsageError(f"{folder}: no NAME.mp4 with NAME_masks.npz that shows whole walkers")
    return found
