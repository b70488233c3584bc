from __future__ import annotations

import sys
import time

import cv2
import numpy as np
import pytest

from rt_gait.errors import SourceLostError, SourceOpenError
from rt_gait.types import UInt8Array
from rt_gait.video import device
from rt_gait.video.device import CameraDevice
from rt_gait.video.source import open_source


class FakeCapture:
    """Plays back a list of pictures, after one for the probe; None is a failed read."""

    pictures: list[UInt8Array | None] = []  # noqa: RUF012 - set by the tests
    opened = True
    fps = 30.0
    last: FakeCapture

    def __init__(self, number: int, backend: int) -> None:
        self.left = [*self.pictures[:1], *self.pictures]
        self.released = 0
        FakeCapture.last = self

    def isOpened(self) -> bool:
        return self.opened

    def set(self, key: int, value: float) -> bool:
        return True

    def get(self, key: int) -> float:
        return self.fps

    def read(self) -> tuple[bool, UInt8Array | None]:
        image = self.left.pop(0) if self.left else None
        return image is not None, image

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeCapture]:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(device, "camera_nodes", lambda: ["/dev/video0"])
    for name, value in {"pictures": [picture()] * 4, "opened": True, "fps": 30.0}.items():
        monkeypatch.setattr(FakeCapture, name, value)
    return FakeCapture


def picture(height: int = 4, channels: int = 3) -> UInt8Array:
    return np.zeros((height, 6, channels), np.uint8)


def test_a_camera_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with pytest.raises(SourceOpenError, match=r"camera 97 .*there is .*/dev/video") as caught:
        open_source(video=None, camera=97)
    assert time.monotonic() - began < 2
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Video4Linux is Linux")
def test_opencv_says_nothing_about_a_device_that_does_not_open(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(device, "camera_nodes", lambda: ["/dev/video2", "/dev/video97"])
    with pytest.raises(SourceOpenError, match="cannot be opened; there is /dev/video2, /dev/vid"):
        CameraDevice(97)
    assert capfd.readouterr() == ("", "")


def test_a_camera_without_pictures_is_let_go(fake: type[FakeCapture]) -> None:
    fake.pictures = []
    with pytest.raises(SourceOpenError, match="gives no picture"):
        CameraDevice(0)
    assert fake.last.released == 1


def test_a_failed_read_is_a_lost_source_and_stays_one(fake: type[FakeCapture]) -> None:
    fake.pictures = [picture(), picture(), None, picture()]
    with CameraDevice(0) as camera:
        camera.read()
        camera.read()
        for _ in range(2):
            with pytest.raises(SourceLostError, match=r"after 2 frames.*camera0"):
                camera.read()
    assert fake.last.released == 1
    assert camera.read() is None


def test_a_stall_and_another_size_raise_the_epoch(fake: type[FakeCapture]) -> None:
    fake.pictures = [picture(), picture(), picture(8), picture(8)]
    seconds = iter([40.0, 50.0, 51.0, 51.03, 51.06])  # models load for ten seconds
    with CameraDevice(0, clock=lambda: next(seconds)) as camera:
        frames = [camera.read() for _ in range(4)]
    assert [f.epoch for f in frames if f] == [0, 1, 2, 2]
    assert [f.time_secs for f in frames if f] == pytest.approx([0, 1, 1.03, 1.06])


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_a_nonsense_rate_is_unknown(fake: type[FakeCapture], fps: float) -> None:
    fake.fps = fps
    with CameraDevice(0) as camera:
        assert camera.info.frame_rate is None


def test_grey_pictures_become_bgr(fake: type[FakeCapture]) -> None:
    fake.pictures = [picture(channels=1), np.zeros((4, 6), np.uint8)]
    with CameraDevice(0) as camera:
        frames = [camera.read(), camera.read()]
    assert [f.image_bgr.shape for f in frames if f] == [(4, 6, 3)] * 2
