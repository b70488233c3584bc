"""A small world for tests: people drawn as moving figures, and a detector that knows where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from rt_gait.detect.detector import OneByOne
from rt_gait.types import Detections, Frame, Mask, UInt8Array
from rt_gait.video.source import BaseSource, SourceInfo

FRAME_HW = (240, 320)


@dataclass(frozen=True)
class Person:
    """Walks at a constant speed; ``girth`` is what tells one from another."""

    x_px: float
    speed_px_per_sec: float
    foot_px: int = 220
    height_px: int = 120
    girth: float = 0.12
    from_secs: float = 0.0
    to_secs: float = 1e9
    stands: bool = False
    """Legs that do not swing."""

    def mask(self, time_secs: float) -> Mask | None:
        """The figure at a time; None when it is not there."""
        if not self.from_secs <= time_secs < self.to_secs:
            return None
        h = self.height_px
        w = h // 2
        canvas = np.zeros((h, w), np.uint8)
        swing = 0.3 if self.stands else np.sin(2 * np.pi * time_secs / 1.1)
        cv2.ellipse(canvas, (w // 2, h * 3 // 8), (int(self.girth * h), h // 5), 0, 0, 360, 1, -1)
        cv2.circle(canvas, (w // 2, h // 10), h // 10, 1, -1)
        for sign in (-1, 1):
            foot = (int(w / 2 + sign * swing * w * 0.4), h - 1)
            cv2.line(canvas, (w // 2, h // 2), foot, 1, int(self.girth * h * 0.6) + 1)
        x = round(self.x_px + self.speed_px_per_sec * time_secs - w / 2)
        y = self.foot_px - h
        x1, x2 = max(x, 0), min(x + w, FRAME_HW[1])
        visible = canvas[:, max(x1 - x, 0) : max(x2 - x, 0)].astype(bool)
        return Mask(x1, y, visible) if visible.any() else None


class ScriptedDetector(OneByOne):
    """Finds the people of the script at the time that is written into the picture."""

    key = "scripted@00000000"

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people

    def detect(self, image_bgr: UInt8Array) -> Detections:
        """Read the time off the picture and return who is there."""
        now_secs = self.read_time(image_bgr)
        masks = [m for p in self._people if (m := p.mask(now_secs)) is not None]
        if not masks:
            return Detections.none()
        boxes = []
        for mask in masks:
            ys, xs = np.nonzero(mask.pixels)
            boxes.append(
                (
                    mask.x_px + xs.min(), mask.y_px + ys.min(),
                    mask.x_px + xs.max() + 1, mask.y_px + ys.max() + 1,
                )
            )  # fmt: skip
        return Detections(
            np.array(boxes, np.float32), np.full(len(masks), 0.9, np.float32), tuple(masks)
        )

    def read_time(self, image_bgr: UInt8Array) -> float:
        """Return the time of the script at which a picture was taken."""
        return read_time(image_bgr)


def frame(index: int, *, fps: float = 25.0, epoch: int = 0) -> Frame:
    """A grey frame with its time, in milliseconds, written into its first pixels."""
    image = np.full((*FRAME_HW, 3), 90, np.uint8)
    millis = round(index / fps * 1000)
    image[0, 0] = (millis & 255, millis >> 8 & 255, millis >> 16 & 255)
    return Frame(image, index, index / fps, epoch)


def read_time(image_bgr: UInt8Array) -> float:
    """Read what :func:`frame` wrote, in seconds."""
    low, mid, high = image_bgr[0, 0].tolist()
    return float(low + (mid << 8) + (high << 16)) / 1000


class ScriptedSource(BaseSource):
    """Frames from memory; raises ``error`` after the last one if there is one."""

    def __init__(
        self,
        count: int,
        *,
        fps: float = 25.0,
        live: bool = False,
        error: Exception | None = None,
        pause: object = None,
    ) -> None:
        info = SourceInfo(
            name="scripted", live=live, width_px=FRAME_HW[1], height_px=FRAME_HW[0],
            frame_rate=Fraction(round(fps)), frame_count=None if live else count,
        )  # fmt: skip
        super().__init__(info)
        self.closed = 0
        self._count, self._fps, self._error, self._next = count, fps, error, 0
        self._pause = pause

    def read(self) -> Frame | None:
        """Return the next frame."""
        if self._next >= self._count:
            if self._error is not None:
                raise self._error
            return None
        if callable(self._pause):
            self._pause()
        self._next += 1
        return frame(self._next - 1, fps=self._fps)

    def close(self) -> None:
        """Count how often it was closed."""
        self.closed += 1
