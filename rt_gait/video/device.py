"""A camera of this machine, through OpenCV.

On Linux OpenCV is told to use Video4Linux: left to choose, it tries every library it was built
with and prints a page of complaints about a camera that is not there.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from rt_gait.errors import SourceLostError, SourceOpenError
from rt_gait.types import Frame, UInt8Array
from rt_gait.video.source import MAX_FRAME_RATE, BaseSource, SourceInfo, exact_rate
from rt_gait.video.timeline import Timeline

_DEFAULT_PERIOD_SECS = 1 / 30  # most webcams; only used to tell a pause from a slow camera


def silence_opencv() -> None:
    """Keep OpenCV's own log off stderr, for good: its news come as return values here."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:  # OpenCV 5
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def camera_nodes() -> list[str]:
    """Return the video devices of this machine in the order of their numbers."""
    nodes = [str(node) for node in Path("/dev").glob("video*") if re.search(r"\d$", node.name)]
    return sorted(nodes, key=lambda node: (len(node), node))


class CameraDevice(BaseSource):
    """The frames of one camera, stamped when they arrive."""

    def __init__(self, number: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the camera and wait for a first picture, to learn its size.

        Args:
            number: 0 for /dev/video0.
            clock: Seconds, never going back.

        Raises:
            SourceOpenError: no such camera, or it gives no picture.
        """
        self._clock = clock
        self._name = f"camera{number}"
        silence_opencv()
        linux = sys.platform.startswith("linux")
        if linux and f"/dev/video{number}" not in camera_nodes():
            raise SourceOpenError(_nothing_there(number, "is not there"))
        self._capture = cv2.VideoCapture(number, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        try:
            if not self._capture.isOpened():
                raise SourceOpenError(_nothing_there(number, "cannot be opened"))
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest
            probe = self._grab()
            if probe is None:
                raise SourceOpenError(_nothing_there(number, "gives no picture"))
            rate = self._nominal_rate()
        except BaseException:
            self._capture.release()
            raise
        self._timeline = Timeline(period_secs=float(1 / rate) if rate else _DEFAULT_PERIOD_SECS)
        self._index = 0
        self._lost = self._closed = False
        # The probe is not handed out: it would be old by the time models have loaded.
        height_px, width_px = probe[0].shape[:2]
        super().__init__(SourceInfo(self._name, True, width_px, height_px, rate, None))

    def read(self) -> Frame | None:
        """Wait for the next frame; None once closed.

        Raises:
            SourceLostError: the camera gave nothing: unplugged, or frozen.
        """
        if self._closed:
            return None
        picture = None if self._lost else self._grab()
        if picture is None:
            self._lost = True
            raise SourceLostError(
                f"the camera stopped giving pictures after {self._index} frames; check its cable "
                f"and start again: {self._name}"
            )
        image, raw_secs = picture
        time_secs, epoch = self._timeline.stamp(raw_secs, image.shape)
        frame = Frame(image, self._index, time_secs, epoch)
        self._index += 1
        return frame

    def _grab(self) -> tuple[UInt8Array, float] | None:
        """Return a picture [H, W, 3] and when it came, or None."""
        good, image = self._capture.read()
        raw_secs = self._clock()
        if not good or image is None or not image.size:
            return None
        if image.ndim == 2 or image.shape[2] == 1:  # infrared and machine vision cameras
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return cast(UInt8Array, np.ascontiguousarray(image)), raw_secs

    def _nominal_rate(self) -> Fraction | None:
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return exact_rate(rate) if math.isfinite(rate) and 1 <= rate <= MAX_FRAME_RATE else None

    def close(self) -> None:
        """Let go of the camera."""
        if not self._closed:
            self._closed = True
            self._capture.release()


def _nothing_there(number: int, what: str) -> str:
    nodes = camera_nodes()
    have = f"there is {', '.join(nodes)}" if nodes else "there is no /dev/video* at all"
    advice = "close other programs that use it and check your permissions (group video)"
    if what == "is not there":
        advice = "plug it in (in a container: pass the device in), or give another number"
    return f"camera {number} {what}; {have}; {advice}"
