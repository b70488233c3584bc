"""What joining broken tracks by gait is worth, on a video with ground truth.

    python -m rt_gait.bench.stitching --video vtest.avi --gt gt.txt [--fps 7] [--model gait2d]
        [--wall 150 250 --wall 300 400 ...]

People seen by our segmenter are followed as ever. A ``wall`` is a strip of the picture from one
column to another in which nobody is found who is covered by a third or more: what people walk
behind for seconds, where the video itself has nothing of the kind. Whose a track is, the ground
truth says (most of the last, or first, ten boxes); a stitch is right if both are one person's.
Scores are those of the tracks without stitches, with the numbers shown as the run went, and with
the numbers known in the end.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import tee
from statistics import median

import numpy as np

from rt_gait.assembly import NOBODY, stitcher
from rt_gait.bench.halves import person_of
from rt_gait.bench.people import people_in, video_parser
from rt_gait.bench.scores import Raw, combine, figures, rows_by_frame, score
from rt_gait.bench.tracking import format_table
from rt_gait.detect.detector import OneByOne
from rt_gait.errors import RtGaitError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.lane import Lane
from rt_gait.pipeline import Pipeline
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.mot import TrackBoxes, read_ground_truth
from rt_gait.track.sort import SortTracker
from rt_gait.types import (
    Detections,
    Frame,
    FrameResult,
    IdentityState,
    Silhouette,
    Stitch,
    UInt8Array,
)
from rt_gait.video.source import open_source

HIDDEN_SHARE = 1 / 3
BOXES_ASKED = 10
RUNS = ("no stitches", "as the run went", "known in the end")

Wall = tuple[float, float]
"""Columns of the picture, pixels."""


class Recorded(OneByOne):
    """A detector that plays back what another one found, behind a wall."""

    key = "recorded@1"

    def __init__(self, found: Iterable[Detections], wall: Wall | None) -> None:
        self._found, self._wall = iter(found), wall

    def detect(self, _image_bgr: UInt8Array) -> Detections:
        """Return the people of the next frame."""
        found = next(self._found)
        return found if self._wall is None else behind(found, self._wall)


def behind(found: Detections, wall: Wall) -> Detections:
    """Return the people whom a wall leaves in sight."""
    x1, x2 = found.boxes_xyxy_px[:, 0], found.boxes_xyxy_px[:, 2]
    hidden = (np.minimum(x2, wall[1]) - np.maximum(x1, wall[0])).clip(0)
    kept = np.flatnonzero(hidden < HIDDEN_SHARE * (x2 - x1).clip(1))
    masks = tuple(found.masks[i] for i in kept)
    return Detections(found.boxes_xyxy_px[kept], found.scores[kept], masks, detail=found.detail)


@dataclass
class Outcome:
    """One run, and what came of it."""

    truth: TrackBoxes
    boxes: list[tuple[int, int, int, tuple[float, ...]]] = field(default_factory=list)
    """Frame, track, number shown, box."""
    people: dict[int, list[int | None]] = field(default_factory=lambda: defaultdict(list))
    """Track to whose its boxes are."""
    stitches: list[Stitch] = field(default_factory=list)
    began: dict[int, float] = field(default_factory=dict)
    windows: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    claimed: dict[int, float] = field(default_factory=dict)
    """Track to the time of the first claim about it."""

    def add(self, results: Iterable[FrameResult]) -> Outcome:
        """Take in a run."""
        rows = rows_by_frame(self.truth)
        for result in results:
            now_secs = result.frame.time_secs
            for track in (t for t in result.tracks if t.detection is not None):
                i, box = track.track_id, track.box_xyxy_px
                shape = Silhouette(i, result.frame.index, now_secs, box, np.zeros(0, np.uint8))
                self.people[i].append(person_of(shape, self.truth, rows))
                number = result.numbers.get(i, i)
                self.boxes.append((result.frame.index + 1, i, number, tuple(box.tolist())))
                self.began.setdefault(i, track.first_time_secs)
                if result.identities[i].state is not IdentityState.INSUFFICIENT:
                    self.claimed.setdefault(i, now_secs)
            for embedding in result.embeddings:
                self.windows[embedding.track_id].append(now_secs)
            self.stitches += result.stitched
        return self

    def scores(self) -> dict[str, Raw]:
        """Return the scores of :data:`RUNS`."""
        last = {track: number for _, track, number, _ in self.boxes}
        names = ([b[1] for b in self.boxes], [b[2] for b in self.boxes])
        named = dict(zip(RUNS, (*names, [last[i] for i in names[0]]), strict=True))
        return {run: score(self.truth, self._tracks(ids)) for run, ids in named.items()}

    def _tracks(self, ids: Sequence[int]) -> TrackBoxes:
        xywh = np.array([b[3] for b in self.boxes])
        xywh[:, 2:] -= xywh[:, :2]
        return TrackBoxes(np.array([b[0] for b in self.boxes]), np.array(ids), xywh)

    def right(self) -> list[bool]:
        """Tell of each stitch whether it joins one person's tracks."""
        ends = [
            (
                _most(self.people[s.continues][-BOXES_ASKED:]),
                _most(self.people[s.track_id][:BOXES_ASKED]),
            )
            for s in self.stitches
        ]
        return [a is not None and a == b for a, b in ends]

    def gained_secs(self) -> list[float]:
        """Return how much earlier a claim came for stitched tracks than by their own windows."""
        return [
            self.windows[i][NOBODY.min_windows - 1] - self.claimed[i]
            for i in (s.track_id for s in self.stitches)
            if len(self.windows[i]) >= NOBODY.min_windows
        ]


def run(
    embedder: OnnxGaitEmbedder, seen: Iterable[tuple[Frame, Detections]], wall: Wall | None
) -> Iterable[FrameResult]:
    """Run the pipeline over frames and the people found in them, with nobody enrolled."""
    frames, found = tee(seen)
    pipeline = Pipeline(
        detector=Recorded((people for _, people in found), wall),
        embedder=embedder,
        lanes=[
            Lane(
                embedder.info,
                tracker=SortTracker(),
                identifier=Identifier(Templates.none(), NOBODY),
                stitcher=stitcher(embedder.info),
            )
        ],
    )
    return (pipeline.step(frame) for frame, _ in frames)


def _most(people: Sequence[int | None]) -> int | None:
    known = Counter(p for p in people if p is not None)
    return known.most_common(1)[0][0] if known else None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = video_parser("stitching", __doc__)
    parser.add_argument("--model", default="gait3d")
    parser.add_argument("--wall", type=float, nargs=2, action="append", metavar="COLUMN")
    asked = parser.parse_args(argv)
    try:
        truth = read_ground_truth(asked.gt)
        embedder = OnnxGaitEmbedder(gait_model_info(default_models_dir(), asked.model))
        with open_source(video=asked.video, camera=None, frame_rate=asked.fps) as source:
            seen = list(people_in(source))
        outcomes = {
            str(wall): Outcome(truth).add(run(embedder, seen, wall))
            for wall in asked.wall or [None]
        }
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    scores = {wall: outcome.scores() for wall, outcome in outcomes.items()}
    print(format_table({r: figures(combine({w: s[r] for w, s in scores.items()})) for r in RUNS}))
    right = [r for outcome in outcomes.values() for r in outcome.right()]
    gained = [g for outcome in outcomes.values() for g in outcome.gained_secs()]
    print(f"stitches: {sum(right)} right, {len(right) - sum(right)} wrong")
    if gained:
        print(f"first claim after a stitch earlier by {median(gained):.2f} s (median)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
