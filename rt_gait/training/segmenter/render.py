"""Paints masks over frames, beside the frames, for a person to judge."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rt_gait.training.segmenter.evaluate import RUN_SCORE, Model, frames_of, full_masks

_COLOURS = np.array(
    [
        (60, 60, 255),
        (60, 220, 60),
        (255, 120, 60),
        (0, 220, 255),
        (255, 60, 255),
        (255, 255, 60),
        (0, 140, 255),
    ],
    float,
)


def paint(image_bgr: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The frame with each person tinted; masks (D, H, W)."""
    out = image_bgr.astype(float)
    for index, mask in enumerate(masks):
        out[mask] = 0.45 * out[mask] + 0.55 * _COLOURS[index % len(_COLOURS)]
    return out.astype(np.uint8)


def render(model_path: Path, source: Path, out: Path, count: int) -> list[Path]:
    """Write `count` PNGs, frame left and masks right, evenly spaced over the source."""
    model = Model(model_path)
    out.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        frames = [np.asarray(cv2.imread(str(p)), np.uint8) for p in sorted(source.iterdir())]
    else:
        frames = list(frames_of(source))
    paths = []
    for index in np.unique(np.linspace(0, len(frames) - 1, count).astype(int)):
        image = frames[index]
        masks = full_masks(model(image, RUN_SCORE), *image.shape[:2])
        path = out / f"{source.stem}_{index:05d}.png"
        cv2.imwrite(str(path), np.hstack([image, paint(image, masks)]))
        paths.append(path)
    return paths
