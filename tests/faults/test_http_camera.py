"""A camera that sends JPEG pictures over HTTP, as cheap ones and ESP32 boards do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest
from rtsp_camera import free_port
from scripted import FRAME_HW, frame

from rt_gait.types import Frame
from rt_gait.video.source import open_source

FPS = 20


class Camera(BaseHTTPRequestHandler):
    """Multipart JPEG for as long as somebody looks and the server is up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        for index in range(10**6):
            picture = cv2.imencode(".jpg", frame(index).image_bgr)[1].tobytes()
            head = (
                f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            )
            try:
                self.wfile.write(head.encode() + picture + b"\r\n")
            except OSError:
                return
            time.sleep(1 / FPS)
            if self.server.gone:  # type: ignore[attr-defined]
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Goes away and comes back on one port."""

    daemon_threads, gone = True, False


@pytest.fixture
def port() -> int:
    return free_port()


def start(port: int) -> Server:
    server = Server(("127.0.0.1", port), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def stop(server: Server) -> None:
    server.gone = True
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(port: int) -> Iterator[Server]:
    started = start(port)
    yield started
    stop(started)


def test_pictures_over_http_are_frames_and_the_camera_is_awaited(server: Server, port: int) -> None:
    with open_source(video=None, camera=None, uri=f"http://127.0.0.1:{port}/video") as source:
        assert source.info.live
        assert (source.info.height_px, source.info.width_px) == FRAME_HW
        first = [source.read() for _ in range(5)]
        assert all(isinstance(f, Frame) and f.epoch == 0 for f in first)
        times = [f.time_secs for f in first if f is not None]
        assert times == sorted(times)

        stop(server)
        again: list[Server] = []
        threading.Timer(0.5, lambda: again.append(start(port))).start()
        seen = source.read()
        while seen is not None and seen.epoch == 0:
            seen = source.read()
        assert seen is not None, "the camera was given up"
        assert source.reconnects == 1
        states = [change.state for change in source.take_changes()]
        assert states == ["reconnecting", "online"]
        stop(again[0])
