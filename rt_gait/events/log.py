"""The event log: one compact JSON object a line, on disk or on standard output.

Each line is written at once and whole, so that a process killed at any moment leaves at most its
last line torn. Appending a line and forcing it to disk took 4 ms (median) where it was measured and
appending alone a microsecond: so the disk is waited for only at the end of a track and at either
end of a run, and otherwise at most once a second.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rt_gait.errors import OutputError
from rt_gait.events.reserve import Reserve
from rt_gait.events.rotation import Rotation, set_aside
from rt_gait.events.schema import RUN_ENDED, RUN_STARTED, TRACK_ENDED

_SYNC_TYPES = frozenset({RUN_STARTED, RUN_ENDED, TRACK_ENDED})
_SYNC_EVERY_SECS = 1.0


class EventLog:
    """Writes events to a new file, readable by its owner only, or to standard output.

    An existing file is replaced, as with any output; with a rotation it is set aside as one more
    part of the log, so that a torn last line of a run that was killed is never written on.
    Not for use from several threads at once.

    Args:
        target: The file, or ``-`` for standard output.
        rotation: When to go on in a new file; never without.
        reserve: Keep a megabyte of the disk back, for when it is full.
        monotonic: Seconds.

    Raises:
        OutputError: The file cannot be created.
    """

    def __init__(
        self,
        target: Path | Literal["-"],
        *,
        rotation: Rotation | None = None,
        reserve: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.written = 0
        """Events written."""
        self.reader_gone = False
        """Whoever read standard output has closed it: events are no longer written, and the run
        may as well end."""
        self.on_reserve: Path | None = None
        """The file, once the disk is full and the reserve is in use."""
        self._monotonic = monotonic
        self._rotation = rotation
        if target != "-" and rotation is not None:
            _set_aside(Path(target))
        self._sink = _Stdout() if target == "-" else _File(Path(target))
        regular = isinstance(self._sink, _File) and self._sink.regular
        self._reserve = Reserve(Path(target)) if reserve and regular else None
        self._synced_secs = self._opened_secs = monotonic()

    def write(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Write events, each as a line of its own that leaves the process at once.

        Raises:
            OutputError: The disk is full, or the reader of a named pipe is gone.
            ValueError: An event holds a number that JSON has no word for, or the log is closed.
        """
        for event in events:
            text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            # A name that is not UTF-8 comes with lone surrogates, which have no UTF-8 form.
            self._put(text.encode("utf-8", "replace") + b"\n")
            if self._sync_is_due(event["type"]):
                self._sync()

    def close(self) -> None:
        """Force what is left to disk and close the file; does nothing the second time.

        Raises:
            OutputError: The disk does not take it.
        """
        try:
            self._sync()
        finally:
            self._sink.close()
            if self._reserve is not None:
                self._reserve.give()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _put(self, line: bytes) -> None:
        if self.reader_gone:
            return
        self._rotate(len(line))
        try:
            self._write(line)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and isinstance(self._sink, _Stdout):
                self.reader_gone = True
                self._sink.silence()
                return
            raise _output_error(self._sink.name, error) from error
        self.written += 1

    def _write(self, line: bytes) -> None:
        try:
            self._sink.write(line)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if not full or self._reserve is None or not self._reserve.give():
                raise
            self.on_reserve = self._sink.path
            self._sink.write(line)

    def _rotate(self, line_bytes: int) -> None:
        sink, age_secs = self._sink, self._monotonic() - self._opened_secs
        if not isinstance(sink, _File) or not sink.regular or self._rotation is None:
            return
        if not self._rotation.due(sink.size, line_bytes, age_secs):
            return
        self._sync()
        _set_aside(sink.path)
        self._sink = _File(sink.path)
        sink.close()
        self._opened_secs = self._monotonic()

    def _sync_is_due(self, kind: str) -> bool:
        return kind in _SYNC_TYPES or self._monotonic() - self._synced_secs >= _SYNC_EVERY_SECS

    def _sync(self) -> None:
        try:
            self._sink.sync()
        except OSError as error:
            raise _output_error(self._sink.name, error) from error
        self._synced_secs = self._monotonic()


class _Stdout:
    """Standard output, as Python has it now, so that it can be captured."""

    name = "standard output"
    path = None

    def write(self, line: bytes) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    def silence(self) -> None:
        """Send what is still buffered nowhere, or Python complains of the pipe when it exits."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

    def sync(self) -> None:
        """A pipe or a terminal has nothing to sync."""

    def close(self) -> None:
        """Standard output is not ours to close."""


class _File:
    """A file, or a named pipe or device."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.size = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        try:
            self._fd: int | None = os.open(path, flags, 0o600)
        except OSError as error:
            raise _output_error(self.name, error) from error
        self.regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        if self.regular:
            try:
                os.fchmod(self._fd, 0o600)  # a file that was there keeps its mode otherwise
            except OSError as error:
                self.close()
                raise _output_error(self.name, error) from error

    def write(self, line: bytes) -> None:
        if self._fd is None:
            raise ValueError(f"the event log {self.name} is closed")
        rest = memoryview(line)
        try:
            while rest:  # a disk that is nearly full takes a part first
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            if self.regular:  # leave whole lines only, in case more can be written later
                os.ftruncate(self._fd, self.size)
                os.lseek(self._fd, self.size, os.SEEK_SET)
            raise
        self.size += len(line)

    def sync(self) -> None:
        if self._fd is not None and self.regular:
            os.fsync(self._fd)

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                os.close(fd)


def _set_aside(path: Path) -> None:
    """Set aside what a log left at ``path``, if it left anything."""
    try:
        if path.is_file() and path.stat().st_size:
            set_aside(path)
    except OSError as error:
        raise _output_error(path.name, error) from error


def _output_error(name: str, error: OSError) -> OutputError:
    why = error.strerror or type(error).__name__
    return OutputError(f"the event log cannot be written ({why}); free or choose a place: {name}")
