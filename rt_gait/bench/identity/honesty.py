"""Whether calibration keeps its word: the FPIR asked for against that found on other people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from rt_gait.bench.identity.replay import enrolled
from rt_gait.bench.identity.scores import MIN_WINDOWS, Walk, World
from rt_gait.evaluation.sequences import Ints
from rt_gait.evaluation.takes import ENROL, OTHER_DAY, SAME_DAY, Take
from rt_gait.identity.calibration import Calibration, Search, calibrate, odds
from rt_gait.identity.matching import Templates
from rt_gait.identity.searches import among_themselves, search

DRAWS = 20
SIZES = (20, 50)
ASKED = (0.01, 0.05, 0.1)
STRANGERS = (10, 30, 1000)
"""As many as there are, at most."""


def searches(
    takes: Sequence[Take], templates: Templates, *, mated: bool
) -> tuple[list[Search], list[Search]]:
    """Return searches as strangers, and as enrolled people where they are ``mated``."""
    strangers, genuine = [], []
    for take in takes:
        name = str(take.subject) if mated else None
        other, own = search(
            take.vectors,
            templates,
            person=str(take.subject),
            subject_id=name,
            min_windows=MIN_WINDOWS,
        )
        strangers += [other] if other else []
        genuine += [own] if own else []
    return strangers, genuine


def draws(world: World, size: int, count: int | None = None) -> Iterator[Ints]:
    """Give people to enrol, always the same ones, :data:`DRAWS` times if nothing else is said."""
    rng = np.random.default_rng([19795, size])
    for _ in range(DRAWS if count is None else count):
        yield rng.choice(len(world.templates.subject_ids), size, replace=False)


def walks_of(world: World, chosen: Ints, *, inside: bool) -> list[Walk]:
    """Return the walks of the enrolled, or of all others."""
    kept = set(chosen.tolist())
    return [w for w in world.of(SAME_DAY, OTHER_DAY) if (world.column(w) in kept) == inside]


def calibrated(
    cohort: Sequence[Take], templates: Templates, fpir: float, *, themselves: bool = True
) -> Calibration:
    """Calibrate with walks of strangers, one for each person, as those that come with rt-gait.

    With ``themselves`` the enrolled are strangers to one another, and the higher threshold is
    taken, as ``rt-gait calibrate`` does.
    """
    strangers, _ = searches(one_walk_each(cohort), templates, mated=False)
    pools = [strangers, *([among_themselves(templates)] if themselves else [])]
    made = [calibrate(pool, [], fpir=fpir, subjects=len(templates)) for pool in pools]
    return max(made, key=lambda c: c.known)


def one_walk_each(cohort: Sequence[Take]) -> list[Take]:
    """Return a walk of every stranger, as of those that come with rt-gait."""
    walks = (t for t in cohort if t.kind != ENROL and len(t.vectors) >= MIN_WINDOWS)
    return list({t.subject: t for t in walks}.values())


def honesty(world: World, cohort: Sequence[Take]) -> Iterator[str]:
    """Give the FPIR found on people whom calibration did not see, over draws of the enrolled."""
    rng = np.random.default_rng(8)
    people = np.unique([t.subject for t in cohort])
    for size in SIZES:
        if size >= len(world.templates.subject_ids):
            continue
        counts = sorted({min(n, len(people)) for n in STRANGERS})
        for count, themselves in [*((n, False) for n in counts), (counts[-1], True)]:
            found: dict[float, list[float]] = {f: [] for f in ASKED}
            for chosen in draws(world, size):
                templates = enrolled(world, chosen)
                picked = set(rng.choice(people, count, replace=False).tolist())
                some = [t for t in cohort if t.subject in picked]
                fresh = [
                    w.take for w in walks_of(world, chosen, inside=False) if world.column(w) >= 0
                ]
                scores = np.array([s.score for s in searches(fresh, templates, mated=False)[0]])
                for fpir in ASKED:
                    known = calibrated(some, templates, fpir, themselves=themselves).known
                    found[fpir].append(float((scores >= known).mean()))
            for fpir, values in found.items():
                low, high = np.percentile(values, (5, 95))
                yield (
                    f"N = {size}, {count} strangers{' and themselves' if themselves else ''}: "
                    f"asked {fpir:.0%}, found "
                    f"{np.mean(values):.2%} (nine draws in ten {low:.2%} to {high:.2%})"
                )


def probabilities(world: World, cohort: Sequence[Take]) -> Iterator[str]:
    """Give how often the best subject is right, by the probability told, strangers half of all."""
    size = SIZES[0]
    told: list[float] = []
    right: list[bool] = []
    weight: list[float] = []
    for chosen in draws(world, size):
        templates = enrolled(world, chosen)
        half = np.array_split(chosen, 2)
        inside = [w.take for w in walks_of(world, half[0], inside=True)]
        _, genuine = searches(inside, templates, mated=True)
        strangers, _ = searches(one_walk_each(cohort), templates, mated=False)
        made = calibrate(strangers, genuine, fpir=0.1, subjects=size).odds
        if made is None:
            continue
        fresh, _ = searches(
            [w.take for w in walks_of(world, chosen, inside=False)], templates, mated=False
        )
        mated = [w.take for w in walks_of(world, half[1], inside=True)]
        others, own = searches(mated, templates, mated=True)
        for part, good, share in (
            (fresh, False, 1 / len(fresh)),
            (own, True, 1 / max(len(others), 1)),
        ):
            told += [made.probability(s.score) for s in part]
            right += [good] * len(part)
            weight += [share] * len(part)
    if not told:
        yield "too few walks"
        return
    values, hits, weights = np.array(told), np.array(right), np.array(weight)
    edges = np.array([0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0 + 1e-9])
    for low, high in pairwise(edges):
        kept = (values >= low) & (values < high)
        if kept.any():
            share = np.average(hits[kept], weights=weights[kept])
            mean = np.average(values[kept], weights=weights[kept])
            yield f"told {low:.0%} to {min(high, 1):.0%}: {mean:.1%} on average, right {share:.1%}"
    yield f"Brier score {np.average((values - hits) ** 2, weights=weights):.4f}"


def odds_of_model(world: World, cohort: Sequence[Take]) -> Iterator[str]:
    """Give the odds for the configuration of a model, with 20 enrolled or as many as there are."""
    size = min(SIZES[0], len(world.templates.subject_ids))
    strangers: list[Search] = []
    genuine: list[Search] = []
    for chosen in draws(world, size):
        templates = enrolled(world, chosen)
        strangers += searches(one_walk_each(cohort), templates, mated=False)[0]
        inside = [w.take for w in walks_of(world, chosen, inside=True)]
        genuine += searches(inside, templates, mated=True)[1]
    if not (strangers and genuine):
        yield "too few walks"
        return
    found = odds(*(np.array([s.score for s in pool]) for pool in (genuine, strangers)))
    people = (len({s.person for s in pool}) for pool in (genuine, strangers))
    yield "{} people and {} strangers, {} enrolled".format(*people, size)
    yield f"odds_slope {found.slope:.1f}, odds_offset {found.offset:.1f}"
