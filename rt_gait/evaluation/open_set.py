"""Open-set identification: who is it, if it is anybody enrolled? ISO/IEC 19795-1:2021.

N subjects are drawn at random and enrolled with all their gallery sequences; this is done
:data:`DRAWS` times. A subject's score is the maximum over his sequences. Probes of the enrolled
make *mated* searches, probes of everybody else *non-mated* ones:

    FPIR(N, T)    = share of non-mated searches in which some enrolled subject scores >= T
    FNIR(N, 1, T) = share of mated searches in which the own subject is not first or scores < T

The threshold T is set on these very searches, one for each N and limit x: it is the lowest T at
which FPIR is at most x, over the non-mated searches of all draws taken together. FNIR is the share
over the mated searches of all draws at that T. Replicates set their T in the same way.

An x that is less than one non-mated probe, and an N that would leave nobody un-enrolled, are left
out.
"""

from __future__ import annotations

import numpy as np

from rt_gait.types import FloatArray

from .curves import Histograms, counted, edges_of, exact_rates, rejects_at
from .resampling import Figure, Resampling
from .searches import Scores
from .sequences import Ints
from .verification import percent

SIZES = (20, 50, 100)
FALSE_POSITIVE_RATES = (0.01, 0.1)
DRAWS = 50
_SEED = 19795


def open_set(scores: Scores, resampling: Resampling) -> tuple[dict[str, Figure], list[str]]:
    """Return the figures, and in words what was left out."""
    figures: dict[str, Figure] = {}
    left_out: list[str] = []
    enrollable = np.flatnonzero(~np.isnan(scores.values).all(axis=0))
    for size in SIZES:
        if size >= len(enrollable):
            left_out.append(f"N = {size}: only {len(enrollable)} subjects could be enrolled")
            continue
        mated, non_mated, probes = _draws(scores, enrollable, size)
        for limit in FALSE_POSITIVE_RATES:
            if probes * limit < 1:
                left_out.append(f"N = {size}, FPIR {percent(limit)}: {probes} non-mated probes")
                continue
            name = f"FNIR at FPIR {percent(limit)}, N = {size}"
            figures[name] = figure_at(mated, non_mated, limit, resampling)
    return figures, left_out


Searches = tuple[Ints, FloatArray]
"""Whose probe each search is, and its score; -inf where the own subject is not first."""


def _draws(scores: Scores, enrollable: Ints, size: int) -> tuple[Searches, Searches, int]:
    """Return the mated and the non-mated searches of all draws, and how many probes were such."""
    rng = np.random.default_rng([_SEED, size])
    mated: list[Searches] = []
    non_mated: list[Searches] = []
    stranger = np.zeros(len(scores.subject), np.bool_)
    for _ in range(DRAWS):
        enrolled = rng.choice(enrollable, size, replace=False)
        known = np.isin(scores.subject, enrolled)
        part = Scores(scores.subject[known], scores.values[known])
        first = part.among(enrolled).first()
        had = ~np.isnan(first)
        mated.append((part.subject[had], np.where(first > 0, part.own, -np.inf)[had]))
        best = np.nan_to_num(scores.values[~known][:, enrolled], nan=-np.inf).max(axis=1)
        non_mated.append((scores.subject[~known], best))
        stranger |= ~known
    return _joined(mated), _joined(non_mated), int(stranger.sum())


def _joined(parts: list[Searches]) -> Searches:
    subject, value = (np.concatenate(side) for side in zip(*parts, strict=True))
    return subject, value.astype(np.float32)


def figure_at(mated: Searches, non_mated: Searches, limit: float, resampling: Resampling) -> Figure:
    """Return FNIR at the lowest threshold at which FPIR is at most ``limit``."""
    exact = exact_rates(mated[1], non_mated[1], (limit,))
    value, at = rejects_at(exact, limit)
    edges = edges_of(mated[1], non_mated[1])
    steps, subjects = len(edges) + 1, resampling.weights.shape[1]
    sides = (
        counted(subject, np.searchsorted(edges, score, side="right"), subjects, steps)
        for subject, score in (mated, non_mated)
    )
    replicated = Histograms(edges, *sides).replicated(resampling)
    return Figure(
        float(value),
        rejects_at(replicated, limit)[0],
        len(mated[0]),
        len(np.unique(mated[0])),
        float(exact.thresholds[at]),
    )
