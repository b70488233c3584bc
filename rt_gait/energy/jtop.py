"""Jetson boards through jetson-stats (4.2 and later). No other file imports jtop.

Its service reads the power monitors and sends every client the same values, at the rate the first
client asked for. ``power['rail'][name]['power']`` and ``power['tot']['power']`` are in mW;
``avg`` is not a mean over time and is not used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rt_gait.energy.jetson import jetson_rails
from rt_gait.energy.meter import Reading
from rt_gait.errors import MeterError

_INTERVAL_S = 0.1
_START_S = 5.0
"""What a service gets to answer; one that was well took 0.04 s."""
_NO_RAIL = "ucsi-source-psy-"
"""Names of USB-C chargers, which tell what was negotiated, not what is drawn."""


def jtop_meter() -> JtopMeter:
    """Return the meter of this Jetson.

    Raises:
        MeterError: there is no jetson-stats, no service, or one of another version.
    """
    try:
        from jtop import jtop, service
    except ImportError:
        raise MeterError("jetson-stats is not installed: pip install jetson-stats") from None
    # A client begins by looking for libraries all over the machine, in a thread of its own.
    socket = getattr(service, "JTOP_PIPE", None)
    if socket is not None and not Path(socket).exists():
        raise MeterError("jtop.service is not running: sudo systemctl restart jtop")
    return JtopMeter(jtop(interval=_INTERVAL_S))


class JtopMeter:
    """An :class:`~.meter.EnergyMeter`.

    Args:
        client: a ``jtop`` that is not started.
        clock: monotonic seconds.

    Raises:
        MeterError: the service is away, of another version, or knows no rails.
    """

    name = "jtop"

    def __init__(self, client: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._latest = Reading(clock())
        self._uptime: timedelta | None = None
        client.attach(self._update)
        _start(client)
        # Read twice as often as it is renewed, so that no value is missed.
        self.period_s = max(float(client.interval), _INTERVAL_S) / 2
        if not self._latest.power_w:
            client.close()
            raise MeterError("jtop: the service knows no power rails")
        self.rails = jetson_rails(self._latest.power_w)

    def read(self) -> Reading:
        """Return the newest values; their time is when they came."""
        try:
            running = self._client.ok(spin=True)
        except Exception as error:
            raise MeterError(f"jtop: {_line(error)}") from error
        if not running:
            raise MeterError("jtop: the service has stopped")
        return self._latest

    def close(self) -> None:
        """Leave the service."""
        self._client.close()

    def _update(self, client: Any) -> None:
        """Take what has come; called by jtop's own thread, also when the same comes again."""
        if client.uptime == self._uptime:
            return
        self._uptime = client.uptime
        rails = {
            name: values["power"] / 1000
            for name, values in client.power.get("rail", {}).items()
            if not name.startswith(_NO_RAIL)
        }
        total = client.power.get("tot", {})
        if "name" in total:  # else it is the sum of the rails
            rails[total["name"]] = total["power"] / 1000
        self._latest = Reading(self._clock(), rails)


def _start(client: Any) -> None:
    """Start a client; where the service hangs, its library would wait for ever."""
    problems: list[Exception] = []

    def start() -> None:
        try:
            client.start()
        except Exception as error:  # JtopException, and what sockets and pickles raise
            problems.append(error)

    thread = threading.Thread(target=start, name="jtop-start", daemon=True)
    thread.start()
    thread.join(_START_S)
    if thread.is_alive():
        raise MeterError("jtop: the service does not answer: sudo systemctl restart jtop")
    if problems:
        raise MeterError(f"jtop: {_line(problems[0])}") from problems[0]


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
