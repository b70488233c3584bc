"""How many gait windows show one person only.

    python -m rt_gait.bench.purity --video vtest.avi --gt gt.txt [--fps 7] [--model gei]

The pipeline runs over the video with nobody enrolled. Whose each silhouette is, the ground truth
says (overlap of half or more); a window is pure if all of its silhouettes that are anybody's are
one person's. Windows are those of the gait model, as they fell due in the run.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_gait.assembly import DETECTOR_MIN_SCORE, NOBODY
from rt_gait.bench.halves import person_of
from rt_gait.bench.scores import rows_by_frame
from rt_gait.detect.detector import open_detector
from rt_gait.errors import RtGaitError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.lane import Lane
from rt_gait.pipeline import Pipeline
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.mot import TrackBoxes, read_ground_truth
from rt_gait.track.sort import SortTracker
from rt_gait.types import FrameResult
from rt_gait.video.source import open_source


@dataclass(frozen=True)
class Purity:
    """Windows of one run."""

    windows: int
    pure: int
    nobodys: int
    """Windows without a silhouette that is anybody's; counted as pure."""


def purity(results: Iterable[FrameResult], truth: TrackBoxes, *, span_secs: float) -> Purity:
    """Count the windows of a run, each ``span_secs`` long, that show one person only."""
    rows = rows_by_frame(truth)
    seen: dict[int, list[tuple[float, int | None]]] = defaultdict(list)
    counts = []
    for result in results:
        for silhouette in result.silhouettes:
            person = person_of(silhouette, truth, rows)
            seen[silhouette.track_id].append((silhouette.time_secs, person))
        for window in result.embeddings:
            start_secs = window.end_secs - span_secs - 1e-6
            inside = [p for t, p in seen[window.track_id] if start_secs <= t]
            counts.append(len({p for p in inside if p is not None}))
    return Purity(len(counts), sum(n <= 1 for n in counts), counts.count(0))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the counts; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.purity", description=__doc__)
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--gt", type=Path, required=True, metavar="FILE", help="MOT15 gt.txt")
    parser.add_argument("--fps", type=float, help="frame rate, where the file's is wrong")
    parser.add_argument("--model", default="gei", help="gait model whose windows are cut")
    asked = parser.parse_args(argv)
    try:
        truth = read_ground_truth(asked.gt)
        embedder = OnnxGaitEmbedder(gait_model_info(default_models_dir(), asked.model))
        pipeline = Pipeline(
            detector=open_detector(
                "person_seg", models_dir=default_models_dir(), min_score=DETECTOR_MIN_SCORE
            ),
            embedder=embedder,
            lanes=[
                Lane(
                    embedder.info,
                    tracker=SortTracker(),
                    identifier=Identifier(Templates.none(), NOBODY),
                )
            ],
        )
        with open_source(video=asked.video, camera=None, frame_rate=asked.fps) as source:
            results = map(pipeline.step, iter(source.read, None))
            found = purity(results, truth, span_secs=embedder.shape.span_secs)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    share = 100 * found.pure / max(found.windows, 1)
    print(f"{found.windows} windows, {found.pure} pure ({share:.1f}%), {found.nobodys} nobody's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
