"""The best subjects of a track, from the scores of its windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

TOP = 3
STEPS = 1_000_000
"""Scores are summed as integer millionths: sums of floats depend on their order."""


WEIGHTS = 100
"""Weights of windows are whole hundredths, for the same reason."""
Scored: TypeAlias = tuple[float, int, bytes]
"""End time, weight (1..100) and int32 scores [S] of one window."""


def best_subjects(
    windows: Sequence[Scored], subject_ids: tuple[str, ...]
) -> tuple[tuple[str, float], ...]:
    """Return the three best (subject_id, mean score to 4 decimals); ties by subject id."""
    if not subject_ids or not windows:
        return ()
    steps = np.stack([np.frombuffer(scores, np.int32) for _, _, scores in windows])
    weights = np.array([weight for _, weight, _ in windows], np.int64)
    sums = weights @ steps.astype(np.int64)
    fused = np.rint(sums * 10_000 / (int(weights.sum()) * STEPS)).astype(np.int64)
    kept = min(TOP, len(fused))
    floor = np.partition(fused, len(fused) - kept)[len(fused) - kept]
    best = sorted((-int(fused[i]), subject_ids[i]) for i in np.flatnonzero(fused >= floor))
    return tuple((subject_id, -score / 10_000) for score, subject_id in best[:TOP])


def score_at(ranking: Sequence[tuple[str, float]], rank: int) -> float | None:
    """Return the score of the subject at ``rank``, None without one."""
    return ranking[rank][1] if rank < len(ranking) else None


def margin_at(ranking: Sequence[tuple[str, float]], rank: int) -> float | None:
    """Return the lead of the subject at ``rank`` over the next one, None without a next one."""
    score, following = score_at(ranking, rank), score_at(ranking, rank + 1)
    return None if score is None or following is None else round(score - following, 4)
