"""A real RTSP camera on loopback: GStreamer's RTSP server in a process that tests may hurt.

``make faults`` installs it from Debian's packages; the tests that need it are skipped without.
Run as a script by the system's Python, which has the bindings, it is that camera itself.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PYTHON = "/usr/bin/python3"
_PROBE = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(Gst.ElementFactory.find(name) for name in ("x264enc", "rtph264pay", "videotestsrc"))
"""


@functools.cache
def missing() -> str | None:
    """Why there is no camera here, if there is none."""
    if not Path(PYTHON).exists():
        return f"no {PYTHON}"
    probe = subprocess.run([PYTHON, "-c", _PROBE], capture_output=True, check=False)
    return None if probe.returncode == 0 else "no GStreamer RTSP server here: make faults"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RtspCamera:
    """Starts, freezes, thaws, kills and changes; the port stays the same."""

    def __init__(
        self, *, size: tuple[int, int] = (320, 240), fps: int = 25, login: str = ""
    ) -> None:
        reason = missing()
        if reason:
            import pytest

            pytest.skip(reason)
        self.size, self.fps, self.login = size, fps, login
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"rtsp://{self.login + '@' if self.login else ''}127.0.0.1:{self.port}/live"

    def start(self) -> RtspCamera:
        arguments = [str(self.port), *map(str, self.size), str(self.fps), self.login]
        self._process = subprocess.Popen([PYTHON, __file__, *arguments], stderr=subprocess.DEVNULL)
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


def _serve(port: str, width: str, height: str, fps: str, login: str) -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! video/x-raw,width={width},height={height},"
        f"framerate={fps}/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} "
        "! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
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
    _serve(*sys.argv[1:6])
