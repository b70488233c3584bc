"""Sends an event log on to somebody else, at least once and in order, in a process of its own.

The run writes the log and knows nothing of this: a receiver that is slow, wrong or gone cannot
hurt it. A batch is sent again, whole, until the receiver has confirmed all of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from rt_gait.errors import RtGaitError
from rt_gait.events.schema import Event
from rt_gait.events.spool import Spool

POLL_SECS = 0.2
BACK_OFF_SECS = (1.0, 30.0)
"""First and longest wait after a failure; doubled each time, a fifth more or less at random."""


class DeliveryError(RtGaitError):
    """A receiver did not confirm a batch; it may later."""


class Receiver(Protocol):
    """Takes events somewhere else."""

    def send(self, events: list[Event]) -> None:
        """Deliver the events in order; return once every one is confirmed. Empty: stay alive.

        Raises:
            DeliveryError: not all of them were confirmed.
        """
        ...

    def close(self) -> None:
        """Say goodbye, if that is possible at once."""
        ...


class Publisher:
    """Moves events from a log to a receiver until told to stop.

    Args:
        spool: The log, and how far it has been sent.
        receiver: Who takes the events.
        wait: Waits so many seconds, or less, and returns whether to stop.
        tell: Says one line to the user: a receiver that went away or came back, a gap in the log.
    """

    def __init__(
        self,
        spool: Spool,
        receiver: Receiver,
        *,
        wait: Callable[[float], bool],
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.sent = 0
        """Events confirmed."""
        self._spool, self._receiver = spool, receiver
        self._wait, self._tell = wait, tell
        self._failures = 0
        self._told = 0

    def run(self) -> None:
        """Send until told to stop.

        Raises:
            UsageError: the log cannot be read.
            OutputError: the place in the log cannot be stored.
        """
        try:
            while not self._wait(self._step()):
                pass
        finally:
            self._receiver.close()

    def _step(self) -> float:
        """Send one batch; return the seconds to wait until the next."""
        events = self._spool.batch()
        self._tell_gaps()
        try:
            self._receiver.send(events)
        except DeliveryError as error:
            if not self._failures:
                self._tell(f"{error}; the log keeps the events, trying again until it answers")
            self._failures += 1
            return back_off(self._failures)
        if self._failures:
            self._tell(f"delivering again after {self._failures} failures")
            self._failures = 0
        self._spool.done()
        self.sent += len(events)
        return 0.0 if events else POLL_SECS

    def _tell_gaps(self) -> None:
        if self._spool.skipped > self._told:
            self._told = self._spool.skipped
            self._tell(f"{self._told} lines of the log are torn or damaged and were left out")
        if self._spool.lost_place:
            self._spool.lost_place = False
            self._tell(
                "the part of the log that was sent last is gone: going on with the oldest; a gap "
                "in 'sequence' shows what is lost"
            )


def back_off(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, at least 1."""
    first, most = BACK_OFF_SECS
    secs = min(first * 2.0 ** min(failures - 1, 16), most)
    return secs * random.uniform(0.8, 1.2)  # noqa: S311 - spreads clients, guards nothing
