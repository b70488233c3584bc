"""Tracks of people who are known compared with a gallery, as a run would compare them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rt_gait.identity.calibration import Search
from rt_gait.identity.matching import Templates, subject_scores
from rt_gait.types import FloatArray

FUSED_WINDOWS_MAX = 10
"""Windows averaged. Neighbouring windows of one walk share most of their noise, so an average of
many more gains little, while every older window delays the correction after a swap that nobody
noticed. A choice, not a measurement."""

TEMPLATES_FUSED = 5
"""Templates fused before a score counts where they stand for a walk: they are of several views and
in no order. With 5, such scores are as high on average as those of walks (64 synthetic people)."""


def fused(scores: FloatArray, quality: npt.ArrayLike | None = None) -> FloatArray:
    """Return what a run makes of the scores [W, S] of a track's windows, after each of them.

    Args:
        scores: in the order of time.
        quality: [W] weights above 0; all alike by default.
    """
    weight = np.ones(len(scores)) if quality is None else np.asarray(quality, np.float64)
    sums = np.cumsum(np.vstack([np.zeros(scores.shape[1]), scores * weight[:, None]]), axis=0)
    weights = np.cumsum(np.concatenate([[0.0], weight]))
    last = np.arange(1, len(scores) + 1)
    first = np.maximum(last - FUSED_WINDOWS_MAX, 0)
    means = (sums[last] - sums[first]) / (weights[last] - weights[first])[:, None]
    return np.asarray(means, np.float32)


def search(
    vectors: FloatArray,
    templates: Templates,
    *,
    person: str,
    subject_id: str | None,
    min_windows: int,
    quality: npt.ArrayLike | None = None,
) -> tuple[Search | None, Search | None]:
    """Compare one track with the gallery.

    Args:
        vectors: [W, D] float32 of its windows, in the order of time.
        templates: of at least one subject.
        person: whose track it is; any text that is one person's own.
        subject_id: of an enrolled person; None of a stranger.
        min_windows: as in the thresholds of a run.
        quality: [W] of the windows.

    Returns:
        The search as a stranger's, the own subject taken out of the gallery, and as the subject's:
        None where nobody else is enrolled, where another comes first at the end, or where there
        are too few windows.
    """
    if len(vectors) < min_windows:
        return None, None
    means = fused(subject_scores(vectors, templates), quality)[min_windows - 1 :]
    if subject_id is None:
        return Search(person, float(means.max())), None
    own = templates.subject_ids.index(subject_id)
    others = np.delete(means, own, axis=1)
    genuine = None
    if not others.size or means[-1, own] > others[-1].max():
        genuine = Search(person, float(means[:, own].max()))
    return (Search(person, float(others.max())) if others.size else None), genuine


def among_themselves(templates: Templates) -> list[Search]:
    """Return everybody's templates as a stranger's walk to all others; people are subject ids."""
    found = []
    for subject_id in templates.subject_ids:
        own = templates.of(subject_id)
        other, _ = search(
            own,
            templates,
            person=subject_id,
            subject_id=subject_id,
            min_windows=min(TEMPLATES_FUSED, len(own)),
        )
        found += [other] if other else []
    return found
