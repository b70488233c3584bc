"""Recognition on real video: the first half of everybody's walk enrolled, the second recognised.

    python -m rt_gait.bench.halves --video vtest.avi --fps 7 --gt gt.txt --model gei gait2d

``rt-gait`` itself follows people and makes silhouettes; who each of them is, the ground truth says
(overlap of half or more). Windows are cut from the tracks as ever; a person's windows are split in
time so that the smaller part is as large as can be, and none reaches over. Prints every figure
with its 95% interval, and the difference to the first model named.

Both halves are of one video: same clothes, same camera, often the same side. Whatever is recognised
here is no evidence of recognition on another day, and a network without training recognises some
too: name one first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rt_gait.bench.scores import IOU_THRESHOLD, iou_xywh, rows_by_frame
from rt_gait.bench.tracking import record
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.evaluation.embedding import Embedded
from rt_gait.evaluation.report import Setting, as_markdown, evaluate_models
from rt_gait.evaluation.sequences import SequenceInfo
from rt_gait.evaluation.study import Condition, Study
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.windows import WindowShape, cut_windows
from rt_gait.outputs.silhouettes import read_dump
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.mot import IntArray, TrackBoxes, read_ground_truth
from rt_gait.types import Silhouette, Window

FIRST, SECOND = "first half", "second half"
LEAST_SILHOUETTES = 5
"""A half of so many without a window is stretched to one; there is no such window at run time."""

Walks = Mapping[int, Sequence[Sequence[Silhouette]]]
"""Person to the silhouettes of each track that followed them."""


def walks_of(folder: Path, truth: TrackBoxes) -> Walks:
    """Return whose the dumped silhouettes of each track are."""
    rows = rows_by_frame(truth)
    out: dict[int, list[list[Silhouette]]] = defaultdict(list)
    for path in sorted(folder.glob("track_*.npz")):
        found: dict[int, list[Silhouette]] = defaultdict(list)
        for silhouette in read_dump(path):
            person = person_of(silhouette, truth, rows)
            if person is not None:
                found[person].append(silhouette)
        for person, own in found.items():
            out[person].append(own)
    return dict(sorted(out.items()))


def person_of(
    silhouette: Silhouette, truth: TrackBoxes, by_frame: Mapping[int, IntArray]
) -> int | None:
    """Return whose a silhouette is, of the true boxes of its frame; None if nobody's."""
    rows = by_frame.get(silhouette.frame_index + 1)
    if rows is None:
        return None
    x1, y1, x2, y2 = silhouette.box_xyxy_px.astype(np.float64)
    box = np.array([[x1, y1, x2 - x1, y2 - y1]])
    iou = iou_xywh(box, truth.boxes_xywh_px[rows])[0]
    best = int(iou.argmax())
    return int(truth.ids[rows[best]]) if iou[best] >= IOU_THRESHOLD else None


def halves(tracks: Sequence[Sequence[Silhouette]], shape: WindowShape) -> list[list[Window]]:
    """Return the windows of a person's two halves; nothing where there is too little."""
    windows = sorted((w for t in tracks for w in cut_windows(t, shape)), key=lambda w: w.start_secs)
    best: list[list[Window]] = []
    for later in range(1, len(windows)):
        early = [w for w in windows if w.end_secs <= windows[later].start_secs]
        if early and min(len(early), len(windows) - later) > min((len(b) for b in best), default=0):
            best = [early, windows[later:]]
    return best or _stretched([s for t in tracks for s in t], shape)


def _stretched(silhouettes: list[Silhouette], shape: WindowShape) -> list[list[Window]]:
    silhouettes.sort(key=lambda s: s.time_secs)
    middle = len(silhouettes) // 2
    if middle < LEAST_SILHOUETTES:
        return []
    parts = silhouettes[:middle], silhouettes[middle:]
    return [[_stretch(part, shape.frames)] for part in parts]


def _stretch(part: Sequence[Silhouette], frames: int) -> Window:
    chosen = np.linspace(0, len(part) - 1, frames).round().astype(int)
    pixels = np.stack([part[k].pixels for k in chosen])
    return Window(1, part[0].time_secs, part[-1].time_secs, pixels)


def embed(embedder: OnnxGaitEmbedder, walks: Walks) -> Embedded:
    """Embed both halves of everybody who has two."""
    about, windows, counts = [], [], [0]
    for person, tracks in walks.items():
        for name, own in zip((FIRST, SECOND), halves(tracks, embedder.shape), strict=False):
            about.append(SequenceInfo(str(person), name))
            windows += own
            counts.append(len(own))
    if len(about) < 4:
        raise UsageError("fewer than two people walk long enough alone to be told apart")
    vectors = np.stack([e.vector for e in embedder.embed(windows)])
    return Embedded(tuple(about), np.cumsum(counts), vectors)


def evaluate(embedded: Embedded) -> tuple[Condition, ...]:
    """Return the figures of second halves against first halves."""
    study = Study(embedded)
    probes = np.array([a.session == SECOND for a in study.about])
    return (study.condition("second halves against first halves", probes, ~probes),)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.halves", description=__doc__)
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--gt", type=Path, required=True, metavar="FILE", help="MOT15 gt.txt")
    parser.add_argument("--fps", type=float, help="frame rate, where the file's is wrong")
    parser.add_argument("--model", nargs="+", required=True, help="gait models to compare")
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    asked = parser.parse_args(argv)
    try:
        truth = read_ground_truth(asked.gt)
        infos = [gait_model_info(asked.models_dir, n) for n in dict.fromkeys(asked.model)]
        with tempfile.TemporaryDirectory(prefix="rt-gait-bench-") as folder:
            dump = Path(folder, "silhouettes")
            rate = () if asked.fps is None else ("--fps", str(asked.fps))
            record(asked.video, ("--dump-silhouettes", str(dump), *rate))
            walks = walks_of(dump, truth)
        embedded = {info.key: embed(OnnxGaitEmbedder(info), walks) for info in infos}
        setting = Setting("halves", asked.video.name, None, "ordered")
        print(as_markdown(setting, evaluate_models(embedded, evaluate)))
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
