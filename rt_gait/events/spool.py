"""Reads an event log as a queue: on from where it stopped, also while the log is being written.

How far a reader has come is kept in a small file beside the log: the id of the first event of the
part it is in, and the bytes of that part that are done. Nothing else is held in memory or on disk,
so a receiver that is away for a week costs no more than the log itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rt_gait.errors import OutputError, UsageError
from rt_gait.events.read import LINE_BYTES_MAX
from rt_gait.events.rotation import parts
from rt_gait.events.schema import Event

BATCH_EVENTS_MAX = 200
BATCH_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A place in a log."""

    first: str
    """Id of the first event of the part."""
    offset: int
    """Bytes of the part that are done."""


class Spool:
    """The events of a log from a stored place on. Not for use from several threads at once.

    Args:
        path: The log; it need not exist yet.
        state: Where to keep the place.

    Raises:
        UsageError: ``state`` cannot be read.
    """

    def __init__(self, path: Path, state: Path) -> None:
        self.skipped = 0
        """Lines left out because they are no events: torn by a kill, or damaged."""
        self.lost_place = False
        """The part last read is gone; reading went on with the oldest there is."""
        self._path, self._state = path, state
        self._place = self._next = _load(state)

    def batch(self) -> list[Event]:
        """Return the next events, at most 200 or 1 MiB, or none: nothing new was written.

        The same events come again until :meth:`done` is called.

        Raises:
            UsageError: The log cannot be read.
        """
        events: list[Event] = []
        try:
            for part, last in self._ahead():
                with part:
                    self._read(part, events, last=last)
                if events:
                    break
        except OSError as error:
            raise UsageError(
                f"the event log cannot be read ({error.strerror}): {self._path.name}"
            ) from error
        return events

    def done(self) -> None:
        """Store that the events of the last batch have arrived.

        Raises:
            OutputError: The place cannot be stored.
        """
        if self._next == self._place or self._next is None:
            return
        partial = self._state.with_name(f"{self._state.name}.new")
        text = json.dumps({"first": self._next.first, "offset": self._next.offset})
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
            ) as f:
                f.write(text)
            partial.replace(self._state)
        except OSError as error:
            raise OutputError(
                f"the place in the event log cannot be stored ({error.strerror}): {self._state}"
            ) from error
        self._place = self._next

    def _ahead(self) -> Iterator[tuple[BinaryIO, bool]]:
        """Yield the parts from the stored place on, open and set to where to read.

        Each comes with whether it is the last one, which may still grow.
        """
        opened = self._open()
        try:
            place = self._place
            if place is not None and (not opened or opened[0][2] != place.first):
                self.lost_place |= any(first for _, _, first in opened)
                place = None
            for file, last, first in opened:
                if first is None:
                    continue  # nothing whole in it yet
                known = place is not None and first == place.first
                offset = place.offset if known and place is not None else 0
                file.seek(offset)
                self._next = Place(first, offset)
                yield file, last
        finally:
            _close(opened)

    def _open(self) -> list[tuple[BinaryIO, bool, str | None]]:
        """Open the parts from the one of the stored place on, or all of them where it is gone.

        Each comes with whether it may still grow and the id of its first event.
        """
        while True:
            opened: list[tuple[BinaryIO, bool, str | None]] = []
            before = parts(self._path)
            try:
                for path in reversed(before):
                    file = path.open("rb")
                    opened.insert(0, (file, path == self._path, None))
                    first = _first_id(file)
                    opened[0] = (file, path == self._path, first)
                    if self._place is not None and first == self._place.first:
                        break
                # Else a part was set aside between two looks, and might be passed over.
                if parts(self._path) == before:
                    return opened
            except FileNotFoundError:
                pass
            except BaseException:
                _close(opened)
                raise
            _close(opened)

    def _read(self, part: BinaryIO, events: list[Event], *, last: bool) -> None:
        assert self._next is not None  # noqa: S101 - set by _ahead
        first, start = self._next.first, part.tell()
        while len(events) < BATCH_EVENTS_MAX and part.tell() - start < BATCH_BYTES_MAX:
            before = part.tell()
            line = part.readline(LINE_BYTES_MAX + 1)
            if not line:
                break
            if not line.endswith(b"\n"):
                if len(line) > LINE_BYTES_MAX:
                    _skip_line(part)
                elif last:
                    part.seek(before)  # it is being written
                    break
                self.skipped += 1
                continue
            event = parse(line)
            if event is None:
                self.skipped += 1
            else:
                events.append(event)
        self._next = Place(first, part.tell())


def parse(line: bytes) -> Event | None:
    """Return the event of a line, None if it is none."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    texts = ("id", "type", "source")
    if not isinstance(event, dict) or not all(isinstance(event.get(key), str) for key in texts):
        return None
    return event


def _first_id(file: BinaryIO) -> str | None:
    """Return what a part is known by: the id of its first event, or a stand-in if damaged."""
    line = file.readline(LINE_BYTES_MAX + 1)
    if not line.endswith(b"\n"):
        return None
    event = parse(line)
    return f"damaged {hash_of(line)}" if event is None else str(event["id"])


def hash_of(data: bytes) -> str:
    """Return 12 hexadecimal digits that stand for ``data``."""
    return hashlib.sha256(data).hexdigest()[:12]


def _close(opened: list[tuple[BinaryIO, bool, str | None]]) -> None:
    for file, _, _ in opened:
        file.close()


def _skip_line(part: BinaryIO) -> None:
    while (rest := part.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
        pass


def _load(state: Path) -> Place | None:
    try:
        with state.open("rb") as file:
            data: Any = json.loads(file.read(4096))
        first, offset = data["first"], data["offset"]
        if isinstance(first, str) and type(offset) is int and offset >= 0:
            return Place(first, offset)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"the place in the event log cannot be read ({error.strerror}): {state}"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None  # damaged: all is sent again, which receivers must bear anyway
