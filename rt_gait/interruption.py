"""Signals that end a program, for work that must be put right again before it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def first_signal_interrupts() -> Iterator[Callable[[], None]]:
    """Let the first signal to end raise KeyboardInterrupt; later ones must not disturb the end.

    Yields:
        What to call before the end, so that a first signal does not disturb it either.
    """
    first = True

    def no_more() -> None:
        nonlocal first
        first = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if first:
            no_more()
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield no_more
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
