"""The tracker alone, on boxes that somebody else's detector has found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from rt_gait.errors import UsageError
from rt_gait.outputs.mot import MotFile
from rt_gait.outputs.output import check_file
from rt_gait.track.mot import read_detections
from rt_gait.track.sort import SortTracker
from rt_gait.video.limits import MAX_FRAME_RATE, exact_rate
from rt_gait.video.seqinfo import stated_rate
from rt_gait.video.source import DEFAULT_FOLDER_RATE, open_source


def track_command(
    *, detections: Path, out: Path, video: Path | None, fps: float | None, overwrite: bool
) -> None:
    """Follow the people of a MOTChallenge file; write each frame before the next is looked at."""
    check_file(out, overwrite=overwrite)
    if out.resolve() in {p.resolve() for p in (detections, video) if p is not None}:
        raise UsageError(f"an output and another file of this run are the same: {out}")
    if fps is not None and not 0 < fps <= MAX_FRAME_RATE:
        raise UsageError(f"expected a frame rate above 0, at most {MAX_FRAME_RATE:g}, got {fps}")
    frames = read_detections(detections)
    times_secs = _times(len(frames), detections=detections, video=video, fps=fps)
    tracker = SortTracker()
    ids: set[int] = set()
    with closing(MotFile(out)) as written:
        for number, (people, time_secs) in enumerate(zip(frames, times_secs, strict=True), start=1):
            tracks = tracker.update(people, time_secs=time_secs)
            written.add(number, tracks)
            ids |= {track.track_id for track in tracks}
    sys.stderr.write(f"wrote {out}: {len(ids)} tracks in {len(frames)} frames\n")


def _times(
    count: int, *, detections: Path, video: Path | None, fps: float | None
) -> Sequence[float]:
    """Return the time of each frame, from the best that is known of it."""
    if video is not None:
        return _video_times(video, count, fps)
    rate = fps if fps is not None else stated_rate(detections)
    if rate is None:
        rate = DEFAULT_FOLDER_RATE
        sys.stderr.write(
            f"no frame rate is known: taking {rate:g} a second; say --fps, or give --video\n"
        )
    step_secs = float(1 / exact_rate(rate))
    return [i * step_secs for i in range(count)]


def _video_times(video: Path, count: int, fps: float | None) -> Sequence[float]:
    known: dict[int, float] = {}
    with open_source(video=video, camera=None, frame_rate=fps) as source:
        while len(known) < count and (frame := source.read()) is not None:
            known[frame.index] = frame.time_secs
    if count > max(known, default=-1) + 1:
        raise UsageError(
            f"the detections reach up to frame {count}, the video has {len(known)}: "
            f"are they of this video? {video}"
        )
    times: list[float] = np.interp(range(count), list(known), list(known.values())).tolist()
    return times
