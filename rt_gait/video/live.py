"""A camera that is never given up: watched for stalls, and connected again for ever.

Each connection is read by a thread of its own, since a read may hang whatever time-outs it was
given: one that stalls is left behind with its thread and its capture, and a new one is made.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from rt_gait.errors import RtGaitError, SourceOpenError
from rt_gait.types import Frame
from rt_gait.video.mailbox import BoundedQueue
from rt_gait.video.source import BaseSource, Source, SourceChange, SourceInfo

STALL_SECS = 5.0
"""A camera that gives nothing for so long is lost."""
CONNECT_SECS = 15.0
"""From the start of a connection to its first picture; FFmpeg's own limits come before."""
BACKOFF_SECS = (1.0, 30.0)
"""First and longest wait before a connection; it doubles in between."""
JITTER = 0.2
"""Share by which a wait varies, so that cameras lost together do not come back together."""
MAX_LEFT_BEHIND = 4
"""Captures that hang; with more, no further one is made until one of them ends."""


def backoff_secs(failures: int, chance: float) -> float:
    """Return the wait before another connection.

    Args:
        failures: Connections that failed since a picture came, 0 upwards.
        chance: 0 to 1, evenly distributed.
    """
    shortest, longest = BACKOFF_SECS
    wait_secs: float = min(shortest * 2.0 ** min(failures, 30), longest)
    return wait_secs * (1 - JITTER + 2 * JITTER * chance)


class LiveSource(BaseSource):
    """Frames of one connection after another; each begins a new epoch.

    Args:
        open_once: Makes a connection: a source that ends, or raises, when the camera is lost.
        name: What the camera is called; its connection's name without.
    """

    def __init__(self, open_once: Callable[[], Source], *, name: str | None = None) -> None:
        self._open_once = open_once
        self._interrupted = threading.Event()
        self._wanted = threading.Event()
        self._changes: deque[SourceChange] = deque(maxlen=64)
        self._left_behind: list[_Connection] = []
        self._errors_before = self._failures = self._connections = 0
        self._away = False
        self._index = self._epoch = self._base_epoch = -1
        self._time_secs = self._base_secs = 0.0
        self._start_secs: float | None = None
        self._name = name
        super().__init__(SourceInfo(name or "camera", True, 0, 0, None, None))
        self._first = self._connect()
        self._connection: _Connection | None = self._first

    @property
    def info(self) -> SourceInfo:
        """What is known of the camera: little before it has been there."""
        connection, name = self._connection, self._name
        if not self._info.width_px and connection is not None and connection.info is not None:
            info = connection.info
            self._info = info if name is None else replace(info, name=name)
        return self._info

    def is_open(self) -> bool:
        """Whether the first connection has given a picture.

        Raises:
            SourceOpenError: it failed.
        """
        if self._first.info is None and self._first.error is not None:
            raise self._first.error
        return self._first.info is not None

    def wait_until_open(self) -> None:
        """Wait for the first connection: a wrong address should be told at once.

        Raises:
            SourceOpenError: it fails, or gives no picture in time.
        """
        self._first.opened.wait(CONNECT_SECS)
        if not self.is_open():
            raise SourceOpenError(f"the camera gave no picture within {CONNECT_SECS:.0f} s")

    @property
    def decode_errors(self) -> int:
        """Pictures that could not be decoded so far and were left out."""
        current = self._connection
        return self._errors_before + (0 if current is None else current.decode_errors)

    @property
    def reconnects(self) -> int:
        """Times the camera came back."""
        return max(self._connections - 1, 0)

    def take_changes(self) -> list[SourceChange]:
        """Return what happened to the camera since the last call; from any thread."""
        changes = []
        while self._changes:
            changes.append(self._changes.popleft())
        return changes

    def read(self) -> Frame | None:
        """Wait for the next frame, however long the camera is away; None after ``interrupt``.

        Raises:
            Exception: a defect; a camera that fails is tried again.
        """
        self._wanted.set()
        while not self._interrupted.is_set():
            connection = self._connection
            if connection is None:
                self._reconnect()
                continue
            limit_secs = STALL_SECS if connection.counted else CONNECT_SECS
            try:
                frame = connection.box.get(limit_secs)
            except TimeoutError:
                self._lose(connection, f"no picture for {limit_secs:.0f} s")
            except RtGaitError as error:
                self._lose(connection, str(error))
            else:
                if frame is not None:
                    return self._number(connection, frame)
                self._lose(connection, "the stream ended")
        return None

    def interrupt(self) -> None:
        """End a read that waits, and all that follow; from any thread."""
        self._interrupted.set()
        connection = self._connection
        if connection is not None:
            connection.leave()

    def close(self) -> None:
        """Let go of the camera; a capture that hangs closes itself when it wakes up."""
        self.interrupt()

    def _connect(self) -> _Connection:
        return _Connection(self._open_once, self._wanted)

    def _reconnect(self) -> None:
        """Wait, and make a new connection unless too many hang."""
        if self._interrupted.wait(backoff_secs(self._failures, random.random())):  # noqa: S311
            return
        self._failures += 1
        self._left_behind = [left for left in self._left_behind if left.alive]
        if len(self._left_behind) < MAX_LEFT_BEHIND:
            self._connection = self._connect()
            if self._interrupted.is_set():  # it may have come just before
                self._connection.leave()

    def _lose(self, connection: _Connection, why: str) -> None:
        connection.leave()
        self._errors_before += connection.decode_errors
        self._left_behind.append(connection)
        self._connection = None
        if not self._away:
            self._away = True
            self._changes.append(SourceChange("reconnecting", why))

    def _number(self, connection: _Connection, frame: Frame) -> Frame:
        """Continue index, time and epoch over the connections."""
        if not connection.counted:
            self._begin(connection, frame)
        self._index += 1
        self._epoch = max(self._epoch, self._base_epoch + frame.epoch)
        self._time_secs = max(self._time_secs, self._base_secs + frame.time_secs)
        return Frame(frame.image_bgr, self._index, self._time_secs, self._epoch)

    def _begin(self, connection: _Connection, frame: Frame) -> None:
        """Place the first frame of a connection: times keep their real distance."""
        now_secs = time.monotonic()
        if self._start_secs is None:
            self._start_secs = now_secs
        at_secs = max(now_secs - self._start_secs, self._time_secs)
        self._base_secs = at_secs - frame.time_secs
        self._base_epoch = self._epoch + 1 - frame.epoch
        connection.counted = True
        if self._away:
            self._away = False
            self._changes.append(SourceChange("online", None))
        self._connections += 1
        self._failures = 0


