"""Which pictures of a person are fit for gait recognition, and why not.

Silhouette networks are sensitive to broken outlines; leaving bad frames out is worth more than
any repair (QAGait, Wang et al., 2024). A frame is left out whole, with its reason.
"""

from __future__ import annotations

import cv2
import numpy as np

from rt_gait.reasons import Rejection
from rt_gait.types import BoolArray, Detections, Mask, UInt8Array

LEAST_SCORE = 0.4
LEAST_HEIGHT_PX = 48
"""As the detector saw it; three quarters of the normalised height. Of people of 40 to 48 pixels
``person_seg`` finds 72% of the feet and overlaps the truth by .80, of those of 56 to 66 86% and
.86 (27 rendered clips, ``rt_gait.training.walkers.noise.fit``)."""
EDGE_PX = 2
"""A box this near the border of the frame is taken to be cut by it."""
LEAST_MAIN_SHARE = 0.9
"""Share of the mask in its largest piece. Below, a limb or the head has come off."""
TOUCH_PX = 2
"""Two masks nearer than this may have swapped pixels."""
IN_FRONT_SHARE = 0.04
"""Who stands lower in the picture by this share of the own height is in front and seen whole ..."""
MOST_SHARED = 0.02
"""... unless more than this share of the own mask is claimed by the neighbour too."""


def usable_mask(index: int, detections: Detections, frame_hw: tuple[int, int]) -> Mask | Rejection:
    """Judge one detection of a frame.

    Returns:
        The largest piece of its mask, or the reason for leaving the frame out.
    """
    box, mask = detections.boxes_xyxy_px[index], detections.masks[index]
    if detections.scores[index] < LEAST_SCORE:
        return Rejection.LOW_SCORE
    height, width = frame_hw
    if min(box[0], box[1]) < EDGE_PX or box[2] > width - EDGE_PX or box[3] > height - EDGE_PX:
        return Rejection.CUT_BY_FRAME
    if (box[3] - box[1]) * detections.detail < LEAST_HEIGHT_PX:
        return Rejection.TOO_SMALL
    if _merged_with_another(index, detections):
        return Rejection.MERGED
    main = _largest_piece(mask.pixels)
    total = int(mask.pixels.sum())
    if total == 0 or main.sum() < LEAST_MAIN_SHARE * total:
        return Rejection.FRAGMENTED
    return Mask(mask.x_px, mask.y_px, main)


def _largest_piece(pixels: BoolArray) -> BoolArray:
    picture = pixels.view(np.uint8)
    outlines, _ = cv2.findContours(picture, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if len(outlines) == 1:  # nearly always, and a third of the work of labelling
        return pixels
    _, labels, stats, _ = cv2.connectedComponentsWithStats(picture, connectivity=8)
    if len(stats) < 2:
        return pixels
    piece: BoolArray = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return piece


def _merged_with_another(index: int, detections: Detections) -> bool:
    """Whether a neighbour hides part of this person, or has lent it pixels."""
    boxes, mask = detections.boxes_xyxy_px, detections.masks[index]
    own = boxes[index] + np.array([-TOUCH_PX, -TOUCH_PX, TOUCH_PX, TOUCH_PX], np.float32)
    near = (
        (boxes[:, 0] <= own[2])
        & (boxes[:, 2] >= own[0])
        & (boxes[:, 1] <= own[3])
        & (boxes[:, 3] >= own[1])
    )
    near[index] = False
    behind = boxes[:, 3] < boxes[index, 3] - IN_FRONT_SHARE * (boxes[index, 3] - boxes[index, 1])
    allowed_px = MOST_SHARED * mask.pixels.sum()
    for other in np.flatnonzero(near):
        touching, shared_px = _contact(mask, detections.masks[other])
        if shared_px > allowed_px or (touching and not behind[other]):
            return True
    return False


def _contact(a: Mask, b: Mask) -> tuple[bool, int]:
    """Whether two masks come within ``TOUCH_PX`` of one another, and the pixels both claim."""
    x1, y1 = max(a.x_px, b.x_px) - TOUCH_PX, max(a.y_px, b.y_px) - TOUCH_PX
    x2 = min(a.x_px + a.pixels.shape[1], b.x_px + b.pixels.shape[1]) + TOUCH_PX
    y2 = min(a.y_px + a.pixels.shape[0], b.y_px + b.pixels.shape[0]) + TOUCH_PX
    if x2 <= x1 or y2 <= y1:
        return False, 0
    kernel = np.ones((2 * TOUCH_PX + 1, 2 * TOUCH_PX + 1), np.uint8)
    part_a, part_b = _cut(a, x1, y1, x2, y2), _cut(b, x1, y1, x2, y2)
    touching = bool((cv2.dilate(part_a, kernel) & part_b).any())
    return touching, int((part_a & part_b).sum())


def _cut(mask: Mask, x1: int, y1: int, x2: int, y2: int) -> UInt8Array:
    """Return the part of a mask in a rectangle of the frame as [y2-y1, x2-x1] of 0 and 1."""
    part = np.zeros((y2 - y1, x2 - x1), np.uint8)
    h, w = mask.pixels.shape
    left, top = max(x1, mask.x_px), max(y1, mask.y_px)
    right, bottom = min(x2, mask.x_px + w), min(y2, mask.y_px + h)
    if right > left and bottom > top:
        part[top - y1 : bottom - y1, left - x1 : right - x1] = mask.pixels[
            top - mask.y_px : bottom - mask.y_px, left - mask.x_px : right - mask.x_px
        ]
    return part
