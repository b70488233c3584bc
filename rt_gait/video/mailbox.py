"""Handing frames from the capture thread to the vision thread.

Two boxes with one interface. Files must be lossless and give the same results at any machine
speed: :class:`BoundedQueue` makes the producer wait. Live sources must stay current:
:class:`LatestSlot` keeps one frame and overwrites it. Measured with a consumer at 10 frames/s on a
stream of 25: a queue was 7.3 s behind after 10 s, the slot 39 ms at most.

Once drained or stopped, frames taken + ``dropped`` == ``captured``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from threading import Condition

from rt_gait.types import Frame


class Mailbox(ABC):
    """One producer puts, one consumer gets; the end of the stream travels behind the frames."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._changed = Condition()
        self._captured = 0
        self._dropped = 0
        self._closed = False
        self._stopped = False
        self._error: Exception | None = None

    @property
    def captured(self) -> int:
        """Frames put so far, the dropped ones included."""
        with self._changed:
            return self._captured

    @property
    def dropped(self) -> int:
        """Frames put that nobody will get."""
        with self._changed:
            return self._dropped

    def put(self, frame: Frame) -> bool:
        """Hand over a frame; False when the consumer has given up and the frame is dropped.

        Raises:
            RuntimeError: the stream has been closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("a frame was put after the end of the stream")
            self._captured += 1
            self._make_room()
            if self._stopped:
                self._dropped += 1
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    @abstractmethod
    def _make_room(self) -> None:
        """Wait for room or drop a frame; called with the lock held."""

    def close(self, error: Exception | None = None) -> None:
        """Say that no frame will follow, or why; the first call counts."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
                self._changed.notify_all()

    def get(self, timeout_secs: float | None = None) -> Frame | None:
        """Return the next frame; None, again and again, at the end or after ``stop``.

        Args:
            timeout_secs: Longest wait, >= 0; None waits for ever.

        Raises:
            TimeoutError: nothing came in time.
            Exception: the error the stream was closed with, after its last frame.
        """
        deadline = None if timeout_secs is None else time.monotonic() + timeout_secs
        with self._changed:
            while True:
                if self._frames:
                    frame = self._frames.popleft()
                    self._changed.notify_all()
                    return frame
                if self._stopped:
                    return None
                if self._closed:
                    if self._error is not None:
                        raise self._error
                    return None
                left_secs = None if deadline is None else deadline - time.monotonic()
                if left_secs is not None and left_secs <= 0:
                    raise TimeoutError(f"no frame within {timeout_secs} s")
                self._changed.wait(left_secs)

    def stop(self) -> None:
        """Give up as the consumer: drop what waits, wake the producer, refuse what follows."""
        with self._changed:
            self._stopped = True
            self._dropped += len(self._frames)
            self._frames.clear()
            self._changed.notify_all()


class BoundedQueue(Mailbox):
    """Loses nothing: ``put`` blocks while ``capacity`` frames wait. For files."""

    def __init__(self, capacity: int = 8) -> None:
        """Make an empty queue.

        Args:
            capacity: Frames that may wait, >= 1. Eight even out the decoder's bursts and hold
                50 MB of full HD.
        """
        super().__init__()
        if capacity < 1:
            raise ValueError(f"expected a capacity of 1 or more, got {capacity}")
        self._capacity = capacity

    def _make_room(self) -> None:
        while len(self._frames) >= self._capacity and not self._stopped:
            self._changed.wait()


class LatestSlot(Mailbox):
    """Keeps the newest frame: ``put`` never blocks, overwritten frames are dropped. For cameras."""

    def _make_room(self) -> None:
        self._dropped += len(self._frames)
        self._frames.clear()
