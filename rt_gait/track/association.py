"""Which detection belongs to which track."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from rt_gait.types import FloatArray


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the intersection over union of boxes [N, 4] and [M, 4] as [N, M] in 0..1."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod((high - low).clip(0), axis=2)
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area_a[:, None] + area_b[None, :] - shared
    overlap: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def likeness(a: FloatArray, b: FloatArray) -> FloatArray:
    """Compare boxes [N, 4] with boxes [M, 4], as [N, M] in 0..1.

    The intersection over union, times the root of that of the vertical extents alone (after Yang
    et al., Hybrid-SORT, 2024): people at another distance stand higher or lower and are of another
    height, even where their boxes overlap.
    """
    upright_a, upright_b = a.copy(), b.copy()
    upright_a[:, ::2] = upright_b[:, ::2] = (0, 1)
    alike: FloatArray = iou(a, b) * np.sqrt(iou(upright_a, upright_b))
    return alike


def grow(boxes: FloatArray, share: FloatArray) -> FloatArray:
    """Widen boxes [N, 4] by a share [N] of their size on each side."""
    margin = (boxes[:, 2:] - boxes[:, :2]) * share[:, None]
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def match(alike: FloatArray, least: float) -> list[tuple[int, int]]:
    """Pair rows with columns of [N, M] so that the sum of likenesses is greatest.

    Pairs below ``least`` are never made, nor do they influence the others.
    """
    allowed = np.where(alike >= least, alike, 0)
    rows, columns = linear_sum_assignment(-allowed)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if alike[r, c] >= least]
