"""Learning from a run: which walks are sure enough to be proposed as templates.

A wrong template makes wrong names for good, and nobody sees why. So a walk is proposed only if its
track ended as known, far above the threshold and far ahead of the next subject, was never known
as somebody else nor near enough to another person to be swapped, and gave many windows, which are
of walking alone. Even then nothing is compared with it until somebody has accepted it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rt_gait.identity.proposals import Walk
from rt_gait.identity.records import spread
from rt_gait.identity.thresholds import Thresholds
from rt_gait.types import Embedding, FrameResult, Identity, IdentityState

WINDOWS_LEAST = 8
"""About four seconds of walking, as for an enrolment."""
LEAD = 0.1
"""What score and margin have above those that a name asks for; chosen, not measured."""
TEMPLATES_MOST = 10
"""Templates of one walk, spread evenly over it."""
_KEPT_MOST = 256
"""Windows remembered of a track; every other one goes when there are more."""


@dataclass
class _Track:
    first_secs: float
    last_secs: float
    identity: Identity = field(default_factory=Identity)
    """The last claim that was not in doubt."""
    names: set[str] = field(default_factory=set)
    """Everybody it was ever known as."""
    parted: bool = False
    windows: list[Embedding] = field(default_factory=list)


class Learner:
    """Watches the results of a run and hands over the walks that are sure; an output of the run.

    Args:
        limits: Of the run.
        source_name: Of the video or camera, without secrets.
        propose: Takes a walk.
    """

    name = "learning"
    path = None

    def __init__(
        self, limits: Thresholds, source_name: str, propose: Callable[[Walk], None]
    ) -> None:
        self._limits, self._source_name, self._propose = limits, source_name, propose
        self._tracks: dict[int, _Track] = {}

    def write(self, result: FrameResult) -> None:
        """Take one frame; hand over the tracks that ended in it."""
        now_secs = result.frame.time_secs
        for track in result.tracks:
            seen = self._tracks.setdefault(
                track.track_id, _Track(track.first_time_secs, track.first_time_secs)
            )
            seen.parted |= track.parted
            if track.detection is not None:
                seen.last_secs = now_secs
            identity = result.identities[track.track_id]
            if identity.state is not IdentityState.INSUFFICIENT:
                seen.identity = identity
            if identity.state is IdentityState.KNOWN:
                seen.names.add(str(identity.subject_id))
        for embedding in result.embeddings:
            if embedding.track_id in self._tracks:
                windows = self._tracks[embedding.track_id].windows
                windows.append(embedding)
                if len(windows) > _KEPT_MOST:
                    del windows[::2]
        for summary in result.ended:
            self._end(summary.track_id)

    def close(self) -> None:
        """Hand over the tracks that were in view to the end."""
        for track_id in sorted(self._tracks):
            self._end(track_id)

    def _end(self, track_id: int) -> None:
        seen = self._tracks.pop(track_id, None)
        if seen is None or seen.parted or len(seen.windows) < WINDOWS_LEAST:
            return
        if len(seen.names) != 1 or not is_clear(seen.identity, self._limits):
            return
        source = f"{self._source_name}, {seen.first_secs:.1f} to {seen.last_secs:.1f} s"
        vectors = spread(np.stack([e.vector for e in seen.windows]), TEMPLATES_MOST)
        self._propose(Walk(seen.names.pop(), vectors, source, seen.identity.score or 0.0))


def is_clear(identity: Identity, limits: Thresholds) -> bool:
    """Whether a claim is sure enough to learn from; a sole subject has no margin to show."""
    score, margin = identity.score, identity.margin
    return (
        identity.state is IdentityState.KNOWN
        and score is not None
        and score >= limits.known + LEAD
        and (margin is None or margin >= limits.margin + LEAD)
    )
