"""Ending a program: the wish to, and the signals that make it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from rt_gait.errors import ExitCode

DEADLINE_SECS = 12.0
"""From the first signal to the end. Docker and systemd are told to wait longer before they kill."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """A wish to end the run, made by a signal, a key, or a reader that is gone."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        """Ask the run to end after the current frame."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the run should end."""
        return self._event.is_set()


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a wish to stop; the second ends the process.

    So does what comes of the first, if it takes longer than :data:`DEADLINE_SECS`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline = threading.Timer(DEADLINE_SECS, _give_up)
    deadline.daemon = True

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            os._exit(ExitCode.INTERRUPTED)
        stop.request()
        deadline.start()

    before = _set(dict.fromkeys((signal.SIGINT, signal.SIGTERM), handle))
    try:
        yield
    finally:
        _set(before)
        deadline.cancel()


def _give_up() -> None:
    with suppress(OSError):
        told = f"error: no end after {DEADLINE_SECS:g} s: an output blocks; what it had is lost\n"
        os.write(2, told.encode())
    os._exit(ExitCode.INTERRUPTED)


@contextmanager
def first_signal_interrupts() -> Iterator[Callable[[], None]]:
    """Let the first signal to end raise KeyboardInterrupt; later ones never disturb the end.

    For work that must be put right again before the program ends.

    Yields:
        What to call before the end, so that a first signal does not disturb it either.
    """
    first, came = True, False

    def no_more() -> None:
        nonlocal first
        first = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True
        if first:
            no_more()
            raise KeyboardInterrupt

    before = _set(dict.fromkeys(_SIGNALS, interrupt))
    try:
        yield no_more
    finally:
        _set(dict.fromkeys(_SIGNALS, signal.SIG_IGN) if came else before)


def _set(handlers: Mapping[signal.Signals, Any]) -> dict[signal.Signals, Any]:
    """Set what signals do; return what they did."""
    return {number: signal.signal(number, handler) for number, handler in handlers.items()}
