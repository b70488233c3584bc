"""From the scores of single windows to a claim about each person in the picture.

A window lasts about a second and is wrong now and then; a track lasts longer. So evidence is
averaged over the windows of a track, and a claim is made per frame, where one more fact helps:
nobody is in the picture twice.

The claim of one track, with best the highest fused score and margin its lead over the next:

====================================================  ============
fewer than ``min_windows`` windows, or in doubt       insufficient
best >= known, and margin enough or a sole subject    known
best >= candidate and known as this subject before    known
best >= candidate                                     candidate
else, or an empty gallery                             unknown
====================================================  ============

The third line keeps a label from flickering at the threshold. When two tracks claim one subject,
the higher score has it (then the lower track id). The other is known as its second best if that
one, with the taken subject out of the running, passes the rule for known; else it is unknown.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import TypeAlias, TypeVar

import numpy as np

from rt_gait.identity.matching import Templates, subject_scores
from rt_gait.identity.ranking import STEPS, WEIGHTS, Scored, best_subjects, margin_at, score_at
from rt_gait.identity.searches import FUSED_WINDOWS_MAX
from rt_gait.identity.thresholds import Thresholds
from rt_gait.reasons import Reason
from rt_gait.types import Embedding, Identity, IdentityState

_T = TypeVar("_T")

TRACKS_MAX = 256
"""Tracks remembered, four times the cap on people in view; the one without news longest goes."""
FORGOTTEN_MAX = 1024
"""Ended tracks remembered, so that a result that comes late does not raise one from the dead."""


_Claim: TypeAlias = tuple[bool, float, int, int, Identity]
"""Whether it is only a candidate, score negated, track id, rank, identity: in order of service."""


@dataclass(slots=True)
class _Evidence:
    """What is remembered of one track."""

    windows: list[Scored] = field(default_factory=list)
    """Oldest first; weights and scores break ties of time."""
    ranking: tuple[tuple[str, float], ...] = ()
    known_as: str | None = None
    since_secs: float = -inf
    """Windows that end by then are of the person before a suspected swap."""
    doubted: bool = False


class Identifier:
    """Evidence of all tracks against one gallery. Track ids must never be used twice."""

    def __init__(self, templates: Templates, thresholds: Thresholds) -> None:
        self._templates = templates
        self._thresholds = thresholds
        self._tracks: dict[int, _Evidence] = {}
        self._forgotten: dict[int, None] = {}
        self.dropped_windows = 0
        """Windows left out: not finite, of an ended track, or from before a suspected swap."""

    @property
    def subject_ids(self) -> tuple[str, ...]:
        """Of the gallery."""
        return self._templates.subject_ids

    def add(self, embeddings: Sequence[Embedding]) -> None:
        """Take in windows, in any order.

        Args:
            embeddings: vectors [D] float32, L2 norm 1.

        Raises:
            GalleryError: D is not that of the gallery.
        """
        usable = [embedding for embedding in embeddings if self._is_usable(embedding)]
        self.dropped_windows += len(embeddings) - len(usable)
        if not usable:
            return
        scores = subject_scores(np.stack([one.vector for one in usable]), self._templates)
        steps = np.rint(scores.astype(np.float64) * STEPS).astype(np.int32)
        for embedding, row in zip(usable, steps, strict=True):
            evidence = self._tracks.pop(embedding.track_id, None) or _Evidence()
            self._tracks[embedding.track_id] = evidence
            weight = max(round(embedding.quality * WEIGHTS), 1)
            insort(evidence.windows, (embedding.end_secs, weight, row.tobytes()))
            del evidence.windows[:-FUSED_WINDOWS_MAX]
        for track_id in {embedding.track_id for embedding in usable}:
            evidence = self._tracks[track_id]
            if evidence.doubted:
                self._recheck(evidence)
            evidence.ranking = best_subjects(evidence.windows, self._templates.subject_ids)
        _drop_oldest(self._tracks, TRACKS_MAX)

    def decide(self, track_ids: Sequence[int]) -> dict[int, Identity]:
        """Return the claim about every track in view, at most one track for each subject.

        The answer does not depend on the order of ``track_ids`` or of the windows. It does
        depend on which tracks were known before.
        """
        identities = {track_id: self._without_claim(track_id) for track_id in sorted(track_ids)}
        queue: list[_Claim] = []
        for track_id in identities:
            self._enqueue(queue, track_id, rank=0)
        taken: set[str] = set()
        while queue:
            _, _, track_id, rank, claim = heapq.heappop(queue)
            if claim.subject_id not in taken:
                taken.add(str(claim.subject_id))
                identities[track_id] = claim
            elif rank == 0:
                taken_best = replace(identities[track_id], reason=Reason.SEEN_ELSEWHERE)
                identities[track_id] = taken_best
                self._enqueue(queue, track_id, rank=1)
        for track_id, identity in identities.items():
            if evidence := self._tracks.get(track_id):
                known = identity.state is IdentityState.KNOWN
                evidence.known_as = identity.subject_id if known else None
        return identities

    def forget(self, track_id: int) -> None:
        """Drop a track that has ended; windows of it that come later are dropped too."""
        self._tracks.pop(track_id, None)
        self._forgotten[track_id] = None
        _drop_oldest(self._forgotten, FORGOTTEN_MAX)

    def doubt(self, track_id: int, *, since_secs: float) -> None:
        """Make no claim of a track after a suspected swap, until its gait has been seen again.

        One later window whose best subject is that of before clears it; ``min_windows`` that do
        not, and only they are believed.

        Args:
            track_id: may be one without evidence yet.
            since_secs: time of the swap; windows that ended by then and come later are dropped.
        """
        evidence = self._tracks.pop(track_id, None) or _Evidence()
        self._tracks[track_id] = evidence
        evidence.since_secs = since_secs
        evidence.doubted = bool(evidence.windows)
        _drop_oldest(self._tracks, TRACKS_MAX)

    def _recheck(self, evidence: _Evidence) -> None:
        fresh = [w for w in evidence.windows if w[0] > evidence.since_secs]
        old = [w for w in evidence.windows if w[0] <= evidence.since_secs]
        subject_ids = self._templates.subject_ids
        best_then, best_now = (best_subjects(w, subject_ids)[:1] for w in (old, fresh))
        agree = [subject for subject, _ in best_then] == [subject for subject, _ in best_now]
        if agree or len(fresh) >= self._thresholds.min_windows:
            evidence.doubted = False
            evidence.windows = evidence.windows if agree else fresh

    def _is_usable(self, embedding: Embedding) -> bool:
        if embedding.track_id in self._forgotten:
            return False
        evidence = self._tracks.get(embedding.track_id)
        if evidence is not None and embedding.end_secs <= evidence.since_secs:
            return False
        return isfinite(embedding.end_secs) and bool(np.isfinite(embedding.vector).all())

    def _without_claim(self, track_id: int) -> Identity:
        evidence = self._tracks.get(track_id, _Evidence())
        state, reason = IdentityState.INSUFFICIENT, Reason.FEW_WINDOWS
        if evidence.doubted:
            reason = Reason.SUSPECTED_SWAP
        elif len(evidence.windows) >= self._thresholds.min_windows:
            state = IdentityState.UNKNOWN
            reason = Reason.NOBODY_CLOSE if len(self._templates) else Reason.EMPTY_GALLERY
        score = score_at(evidence.ranking, 0)
        return Identity(
            state=state,
            score=score,
            margin=margin_at(evidence.ranking, 0),
            windows=len(evidence.windows),
            top=evidence.ranking,
            reason=reason,
            probability=self._probability(score),
        )

    def _probability(self, score: float | None) -> float | None:
        odds = self._thresholds.odds
        return None if score is None or odds is None else odds.probability(score)

    def _enqueue(self, queue: list[_Claim], track_id: int, *, rank: int) -> None:
        """Push the claim to the subject at ``rank`` (0 best, 1 second), if there is one."""
        base = self._without_claim(track_id)
        if base.state is IdentityState.INSUFFICIENT or len(base.top) <= rank:
            return
        subject_id, score = base.top[rank]
        margin = margin_at(base.top, rank)
        held = self._tracks[track_id].known_as == subject_id
        clear = margin is None or margin >= self._thresholds.margin
        if (score >= self._thresholds.known and clear) or (
            held and score >= self._thresholds.candidate
        ):
            state, reason = IdentityState.KNOWN, None
        elif score >= self._thresholds.candidate and rank == 0:
            low = score < self._thresholds.known
            state = IdentityState.CANDIDATE
            reason = Reason.SCORE_LOW if low else Reason.TWO_CLOSE
        else:
            return
        claim = replace(
            base,
            state=state,
            subject_id=subject_id,
            score=score,
            margin=margin,
            reason=reason,
            probability=self._probability(score),
        )
        heapq.heappush(queue, (state is not IdentityState.KNOWN, -score, track_id, rank, claim))


def _drop_oldest(entries: dict[int, _T], kept: int) -> None:
    """Delete what was put in first until ``kept`` entries are left."""
    while len(entries) > kept:
        del entries[next(iter(entries))]
