"""Person segmentation with a YOLO segmentation network.

The network's layout is the one Ultralytics exports: ``output0`` [N, 4 + C + 32, A] holds, for each
of A anchors, the box centre and size in input pixels, C class scores (class 0 is person) and 32
mask coefficients; ``output1`` [N, 32, H/4, W/4] holds the mask prototypes. A mask is the sigmoid
of coefficients times prototypes (Bolya et al., YOLACT, 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo
from rt_gait.types import BoolArray, Detections, FloatArray, Mask, UInt8Array

NMS_IOU = 0.65
"""Two boxes that overlap more are one person. Crossing people reach .5 to .6; doubles exceed .7."""
MAX_PEOPLE = 100
"""Bound on the work one crowded frame can cause."""
_PAD_VALUE = 114
_COEFFICIENTS = 32


@dataclass(frozen=True)
class Letterbox:
    """How a frame was placed in the network's input: input = frame * scale + offset."""

    scale: float
    left: int
    top: int


def letterbox(image_bgr: UInt8Array, height: int, width: int) -> tuple[UInt8Array, Letterbox]:
    """Fit a picture into the network's input, keeping its shape and padding with grey.

    Returns:
        [1, 3, height, width] uint8 RGB, and the placement.
    """
    rows, columns = image_bgr.shape[:2]
    scale = min(height / rows, width / columns)
    fit_h, fit_w = max(round(rows * scale), 1), max(round(columns * scale), 1)
    top, left = (height - fit_h) // 2, (width - fit_w) // 2
    canvas = np.full((height, width, 3), _PAD_VALUE, np.uint8)
    inside = canvas[top : top + fit_h, left : left + fit_w]
    if (fit_h, fit_w) == (rows, columns):
        inside[:] = image_bgr
    else:
        # Halving first keeps every pixel's share, at a third of the cost of INTER_AREA.
        while min(image_bgr.shape[0] / fit_h, image_bgr.shape[1] / fit_w) >= 2:
            half = (image_bgr.shape[1] // 2, image_bgr.shape[0] // 2)
            image_bgr = cv2.resize(image_bgr, half, interpolation=cv2.INTER_AREA)
        cv2.resize(image_bgr, (fit_w, fit_h), dst=inside, interpolation=cv2.INTER_LINEAR)
    planes = np.stack(cv2.split(canvas)[::-1])[np.newaxis]
    return planes, Letterbox(scale, left, top)


def shares(planes: UInt8Array) -> FloatArray:
    """Return pixels as float32 in 0..1, for networks that do not do that themselves."""
    return np.multiply(planes, np.float32(1 / 255))


def decode(
    output0: npt.NDArray[Any],
    output1: npt.NDArray[Any],
    placement: Letterbox,
    *,
    input_hw: tuple[int, int],
    frame_hw: tuple[int, int],
    min_score: float,
) -> Detections:
    """Turn the network's outputs for one picture into people.

    Args:
        output0: [4 + C + 32, A] float.
        output1: [32, h, w] float.
        placement: Where the frame lies in the input.
        input_hw: Height and width of the network's input in pixels.
        frame_hw: Height and width of the frame in pixels.
        min_score: Lowest score to report, 0..1.
    """
    scores = output0[4]
    keep = np.flatnonzero(scores >= min_score)
    if not keep.size:
        return Detections.none()
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    centre, size = output0[0:2, keep].T, output0[2:4, keep].T
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
    chosen = _suppress(boxes)
    keep, boxes = keep[chosen], boxes[chosen]

    offset = np.array([placement.left, placement.top] * 2, np.float32)
    in_frame = (boxes - offset) / np.float32(placement.scale)
    in_frame[:, 0::2] = in_frame[:, 0::2].clip(0, frame_hw[1])
    in_frame[:, 1::2] = in_frame[:, 1::2].clip(0, frame_hw[0])
    real = np.flatnonzero((in_frame[:, 2:] - in_frame[:, :2]).min(axis=1) >= 2)
    keep, in_frame = keep[real], in_frame[real]

    coefficients = output0[-_COEFFICIENTS:, keep].T.astype(np.float32)
    prototypes = output1.astype(np.float32, copy=False)
    grid = input_hw[0] / prototypes.shape[1]
    masks = tuple(
        _mask(c, prototypes, box, placement, grid)
        for c, box in zip(coefficients, in_frame, strict=True)
    )
    detail = min(placement.scale, 1.0)
    return Detections(in_frame, scores[keep].astype(np.float32), masks, detail)


def _suppress(boxes: FloatArray) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression of [N, 4] boxes, best first; indices of those kept."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.arange(len(boxes))
    kept: list[int] = []
    while left.size and len(kept) < MAX_PEOPLE:
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod((high - low).clip(0), axis=1)
        left = left[shared <= NMS_IOU * (areas[best] + areas[left] - shared)]
    return np.array(kept, np.intp)


def _mask(
    coefficients: FloatArray,
    prototypes: FloatArray,
    box: FloatArray,
    placement: Letterbox,
    grid: float,
) -> Mask:
    """Cut one person out at the resolution of the frame.

    The mask logits are computed on the cells under the box alone and interpolated to every pixel
    of the box before the threshold, so the outline is finer than the prototype grid.
    """
    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int)
    to_grid_x = (np.arange(x1, x2) + 0.5) * placement.scale + placement.left
    to_grid_y = (np.arange(y1, y2) + 0.5) * placement.scale + placement.top
    cols, rows = to_grid_x / grid - 0.5, to_grid_y / grid - 0.5
    c0, c1 = max(int(cols[0]), 0), min(int(cols[-1]) + 2, prototypes.shape[2])
    r0, r1 = max(int(rows[0]), 0), min(int(rows[-1]) + 2, prototypes.shape[1])
    patch = np.tensordot(coefficients, prototypes[:, r0:r1, c0:c1], axes=1)
    # The map is separable and affine: one row and one column of coordinates describe it.
    step_x = placement.scale / grid
    affine = np.array([[step_x, 0, cols[0] - c0], [0, step_x, rows[0] - r0]], np.float64)
    logits = cv2.warpAffine(
        patch,
        affine,
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    pixels: BoolArray = logits > 0
    return Mask(int(x1), int(y1), pixels)


class Engine(Protocol):
    """What runs the network."""

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return the two outputs for [N, 3, H, W], uint8, or float32 in 0..1."""
        ...


class YoloSegDetector:
    """A person segmenter of the model repository.

    Args:
        info: The model.
        min_score: People scored lower are not reported.
        engine: What runs it; ONNX Runtime in this process by default.

    Raises:
        ModelError: the network does not have the layout described above.
    """

    def __init__(self, info: ModelInfo, *, min_score: float, engine: Engine | None = None) -> None:
        self._height, self._width = int(info.number("height")), int(info.number("width"))
        self._engine = engine or OnnxModel(info.onnx_path, info)
        if len(info.outputs) != 2:
            raise ModelError(
                f"model {info.name!r} has {len(info.outputs)} outputs; a YOLO segmentation "
                "network has two (boxes with coefficients, and prototypes)"
            )
        self._takes_pixels = info.inputs[0].data_type == "TYPE_UINT8"
        self._most_in_batch = info.largest_batch
        self._min_score = min_score
        self.key = info.key

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Find the people of one picture [H, W, 3] uint8, best score first."""
        return self._run([image_bgr])[0]

    def detect_all(self, images_bgr: Sequence[UInt8Array]) -> list[Detections]:
        """Find the people of several pictures, as many in one request as the model allows."""
        found: list[Detections] = []
        for start in range(0, len(images_bgr), self._most_in_batch):
            found += self._run(images_bgr[start : start + self._most_in_batch])
        return found

    def _run(self, images_bgr: Sequence[UInt8Array]) -> list[Detections]:
        placed = [letterbox(image, self._height, self._width) for image in images_bgr]
        pixels = np.concatenate([planes for planes, _ in placed])
        outputs = self._engine.run(pixels if self._takes_pixels else shares(pixels))
        return [
            decode(
                output0,
                output1,
                placement,
                input_hw=(self._height, self._width),
                frame_hw=image.shape[:2],
                min_score=self._min_score,
            )
            for image, (_, placement), output0, output1 in zip(
                images_bgr, placed, *outputs, strict=True
            )
        ]
