"""From raw timestamps to the time and epoch of a frame.

Files and cameras give timestamps that start anywhere, are missing, repeat, or jump. Gait windows
need a time that starts at 0 and never decreases, and must know where it is broken.
"""

from __future__ import annotations

JUMP_SECS = 0.5
"""A frame that comes later than expected by more than this starts a new epoch: half a step cycle,
so what a person did in between is unknown (a gait cycle takes about 1 s)."""

JITTER_PERIODS = 0.5
"""A timestamp that goes back by less than this share of a frame period is a rounding error of the
writer, not a jump: time stands still for it."""


class Timeline:
    """Gives each frame its time in seconds and its epoch."""

    def __init__(self, *, period_secs: float) -> None:
        """Start before the first frame.

        Args:
            period_secs: Expected time between two frames, > 0.
        """
        self._period_secs = period_secs
        self._base_secs = 0.0
        self._raw_secs: float | None = None
        self._time_secs: float | None = None
        self._shape: tuple[int, ...] | None = None
        self._epoch = 0

    def stamp(
        self, raw_secs: float | None, shape: tuple[int, ...], *, skipped: int = 0
    ) -> tuple[float, int]:
        """Return the time (0 at the first frame, never decreasing) and the epoch of a frame.

        A jump forward keeps the real distance; after a jump backwards time goes on one frame
        period later. A change of picture size raises the epoch too.

        Args:
            raw_secs: Timestamp of the source; None when it has none: one period after the last.
            shape: Shape of the picture.
            skipped: Frames lost just before this one; they widen a step without timestamp.
        """
        if self._time_secs is None:
            self._base_secs = raw_secs or 0.0
            self._raw_secs = raw_secs
            self._time_secs, self._shape = 0.0, shape
            return 0.0, 0
        jumped = shape != self._shape
        self._shape = shape
        expected_secs = self._time_secs + self._period_secs * (1 + skipped)
        if raw_secs is None:
            self._time_secs = expected_secs
        else:
            if self._raw_secs is None:
                self._base_secs = raw_secs - expected_secs
            elif self._raw_secs - raw_secs > JITTER_PERIODS * self._period_secs:
                self._base_secs = raw_secs - expected_secs
                jumped = True
            time_secs = max(raw_secs - self._base_secs, self._time_secs)
            jumped |= time_secs - self._time_secs > self._period_secs + JUMP_SECS
            self._time_secs, self._raw_secs = time_secs, raw_secs
        self._epoch += jumped
        return self._time_secs, self._epoch
