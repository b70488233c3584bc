"""Telling those who look after a run how it does: the metrics' and the preview's port, systemd."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rt_gait.config import Settings
from rt_gait.feed import Feed
from rt_gait.listening.address import parse_address, token_from_environment
from rt_gait.listening.server import Service, listening
from rt_gait.monitoring.monitor import Monitor
from rt_gait.monitoring.server import metrics_service
from rt_gait.monitoring.systemd import Systemd
from rt_gait.outputs.preview import Preview, preview_service


class Watching:
    """What a run has for those who watch it."""

    def __init__(self) -> None:
        self.monitor = Monitor()
        self.previews: dict[str, Preview] = {}
        self._systemd = Systemd()

    def tick(self) -> None:
        """The main loop turns."""
        self.monitor.tick()
        self._systemd.tick()

    def show(self, feeds: Sequence[Feed]) -> None:
        """Let the preview show the sources."""
        for feed in feeds:
            for output in feed.outputs:
                if isinstance(output, Preview):
                    self.previews[feed.name] = output


@contextmanager
def watching(settings: Settings) -> Iterator[Watching]:
    """Answer on the ports of the settings, if there are any, while the block lasts.

    Raises:
        UsageError: an address makes no sense, is open to others, or is taken.
    """
    watch = Watching()
    with ExitStack() as open_ports:
        for given, service, path in (
            (settings.metrics, metrics_service(watch.monitor), "metrics"),
            (settings.preview, preview_service(watch.previews), ""),
        ):
            if given is not None:
                open_ports.enter_context(_answering(given, service, path))
        yield watch


@contextmanager
def _answering(given: str, service: Service, path: str) -> Iterator[None]:
    address = parse_address(given, service.name)
    with listening(service, address, token=token_from_environment(service.name)):
        sys.stderr.write(f"{service.name}: http://{address.from_here}/{path}\n")
        yield
