"""What a run sees, for a browser: Motion JPEG over HTTP, as every browser shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from html import escape
from http import HTTPStatus
from urllib.parse import quote, unquote

import cv2

from rt_gait.listening.address import PREVIEW
from rt_gait.listening.server import Answer, Service, complaint
from rt_gait.outputs.screen import Painter
from rt_gait.types import FrameResult, UInt8Array

FPS_MOST = 10.0
"""A picture of 1280x720 takes 10 to 20 ms of a processor."""
LONG_SIDE_PX = 1280
JPEG_QUALITY = 80
REPEAT_SECS = 5.0
"""The last picture is sent again when no other comes: who has gone is only found by sending."""
VIEWERS_MOST = 32
_BOUNDARY = "picture"


class Preview:
    """The pictures of one source for any number of viewers; without any it costs nothing.

    A picture is encoded once, in the thread of the viewer who is first to want it. Viewers who are
    slow miss pictures; the run waits for none of them.

    Args:
        painter: Draws for it.
        clock: Monotonic seconds.
    """

    name = PREVIEW
    path = None

    def __init__(self, painter: Painter, clock: Callable[[], float] = time.monotonic) -> None:
        self._painter, self._clock = painter, clock
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._viewers = 0
        self._due_secs = 0.0
        self._shown: tuple[int, UInt8Array] | None = None
        self._jpeg: tuple[int, bytes] = (0, b"")
        self._ended = False

    def write(self, result: FrameResult) -> None:
        """Show one frame, if there are viewers and it is time for another picture."""
        now_secs = self._clock()
        if not self._viewers or now_secs < self._due_secs:
            return
        self._due_secs = now_secs + 1 / FPS_MOST
        picture = self._painter.paint(result)
        with self._changed:
            number = 1 if self._shown is None else self._shown[0] + 1
            self._shown = (number, picture)
            self._changed.notify_all()

    def close(self) -> None:
        """End what viewers get."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def parts(self) -> Generator[bytes, None, None]:
        """Give the parts of a ``multipart/x-mixed-replace`` to one viewer, as pictures come."""
        with self._changed:
            self._viewers += 1
        try:
            last = 0
            while (shown := self._after(last)) is not None:
                last, jpeg = self._encoded(*shown)
                yield (
                    (
                        f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                        f"Content-Length: {len(jpeg)}\r\n\r\n"
                    ).encode()
                    + jpeg
                    + b"\r\n"
                )
        finally:
            with self._changed:
                self._viewers -= 1

    def _after(self, last: int) -> tuple[int, UInt8Array] | None:
        """Wait for a picture after that one, or for the time to repeat it; None at the end."""

        def is_new() -> bool:
            return self._ended or (self._shown is not None and self._shown[0] > last)

        with self._changed:
            while not self._changed.wait_for(is_new, REPEAT_SECS) and self._shown is None:
                pass
            return None if self._ended else self._shown

    def _encoded(self, number: int, picture: UInt8Array) -> tuple[int, bytes]:
        with self._encoding:
            if self._jpeg[0] < number:
                self._jpeg = (number, _encode(picture))
            return self._jpeg


def _encode(picture: UInt8Array) -> bytes:
    height, width = picture.shape[:2]
    scale = LONG_SIDE_PX / max(height, width)
    if scale < 1:
        size = (round(width * scale), round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return data.tobytes()


def preview_service(previews: Mapping[str, Preview]) -> Service:
    """Return what shows the sources: a page with all of them, and a stream of each.

    Args:
        previews: By the name of the source; it may grow until the run begins.
    """

    def pages(path: str) -> Answer:
        if path == "/":
            return Answer(HTTPStatus.OK, "text/html; charset=utf-8", _page(previews).encode())
        preview = previews.get(unquote(path.removeprefix("/").removesuffix(".mjpg")))
        if preview is None:
            return complaint(HTTPStatus.NOT_FOUND, "try /")
        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        return Answer(HTTPStatus.OK, kind, preview.parts())

    return Service(PREVIEW, pages, 'Basic realm="rt-gait"', VIEWERS_MOST)


def _page(previews: Mapping[str, Preview]) -> str:
    pictures = "".join(
        f'<figure><img src="{quote(name, safe="")}.mjpg" alt=""><figcaption>{escape(name)}'
        "</figcaption></figure>"
        for name in previews
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>rt-gait</title><style>'
        "body{margin:0;background:#111;color:#ccc;font:14px system-ui,sans-serif;display:flex;"
        "flex-wrap:wrap;justify-content:center;gap:8px;padding:8px;box-sizing:border-box}"
        "figure{margin:0;flex:1 1 480px;max-width:1280px}img{width:100%;display:block;"
        "background:#000;min-height:80px}figcaption{padding:4px 0}</style>"
        f"{pictures or '<p>The run has not begun.</p>'}</html>\n"
    )
