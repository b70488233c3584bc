"""How much of the tracker's score is owed to its habits having been chosen on the same data.

    python -m rt_gait.bench.tuning --mot15 FOLDER

Every combination of a small grid is run over every sequence; for each sequence in turn, the
combination that does best on the others (HOTA and IDF1 of them combined, added) follows the one
left out. The sequences left out are then scored together, beside the defaults.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from rt_gait.bench.rivals import load_mot15, ours, run
from rt_gait.bench.scores import Raw, combine, figures, score
from rt_gait.bench.tracking import format_table
from rt_gait.errors import RtGaitError
from rt_gait.track.sort import Habits

GRID = [
    Habits(start_score=start, least_likeness=least, memory_secs=memory, widen_per_sec=widen)
    for start, least, memory, widen in product(
        (0.6, 0.7, 0.8), (0.15, 0.2, 0.3), (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)
    )
]


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was chosen without each sequence, and the two scores; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.tuning", description=__doc__)
    parser.add_argument("--mot15", type=Path, required=True, metavar="FOLDER")
    asked = parser.parse_args(argv)
    try:
        clips = load_mot15(asked.mot15)
        runs: dict[Habits, dict[str, Raw]] = {
            habits: {c.name: score(c.truth, run(ours(habits), c)[0]) for c in clips}
            for habits in GRID
        }
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    left_out: dict[str, Raw] = {}
    for clip in clips:
        best = max(GRID, key=lambda habits: _worth(runs[habits], without=clip.name))
        left_out[clip.name] = runs[best][clip.name]
        print(f"without {clip.name}: {best}")
    rows = {"chosen without it": left_out, "defaults": runs[Habits()]}
    print(format_table({name: figures(combine(raws)) for name, raws in rows.items()}))
    return 0


def _worth(raws: dict[str, Raw], *, without: str) -> float:
    found = figures(combine({name: raw for name, raw in raws.items() if name != without}))
    return found["HOTA"] + found["IDF1"]


if __name__ == "__main__":
    sys.exit(main())
