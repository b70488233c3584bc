"""Telling systemd that a run is ready and alive: ``Type=notify``, ``WatchdogSec``, sd_notify(3)."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

_EVERY_SECS = 1.0


class Systemd:
    """Tells the service manager of the process, where there is one.

    Args:
        monotonic: Seconds that never jump.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._monotonic = monotonic
        self._told_secs = -math.inf

    def tick(self) -> None:
        """The main loop turns: say so, once a second. What is not heard is said again soon."""
        now_secs = self._monotonic()
        if not self._address or now_secs - self._told_secs < _EVERY_SECS:
            return
        self._told_secs = now_secs
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.setblocking(False)
            manager.sendto(b"READY=1\nWATCHDOG=1", self._address)
