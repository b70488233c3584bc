"""Runs over walks shown together: names, wrong names, waits, with parts taken out one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rt_gait.bench.identity.honesty import calibrated, draws, walks_of
from rt_gait.bench.identity.replay import COMPANY, Shown, enrolled, replay
from rt_gait.bench.identity.scores import Walk, World
from rt_gait.evaluation.sequences import Ints
from rt_gait.evaluation.takes import STANDING, Take
from rt_gait.gait.walking import LEAST_SWING
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds

DRAWS = 6
MARGIN = 0.05
FPIR = 0.01

VARIANTS: dict[str, dict[str, float | bool]] = {
    "as it is": {},
    "every person judged alone": {"together": False},
    "windows alike": {"weighted": False},
    "no margin": {"margin": 0.0},
    "no hysteresis": {"hysteresis": False},
    "one window is enough": {"min_windows": 1},
    "windows of standing count": {"least_swing": 0.0},
}


def runs(world: World, cohort: Sequence[Take]) -> Iterator[str]:
    """Give what is shown, enrolled people and strangers alike often, some of them standing."""
    for size in (20, 50):
        if size >= len(world.templates.subject_ids):
            continue
        for name, change in VARIANTS.items():
            shown = Shown()
            for chosen in draws(world, size, DRAWS):
                templates = enrolled(world, chosen)
                limits = thresholds(cohort, templates, change)
                groups = companies(world, chosen)
                for walks in groups:
                    replay(
                        shown,
                        walks,
                        templates,
                        limits,
                        least_swing=float(change.get("least_swing", LEAST_SWING)),
                        together=bool(change.get("together", True)),
                        weighted=bool(change.get("weighted", True)),
                    )
            yield f"N = {size}, {name}: {describe(shown)}"


def thresholds(
    cohort: Sequence[Take], templates: Templates, change: dict[str, float | bool]
) -> Thresholds:
    """Return those of a run that was calibrated, changed."""
    found = calibrated(cohort, templates, FPIR)
    limits = Thresholds(known=found.known, candidate=found.candidate, margin=MARGIN)
    if not change.get("hysteresis", True):
        limits = replace(limits, candidate=limits.known)
    return replace(
        limits,
        margin=float(change.get("margin", limits.margin)),
        min_windows=int(change.get("min_windows", limits.min_windows)),
    )


def companies(world: World, chosen: Ints) -> list[list[Walk]]:
    """Return walks in groups: as many of strangers as of the enrolled, and everybody who stands."""
    rng = np.random.default_rng(int(chosen[0]))
    inside = walks_of(world, chosen, inside=True)
    outside = walks_of(world, chosen, inside=False)
    picked = rng.permutation(len(outside))[: len(inside)]
    mixed = [*inside, *(outside[k] for k in picked), *world.of(STANDING)]
    order = rng.permutation(len(mixed))
    return [
        [mixed[k] for k in part] for part in np.array_split(order, max(len(mixed) // COMPANY, 1))
    ]


def describe(shown: Shown) -> str:
    """Say it in words."""
    hours = shown.seconds / 3600
    waits = np.percentile(shown.waits_secs, (50, 95)) if shown.waits_secs else (np.nan, np.nan)
    return (
        f"named {shown.named / max(shown.mated, 1):.1%} of {shown.mated} walks of the enrolled, "
        f"after {waits[0]:.1f} s (p50) and {waits[1]:.1f} s (p95); "
        f"{shown.strangers_named / max(shown.strangers, 1):.2%} of {shown.strangers} strangers' "
        f"walks named; {shown.standing_named} of {shown.standing} who stand named; "
        f"{shown.wrong / hours:.1f} wrong names an hour in {hours:.2f} h; "
        f"{shown.changes / hours:.1f} changes an hour; {shown.doubles} frames with a name twice"
    )
