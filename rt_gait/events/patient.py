"""What a run needs of an event log, and a log for cameras, which outlives a full disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from rt_gait.errors import OutputError
from rt_gait.events.log import EventLog
from rt_gait.events.schema import Event


class Log(Protocol):
    """Takes events."""

    @property
    def reader_gone(self) -> bool:
        """Whether nobody will read what is written."""
        ...

    @property
    def on_reserve(self) -> Path | None:
        """The log's file, once the disk is full and its reserve is in use."""
        ...

    @property
    def written(self) -> int:
        """Events written."""
        ...

    def write(self, events: Sequence[Event]) -> None:
        """Write events.

        Raises:
            OutputError: they cannot be written.
        """
        ...

    def close(self) -> None:
        """Write what is left and close the log.

        Raises:
            OutputError: it cannot be written.
        """
        ...


class PatientLog:
    """An event log that tries again with the next event when one cannot be written.

    Events that were lost show as a gap in ``sequence``; lines are whole before and after.

    Args:
        log: The log.
        tell: Takes a line for the user.
    """

    def __init__(self, log: EventLog, tell: Callable[[str], None]) -> None:
        self._log = log
        self._tell = tell
        self._lost = 0

    @property
    def reader_gone(self) -> bool:
        """Whether nobody will read what is written."""
        return self._log.reader_gone

    @property
    def on_reserve(self) -> Path | None:
        """The log's file, once the disk is full and its reserve is in use."""
        return self._log.on_reserve

    @property
    def written(self) -> int:
        """Events written."""
        return self._log.written

    def write(self, events: Sequence[Event]) -> None:
        """Write events, or lose them."""
        written = self._log.written
        try:
            self._log.write(events)
        except OutputError as error:
            if not self._lost:
                self._tell(f"error: {error}; events are lost until then")
            self._lost += max(len(events) - (self._log.written - written), 1)
            return
        if self._lost:
            self._tell(f"warning: the event log goes on; {self._lost} events were lost")
            self._lost = 0

    def close(self) -> None:
        """Close the log.

        Raises:
            OutputError: its end could not be written.
        """
        self._log.close()
        if self._lost:
            raise OutputError(f"the last {self._lost} events could not be written")
