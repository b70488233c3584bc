"""Synthetic strangers that come with rt-gait, to calibrate galleries with.

``strangers.npz`` holds the silhouettes of one walk each of people who were in no training, filmed
in colour and put through the pipeline (``python -m rt_gait.training.filmed``), without embeddings:
any gait model can be asked about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rt_gait.evaluation.takes import read_takes
from rt_gait.gait.walking import judged
from rt_gait.gait.windows import WindowShape, cut_windows
from rt_gait.types import Window

STRANGERS = Path(__file__).with_name("strangers.npz")


def stranger_tracks(shape: WindowShape) -> Iterator[tuple[int, list[Window]]]:
    """Give the number of each stranger and the windows of a walk, for a model of silhouettes."""
    takes, _ = read_takes(STRANGERS)
    for take in takes:
        windows = [j for w in cut_windows(take.silhouettes, shape) if (j := judged(w))]
        if windows:
            yield take.subject, windows
