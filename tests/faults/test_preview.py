"""The preview and those who look at it: many, some that stall, some that should not be let in."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

import cv2
import numpy as np
import pytest
from figures import Figures
from rtsp_camera import free_port
from scripted import frame
from watched import until

from rt_gait.errors import UsageError
from rt_gait.listening.address import Address
from rt_gait.listening.server import listening
from rt_gait.outputs import preview
from rt_gait.outputs.preview import Preview, preview_service
from rt_gait.outputs.screen import Painter
from rt_gait.types import Detections, Frame, FrameResult, UInt8Array

NAME = "Tür 1<b>"
PATH = "/T%C3%BCr%201%3Cb%3E.mjpg"


def result(image: UInt8Array | None = None) -> FrameResult:
    """A noisy picture, whose JPEG is large enough to fill the buffers of a viewer who stalls."""
    if image is None:
        image = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    made = frame(0)
    return FrameResult(Frame(image, made.index, made.time_secs), Detections.none(), ())


class Camera:
    """Writes a frame again and again, as a run does, and notes how long each took."""

    def __init__(self, shown: Preview, fps: float = 25.0) -> None:
        self.worst_secs, self.frames = 0.0, 0
        self._shown, self._fps = shown, fps
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._film)

    def _film(self) -> None:
        filmed = result()
        while not self._end.wait(1 / self._fps):
            begun_secs = time.monotonic()
            self._shown.write(filmed)
            self.worst_secs = max(self.worst_secs, time.monotonic() - begun_secs)
            self.frames += 1

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture
def shown() -> Iterator[Preview]:
    made = Preview(Painter({}))
    yield made
    made.close()


@contextmanager
def served(
    shown: Preview, *, host: str = "127.0.0.1", token: str | None = None
) -> Iterator[Address]:
    address = Address(host, free_port())
    with listening(preview_service({NAME: shown}), address, token=token):
        yield address.from_here


def connect(address: Address, *, receive_bytes: int | None = None) -> socket.socket:
    viewer = socket.socket()
    if receive_bytes is not None:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    viewer.settimeout(20)
    viewer.connect((address.host, address.port))
    viewer.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost:1\r\n\r\n".encode())
    return viewer


def pictures(viewer: socket.socket, most: int) -> list[UInt8Array]:
    """Read that many pictures, or up to the end of the stream."""
    found = []
    with viewer.makefile("rb") as stream:
        while len(found) < most and (line := stream.readline()):
            if length := re.match(rb"Content-Length: (\d+)", line):
                assert stream.readline() == b"\r\n"
                data = np.frombuffer(stream.read(int(length[1])), np.uint8)
                picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
                assert picture is not None
                found.append(picture.astype(np.uint8))
    return found


def status(address: Address, path: str, **headers: str) -> int:
    asked = urllib.request.Request(f"http://{address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_twenty_viewers_one_of_whom_never_reads(
    shown: Preview, figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = preview._encode
    monkeypatch.setattr(preview, "_encode", lambda p: (encoded.append(1), encode(p))[1])
    with served(shown) as address, ExitStack() as stack:
        stack.enter_context(connect(address, receive_bytes=4096))
        viewers = [stack.enter_context(connect(address)) for _ in range(19)]
        until(lambda: shown._viewers == 20)
        with Camera(shown) as camera:
            begun_secs = time.monotonic()
            seen: list[int] = []
            readers = [
                threading.Thread(target=lambda v=v: seen.append(len(pictures(v, 12))))
                for v in viewers
            ]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            until(lambda: shown._viewers == 19)
            dropped_secs = time.monotonic() - begun_secs
        figures.exactly("R22", "20 viewers, 1 never reads: others without their pictures", sum(
            n < 12 for n in seen), 0)  # fmt: skip
        assert shown._shown is not None
        each = len(encoded) / shown._shown[0]
        figures.at_most("R22", "20 viewers: encodings of a picture", each, 1, "", slack=1)
        figures.at_most("R22", "the one is dropped after", dropped_secs, 5, "s")
        figures.at_most("R22", "the run waits, worst", 1000 * camera.worst_secs, 40, "ms")


def test_what_is_seen_is_what_was_written(shown: Preview) -> None:
    image = np.zeros((480, 2560, 3), np.uint8)
    image[:, 1280:] = (0, 0, 255)
    with served(shown) as address, connect(address) as viewer:
        until(lambda: shown._viewers == 1)
        shown.write(result(image))
        (picture,) = pictures(viewer, 1)
    assert picture.shape == (240, 1280, 3)
    assert picture[120, 320].max() < 30
    assert picture[120, 960].tolist()[2] > 220


def test_without_viewers_nothing_is_drawn() -> None:
    class Nobody(Painter):
        def paint(self, result: FrameResult) -> UInt8Array:
            raise AssertionError("nobody looks")

    Preview(Nobody({})).write(result())


def test_ten_pictures_a_second_are_enough() -> None:
    ticks = count()
    shown = Preview(Painter({}), clock=lambda: next(ticks) / 25)
    parts = shown.parts()
    threading.Thread(target=lambda: [time.sleep(0.2), shown.write(result())]).start()
    next(parts)
    for _ in range(50):
        shown.write(result())
    assert shown._shown is not None
    assert 17 <= shown._shown[0] <= 21
    parts.close()
    assert shown._viewers == 0


def test_who_has_gone_is_found_though_no_picture_comes(
    shown: Preview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "REPEAT_SECS", 0.1)
    with served(shown) as address:
        with connect(address) as viewer:
            until(lambda: shown._viewers == 1)
            shown.write(result())
            assert len(pictures(viewer, 3)) == 3, "the last one again and again"
        until(lambda: shown._viewers == 0)


def test_the_end_of_the_run_ends_the_streams(shown: Preview) -> None:
    with served(shown) as address, connect(address) as viewer:
        until(lambda: shown._viewers == 1)
        shown.write(result())
        shown.close()
        assert len(pictures(viewer, 100)) <= 1


def test_the_page_shows_every_source_and_nothing_else_is_there(shown: Preview) -> None:
    with served(shown) as address:
        with urllib.request.urlopen(f"http://{address}/", timeout=20) as answer:
            page = answer.read().decode()
            assert answer.headers["Cache-Control"] == "no-store"
        assert f'src="{PATH[1:]}"' in page
        assert "Tür 1&lt;b&gt;" in page
        for path in ("/x.mjpg", "/../../etc/passwd", "/metrics"):
            assert status(address, path) == 404


def test_a_page_from_elsewhere_cannot_look_in_by_a_name_that_leads_here(shown: Preview) -> None:
    with served(shown) as address:
        assert status(address, "/", Host="evil.example:8080") == 403
        assert status(address, "/", Host="evil.example") == 403
        for host in ("localhost:8080", "127.0.0.1", "[::1]:8080", "localhost"):
            assert status(address, "/", Host=host) == 200


def test_others_than_this_machine_need_the_token(shown: Preview) -> None:
    with pytest.raises(UsageError, match="RT_GAIT_PREVIEW_TOKEN"), served(shown, host="0.0.0.0"):
        pass
    given = base64.b64encode(b"me:s3cret").decode()
    with served(shown, host="0.0.0.0", token="s3cret") as address:
        assert status(address, "/") == 401
        assert status(address, PATH) == 401
        assert status(address, "/", Authorization="Basic s3cret") == 401
        assert status(address, "/", Authorization=f"Basic {given[:-4]}AAAA") == 401
        assert status(address, "/", Authorization=f"Basic {given}", Host="gate.example") == 200
        assert status(address, "/", Authorization="Bearer s3cret") == 200
