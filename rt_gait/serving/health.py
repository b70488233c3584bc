"""Is a server away, or only busy? A circuit breaker that asks before it opens.

A refusal for a full queue and a server that was killed look alike (UNAVAILABLE), and so do a slow
model and a frozen server (the deadline passes). So a failed request only raises a question: a
server that answers it is well, whatever became of the request.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from rt_gait.errors import ServerError

OPEN_AFTER = 3
"""Failed requests after which no more are sent."""
PROBE_SECS = (1.0, 3.0)
"""From the first to the longest pause between questions to a server that is away. Three seconds,
and one for the answer, let results return within five of a relaunch."""
_SLOWER = 1.5


class Verdict(Enum):
    """What the answer to a question was."""

    WELL = "well"
    AWAY = "away"


class Question(Protocol):
    """A question on its way."""

    @property
    def done(self) -> bool:
        """Whether waiting is over."""
        ...

    def verify(self) -> None:
        """Return if the server is well.

        Raises:
            ServerError: it is away.
            ModelError: it is there, and its models are others.
        """
        ...


def ignore(_away: bool) -> None:
    """Let nobody know."""


class Health:
    """The breaker of one user of a server. Never waits: call :meth:`poll` now and then.

    Args:
        ask: Sends a question.
        clock: Monotonic seconds.
        note: Told when the server is given up for now, and when no longer.
    """

    def __init__(
        self,
        ask: Callable[[], Question],
        clock: Callable[[], float],
        note: Callable[[bool], None] = ignore,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._note = note
        self._question: Question | None = None
        self._failures = 0
        self._pause_secs = PROBE_SECS[0]
        self._ask_at_secs: float | None = None
        self.is_open = False
        """Whether the server is given up for now: nothing should be sent."""

    def trouble(self) -> None:
        """A request has failed."""
        self._failures += 1
        if not self.is_open:
            self._ask_at_secs = self._clock()

    def poll(self) -> Verdict | None:
        """Ask if it is time to; return the verdict when an answer has just come.

        Raises:
            ModelError: the server has come back with other models.
        """
        if self._question is None:
            if self._ask_at_secs is not None and self._clock() >= self._ask_at_secs:
                self._question, self._ask_at_secs = self._ask(), None
            return None
        if not self._question.done:
            return None
        question, self._question = self._question, None
        try:
            question.verify()
        except ServerError:
            return self._away()
        self._failures, self._pause_secs, self._ask_at_secs = 0, PROBE_SECS[0], None
        self._turn(away=False)
        return Verdict.WELL

    def _away(self) -> Verdict:
        if self._failures >= OPEN_AFTER:
            if self.is_open:
                self._pause_secs = min(self._pause_secs * _SLOWER, PROBE_SECS[1])
            self._turn(away=True)
            self._ask_at_secs = self._clock() + self._pause_secs
        return Verdict.AWAY

    def _turn(self, *, away: bool) -> None:
        if away != self.is_open:
            self.is_open = away
            self._note(away)


class Outage:
    """Tells the user once that a server is away, and once that it is back, whoever notices first.

    Args:
        away: The line that says so.
        back: The line that says so.
        tell: Takes a line.
    """

    def __init__(self, away: str, back: str, tell: Callable[[str], None]) -> None:
        self._lines = {True: away, False: back}
        self._tell = tell
        self._users_without = 0

    def note(self, away: bool) -> None:
        """One user of the server has given it up, or has it back."""
        self._users_without += 1 if away else -1
        if self._users_without == int(away):
            self._tell(self._lines[away])
