"""From takes to the scores of windows and walks against everybody, under different rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rt_gait.evaluation.resampling import Figure, Resampling
from rt_gait.evaluation.searches import Scores
from rt_gait.evaluation.takes import ENROL, OTHER_DAY, SAME_DAY, STANDING, Take
from rt_gait.gait.walking import quality, swing
from rt_gait.gait.windows import WindowShape, cut_windows
from rt_gait.identity.matching import Templates, subject_scores
from rt_gait.identity.records import spread
from rt_gait.identity.searches import fused
from rt_gait.types import FloatArray, Window

SHAPE = WindowShape(30, 25.0, 0.4)
TEMPLATES_MOST = 40
MIN_WINDOWS = 2


@dataclass(frozen=True, eq=False)
class Walk:
    """One track with its windows."""

    take: Take
    windows: tuple[Window, ...]
    swings: FloatArray
    """[W] of the legs."""
    scores: FloatArray
    """[W, S] against everybody who could be enrolled."""

    @property
    def quality(self) -> FloatArray:
        """[W] of the windows."""
        return np.array([quality(float(s)) for s in self.swings], np.float32)


@dataclass(frozen=True, eq=False)
class World:
    """Everybody that was filmed."""

    templates: Templates
    """S people who have clips to enrol; ids are their numbers as text."""
    walks: tuple[Walk, ...]
    """Of everybody, enrolment left out."""

    def of(self, *kinds: str) -> list[Walk]:
        """Return the walks of some kinds."""
        return [w for w in self.walks if w.take.kind in kinds]

    def column(self, walk: Walk) -> int:
        """Return the number of a walk's person in the templates, -1 if they have none."""
        name = str(walk.take.subject)
        ids = self.templates.subject_ids
        return ids.index(name) if name in ids else -1


def world_of(takes: Sequence[Take]) -> World:
    """Compare every walk with everybody's enrolment."""
    held: dict[str, list[FloatArray]] = {}
    for take in takes:
        if take.kind == ENROL and len(take.vectors):
            held.setdefault(str(take.subject), []).append(spread(take.vectors, TEMPLATES_MOST))
    ids = tuple(sorted(held))
    vectors = np.concatenate([np.concatenate(held[i]) for i in ids])
    owners = np.repeat(np.arange(len(ids)), [sum(map(len, held[i])) for i in ids])
    templates = Templates(ids, owners, vectors)
    walks = []
    for take in takes:
        windows = tuple(cut_windows(take.silhouettes, SHAPE))
        if take.kind == ENROL or not windows:
            continue
        swings = np.array([swing(w) for w in windows], np.float32)
        walks.append(Walk(take, windows, swings, subject_scores(take.vectors, templates)))
    return World(templates, tuple(walks))


def one_walk_enrolled(takes: Sequence[Take]) -> list[Take]:
    """Return the takes with only the first of everybody's walks to enrol."""
    first = {t.subject: t for t in reversed(takes) if t.kind == ENROL and len(t.vectors)}
    return [t for t in takes if t.kind != ENROL or t is first.get(t.subject)]


def told(figure: Figure) -> str:
    """Return a share in percent with its interval."""
    low, high = figure.interval
    return f"{100 * figure.value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


Rule = Callable[[Walk], FloatArray]
"""[S] the score of a walk against everybody."""


def track_scores(world: World, walks: Sequence[Walk], rule: Rule) -> Scores:
    """Return the score of each walk against everybody; too short walks are left out."""
    kept = [w for w in walks if len(w.windows) >= MIN_WINDOWS and world.column(w) >= 0]
    subject = np.array([world.column(w) for w in kept], np.int64)
    return Scores(subject, np.stack([rule(w) for w in kept]).astype(np.float32))


def highest(means: FloatArray) -> FloatArray:
    """Return the highest of what a run makes of a walk as windows come in, from the second on."""
    return np.asarray(means[MIN_WINDOWS - 1 :].max(axis=0))


RULES: dict[str, Rule] = {
    "evidence over time, weighted by quality": lambda w: highest(fused(w.scores, w.quality)),
    "evidence over time, all windows alike": lambda w: highest(fused(w.scores)),
    "the last decision alone": lambda w: fused(w.scores, w.quality)[-1],
    "one window": lambda w: w.scores[0],
    "the best window": lambda w: w.scores.max(axis=0),
}


def resampling(world: World) -> Resampling:
    """Return the people drawn anew."""
    return Resampling.of(len(world.templates.subject_ids))


def kept_walks(world: World, least_swing: float) -> npt.NDArray[np.float64]:
    """Return the shares of windows kept: of walkers, and of people who stand."""
    walking = np.concatenate([w.swings for w in world.of(SAME_DAY, OTHER_DAY)])
    standing = [w.swings for w in world.of(STANDING)]
    still = np.concatenate(standing) if standing else np.full(1, np.nan)
    shares = [np.where(np.isnan(s), np.nan, s >= least_swing).mean() for s in (walking, still)]
    return np.array(shares)
