"""Our tracker and its rivals on the same detections.

    python -m rt_gait.bench.rivals --mot15 FOLDER
    python -m rt_gait.bench.rivals --video vtest.avi --gt gt.txt [--fps 7] [--detector NAME]

The first form takes every folder in FOLDER that holds MOTChallenge's ``det.txt``, ``gt.txt`` and
``seqinfo.ini``; the second lets our segmenter find the people and all trackers follow those. Every
tracker runs with its defaults and the sequence's frame rate, online: what a frame's boxes are
called is decided before the next frame is seen. Rivals are those of the package ``trackers``
(Apache-2.0); without it our own tracker is scored alone. ``combined`` scores all sequences as one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import numpy as np

from rt_gait.bench.people import people_in
from rt_gait.bench.scores import Raw, combine, figures, score
from rt_gait.bench.tracking import format_table
from rt_gait.errors import RtGaitError, SourceOpenError, UsageError
from rt_gait.track.mot import TrackBoxes, read_detections, read_ground_truth
from rt_gait.track.sort import Habits, SortTracker
from rt_gait.types import Detections, FloatArray
from rt_gait.video.seqinfo import stated_rate
from rt_gait.video.source import open_source

Named: TypeAlias = tuple[FloatArray, list[int]]
"""Boxes [N, 4] of one frame, x1, y1, x2, y2 in pixels, and the N ids they were given."""
Follow: TypeAlias = Callable[[Detections, float], Named]
"""Takes a frame's people and its time in seconds."""
Contender: TypeAlias = Callable[[float], Follow]
"""Makes a tracker for a frame rate in Hz."""

OURS = "rt-gait"
_RIVALS: dict[str, tuple[str, dict[str, bool]]] = {
    "SORT": ("SORTTracker", {}),
    "ByteTrack": ("ByteTrackTracker", {}),
    "OC-SORT": ("OCSORTTracker", {}),
    "C-BIoU": ("CBIoUTracker", {}),
    "BoT-SORT": ("BoTSORTTracker", {"enable_cmc": False}),  # its camera motion wants pictures
}


@dataclass(frozen=True)
class Clip:
    """A video's detections and its truth."""

    name: str
    frame_rate: float
    times_secs: list[float]
    detections: list[Detections]
    truth: TrackBoxes


def load_mot15(folder: Path) -> list[Clip]:
    """Read every sequence of a folder.

    Raises:
        SourceOpenError: there is none.
        UsageError: a file of boxes makes no sense.
    """
    found = []
    for path in sorted(folder.glob("*/seqinfo.ini")):
        rate = stated_rate(path)
        if rate is None:
            raise UsageError(f"expected a frameRate in {path}")
        detections = read_detections(path.parent / "det.txt")
        times = [i / rate for i in range(len(detections))]
        truth = read_ground_truth(path.parent / "gt.txt")
        found.append(Clip(path.parent.name, rate, times, detections, truth))
    if not found:
        raise SourceOpenError(f"no folder with a seqinfo.ini in it: {folder}")
    return found


def detect(video: Path, gt: Path, *, frame_rate: float | None, detector: str) -> Clip:
    """Find the people of a video with our segmenter."""
    times, detections = [], []
    with open_source(video=video, camera=None, frame_rate=frame_rate) as source:
        for frame, people in people_in(source, detector):
            times.append(frame.time_secs)
            detections.append(people)
        rate = float(source.info.frame_rate or 25)
    return Clip(video.name, rate, times, detections, read_ground_truth(gt))


def contenders() -> dict[str, Contender]:
    """Return all trackers at hand by name, ours last."""
    found: dict[str, Contender] = {}
    try:
        found |= {name: rival(name) for name in _RIVALS}
    except ImportError:
        print("rivals are left out: pip install 'rt-gait[bench]'", file=sys.stderr)
    found[OURS] = ours()
    return found


