"""Makes the inputs that engines are judged by (``rt_gait/serving/tensorrt/held_out.py``).

    python -m rt_gait.bench.held_out

Runs the pipeline over the enrolment clips of ``samples/`` for the windows, which do not overlap,
and takes four pictures of ``samples/crossing.mp4``, fitted into 640x480 as the segmenter has them.
Needed again when the person segmenter or the clips change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from rt_gait.bench.tracking import record
from rt_gait.detect.yolo_seg import letterbox
from rt_gait.gait.windows import WindowShape, cut_windows
from rt_gait.outputs.silhouettes import read_dump
from rt_gait.serving.tensorrt.held_out import HELD_OUT
from rt_gait.types import UInt8Array

SAMPLES = Path(__file__).parents[2] / "samples"
SHAPE = WindowShape(30, 25.0, 1.2)
_PICTURES_AT_SECS = (4.0, 7.0, 10.0, 13.0)
_JPEG_QUALITY = 90


def clip_windows(clip: Path) -> Iterator[UInt8Array]:
    """Give the windows [30, 64, 44] of everybody in a clip."""
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, "silhouettes")
        record(clip, ("--dump-silhouettes", str(dump), "--model", "gei", "--headless"))
        for path in sorted(dump.glob("*.npz")):
            for window in cut_windows(read_dump(path), SHAPE):
                yield window.pixels.astype(np.uint8)


def _jpegs() -> list[UInt8Array]:
    capture, found = cv2.VideoCapture(str(SAMPLES / "crossing.mp4")), []
    for at_secs in _PICTURES_AT_SECS:
        capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * at_secs)
        planes, _ = letterbox(capture.read()[1], 480, 640)
        picture = planes[0, ::-1].transpose(1, 2, 0)
        found.append(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].ravel()
        )
    return found


def main() -> None:
    """Write the file."""
    clips = sorted(SAMPLES.glob("enrol_*.mp4"))
    jpegs = _jpegs()
    np.savez_compressed(
        HELD_OUT,
        windows=np.stack([w for clip in clips for w in clip_windows(clip)]),
        pictures=np.concatenate(jpegs),
        picture_ends=np.cumsum([len(j) for j in jpegs]),
    )


if __name__ == "__main__":
    main()
