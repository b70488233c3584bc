"""Average precision as COCO counts it: 101 recalls, IoU thresholds .50 to .95.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014. Numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class ImageMatches:
    """What one image adds to a curve."""

    scores: NDArray[np.float64]
    """(D,), best first."""
    hits: NDArray[np.bool_]
    """(T, D): whether the detection found someone, at each IoU threshold."""
    people: int
    """How many there were to find."""


def match(scores: NDArray[np.floating], iou: NDArray[np.floating]) -> ImageMatches:
    """Matches detections to people greedily, best score first; each person is found once.

    Args:
        scores: (D,).
        iou: (D, G) overlap of every detection with every labelled person.
    """
    order = np.argsort(-scores, kind="stable")
    iou = np.asarray(iou, np.float64)[order]
    hits = np.zeros((len(IOU_THRESHOLDS), len(order)), bool)
    for row, threshold in enumerate(IOU_THRESHOLDS):
        free = np.ones(iou.shape[1], bool)
        for index, overlaps in enumerate(iou):
            left = np.where(free, overlaps, -1.0)
            if left.size and left.max() >= threshold:
                free[int(left.argmax())] = False
                hits[row, index] = True
    return ImageMatches(np.asarray(scores, np.float64)[order], hits, iou.shape[1])


def average_precision(images: Sequence[ImageMatches]) -> NDArray[np.float64]:
    """Average precision at each of `IOU_THRESHOLDS`; 0 where there is nobody to find."""
    people = sum(i.people for i in images)
    if not people:
        return np.zeros(len(IOU_THRESHOLDS))
    order = np.argsort(-np.concatenate([i.scores for i in images]), kind="stable")
    hits = np.concatenate([i.hits for i in images], axis=1)[:, order]
    found = np.cumsum(hits, axis=1)
    precision = found / np.arange(1, hits.shape[1] + 1)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    out = np.zeros(len(IOU_THRESHOLDS))
    for row in range(len(out)):
        at = np.searchsorted(found[row] / people, _RECALLS, side="left")
        inside = at < precision.shape[1]
        out[row] = precision[row, at[inside]].sum() / len(_RECALLS)
    return out


def summary(
    images: Sequence[ImageMatches], resamples: int = 200, seed: int = 0
) -> dict[str, list[float]]:
    """AP50 and AP50-95, each as [value, low, high] with the 95% range over resampled images."""
    rng = np.random.default_rng(seed)
    value = average_precision(images)
    drawn = np.array(
        [
            average_precision([images[i] for i in rng.integers(0, len(images), len(images))])
            for _ in range(resamples)
        ]
    )
    curves = {"AP50": (value[0], drawn[:, 0]), "AP50-95": (value.mean(), drawn.mean(axis=1))}
    return {
        name: [round(float(v), 4) for v in (point, *np.quantile(spread, [0.025, 0.975]))]
        for name, (point, spread) in curves.items()
    }


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """(D, G) IoU of corner boxes (D, 4) and (G, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = (
        np.prod(a[:, 2:] - a[:, :2], axis=-1)[:, None] + np.prod(b[:, 2:] - b[:, :2], axis=-1)[None]
    )
    return np.asarray(both / np.maximum(areas - both, 1e-9), np.float64)


def mask_iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(D, G) IoU of masks (D, H, W) and (G, H, W)."""
    pixels = int(np.prod(a.shape[1:]))
    flat_a = a.reshape(len(a), pixels).astype(np.float32)
    flat_b = b.reshape(len(b), pixels).astype(np.float32)
    both = flat_a @ flat_b.T
    either = flat_a.sum(1)[:, None] + flat_b.sum(1)[None] - both
    return np.asarray(both / np.maximum(either, 1), np.float64)
