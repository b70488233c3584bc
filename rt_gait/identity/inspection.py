"""What is odd about a gallery: people who look alike, templates unlike the rest of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rt_gait.identity.matching import Templates, subject_scores
from rt_gait.types import FloatArray


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a person's templates are to somebody."""

    subject_id: str
    other_id: str
    score: float
    """Mean over the templates of the best cosine, as a run would score such a walk."""


def nearest(vectors: FloatArray, templates: Templates, *, leave_out: str) -> Likeness | None:
    """Return who is most like the templates [K, D] of a subject, somebody else; None if nobody."""
    scores = subject_scores(vectors, templates).mean(axis=0)
    others = [k for k, i in enumerate(templates.subject_ids) if i != leave_out]
    if not others:
        return None
    best = max(others, key=lambda k: float(scores[k]))
    return Likeness(leave_out, templates.subject_ids[best], float(scores[best]))


def consistency(vectors: FloatArray) -> FloatArray:
    """Return how alike each of a person's templates [K, D] is to the nearest of the others, [K].

    One that stands alone has 1.
    """
    if len(vectors) < 2:
        return np.ones(len(vectors), np.float32)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1.0)
    return np.asarray(cosines.max(axis=1), np.float32)


def alike(templates: Templates, least: float) -> list[Likeness]:
    """Return the pairs of subjects of whom one scores ``least`` or more against the other."""
    found = []
    for subject_id in templates.subject_ids:
        likeness = nearest(templates.of(subject_id), templates, leave_out=subject_id)
        if likeness is not None and likeness.score >= least:
            found.append(likeness)
    pairs: dict[frozenset[str], Likeness] = {}
    for likeness in sorted(found, key=lambda n: -n.score):
        pairs.setdefault(frozenset((likeness.subject_id, likeness.other_id)), likeness)
    return list(pairs.values())


def strays(templates: Templates) -> list[tuple[str, int, str]]:
    """Return the templates that are nearer to another subject than to the rest of their own.

    Returns:
        Subject, how many of their templates are such, and whom most of them are nearest to.
    """
    found = []
    for subject_id in templates.subject_ids:
        own = templates.of(subject_id)
        scores = subject_scores(own, templates)
        scores[:, templates.subject_ids.index(subject_id)] = -1.0
        if len(own) < 2 or scores.shape[1] < 2:
            continue
        stray = scores.max(axis=1) > consistency(own)
        if stray.any():
            towards = np.bincount(scores[stray].argmax(axis=1)).argmax()
            found.append((subject_id, int(stray.sum()), templates.subject_ids[int(towards)]))
    return found
