"""Whether people are known when they walk faster than when they were enrolled.

    python -m rt_gait.bench.identity.pace [--people 30] [--model gait3d]

Walks of the synthetic people that come with rt-gait, played faster: the first window of a walk as
it is against the last window of the same walk played faster, and against everybody else's. So
clothes and camera are the same, and nobody runs: there is no flight and no other posture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rt_gait.errors import RtGaitError
from rt_gait.evaluation.strangers import STRANGERS
from rt_gait.evaluation.takes import Take, read_takes
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.walking import judged
from rt_gait.gait.windows import WindowShape, cut_windows
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import FloatArray, Window

PACES = (1.0, 1.5, 2.0)
LEAST_SILHOUETTES = 50
"""Of a walk: shorter ones leave no window when played twice as fast."""


def walked(take: Take, pace: float, shape: WindowShape) -> tuple[list[Window], int]:
    """Return the windows in which the person walks, played faster, and how many there were."""
    steps = [replace(s, time_secs=s.time_secs / pace) for s in take.silhouettes]
    windows = list(cut_windows(steps, shape))
    return [j for w in windows if (j := judged(w))], len(windows)


def scores(
    enrolled: Mapping[int, FloatArray], probes: Mapping[int, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the similarity of each probe to the same person, and the highest to anybody else."""
    people = sorted(enrolled)
    table = np.stack([probes[p] for p in probes]) @ np.stack([enrolled[p] for p in people]).T
    columns = [people.index(p) for p in probes]
    own = table[np.arange(len(columns)), columns]
    table[np.arange(len(columns)), columns] = -1
    return own, np.asarray(table.max(axis=1))


def embed(embedder: OnnxGaitEmbedder, windows: Mapping[int, Window]) -> dict[int, FloatArray]:
    """Return the embedding of each person's window."""
    found = embedder.embed(list(windows.values()))
    return {person: e.vector for person, e in zip(windows, found, strict=True)}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.identity.pace")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--model", default="gait3d")
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    asked = parser.parse_args(argv)
    try:
        info = gait_model_info(asked.models_dir, asked.model)
        embedder, known = OnnxGaitEmbedder(info), info.number("known_score")
        takes = [t for t in read_takes(STRANGERS)[0] if len(t.silhouettes) >= LEAST_SILHOUETTES]
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    played = {
        pace: {t.subject: walked(t, pace, embedder.shape) for t in takes[: asked.people]}
        for pace in PACES
    }
    firsts = {p: kept[0] for p, (kept, _) in played[1.0].items() if len(kept) > 1}
    enrolled = embed(embedder, firsts)
    print(f"{info.key}: {len(enrolled)} people")
    for pace, walks in played.items():
        lasts = {p: walks[p][0][-1] for p in enrolled if walks[p][0]}
        own, other = scores(enrolled, embed(embedder, lasts))
        kept, all_ = (sum(n) for n in zip(*((len(k), n) for k, n in walks.values()), strict=True))
        print(
            f"{pace:g} times as fast: {kept} of {all_} windows taken for walking; "
            f"{len(own)} people: own {np.median(own):.2f} (median), {(own >= known).sum()} from "
            f"{known:g} on; highest of the others {np.median(other):.2f}, "
            f"{(other >= known).sum()} from {known:g} on",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
