"""What parts of comparing walks with a gallery are worth, those left out and those never put in.

For every draw of enrolled people a variant gives the score of each walk against each of them. FNIR
at a chosen FPIR is that of ``rt_gait.evaluation.open_set``, and the difference to what a run does
is paired: the same walks, and the same people drawn anew for its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from rt_gait.bench.identity.honesty import SIZES, draws
from rt_gait.bench.identity.replay import enrolled
from rt_gait.bench.identity.scores import MIN_WINDOWS, Walk, World, highest, resampling, told
from rt_gait.evaluation.open_set import FALSE_POSITIVE_RATES, Searches, figure_at
from rt_gait.evaluation.resampling import Figure
from rt_gait.evaluation.sequences import Ints
from rt_gait.evaluation.takes import OTHER_DAY, SAME_DAY
from rt_gait.identity.matching import Templates, subject_scores
from rt_gait.identity.searches import fused
from rt_gait.types import FloatArray

BEST = 4
"""Templates of a subject averaged by a variant."""
SHRINKAGE = 0.1
"""Share of the mean variance added before whitening: templates are fewer than their numbers."""

Variant = Callable[[Templates, Sequence[Walk], World], FloatArray]
"""[P, N] of walks against the enrolled; the world is that of the cohort."""


def as_it_is(templates: Templates, walks: Sequence[Walk], _cohort: World) -> FloatArray:
    """Evidence over time, weighted by quality, of the best template."""
    means = (fused(subject_scores(w.take.vectors, templates), w.quality) for w in walks)
    return np.stack([highest(m) for m in means])


def normalised(templates: Templates, walks: Sequence[Walk], cohort: World) -> FloatArray:
    """Scores held against those of a cohort, on both sides.

    S-norm (Kenny, Odyssey 2010): the mean of the score in standard deviations of what strangers
    score against the subject, and of what the walk scores against strangers' templates.
    """
    scores = as_it_is(templates, walks, cohort)
    strangers = as_it_is(templates, long_enough(cohort), cohort)
    others = as_it_is(cohort.templates, walks, cohort)
    by_subject = (scores - strangers.mean(axis=0)) / strangers.std(axis=0)
    by_walk = (scores - others.mean(axis=1, keepdims=True)) / others.std(axis=1, keepdims=True)
    return np.asarray((by_subject + by_walk) / 2)


def best_templates(templates: Templates, walks: Sequence[Walk], _cohort: World) -> FloatArray:
    """Return the mean of the best templates of a subject in the place of the best one."""
    starts = [np.flatnonzero(templates.owners == k) for k in range(len(templates))]
    rows = []
    for walk in walks:
        cosines = walk.take.vectors @ templates.vectors.T
        means = [np.sort(cosines[:, own], axis=1)[:, -BEST:].mean(axis=1) for own in starts]
        rows.append(highest(fused(np.stack(means, axis=1), walk.quality)))
    return np.stack(rows)


def centred(templates: Templates, walks: Sequence[Walk], cohort: World) -> FloatArray:
    """Vectors less the mean of the gallery's."""
    mean = templates.vectors.mean(axis=0)
    return _mapped(lambda v: v - mean, templates, walks, cohort)


def whitened(templates: Templates, walks: Sequence[Walk], cohort: World) -> FloatArray:
    """Vectors in which the gallery's, each less the mean of its subject, vary alike in all ways."""
    means = np.stack([templates.of(i).mean(axis=0) for i in templates.subject_ids])
    within = templates.vectors - means[templates.owners]
    _, spread, axes = np.linalg.svd(within, full_matrices=False)
    variance = spread**2 / len(within)
    floor = SHRINKAGE * float(variance.mean()) + 1e-12
    gain = np.sqrt(floor / (variance + floor)) - 1
    mean = means.mean(axis=0)
    return _mapped(
        lambda v: (v - mean) + ((v - mean) @ axes.T * gain) @ axes, templates, walks, cohort
    )


VARIANTS: dict[str, Variant] = {
    "as it is": as_it_is,
    "the mean of the best 4 templates": best_templates,
    "normalised by a cohort": normalised,
    "centred on the gallery": centred,
    "whitened by the gallery": whitened,
}


def ablation(world: World, first_walk: World, cohort: World) -> Iterator[str]:
    """Give FNIR at FPIR of every variant, and how it differs from what a run does.

    Args:
        world: everybody, with all their walks to enrol.
        first_walk: the same, enrolled with one walk.
        cohort: other people.
    """
    for size in SIZES:
        if size >= len(world.templates.subject_ids):
            continue
        base: dict[float, Figure] = {}
        for name, variant in VARIANTS.items():
            for limit, figure in _figures(world, cohort, variant, size).items():
                yield _line(f"N = {size}, {name}", limit, figure, base.setdefault(limit, figure))
        for limit, figure in _figures(first_walk, cohort, as_it_is, size).items():
            yield _line(f"N = {size}, one walk enrolled", limit, figure, base[limit])


def long_enough(world: World) -> list[Walk]:
    """Return the walks that make a search."""
    return [w for w in world.of(SAME_DAY, OTHER_DAY) if len(w.windows) >= MIN_WINDOWS]


def _figures(world: World, cohort: World, variant: Variant, size: int) -> dict[float, Figure]:
    walks = [w for w in long_enough(world) if world.column(w) >= 0]
    owner = np.array([world.column(w) for w in walks], np.int64)
    mated: list[Searches] = []
    others: list[Searches] = []
    for chosen in draws(world, size):
        scores = variant(enrolled(world, chosen), walks, cohort)
        inside, best = np.isin(owner, chosen), scores.max(axis=1)
        column = np.searchsorted(np.sort(chosen), owner[inside])
        own = scores[inside, column]
        first = (scores[inside] >= own[:, None]).sum(axis=1) == 1
        mated.append((owner[inside], np.where(first, own, -np.inf).astype(np.float32)))
        others.append((owner[~inside], best[~inside].astype(np.float32)))
    limits = [x for x in FALSE_POSITIVE_RATES if x * len(walks) >= 1]
    return {x: figure_at(_joined(mated), _joined(others), x, resampling(world)) for x in limits}


def _joined(parts: Sequence[Searches]) -> tuple[Ints, FloatArray]:
    subjects, scores = zip(*parts, strict=True)
    return np.concatenate(subjects), np.concatenate(scores)


def _mapped(
    change: Callable[[FloatArray], FloatArray],
    templates: Templates,
    walks: Sequence[Walk],
    cohort: World,
) -> FloatArray:
    def moved(vectors: FloatArray) -> FloatArray:
        found = change(vectors)
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(norms, 1e-9), np.float32)

    there = replace(templates, vectors=moved(templates.vectors))
    here = [replace(w, take=replace(w.take, vectors=moved(w.take.vectors))) for w in walks]
    return as_it_is(there, here, cohort)


def _line(name: str, limit: float, figure: Figure, base: Figure) -> str:
    line = f"{name} | FPIR {limit:.0%}: {told(figure)}"
    same = (figure.trials, figure.subjects) == (base.trials, base.subjects)
    return line if figure is base or not same else f"{line}, {told(figure.less(base))} more"
