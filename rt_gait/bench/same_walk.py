"""How alike the gait of one person is before and after a gap, and that of two who could be one.

    python -m rt_gait.bench.same_walk --video vtest.avi --gt gt.txt [--fps 7] [--model gait2d]

Every second, every track that has a window is cut, and compared with every track that has a
window just after a gap: itself, and whoever else could have walked there and is as tall, by the
rules of ``rt_gait/track/stitch.py`` and with its similarity of an old walk and the first new
window. Parts of tracks in which the ground truth finds two people are left out. Prints the shares
of both kinds from a similarity on.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rt_gait.bench.halves import person_of
from rt_gait.bench.people import people_in, video_parser
from rt_gait.bench.scores import rows_by_frame
from rt_gait.bench.stitching import run
from rt_gait.errors import RtGaitError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.mot import TrackBoxes, read_ground_truth
from rt_gait.track.stitch import WINDOWS_KEPT, Walk, reaches, similarity
from rt_gait.types import Embedding, FloatArray, FrameResult, Silhouette
from rt_gait.video.source import open_source

GAPS_SECS = (2.5, 4.0)
NEAR_SECS = 0.6
"""A part of a track begins, or ends, so near a cut."""


@dataclass
class Followed:
    """One track: when it was where, and whose it was."""

    boxes: list[tuple[float, FloatArray, int | None]] = field(default_factory=list)
    windows: list[Embedding] = field(default_factory=list)

    def part(
        self, since_secs: float, until_secs: float, windows: Sequence[Embedding]
    ) -> tuple[Walk, int] | None:
        """Return a part of the track and whose it is; None if it is nobody's or two people's."""
        inside = [b for b in self.boxes if since_secs <= b[0] <= until_secs]
        people = {person for _, _, person in inside} - {None}
        if len(people) != 1:
            return None
        first_secs, first_box, _ = inside[0]
        walk = Walk(first_box, first_secs, first_box, first_secs, 1)
        for time_secs, box, _ in inside:
            walk.see(box, time_secs)
        walk.windows.extend(windows)
        return walk, int(next(p for p in people if p is not None))


def followed(results: Iterable[FrameResult], truth: TrackBoxes) -> dict[int, Followed]:
    """Gather the tracks of a run."""
    rows = rows_by_frame(truth)
    tracks: dict[int, Followed] = defaultdict(Followed)
    for result in results:
        now_secs = result.frame.time_secs
        for track in (t for t in result.tracks if t.detection is not None):
            box = track.box_xyxy_px
            shape = Silhouette(1, result.frame.index, now_secs, box, np.zeros(0, np.uint8))
            tracks[track.track_id].boxes.append((now_secs, box, person_of(shape, truth, rows)))
        for embedding in result.embeddings:
            tracks[embedding.track_id].windows.append(embedding)
    return tracks


def compare(
    tracks: Sequence[Followed], *, span_secs: float, gap_secs: float
) -> tuple[list[float], list[float]]:
    """Return the similarities of walks cut in two, and of those of two people."""
    same: list[float] = []
    other: list[float] = []
    end_secs = max((t.boxes[-1][0] for t in tracks), default=0.0)
    for cut_secs in np.arange(1.0, end_secs, 1.0).tolist():
        before = [_before(t, cut_secs, span_secs) for t in tracks]
        after = [_after(t, cut_secs + gap_secs, span_secs) for t in tracks]
        for old in (b for b in before if b):
            for new in (a for a in after if a):
                if reaches(old[0], new[0]):
                    (same if old[1] == new[1] else other).append(similarity(old[0], new[0]))
    return same, other


def _before(track: Followed, cut_secs: float, span_secs: float) -> tuple[Walk, int] | None:
    windows = [w for w in track.windows if w.end_secs <= cut_secs][-WINDOWS_KEPT:]
    near = any(cut_secs - NEAR_SECS <= b[0] <= cut_secs for b in track.boxes)
    return (
        track.part(windows[0].end_secs - span_secs, cut_secs, windows) if windows and near else None
    )


def _after(track: Followed, start_secs: float, span_secs: float) -> tuple[Walk, int] | None:
    windows = [w for w in track.windows if w.end_secs - span_secs >= start_secs][:1]
    if not windows or windows[0].end_secs - span_secs > start_secs + NEAR_SECS:
        return None
    return track.part(start_secs, windows[0].end_secs, windows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the shares; return the exit code."""
    parser = video_parser("same_walk", __doc__)
    parser.add_argument("--model", default="gait3d")
    asked = parser.parse_args(argv)
    try:
        truth = read_ground_truth(asked.gt)
        embedder = OnnxGaitEmbedder(gait_model_info(default_models_dir(), asked.model))
        with open_source(video=asked.video, camera=None, frame_rate=asked.fps) as source:
            tracks = followed(run(embedder, people_in(source), None), truth)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    least = embedder.info.number("candidate_score")
    for gap_secs in GAPS_SECS:
        scores = compare(
            list(tracks.values()), span_secs=embedder.shape.span_secs, gap_secs=gap_secs
        )
        print(f"{gap_secs} s out of sight")
        for name, found in zip(("the same person", "somebody else"), scores, strict=True):
            shares = ", ".join(
                f"{100 * float(np.mean(np.array(found) >= s)):.1f}% from {s:.2f}"
                for s in (least - 0.05, least, least + 0.05)
            )
            print(f"  {name}: {len(found)} pairs, {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
