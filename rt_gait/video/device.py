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

from rt_gait.errors import SourceLostError, SourceOpenError, UsageError
from rt_gait.types import Frame, UInt8Array
from rt_gait.video.limits import MAX_FRAME_RATE, exact_rate
from rt_gait.video.source import BaseSource, SourceInfo
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


def parse_camera(camera: int | str) -> int | str:
    """Return the number of a camera, or ``csi://N`` as it is.

    Args:
        camera: ``0``, ``/dev/video0`` or ``csi://0``.

    Raises:
        UsageError: something else.
    """
    text = str(camera)
    if re.fullmatch(r"csi://[0-9]{1,3}", text):
        return text
    found = re.fullmatch(r"(?:/dev/video)?([0-9]{1,3})", text)
    if found is None:
        raise UsageError(
            f"expected a camera such as 0, /dev/video0 or csi://0, got {text!r}; for a network "
            "camera use --rtsp"
        )
    return int(found[1])


def csi_pipeline(number: int) -> str:
    """Return the GStreamer pipeline of a CSI camera on a Jetson, with its newest frame only.

    ``nvarguscamerasrc`` and ``nvvidconv`` come with JetPack (NVIDIA, Accelerated GStreamer guide).
    """
    return (
        f"nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),width=1280,height=720,"
        "framerate=30/1 ! nvvidconv ! video/x-raw,format=BGRx ! videoconvert ! "
        "video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
    )


class CameraDevice(BaseSource):
    """The frames of one camera, stamped when they arrive."""

    def __init__(self, number: int | str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the camera and wait for a first picture, to learn its size.

        Args:
            number: 0 for /dev/video0, ``csi://0`` for the first camera of a Jetson's own.
            clock: Seconds, never going back.

        Raises:
            SourceOpenError: no such camera, or it gives no picture.
        """
        self._clock = clock
        silence_opencv()
        csi = str(number).startswith("csi://")
        self._name = str(number).replace("://", "") if csi else f"camera{number}"
        self._capture = _capture_csi(str(number)) if csi else _capture_usb(int(number))
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


def _capture_usb(number: int) -> cv2.VideoCapture:
    linux = sys.platform.startswith("linux")
    if linux and f"/dev/video{number}" not in camera_nodes():
        raise SourceOpenError(_nothing_there(number, "is not there"))
    return cv2.VideoCapture(number, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)


def _capture_csi(name: str) -> cv2.VideoCapture:
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise SourceOpenError(
            f"camera {name} needs an OpenCV with GStreamer, and this one has none; use the OpenCV "
            "that comes with JetPack (a virtual environment with --system-site-packages)"
        )
    number = int(name.removeprefix("csi://"))
    return cv2.VideoCapture(csi_pipeline(number), cv2.CAP_GSTREAMER)


def _nothing_there(number: int | str, what: str) -> str:
    nodes = camera_nodes()
    have = f"there is {', '.join(nodes)}" if nodes else "there is no /dev/video* at all"
    advice = "close other programs that use it and check your permissions (group video)"
    if what == "is not there":
        advice = "plug it in (in a container: pass the device in), or give another number"
    return f"camera {number} {what}; {have}; {advice}"
