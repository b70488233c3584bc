"""People who pass by a camera for ever, drawn and detected by a script.

Ten lanes of the picture have somebody in them; whoever has crossed it makes room for the next. Real
time is written into each picture, so that the detector knows who is where, and the watcher how late
a frame is.
"""

from __future__ import annotations

import time
from fractions import Fraction

import cv2
import numpy as np

from rt_gait.bench.pipeline.crowd import draw_walker
from rt_gait.detect.detector import OneByOne
from rt_gait.types import BoolArray, Detections, Frame, Mask, UInt8Array
from rt_gait.video.source import BaseSource, SourceInfo

RATE_HZ = 25
LANES = 10
CROSSING_SECS = 3.6
"""From one person of a lane to the next: 10 lanes give 5,000 people in 30 minutes."""
_FRAME_HW = (480, 640)
_PERSON_HW = (90, 47)
_ROWS = 5
_CYCLE_SECS = 1.04
_POSES = 26


class PassersCamera(BaseSource):
    """A live camera over people who pass by, until its connection breaks.

    Args:
        secs: How long the connection holds, > 0.
    """

    def __init__(self, secs: float) -> None:
        height, width = _FRAME_HW
        super().__init__(SourceInfo("passers", True, width, height, Fraction(RATE_HZ), None))
        self._begun_secs = time.monotonic()
        self._frames = max(round(secs * RATE_HZ), 1)
        self._index = 0

    def read(self) -> Frame | None:
        """Wait for the time of the next frame; None when the connection breaks."""
        if self._index >= self._frames:
            return None
        time_secs = self._index / RATE_HZ
        time.sleep(max(self._begun_secs + time_secs - time.monotonic(), 0.0))
        image = np.full((*_FRAME_HW, 3), 90, np.uint8)
        image[0, :8, 0] = np.frombuffer(np.float64(time.monotonic()).tobytes(), np.uint8)
        self._index += 1
        return Frame(image, self._index - 1, time_secs)

    def close(self) -> None:
        """End it."""
        self._frames = 0


def filmed_secs(image_bgr: UInt8Array) -> float:
    """Return the monotonic time at which a picture was filmed, which is written into it."""
    return float(np.frombuffer(image_bgr[0, :8, 0].tobytes(), np.float64)[0])


class PassersDetector(OneByOne):
    """Finds the people who are in the picture at the time that is written into it."""

    key = "passers@00000000"

    def __init__(self) -> None:
        self._poses = [_pose(number / _POSES) for number in range(_POSES)]

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Return who is there."""
        now_secs = filmed_secs(image_bgr)
        masks = [m for lane in range(LANES) if (m := self._mask(lane, now_secs)) is not None]
        if not masks:
            return Detections.none()
        sides = [(m.x_px, m.y_px, *m.pixels.shape[::-1]) for m in masks]
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in sides], np.float32)
        return Detections(boxes, np.full(len(masks), 0.9, np.float32), tuple(masks))

    def _mask(self, lane: int, now_secs: float) -> Mask | None:
        """Return the person of a lane, cut off at the sides of the picture; None outside of it."""
        row, second = lane % _ROWS, lane // _ROWS
        share = (now_secs / CROSSING_SECS + 0.5 * second + row / _ROWS) % 1
        pose = self._poses[int(now_secs / _CYCLE_SECS * _POSES + 5 * lane) % _POSES]
        x_px = round(share * (_FRAME_HW[1] + _PERSON_HW[1])) - _PERSON_HW[1]
        first, last = max(-x_px, 0), min(_FRAME_HW[1] - x_px, _PERSON_HW[1])
        y_px = 5 + row * (_FRAME_HW[0] // _ROWS)
        return Mask(max(x_px, 0), y_px, pose[:, first:last]) if last - first > 4 else None


def _pose(phase: float) -> BoolArray:
    height, width = _PERSON_HW
    large = draw_walker(phase).astype(np.uint8)
    small: BoolArray = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA) > 0
    return small
