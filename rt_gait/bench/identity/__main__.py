"""How well identity is told, on synthetic people filmed in colour, and what each part is worth.

    python -m rt_gait.training.filmed --people 240 --out takes.npz
    python -m rt_gait.bench.identity takes.npz --cohort 100

The first ``--cohort`` people are strangers to calibrate with; the others are enrolled, walk, and
are strangers in turn. With ``--shipped`` the strangers that come with rt-gait calibrate, as
``rt-gait calibrate --walkers`` does, and the cohort only normalises scores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rt_gait.bench.identity.ablation import ablation
from rt_gait.bench.identity.honesty import SIZES, honesty, odds_of_model, probabilities
from rt_gait.bench.identity.runs import runs
from rt_gait.bench.identity.scores import (
    RULES,
    World,
    kept_walks,
    one_walk_enrolled,
    resampling,
    told,
    track_scores,
    world_of,
)
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.evaluation.open_set import open_set
from rt_gait.evaluation.strangers import STRANGERS
from rt_gait.evaluation.takes import OTHER_DAY, SAME_DAY, Take, embedded, read_takes
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.walking import LEAST_SWING
from rt_gait.serving.repository import default_models_dir


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
    parser.add_argument(
        "--shipped", action="store_true", help="calibrate with the strangers that come with rt-gait"
    )
    parser.add_argument("--model", help="embed the silhouettes anew with another gait model")
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    asked = parser.parse_args(argv)
    try:
        takes, model = read_takes(asked.takes)
        shipped: list[Take] = []
        if asked.model is not None or asked.shipped:
            name = asked.model or model.partition("@")[0]
            embedder = OnnxGaitEmbedder(gait_model_info(asked.models_dir, name))
            if embedder.info.key != model:
                takes, model = embedded(takes, embedder), embedder.info.key
            if asked.shipped:
                shipped = embedded(read_takes(STRANGERS)[0], embedder)
        people = np.unique([t.subject for t in takes])
        if len(people) <= asked.cohort + min(SIZES):
            raise UsageError(
                f"expected more than {asked.cohort + min(SIZES)} people: --cohort {asked.cohort}, "
                f"{min(SIZES)} to enrol, and strangers; got {len(people)}, film more"
            )
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    strangers = set(people[: asked.cohort].tolist())
    cohort = [t for t in takes if t.subject in strangers]
    others = [t for t in takes if t.subject not in strangers]
    calibrating = shipped or cohort
    world, first_walk = world_of(others), world_of(one_walk_enrolled(others))
    print(f"{model}: {len(world.templates.subject_ids)} people, {len(world.walks)} walks of theirs")
    for title, lines in (
        ("FNIR at FPIR, percent", open_set_table(world)),
        ("parts taken out, parts put in", ablation(world, first_walk, world_of(cohort))),
        ("who walks", walking_table(world)),
        ("FPIR asked and found", honesty(world, calibrating)),
        ("probability told and found", probabilities(world, calibrating)),
        ("odds, for the configuration", odds_of_model(world, calibrating)),
        ("runs", runs(world, calibrating)),
    ):
        print(f"\n## {title}")
        for line in lines:
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
