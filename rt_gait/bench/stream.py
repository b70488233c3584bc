"""What a new frame of a walker costs: the whole network on every window, or stream by frame.

    python -m rt_gait.bench.stream [--models-dir DIR] [--windows 40]

One walker at the model's cadence, windows that start every frame and every ten frames. The two
networks take turns, so that what else the machine does meets both. Prints JSON: milliseconds a
frame (median over windows, divided by the stride), how many times cheaper the stream is, and the
greatest difference between a number of the two embeddings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from rt_gait.errors import RtGaitError, UsageError
from rt_gait.gait.embedder import GaitEmbedder, OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.onnx import usable_cpus
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Window

WHOLE, STREAM = "gait2d", "stream2d"
STRIDES = (1, 10)
"""Every frame, as the throughput of gait networks is usually told, and rt-gait's own stride."""
_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class StrideReport:
    """Windows that start every so many frames."""

    stride_frames: int
    whole_ms_a_frame: float
    stream_ms_a_frame: float
    times_cheaper: float
    greatest_difference: float


def measure(
    whole: GaitEmbedder, stream: GaitEmbedder, *, stride: int, windows: int
) -> StrideReport:
    """Time both networks on the same windows of noise, in turns.

    Args:
        whole: the network that sees whole windows.
        stream: the same network in two parts.
        stride: frames from the start of one window to the start of the next.
        windows: windows measured, after a few to warm up.

    Raises:
        UsageError: nothing to measure, or networks with windows of different length.
    """
    frames = whole.shape.frames
    if windows < 1 or frames != stream.shape.frames:
        raise UsageError(
            "expected 1 or more windows of one length, "
            f"got {windows} of {frames} and {stream.shape.frames} frames"
        )
    count = windows + _WARM_UP
    shape = (frames + stride * count, HEIGHT_PX, WIDTH_PX)
    walk = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    secs: dict[GaitEmbedder, list[float]] = {whole: [], stream: []}
    difference = 0.0
    for start in range(0, stride * count, stride):
        window = Window(1, 0.0, 1.0, walk[start : start + frames])
        vectors = []
        for embedder, spent_secs in secs.items():
            begun_secs = time.perf_counter()
            (embedding,) = embedder.embed([window])
            spent_secs.append(time.perf_counter() - begun_secs)
            vectors.append(embedding.vector)
        difference = max(difference, float(np.abs(vectors[0] - vectors[1]).max()))
    whole_ms, stream_ms = (median(s[_WARM_UP:]) * 1000 / stride for s in secs.values())
    return StrideReport(stride, whole_ms, stream_ms, whole_ms / stream_ms, difference)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.stream", description=__doc__)
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    parser.add_argument("--windows", type=int, default=40, help="measured at each stride")
    asked = parser.parse_args(argv)
    try:
        whole, stream = (
            OnnxGaitEmbedder(gait_model_info(asked.models_dir, name)) for name in (WHOLE, STREAM)
        )
        reports = [
            measure(whole, stream, stride=stride, windows=asked.windows) for stride in STRIDES
        ]
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    told = {
        "whole": whole.info.key,
        "stream": stream.info.key,
        "processors": usable_cpus(),
        "windows": asked.windows,
        "strides": [asdict(report) for report in reports],
    }
    print(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
