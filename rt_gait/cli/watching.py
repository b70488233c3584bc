"""Telling those who look after a run how it does: the metrics' port, systemd."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rt_gait.config import Settings
from rt_gait.monitoring.address import parse_address, token_from_environment
from rt_gait.monitoring.monitor import Monitor
from rt_gait.monitoring.systemd import Systemd


class Watching:
    """What a run has for those who watch it."""

    def __init__(self) -> None:
        self.monitor = Monitor()
        self._systemd = Systemd()

    def tick(self) -> None:
        """The main loop turns."""
        self.monitor.tick()
        self._systemd.tick()


@contextmanager
def watching(settings: Settings) -> Iterator[Watching]:
    """Answer on the port of the settings, if there is one, while the block lasts.

    Raises:
        UsageError: the address makes no sense, is open to others, or is taken.
    """
    watch = Watching()
    if settings.metrics is None:
        yield watch
        return
    from rt_gait.monitoring.server import serving

    address = parse_address(settings.metrics)
    with serving(watch.monitor, address, token=token_from_environment()):
        sys.stderr.write(f"metrics: http://{address.from_here}/metrics\n")
        yield watch
