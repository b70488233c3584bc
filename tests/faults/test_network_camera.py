"""A real RTSP camera that is killed, frozen, and comes back with another size."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from rtsp_camera import RtspCamera

from rt_gait.errors import SourceOpenError, UsageError
from rt_gait.types import Frame
from rt_gait.video.live import BACKOFF_SECS, JITTER, backoff_secs
from rt_gait.video.source import Source, open_source
from rt_gait.video.uri import shown

LOGIN = "ann:s3cret"


def take(source: Source, *, after_epoch: int = -1) -> Frame:
    while True:
        frame = source.read()
        assert frame is not None
        if frame.epoch > after_epoch:
            return frame


def test_a_camera_that_is_killed_comes_back_with_another_size() -> None:
    with RtspCamera(login=LOGIN) as camera:
        with open_source(video=None, camera=None, uri=camera.uri) as source:
            before = take(source)
            camera.kill()
            camera.size = (640, 360)
            threading.Timer(0.5, camera.start).start()
            after = take(source, after_epoch=before.epoch)
            changes = source.take_changes()
        assert after.image_bgr.shape == (360, 640, 3)
        assert after.time_secs > before.time_secs
        assert [change.state for change in changes] == ["reconnecting", "online"]
        assert "s3cret" not in str(changes)
        assert source.reconnects == 1


def test_a_frozen_camera_is_noticed_and_found_again() -> None:
    with RtspCamera() as camera, open_source(video=None, camera=None, uri=camera.uri) as source:
        before = take(source)
        camera.send(signal.SIGSTOP)
        threading.Timer(6.5, camera.send, [signal.SIGCONT]).start()
        assert take(source, after_epoch=before.epoch).epoch == before.epoch + 1
        assert [change.state for change in source.take_changes()] == ["reconnecting", "online"]


def test_a_read_that_waits_for_a_camera_can_be_interrupted() -> None:
    with RtspCamera() as camera, open_source(video=None, camera=None, uri=camera.uri) as source:
        take(source)
        camera.send(signal.SIGSTOP)
        threading.Timer(0.3, source.interrupt).start()
        begun_secs = time.monotonic()
        while source.read() is not None:
            pass
        assert time.monotonic() - begun_secs < 3


@pytest.mark.parametrize("change", [("s3cret", "wrong"), ("/live", "/other"), ("live", "")])
def test_a_refusal_shows_no_password(change: tuple[str, str]) -> None:
    with RtspCamera(login=LOGIN) as camera, pytest.raises(SourceOpenError) as caught:
        open_source(video=None, camera=None, uri=camera.uri.replace(*change))
    assert "s3cret" not in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_an_address_that_makes_no_sense_shows_no_password() -> None:
    for uri in ("ftp://a:s3cret@h/x", "rtsp://a:s3cret@", "rtsp://a:s3cret@h/a b", "s3cret"):
        with pytest.raises(UsageError) as caught:
            open_source(video=None, camera=None, uri=uri)
        assert "s3cret" not in str(caught.value)
    assert shown("RTSP://a:p@/?#@10.0.0.7:554/ch1?pw=x") == "rtsp://10.0.0.7:554"


def test_waits_double_up_to_their_limit() -> None:
    assert [backoff_secs(n, 0.5) for n in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff_secs(900, 1) == pytest.approx(BACKOFF_SECS[1] * (1 + JITTER))