def ours(habits: Habits | None = None) -> Contender:
    """Return our tracker as a contender."""

    def contender(_rate: float) -> Follow:
        tracker = SortTracker(habits)

        def follow(detections: Detections, time_secs: float) -> Named:
            tracks = tracker.update(detections, time_secs=time_secs)
            seen = [t for t in tracks if t.detection is not None]
            boxes = np.array([t.box_xyxy_px for t in seen], np.float32).reshape(-1, 4)
            return boxes, [t.track_id for t in seen]

        return follow

    return contender


def rival(name: str, **changes: float) -> Contender:
    """Return a rival as a contender.

    Raises:
        ImportError: The package ``trackers`` is not installed.
    """
    import supervision
    import trackers

    made, options = _RIVALS[name]
    return _rival(partial(getattr(trackers, made), **options, **changes), supervision.Detections)


def _rival(make: Callable[..., Any], wrap: Callable[..., Any]) -> Contender:
    def contender(rate: float) -> Follow:
        tracker = make(frame_rate=rate)

        def follow(detections: Detections, _time_secs: float) -> Named:
            found = wrap(xyxy=detections.boxes_xyxy_px, confidence=detections.scores)
            told = tracker.update(found)
            kept = told.tracker_id >= 0
            return told.xyxy[kept], told.tracker_id[kept].tolist()

        return follow

    return contender


def run(contender: Contender, sequence: Clip) -> tuple[TrackBoxes, list[float]]:
    """Follow the people of a sequence; also return the seconds each frame took."""
    follow = contender(sequence.frame_rate)
    frames, ids, boxes, taken_secs = [], [], [np.zeros((0, 4))], []
    for number, (people, time_secs) in enumerate(
        zip(sequence.detections, sequence.times_secs, strict=True), start=1
    ):
        start_secs = time.perf_counter()
        seen, names = follow(people, time_secs)
        taken_secs.append(time.perf_counter() - start_secs)
        frames += [number] * len(names)
        ids += names
        boxes.append(np.asarray(seen, np.float64).reshape(-1, 4))
    xywh = np.concatenate(boxes)
    xywh[:, 2:] -= xywh[:, :2]
    return TrackBoxes(np.array(frames, np.int64), np.array(ids, np.int64), xywh), taken_secs


def compare(clips: Sequence[Clip]) -> tuple[dict[str, dict[str, Raw]], dict[str, float]]:
    """Return each contender's scores by clip, and its median milliseconds a frame."""
    scores: dict[str, dict[str, Raw]] = {}
    median_ms = {}
    for name, contender in contenders().items():
        runs = {clip.name: run(contender, clip) for clip in clips}
        scores[name] = {clip.name: score(clip.truth, runs[clip.name][0]) for clip in clips}
        median_ms[name] = 1000 * median(t for _, taken in runs.values() for t in taken)
    return scores, median_ms


def report(scores: Mapping[str, Mapping[str, Raw]], median_ms: Mapping[str, float]) -> str:
    """Return the tables: all clips as one, then HOTA and IDF1 clip by clip."""
    lines = ["combined", format_table({n: figures(combine(s)) for n, s in scores.items()})]
    lines.append("ms a frame, p50: " + ", ".join(f"{n} {ms:.2f}" for n, ms in median_ms.items()))
    for metric in ("HOTA", "IDF1"):
        lines.append(f"\n{metric}")
        for clip in next(iter(scores.values())):
            row = "  ".join(f"{n} {figures(s[clip])[metric]:.2f}" for n, s in scores.items())
            lines.append(f"{clip:<16}{row}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.rivals", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--mot15", type=Path, metavar="FOLDER", help="sequences with detections")
    source.add_argument("--video", type=Path, metavar="FILE", help="find people in this file")
    parser.add_argument("--gt", type=Path, metavar="FILE", help="the video's gt.txt")
    parser.add_argument("--fps", type=float, help="frame rate, where the video's is wrong")
    parser.add_argument("--detector", default="person_seg")
    asked = parser.parse_args(argv)
    if (asked.video is None) != (asked.gt is None):
        parser.error("--video and --gt go together")
    try:
        if asked.mot15:
            clips = load_mot15(asked.mot15)
        else:
            clips = [detect(asked.video, asked.gt, frame_rate=asked.fps, detector=asked.detector)]
        print(report(*compare(clips)))
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
