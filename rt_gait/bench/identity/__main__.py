"""How well identity is told, on synthetic people filmed in colour, and what each part is worth.

    python -m rt_gait.training.filmed --people 240 --out takes.npz
    python -m rt_gait.bench.identity takes.npz --cohort 100

The first ``--cohort`` people are strangers to calibrate with, as those that come with rt-gait are;
the others are enrolled, walk, and are strangers in turn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rt_gait.bench.identity.honesty import honesty, probabilities
from rt_gait.bench.identity.runs import runs
from rt_gait.bench.identity.scores import (
    RULES,
    World,
    kept_walks,
    resampling,
    track_scores,
    world_of,
)
from rt_gait.errors import RtGaitError
from rt_gait.evaluation.open_set import open_set
from rt_gait.evaluation.resampling import Figure
from rt_gait.evaluation.takes import OTHER_DAY, SAME_DAY, read_takes
from rt_gait.gait.walking import LEAST_SWING


def told(figure: Figure) -> str:
    """Return a share in percent with its interval."""
    low, high = figure.interval
    return f"{100 * figure.value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def open_set_table(world: World) -> Iterator[str]:
    """Give FNIR at FPIR, by rule and kind of walk."""
    for kinds in ((SAME_DAY,), (OTHER_DAY,), (SAME_DAY, OTHER_DAY)):
        for name, rule in RULES.items():
            scores = track_scores(world, world.of(*kinds), rule)
            figures, _ = open_set(scores, resampling(world))
            cells = "; ".join(
                f"{k.removeprefix('FNIR at ')}: {told(f)}" for k, f in figures.items()
            )
            yield f"{' and '.join(kinds)} | {name} | {cells}"


def walking_table(world: World) -> Iterator[str]:
    """Give the windows kept by the least swing of the legs."""
    for least in (0.05, 0.1, 0.15, LEAST_SWING, 0.25, 0.3, 0.35):
        walking, standing = kept_walks(world, least)
        yield f"swing from {least:.2f}: walkers {walking:.2%} of windows, others {standing:.2%}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.identity", description=__doc__)
    parser.add_argument("takes", type=Path, help="made by python -m rt_gait.training.filmed")
    parser.add_argument("--cohort", type=int, default=100, help="people to calibrate with")
    asked = parser.parse_args(argv)
    try:
        takes, model = read_takes(asked.takes)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    people = np.unique([t.subject for t in takes])
    cohort = [t for t in takes if t.subject in set(people[: asked.cohort].tolist())]
    world = world_of([t for t in takes if t.subject not in set(people[: asked.cohort].tolist())])
    print(f"{model}: {len(world.templates.subject_ids)} people, {len(world.walks)} walks of theirs")
    for title, lines in (
        ("FNIR at FPIR, percent", open_set_table(world)),
        ("who walks", walking_table(world)),
        ("FPIR asked and found", honesty(world, cohort)),
        ("probability told and found", probabilities(world, cohort)),
        ("runs", runs(world, cohort)),
    ):
        print(f"\n## {title}")
        for line in lines:
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