@dataclass(eq=False)
class _Connection:
    """A capture and the thread that reads it, until it fails or is left."""

    open_once: Callable[[], Source]
    wanted: threading.Event
    """Set once frames are wanted: those before it, while models load, are let go."""
    counted: bool = False
    """Whether a frame of it has been handed on."""

    def __post_init__(self) -> None:
        self.box = BoundedQueue(2)
        self.opened = threading.Event()
        """Whether it has given a picture, or failed."""
        self._left = threading.Event()
        self.info: SourceInfo | None = None
        self.error: Exception | None = None
        self._source: Source | None = None
        self._decode_errors = 0
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def decode_errors(self) -> int:
        source = self._source
        return self._decode_errors if source is None else source.decode_errors

    def leave(self) -> None:
        """Have the thread close the source when it next can; nothing waits for that."""
        self._left.set()
        self.box.stop()

    def _run(self) -> None:
        try:
            with self.open_once() as source:
                self._source, self.info = source, source.info
                self.opened.set()
                while not self._left.is_set() and (frame := source.read()) is not None:
                    if self.wanted.is_set() and not self.box.put(frame):
                        break
        except RtGaitError as caught:  # without its traceback, which would keep the capture alive
            self.error = type(caught)(str(caught))
        except Exception as caught:  # handed to the reader, which raises it
            self.error = caught
        self._decode_errors, self._source = self.decode_errors, None
        self.opened.set()
        self.box.close(self.error)
