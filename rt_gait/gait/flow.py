"""Optical flow of each person, in a picture that moves and scales with the person.

The picture is a square around the box, so wide that the person is 48 of its 60 pixels tall. Flow is
taken between two pictures cut by the same square, the one of the later frame: so it is motion
against the camera, walking speed included, and a background at rest has none, as in the original
system (Ruiz-Barroso et al., Sci. Rep. 2025, 15:19276; SUSCOM 2022, 36:100814). Other than there,
nobody else's motion is in it unless they are near, and the unit is the person's own height a second
instead of pixels a frame: distance and frame rate leave it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rt_gait.types import FloatArray, FlowField, Frame, HalfArray, Silhouette, UInt8Array

SIDE_PX = 60
PERSON_PX = 48
"""Height of the person in the picture: 6 pixels above and below for steps and arms."""
_MOST_HEIGHTS_PER_SEC = 100.0
"""Above, timestamps are at fault. Keeps the numbers finite in float16."""


class FlowEncoder:
    """Flow since the frame before, for everybody whose pictures in both frames are usable."""

    def __init__(self) -> None:
        self._method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # Down to single pixels of the picture: by default it stops at a quarter of them.
        self._method.setFinestScale(0)
        self._before: Frame | None = None
        self._seen: frozenset[int] = frozenset()

    def encode(self, frame: Frame, silhouettes: Sequence[Silhouette]) -> list[FlowField]:
        """Return flow fields in the order of ``silhouettes``.

        Args:
            frame: the next one.
            silhouettes: of the tracks that are usable in it.
        """
        before, seen = self._before, self._seen
        self._before, self._seen = frame, frozenset(s.track_id for s in silhouettes)
        if before is None or not _follows(before, frame):
            return []
        step_secs = frame.time_secs - before.time_secs
        fields = []
        for person in silhouettes:
            if person.track_id not in seen:
                continue
            pair = before.image_bgr, frame.image_bgr
            pixels = self._flow(*pair, person.box_xyxy_px) / np.float32(step_secs)
            np.clip(pixels, -_MOST_HEIGHTS_PER_SEC, _MOST_HEIGHTS_PER_SEC, out=pixels)
            fields.append(FlowField(person.track_id, frame.time_secs, pixels.astype(np.float16)))
        return fields

    def _flow(self, before: UInt8Array, after: UInt8Array, box_xyxy_px: FloatArray) -> FloatArray:
        """Return [60, 60, 2] float32: motion right and down, in heights of the person."""
        x1, y1, x2, y2 = box_xyxy_px.tolist()
        height = max(y2 - y1, 1.0)
        side = max(round(height * SIDE_PX / PERSON_PX), 1)
        x, y = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
        flow_px: FloatArray = self._method.calc(
            _grey_square(before, x, y, side), _grey_square(after, x, y, side), None
        )
        return flow_px * np.float32(side / SIDE_PX / height)


def interleaved(fields: HalfArray) -> HalfArray:
    """Return [N, T, H, W, 2] as [N, 2T, H, W]: u0, v0, u1, v1, ..."""
    count, steps, height, width, parts = fields.shape
    return fields.transpose(0, 1, 4, 2, 3).reshape(count, steps * parts, height, width)


def _follows(before: Frame, frame: Frame) -> bool:
    return (
        before.epoch == frame.epoch
        and before.time_secs < frame.time_secs
        and before.image_bgr.shape == frame.image_bgr.shape
    )


def _grey_square(image: UInt8Array, x: int, y: int, side: int) -> UInt8Array:
    """Cut a square and scale it; beyond the frame, the frame's border is repeated."""
    height, width = image.shape[:2]
    left, right = max(x, 0), min(x + side, width)
    top, bottom = max(y, 0), min(y + side, height)
    part = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    beyond = (top - y, y + side - bottom, left - x, x + side - right)
    if any(beyond):
        part = cv2.copyMakeBorder(part, *beyond, cv2.BORDER_REPLICATE)
    smooth = cv2.INTER_AREA if side > SIDE_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (SIDE_PX, SIDE_PX), interpolation=smooth))
