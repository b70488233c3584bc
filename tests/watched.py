"""A run in a process of its own, and whoever looks after it: Prometheus, systemd."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_text import Parsed, parse
from rtsp_camera import free_port

PATIENCE_SECS = 60.0
"""For what takes a second or two on a machine that others do not use."""


class WatchedRun:
    """``rt-gait --metrics`` with a socket in place of systemd; ended with the block.

    Args:
        arguments: Of the command line, without ``--metrics``.
        folder: To run in.
        variables: Of the environment.
    """

    def __init__(self, *arguments: str | Path, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.told = ""
        """All that was answered."""
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        command = [sys.executable, "-m", "rt_gait", "--headless", "--metrics", f":{self.port}"]
        self._log = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=folder,
            stderr=self._log,
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), **variables},
        )

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text of an answer; status 0 where nobody answers."""
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as found:
                status, text = found.status, found.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        except OSError:
            return 0, ""
        self.told += text
        return status, text

    def metrics(self) -> Parsed:
        status, text = self.ask("/metrics")
        assert status == 200
        return parse(text)

    def ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def reason(self) -> str:
        answer: dict[str, Any] = json.loads(self.ask("/readyz")[1])
        return str(answer["reason"])

    def pings(self, secs: float) -> int:
        """How often systemd hears of the run in some seconds from now."""
        self._manager.setblocking(False)
        while self._heard():
            pass
        end_secs, count = time.monotonic() + secs, 0
        while time.monotonic() < end_secs:
            count += self._heard()
            time.sleep(0.05)
        return count

    def stop(self) -> int:
        """End it as systemd does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECS)

    def wait(self) -> int:
        return self.process.wait(2 * PATIENCE_SECS)

    @property
    def stderr(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def _heard(self) -> bool:
        try:
            return self._manager.recv(100) == b"READY=1\nWATCHDOG=1"
        except BlockingIOError:
            return False

    def __enter__(self) -> WatchedRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._manager.close()
        self._log.close()


def until(true: Callable[[], bool], limit_secs: float = PATIENCE_SECS) -> float:
    """Wait for something, and return how long that took."""
    begun_secs = time.monotonic()
    while not true():
        assert time.monotonic() - begun_secs < limit_secs, "it did not happen"
        time.sleep(0.1)
    return time.monotonic() - begun_secs
