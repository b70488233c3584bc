"""A real RTSP camera on loopback: GStreamer's RTSP server in a process that tests may hurt.

``make camera`` installs it from Debian's packages; the tests that need it are skipped without.
Run as a script by the system's Python, which has the bindings, it is that camera itself; without
arguments it only says by its exit code whether it could be.
A camera that is ``stamped`` films the machine's monotonic clock, so that anybody can tell how old
a picture is: forty squares, black or white, in two rows, in units of ten microseconds.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PYTHON = "/usr/bin/python3"
_ELEMENTS = ("x264enc", "rtph264pay", "videotestsrc", "appsrc", "videoconvert")
_SQUARE_PX, _SQUARES, _ROWS = 16, 20, 2
_TICK_SECS = 1e-5


@functools.cache
def missing() -> str | None:
    """Why there is no camera here, if there is none."""
    if not Path(PYTHON).exists():
        return f"no {PYTHON}"
    probe = subprocess.run([PYTHON, __file__], capture_output=True, check=False)
    return None if probe.returncode == 0 else "no GStreamer RTSP server here: make camera"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RtspCamera:
    """Starts, freezes, thaws, kills and changes; the port stays the same."""

    def __init__(
        self,
        *,
        size: tuple[int, int] = (320, 240),
        fps: int = 25,
        login: str = "",
        stamped: bool = False,
    ) -> None:
        reason = missing()
        if reason:
            import pytest

            pytest.skip(reason)
        self.size, self.fps, self.login, self.stamped = size, fps, login, stamped
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"rtsp://{self.login + '@' if self.login else ''}127.0.0.1:{self.port}/live"

    def start(self) -> RtspCamera:
        settings = {
            "port": self.port, "size": self.size, "fps": self.fps, "login": self.login,
            "stamped": self.stamped,
        }  # fmt: skip
        command = [PYTHON, __file__, json.dumps(settings)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise TimeoutError("the camera did not start")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> RtspCamera:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


def stamp_secs(image_bgr: Any) -> float:
    """Return the monotonic time that a stamped camera has filmed."""
    middles = image_bgr[_SQUARE_PX // 2 :: _SQUARE_PX, _SQUARE_PX // 2 :: _SQUARE_PX, 0]
    bits = middles[:_ROWS, :_SQUARES].ravel() > 128
    return sum(1 << place for place, bit in enumerate(bits) if bit) * _TICK_SECS


def _stamped_picture(width: int, height: int) -> bytes:
    """Draw the time, grey around it."""
    ticks = round(time.monotonic() / _TICK_SECS)
    grey, rows = b"\x5a" * (width - _SQUARES * _SQUARE_PX), b""
    for row in range(_ROWS):
        places = range(row * _SQUARES, (row + 1) * _SQUARES)
        squares = [(b"\xff" if ticks >> p & 1 else b"\0") * _SQUARE_PX for p in places]
        rows += (b"".join(squares) + grey) * _SQUARE_PX
    return rows + b"\x5a" * (width * height - len(rows))


def _push_stamps(source: Any, width: int, height: int, fps: int) -> None:
    """Give pictures at their times until nobody takes them any more.

    The pipeline's time must have begun: a picture that comes just before is stamped with the
    machine's uptime, and the server waits with it, and all that follow, until then.
    """
    from gi.repository import Gst

    while not source.get_base_time():
        time.sleep(0.002)
    begun, number = time.monotonic(), 0
    while True:
        time.sleep(max(begun + number / fps - time.monotonic(), 0))
        number += 1
        buffer = Gst.Buffer.new_wrapped(_stamped_picture(width, height))
        if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
            return


def _load() -> Any:
    """Return GStreamer's modules, set up."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    assert all(Gst.ElementFactory.find(name) for name in _ELEMENTS)
    return GLib, GstRtspServer


def _serve(*, port: int, size: tuple[int, int], fps: int, login: str, stamped: bool) -> None:
    GLib, GstRtspServer = _load()
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    width, height = size
    raw = f"width={width},height={height},framerate={fps}/1"
    filming = f"videotestsrc is-live=true pattern=ball ! video/x-raw,{raw}"
    if stamped:
        filming = (
            "appsrc name=stamps is-live=true do-timestamp=true format=time max-buffers=2 "
            f"caps=video/x-raw,format=GRAY8,{raw} ! videoconvert ! video/x-raw,format=I420"
        )
    factory.set_launch(
        f"( {filming} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} "
        "! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )

    def begin(_factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("stamps")
        threading.Thread(
            target=_push_stamps, args=(source, width, height, fps), daemon=True
        ).start()

    if stamped:
        factory.connect("media-configure", begin)
    if login:
        user, _, password = login.partition(":")
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    if sys.argv[1:]:
        _serve(**json.loads(sys.argv[1]))
    _load()
