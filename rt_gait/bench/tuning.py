"""How much of a tracker's score is owed to its habits having been chosen on the same data.

    python -m rt_gait.bench.tuning --mot15 FOLDER

Every combination of a small grid is run over every sequence, for our tracker and for the best of
its rivals. For each sequence in turn, the combination that does best on the others (HOTA and IDF1
of them combined, added) follows the one left out; the sequences left out are then scored together.
Beside it stand the defaults, and the worst, the median and the best of the whole grid: what
somebody gets who chooses without looking at all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import median

from rt_gait.bench.rivals import OURS, Clip, Contender, load_mot15, ours, rival, run
from rt_gait.bench.scores import Raw, combine, figures, score
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.track.sort import Habits

BEST_RIVAL = "BoT-SORT"
DEFAULTS = "defaults"


def our_grid() -> dict[str, Contender]:
    """Return our tracker with 81 settings around the defaults, and the defaults."""
    grid = [
        Habits(start_score=start, least_likeness=least, memory_secs=memory, widen_per_sec=widen)
        for start, least, memory, widen in product(
            (0.6, 0.7, 0.8), (0.15, 0.2, 0.3), (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)
        )
    ]
    return {DEFAULTS: ours()} | {str(habits): ours(habits) for habits in grid}


def rivals_grid() -> dict[str, Contender]:
    """Return the best rival with 27 settings around its defaults, and the defaults.

    Raises:
        UsageError: it is not installed.
    """
    names = (
        "track_activation_threshold",
        "minimum_iou_threshold_first_assoc",
        "lost_track_buffer",
    )
    try:
        grid = {DEFAULTS: rival(BEST_RIVAL)}
        for values in product((0.6, 0.7, 0.8), (0.1, 0.2, 0.3), (15, 30, 60)):
            changes: dict[str, float] = dict(zip(names, values, strict=True))
            grid[str(changes)] = rival(BEST_RIVAL, **changes)
    except ImportError:
        raise UsageError("the rivals are not installed: pip install 'rt-gait[bench]'") from None
    return grid


def scores_of(grid: Mapping[str, Contender], clips: Sequence[Clip]) -> dict[str, dict[str, Raw]]:
    """Return the scores of every setting by clip."""
    return {
        setting: {clip.name: score(clip.truth, run(contender, clip)[0]) for clip in clips}
        for setting, contender in grid.items()
    }


def left_out(scores: Mapping[str, Mapping[str, Raw]]) -> dict[str, Raw]:
    """Return each clip's score with the setting that does best on the others."""
    settings = [setting for setting in scores if setting != DEFAULTS]
    found = {}
    for clip in scores[DEFAULTS]:
        best = max(settings, key=lambda setting: _worth(scores[setting], without=clip))
        found[clip] = scores[best][clip]
        print(f"without {clip}: {best}")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was chosen without each sequence, and the scores; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.tuning", description=__doc__)
    parser.add_argument("--mot15", type=Path, required=True, metavar="FOLDER")
    asked = parser.parse_args(argv)
    try:
        clips = load_mot15(asked.mot15)
        for name, grid in {OURS: our_grid(), BEST_RIVAL: rivals_grid()}.items():
            print(f"\n{name}, {len(grid) - 1} settings", flush=True)
            scores = scores_of(grid, clips)
            chosen = figures(combine(left_out(scores)))
            found = {setting: figures(combine(raws)) for setting, raws in scores.items()}
            default = found.pop(DEFAULTS)
            for metric in ("HOTA", "IDF1"):
                every = [f[metric] for f in found.values()]
                print(
                    f"{metric}: defaults {default[metric]:.1f}, chosen without it "
                    f"{chosen[metric]:.1f}, all settings {min(every):.1f} to {max(every):.1f}, "
                    f"median {median(every):.1f}"
                )
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


def _worth(raws: Mapping[str, Raw], *, without: str) -> float:
    found = figures(combine({name: raw for name, raw in raws.items() if name != without}))
    return found["HOTA"] + found["IDF1"]


if __name__ == "__main__":
    sys.exit(main())
