"""The life of one track: what is remembered of it until it ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from rt_gait.reasons import Reason
from rt_gait.types import Identity, IdentityState, TrackSummary


@dataclass
class Life:
    """What is remembered of a track while it lives."""

    first_time_secs: float
    last_time_secs: float
    frames: int = 0
    silhouettes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    identity: Identity = field(default_factory=Identity)
    settled: Identity | None = None
    """The last claim that was not in doubt."""
    known_after_secs: float | None = None
    standing: int = 0
    """Windows in which the person did not walk."""

    def claim(self, identity: Identity) -> None:
        """Take what is claimed of it after a frame."""
        if identity.reason is Reason.FEW_WINDOWS and self.standing:
            identity = replace(identity, reason=Reason.NOT_WALKING)
        self.identity = identity
        if identity.state is not IdentityState.INSUFFICIENT:
            self.settled = identity
        if identity.state is IdentityState.KNOWN and self.known_after_secs is None:
            self.known_after_secs = self.last_time_secs - self.first_time_secs

    def summary(self, track_id: int) -> TrackSummary:
        """Return all of it, at its end."""
        return TrackSummary(
            track_id=track_id,
            first_time_secs=self.first_time_secs,
            last_time_secs=self.last_time_secs,
            frames=self.frames,
            silhouettes=self.silhouettes,
            rejected=dict(sorted(self.rejected.items())),
            identity=self.settled or self.identity,
            known_after_secs=self.known_after_secs,
            windows_not_walking=self.standing,
        )
