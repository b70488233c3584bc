"""A real RTSP camera that refuses, and waits that end."""

from __future__ import annotations

import gc
import signal
import threading
import time

import pytest
from figures import Figures
from rtsp_camera import RtspCamera

from rt_gait.errors import SourceOpenError, UsageError
from rt_gait.video.live import BACKOFF_SECS, JITTER, backoff_secs
from rt_gait.video.network import NetworkStream
from rt_gait.video.source import open_source
from rt_gait.video.uri import shown

LOGIN = "ann:s3cret"


def test_a_read_that_waits_for_a_camera_can_be_interrupted() -> None:
    with RtspCamera() as camera, open_source(video=None, camera=None, uri=camera.uri) as source:
        assert source.read() is not None
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


def test_a_connection_that_is_lost_leaves_nothing_in_memory(figures: Figures) -> None:
    """Not even until the garbage collector comes round: a capture is a megabyte or two."""

    def captures() -> int:
        return sum(type(one) is NetworkStream for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = captures()
        with RtspCamera() as camera, open_source(video=None, camera=None, uri=camera.uri) as source:
            for _ in range(2):
                assert source.read() is not None
                camera.kill()
                camera.start()
                come_back = source.reconnects + 1
                while source.reconnects < come_back:
                    assert source.read() is not None
            deadline_secs = time.monotonic() + 10  # the thread of the last one may still be ending
            while captures() - before > 1 and time.monotonic() < deadline_secs:
                assert source.read() is not None
            figures.at_most("R4", "captures left of two lost", captures() - before - 1, 0, "")
    finally:
        gc.enable()
