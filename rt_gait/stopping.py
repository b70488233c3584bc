"""Ending a program: the wish to, and the signals that make it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rt_gait.errors import ExitCode

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
    """Turn the first SIGINT or SIGTERM into a wish to stop; the second ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            os._exit(ExitCode.INTERRUPTED)
        stop.request()

    before = _set(dict.fromkeys((signal.SIGINT, signal.SIGTERM), handle))
    try:
        yield
    finally:
        _set(before)


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
