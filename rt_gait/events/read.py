"""Reads event logs, also those of a process that was killed, and makes two of them comparable."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rt_gait.errors import DamagedInputError, UsageError
from rt_gait.events.schema import Event

_RUN_ID = "run"
LINE_BYTES_MAX = 1024 * 1024
"""No event comes near it; a line that is longer is no event, and is not read into memory."""


class EventReader(Iterator[Event]):
    """The events of a log, one after the other; closes the file at the end."""

    def __init__(self, path: Path) -> None:
        self.torn_lines = 0
        """1 once a torn last line has been met and left out, else 0."""
        self.lines = 0
        """Lines read so far."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UsageError(f"the event log cannot be read ({why}): {path.name}") from error
        self._name = path.name

    def __next__(self) -> Event:
        """Return the next event.

        Raises:
            DamagedInputError: A line other than a torn last one is no event.
        """
        line = b"" if self._file.closed else self._read_line()
        if not line:
            self.close()
            raise StopIteration
        self.lines += 1
        try:
            event = json.loads(line.decode("utf-8"), parse_constant=_not_json)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            return event
        self.close()
        if line.endswith(b"\n"):
            raise DamagedInputError(
                f"line {self.lines} of the event log is not a JSON object; what came before it is "
                f"sound: {self._name}"
            )
        self.torn_lines = 1
        raise StopIteration

    def close(self) -> None:
        """Close the file; there are no more events after that."""
        self._file.close()

    def _read_line(self) -> bytes:
        try:
            line = self._file.readline(LINE_BYTES_MAX + 1)
        except OSError as error:
            self.close()
            raise DamagedInputError(
                f"the event log cannot be read after line {self.lines} ({error.strerror}): "
                f"{self._name}"
            ) from error
        if len(line) > LINE_BYTES_MAX:
            self.close()
            raise DamagedInputError(
                f"line {self.lines + 1} of the event log has more than {LINE_BYTES_MAX} bytes, "
                f"which no event has; what came before it is sound: {self._name}"
            )
        return line


def read_events(path: Path) -> EventReader:
    """Return the events of a log in order, leaving out (and counting) a torn last line.

    Raises:
        UsageError: The file cannot be opened.
        DamagedInputError: While iterating: a line before the last is broken; says which.
    """
    return EventReader(path)


def normalise(events: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
    """Yield copies of ``events`` without run id and wall time, to compare the logs of two runs.

    Two runs over the same file with the same settings and versions are equal after this.
    """
    for event in events:
        data = dict(event["data"])
        run_id = data["run_id"]
        data["run_id"] = _RUN_ID
        yield dict(event) | {
            "id": _RUN_ID + event["id"].removeprefix(run_id),
            "subject": event["subject"].replace(f"run/{run_id}", f"run/{_RUN_ID}", 1),
            "time": "",
            "data": data,
        }


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
