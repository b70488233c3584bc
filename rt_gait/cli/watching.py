"""Telling those who look after a run how it does: the metrics' port, systemd."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rt_gait.config import Settings
from rt_gait.energy.result import Energy
from rt_gait.events.build import EventBuilder
from rt_gait.events.counters import Counters
from rt_gait.events.log import EventLog
from rt_gait.monitoring.address import parse_address, token_from_environment
from rt_gait.monitoring.monitor import Monitor
from rt_gait.monitoring.systemd import Systemd
from rt_gait.types import FrameResult
from rt_gait.video.source import Source

OnFrame: TypeAlias = Callable[[FrameResult, Counters], None]


class Watching:
    """What a run calls to be watched."""

    def __init__(self) -> None:
        self.monitor = Monitor()
        self._systemd = Systemd()

    def begin(self, model: str, log: EventLog | None, energy: Callable[[], Energy] | None) -> None:
        """Tell what the run is made of, before its first frame."""
        self.monitor.model, self.monitor.energy = model, energy
        if log is not None:
            self.monitor.events_written = lambda: log.written

    def source(self, source: Source, builder: EventBuilder, then: OnFrame) -> OnFrame:
        """Return what is to be called after each frame of a source, which calls ``then`` too."""
        watched = self.monitor.watch(source, builder)

        def on_frame(result: FrameResult, counters: Counters) -> None:
            watched.on_frame(result, counters)
            then(result, counters)

        return on_frame

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
