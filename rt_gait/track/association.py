"""Which detection belongs to which track."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from rt_gait.types import FloatArray


def similarity(a: FloatArray, b: FloatArray) -> FloatArray:
    """Compare boxes [N, 4] with boxes [M, 4], as [N, M] in 0..1.

    The intersection over union, times the root of that of the vertical extents alone (Yang et
    al., Hybrid-SORT, 2024, weigh it so): people at another distance stand higher or lower and are
    of another height, even where their boxes overlap.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = (high - low).clip(0)
    shared = sides[:, :, 0] * sides[:, :, 1]
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    whole = area_a[:, None] + area_b[None, :] - shared
    tall = (a[:, 3] - a[:, 1])[:, None] + (b[:, 3] - b[:, 1])[None, :] - sides[:, :, 1]
    return _share(shared, whole) * np.sqrt(_share(sides[:, :, 1], tall))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    share: FloatArray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share


def grow(boxes: FloatArray, share: FloatArray) -> FloatArray:
    """Widen boxes [N, 4] by a share [N] of their size on each side."""
    margin = (boxes[:, 2:] - boxes[:, :2]) * share[:, None]
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def match(likeness: FloatArray, least: float) -> list[tuple[int, int]]:
    """Pair rows with columns of [N, M] so that the sum of likenesses is greatest.

    Pairs below ``least`` are never made, nor do they influence the others.
    """
    allowed = np.where(likeness >= least, likeness, 0)
    rows, columns = linear_sum_assignment(-allowed)
    return [
        (int(r), int(c)) for r, c in zip(rows, columns, strict=True) if likeness[r, c] >= least
    ]
