"""Measures an exported person segmenter on held-out data, through the code that runs it live.

Sets, each optional, under one folder: `masks/test_coco.tar`, `masks/test_pennfudan.tar`
(photographs with outlines), `silhouettes/IBMtest2` (video frames with foreground masks) and
`video/TUD-Campus.mp4` with `mot15/TUD-Campus/gt.txt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rt_gait.detect.yolo_seg import decode, letterbox, shares
from rt_gait.serving.onnx import OnnxModel
from rt_gait.training.segmenter import average_precision as ap
from rt_gait.training.segmenter.data import read_archive
from rt_gait.types import Detections

AP_SCORE = 0.01
"""Lowest score that enters a precision-recall curve."""
RUN_SCORE = 0.25
"""Score threshold of the figures that describe use: recall, precision, silhouette IoU."""
UNSURE, PERSON = 170, 255
"""Values of IBMtest2's masks."""


class Model:
    """An ONNX segmenter in the Ultralytics layout."""

    def __init__(self, path: Path) -> None:
        self.network = OnnxModel(path)
        shape = self.network.inputs[0].shape
        self.takes_pixels = self.network.inputs[0].type == "tensor(uint8)"
        self.height, self.width = (int(s) for s in shape[2:])

    def __call__(self, image_bgr: NDArray[np.uint8], min_score: float) -> Detections:
        """People of one frame (H, W, 3)."""
        pixels, placement = letterbox(image_bgr, self.height, self.width)
        output0, output1 = self.network.run(pixels if self.takes_pixels else shares(pixels))
        size = (image_bgr.shape[0], image_bgr.shape[1])
        return decode(
            output0[0],
            output1[0],
            placement,
            input_hw=(self.height, self.width),
            frame_hw=size,
            min_score=min_score,
        )


def full_masks(found: Detections, height: int, width: int) -> NDArray[np.bool_]:
    """(D, H, W) masks in the frame."""
    out = np.zeros((len(found), height, width), bool)
    for plane, mask in zip(out, found.masks, strict=True):
        rows, cols = mask.pixels.shape
        y0, x0 = max(0, mask.y_px), max(0, mask.x_px)
        y1, x1 = min(height, mask.y_px + rows), min(width, mask.x_px + cols)
        plane[y0:y1, x0:x1] = mask.pixels[
            y0 - mask.y_px : y1 - mask.y_px, x0 - mask.x_px : x1 - mask.x_px
        ]
    return out


def outline_boxes(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(G, 4) corners around each mask."""
    out = np.zeros((len(masks), 4))
    for row, mask in zip(out, masks, strict=True):
        ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(ys):
            row[:] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return out


def photographs(model: Model, archive: Path, limit: int | None = None) -> dict[str, Any]:
    """Box and mask AP, and the mean mask IoU of people found in use (box IoU at least .5)."""
    boxes, masks, overlaps = [], [], []
    for photo in read_archive(archive, limit=limit):
        found = model(np.ascontiguousarray(photo.image[..., ::-1]), AP_SCORE)
        truth = photo.masks()
        by_box = ap.box_iou(found.boxes_xyxy_px, outline_boxes(truth))
        by_mask = ap.mask_iou(full_masks(found, *truth.shape[1:]), truth)
        boxes.append(ap.match(found.scores, by_box))
        masks.append(ap.match(found.scores, by_mask))
        used = found.scores >= RUN_SCORE
        if used.any() and len(truth):
            best = by_box[used].argmax(0)
            columns = np.flatnonzero(by_box[used].max(0) >= 0.5)
            overlaps.extend(by_mask[used][best[columns], columns])
    return {
        "images": len(boxes),
        "people": sum(b.people for b in boxes),
        "box": ap.summary(boxes),
        "mask": ap.summary(masks),
        "mean_mask_iou_of_found": round(float(np.mean(overlaps)), 4),
    }


def silhouettes(model: Model, folder: Path, limit: int | None = None) -> dict[str, Any]:
    """IoU of all people's masks together with the labelled foreground, unsure pixels left out."""
    values = []
    for path in sorted((folder / "gt").iterdir())[:limit]:
        truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        frames = list((folder / "frames").glob(path.stem + ".*"))
        image = cv2.imread(str(frames[0])) if frames else None
        if truth is None or image is None:
            raise ValueError(f"{path.name}: mask or frame cannot be read")
        found = model(np.asarray(image, np.uint8), RUN_SCORE)
        person = full_masks(found, *truth.shape).any(0)
        sure = truth != UNSURE
        both = (person & (truth == PERSON) & sure).sum()
        either = ((person | (truth == PERSON)) & sure).sum()
        if (truth == PERSON).any():
            values.append((float(both), float(either)))
    array = np.array(values)
    per_frame = array[:, 0] / array[:, 1]
    low, high = np.quantile(_resampled_means(per_frame), [0.025, 0.975])
    return {
        "frames": len(array),
        "mean_iou": [round(float(v), 4) for v in (per_frame.mean(), low, high)],
        "pooled_iou": round(float(array[:, 0].sum() / array[:, 1].sum()), 4),
    }


def _resampled_means(values: NDArray[np.float64], resamples: int = 1000) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return np.asarray(
        values[rng.integers(0, len(values), (resamples, len(values)))].mean(1), np.float64
    )


def frames_of(video: Path) -> Iterator[NDArray[np.uint8]]:
    """BGR frames of a video file."""
    capture = cv2.VideoCapture(str(video))
    try:
        while True:
            ok, image = capture.read()
            if not ok:
                return
            yield np.asarray(image, np.uint8)
    finally:
        capture.release()


def pedestrians(
    model: Model, video: Path, truth_file: Path, limit: int | None = None
) -> dict[str, Any]:
    """Recall and precision of boxes at IoU .5 against MOTChallenge ground truth."""
    truth = np.loadtxt(truth_file, delimiter=",", ndmin=2)
    truth = truth[truth[:, 6] > 0]
    hits = found_count = people = 0
    for number, image in enumerate(frames_of(video), start=1):
        if limit and number > limit:
            break
        here = truth[truth[:, 0] == number][:, 2:6]
        corners = np.concatenate([here[:, :2], here[:, :2] + here[:, 2:]], 1)
        found = model(image, RUN_SCORE)
        matches = ap.match(found.scores, ap.box_iou(found.boxes_xyxy_px, corners))
        hits += int(matches.hits[0].sum())
        found_count, people = found_count + len(found), people + len(here)
    return {
        "people": people,
        "recall": round(hits / max(1, people), 4),
        "precision": round(hits / max(1, found_count), 4),
    }


def evaluate(
    model_path: Path, data: Path, *, limit: int | None = None, save: Path | None = None
) -> str:
    """Measure whatever sets `data` holds; the figures as JSON text, also written to `save`."""
    model = Model(model_path)
    figures: dict[str, Any] = {"ap_score": AP_SCORE, "run_score": RUN_SCORE}
    for name in ("test_coco", "test_pennfudan"):
        archive = data / "masks" / f"{name}.tar"
        if archive.is_file():
            figures[name] = photographs(model, archive, limit)
    folder = data / "silhouettes" / "IBMtest2"
    if folder.is_dir():
        figures["IBMtest2"] = silhouettes(model, folder, limit)
    for name in ("TUD-Campus",):
        video, truth = data / "video" / f"{name}.mp4", data / "mot15" / name / "gt.txt"
        if video.is_file() and truth.is_file():
            figures[name] = pedestrians(model, video, truth, limit)
    text = json.dumps(figures, indent=2)
    if save:
        save.write_text(text + "\n")
    return text
