"""The people that our segmenter finds in a video with ground truth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from rt_gait.assembly import DETECTOR_MIN_SCORE
from rt_gait.detect.detector import open_detector
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Detections, Frame
from rt_gait.video.source import Source


def people_in(source: Source, detector: str = "person_seg") -> Iterator[tuple[Frame, Detections]]:
    """Give every frame of a source and the people in it.

    Raises:
        RtGaitError: the segmenter cannot be opened.
    """
    found = open_detector(detector, models_dir=default_models_dir(), min_score=DETECTOR_MIN_SCORE)
    return ((frame, found.detect(frame.image_bgr)) for frame in iter(source.read, None))


def video_parser(bench: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a bench that reads ``--video``, ``--gt`` and ``--fps``."""
    parser = argparse.ArgumentParser(
        prog=f"python -m rt_gait.bench.{bench}", description=description
    )
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--gt", type=Path, required=True, metavar="FILE", help="MOT15 gt.txt")
    parser.add_argument("--fps", type=float, help="frame rate, where the file's is wrong")
    return parser
