"""Convex outlines of a body, height by height: where taut cloth lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def circle(around: int) -> Array:
    """Directions (N, 2) round the unit circle."""
    angle = 2.0 * np.pi * np.arange(around) / around
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def sections(points: Array, heights: Array, directions: Array, centre: Array) -> Array:
    """How far the convex outline of ``points`` (P, 3) reaches at every height, (R, N) metres.

    ``directions`` (N, 2) are unit vectors of the ground plane from ``centre`` (2,). Points count
    for heights within three quarters of the spacing there (at least two heights, in order), at
    least 12 mm; a height without points takes the nearest's. ValueError without any point.
    """
    gap = np.abs(np.diff(heights))
    band = np.maximum(0.75 * np.minimum(np.append(gap, gap[-1]), np.append(gap[0], gap)), 0.012)
    flat = (points[:, :2] - centre) @ directions.T
    reach = np.full((len(heights), len(directions)), np.nan)
    for row, height in enumerate(heights):
        near = np.abs(points[:, 2] - height) < band[row]
        if near.any():
            reach[row] = flat[near].max(axis=0)
    filled = np.flatnonzero(~np.isnan(reach[:, 0]))
    if not len(filled):
        raise ValueError("no point lies between the heights")
    nearest = filled[np.abs(np.arange(len(heights))[:, None] - filled).argmin(axis=1)]
    reach = reach[nearest]
    cosine = directions @ directions.T
    ratio = np.where(cosine > 0.1, reach[:, None, :] / np.maximum(cosine, 0.1), np.inf)
    return np.asarray(ratio.min(axis=2))


def drape(vertices: Array, trunk: npt.NDArray[np.bool_], share: Array) -> Array:
    """``vertices`` (V, 3) laid, by ``share`` (V,), on the taut outline of those of the ``trunk``.

    Cloth bridges hollows and rounds off points: the convex outline of every 2 cm, smoothed.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    body = vertices[trunk]
    middle = np.array([0.0, float(body[:, 1].mean())])
    heights = np.arange(float(body[:, 2].min()), float(body[:, 2].max()) + 0.02, 0.02)
    count = 64
    reach = sections(body, heights, circle(count), middle)
    reach = gaussian_filter(reach, (1.6, 2.0), mode=("nearest", "wrap"))
    moved = np.flatnonzero(share)
    flat = vertices[moved, :2] - middle
    far = np.maximum(np.linalg.norm(flat, axis=1), 1e-6)
    angle = np.arctan2(flat[:, 1], flat[:, 0]) % (2.0 * np.pi) / (2.0 * np.pi) * count
    row = np.clip((vertices[moved, 2] - heights[0]) / 0.02, 0.0, len(heights) - 1.001)
    taut = map_coordinates(reach, [row, angle], order=1, mode="grid-wrap")
    out = vertices.copy()
    out[moved, :2] += (share[moved] * (taut / far - 1.0))[:, None] * flat
    return out
