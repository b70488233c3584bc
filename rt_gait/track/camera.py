"""How the camera moved from the last frame to this one, seen on what stands still behind people.

Corners (Shi and Tomasi, 1994) between the people of the last frame are found again in this one by
pyramidal Lucas-Kanade flow on a frame made small, and a shift with turn and zoom is fitted to them
by RANSAC, as BoT-SORT (Aharon et al., 2022) and others do. A camera that stands still is left
alone: where enough corners stay where they were, whatever else moves is no motion of the camera.
"""

from __future__ import annotations

import cv2
import numpy as np

from rt_gait.types import FloatArray, UInt8Array

WIDTH_PX = 160
"""Of the small frame."""
MOST_CORNERS = 40
LEAST_CORNERS = 12
STILL_PX = 0.25
"""A corner of the small frame that moved less has not moved ..."""
STILL_SHARE = 0.4
"""... and neither has the camera, if so many have not."""
AGREE_SHARE = 0.5
"""Of the corners that a motion is to explain."""


class CameraMotion:
    """Compares each frame with the one before."""

    def __init__(self) -> None:
        self._before: tuple[UInt8Array, FloatArray] | None = None

    def reset(self) -> None:
        """Forget the last frame, after a jump in time or a reconnect."""
        self._before = None

    def update(self, image_bgr: UInt8Array, people_xyxy_px: FloatArray) -> FloatArray | None:
        """Take the next frame.

        Args:
            image_bgr: [H, W, 3] uint8.
            people_xyxy_px: [N, 4] boxes of people, who move by themselves.

        Returns:
            [2, 3] float32 that takes places of the last frame to this one, in pixels; None if the
            camera stands still, or it cannot be told.
        """
        scale = WIDTH_PX / image_bgr.shape[1]
        # Green is nearly all of brightness; skipping pixels first saves most of a large frame.
        step = max(round(1 / scale / 2), 1)
        size = (WIDTH_PX, max(round(image_bgr.shape[0] * scale), 1))
        green = np.ascontiguousarray(image_bgr[::step, ::step, 1])
        grey: UInt8Array = cv2.resize(green, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        before, self._before = self._before, (grey, people_xyxy_px * scale)
        if before is None or before[0].shape != grey.shape:
            return None
        corners = _corners(*before)
        if len(corners) < LEAST_CORNERS:
            return None
        found, status, _ = cv2.calcOpticalFlowPyrLK(
            before[0], grey, corners, None, winSize=(11, 11), maxLevel=2
        )
        seen = status.ravel() > 0
        corners, found = corners[seen, 0], found[seen, 0]
        way = np.abs(found - corners).max(axis=1)
        if len(way) < LEAST_CORNERS or (way < STILL_PX).mean() >= STILL_SHARE:
            return None
        motion, agree = cv2.estimateAffinePartial2D(corners, found, ransacReprojThreshold=0.5)
        if motion is None or agree.mean() < AGREE_SHARE:
            return None
        in_frame: FloatArray = motion.astype(np.float32)
        in_frame[:, 2] /= scale
        return in_frame


def moved(box_xyxy_px: FloatArray, motion: FloatArray) -> FloatArray:
    """Return where a box [4] is after a motion [2, 3] of the camera: upright still, and zoomed."""
    centre = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2
    half = (box_xyxy_px[2:] - box_xyxy_px[:2]) / 2 * zoom(motion)
    centre = motion[:, :2] @ centre + motion[:, 2]
    return np.concatenate([centre - half, centre + half])


def zoom(motion: FloatArray) -> float:
    """Return how many times larger a motion [2, 3] makes things."""
    return float(np.sqrt(abs(np.linalg.det(motion[:, :2]))))


def _corners(grey: UInt8Array, people: FloatArray) -> FloatArray:
    free = np.full(grey.shape, 255, np.uint8)
    for x1, y1, x2, y2 in people.clip(0).astype(int).tolist():
        free[y1 : y2 + 1, x1 : x2 + 1] = 0
    found = cv2.goodFeaturesToTrack(grey, MOST_CORNERS, 0.01, 6, mask=free)
    return np.zeros((0, 1, 2), np.float32) if found is None else found
