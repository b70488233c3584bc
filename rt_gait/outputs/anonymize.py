"""Pictures that show that people walk, and not who they are."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from rt_gait.types import FrameResult, UInt8Array

CELLS_ACROSS = 4
"""A person is averaged over cells of a quarter of the shorter side, about the width of a face."""
_MARGIN = 0.12
"""Of the box's sides, added on each: hair and hands reach over the edge of a box."""
_FIGURE_BGR = (168, 168, 168)


def anonymous(result: FrameResult, how: Literal["blur", "silhouette"]) -> UInt8Array:
    """Return a picture of the frame without anybody's looks.

    ``blur`` keeps the place and averages every person into coarse cells; it hides those who were
    found in the frame or are being followed, and nobody else. ``silhouette`` shows outlines on
    black: nothing of the camera's picture is left, whether or not a person was found.

    Args:
        result: One frame.
        how: ``blur`` or ``silhouette``.

    Returns:
        A new picture [H, W, 3] uint8.
    """
    if how == "silhouette":
        return _silhouettes(result)
    image = result.frame.image_bgr.copy()
    boxes = [*result.detections.boxes_xyxy_px, *(t.box_xyxy_px for t in result.tracks)]
    for box in boxes:
        _average(image, np.asarray(box, np.float64))
    return image


def _silhouettes(result: FrameResult) -> UInt8Array:
    image = np.zeros_like(result.frame.image_bgr)
    for mask in result.detections.masks:
        height, width = mask.pixels.shape
        part = image[mask.y_px : mask.y_px + height, mask.x_px : mask.x_px + width]
        np.copyto(part, np.array(_FIGURE_BGR, np.uint8), where=mask.pixels[..., None].astype(bool))
    return image


def _average(image: UInt8Array, box: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    margin = _MARGIN * (box[2:] - box[:2])
    edge = (image.shape[1], image.shape[0])
    x1, y1 = np.clip(np.floor(box[:2] - margin), 0, edge).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(box[2:] + margin), 0, edge).astype(int).tolist()
    part = image[y1:y2, x1:x2]
    if not part.size:
        return
    cell = max(min(x2 - x1, y2 - y1) / CELLS_ACROSS, 1)
    size = (max(round((x2 - x1) / cell), 1), max(round((y2 - y1) / cell), 1))
    coarse = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(coarse, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
