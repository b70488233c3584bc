"""An exact triangle rasteriser in numpy: vectorised and deterministic.

Triangles are sorted by the size of their bounding box; each size class tests all its pixel centres
at once, and an integer minimum over (depth, triangle) picks the visible one. Meshes of people
have triangles of a few pixels, for which this is fast without a graphics library. (For one mesh at
a time numpy's small operations cost a third of torch's; many masks at once are another module's.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Point = tuple[Any, Any]

_EMPTY = 2**62
_DEPTH_BITS = 30
_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024, 4096)
_HALF = np.float32(0.5)


@dataclass(frozen=True)
class Fragments:
    """Visible pixels of a mesh.

    ``pixel`` (P,) flat index row * width + column; ``face`` (P,); ``bary`` (P, 3)
    perspective-correct weights of the face's corners; ``depth`` (P,) metres from the camera.
    """

    pixel: Ints
    face: Ints
    bary: Floats
    depth: Floats


def rasterise(points: Floats, depth: Floats, faces: Ints, width: int, height: int) -> Fragments:
    """Front faces of a mesh seen by a camera.

    ``points`` (V, 2) pixel positions (centre of the first pixel at 0.5, 0.5; y down), ``depth``
    (V,) positive metres, ``faces`` (F, 3), counter-clockwise from outside in a y-up view.
    """
    corners = np.ascontiguousarray(faces.T)
    column, row = ([axis[k] for k in corners] for axis in np.ascontiguousarray(points.T))
    far = [depth[k] for k in corners]
    left, right = _span(column, width - 1)
    top, bottom = _span(row, height - 1)
    wide, tall = right - left, bottom - top
    kept = (_area(column, row) < -1e-9) & (wide >= 0) & (tall >= 0)
    kept &= np.minimum(np.minimum(far[0], far[1]), far[2]) > 0.05
    which = np.flatnonzero(kept)
    left, top, wide, tall = (v[which].astype(np.int64) for v in (left, top, wide, tall))
    size = np.maximum(wide, tall) + 1
    x, y = (
        [(v[which] - low).astype(np.float32) for v in axis]
        for axis, low in ((column, left), (row, top))
    )
    area = _area(x, y)
    # Perspective: the inverse depth is linear in the picture.
    close = [1.0 / (area * v[which].astype(np.float32)) for v in far]
    buffer = np.full(width * height, _EMPTY, dtype=np.int64)
    scale = float(1 << _DEPTH_BITS) / max(float(depth.max()) * 1.01, 1e-6)
    previous = 0
    for side in _SIZES:
        chosen = np.flatnonzero((size > previous) & (size <= side))
        previous = side
        if not len(chosen):
            continue
        step = np.arange(side)
        dx, dy = np.tile(step, side), np.repeat(step, side)
        centre = dx.astype(np.float32) + _HALF, dy.astype(np.float32) + _HALF
        share = max(1, 2_000_000 // (side * side))
        for first in range(0, len(chosen), share):
            part = chosen[first : first + share]
            a, b, c = ((u[part, None], v[part, None]) for u, v in zip(x, y, strict=True))
            w0, w1 = _edge(b, c, centre), _edge(c, a, centre)
            w2 = area[part, None] - w0 - w1
            inside = np.maximum(np.maximum(w0, w1), w2) <= 1e-5
            inside &= (dx <= wide[part, None]) & (dy <= tall[part, None])
            flat = np.flatnonzero(inside)
            item, cell = np.divmod(flat, side * side)
            owner = part[item]
            inverse = sum(
                w.ravel()[flat] * v[owner] for w, v in zip((w0, w1, w2), close, strict=True)
            )
            key = ((scale / np.asarray(inverse, np.float64)).astype(np.int64) << 32) + which[owner]
            np.minimum.at(buffer, (top[owner] + dy[cell]) * width + left[owner] + dx[cell], key)
    pixel = np.flatnonzero(buffer < _EMPTY)
    face = buffer[pixel] & 0xFFFFFFFF
    return _fragments(pixel, face, [[v[face] for v in axis] for axis in (column, row, far)], width)


def _span(corners: list[Any], last: int) -> tuple[Any, Any]:
    """First and last pixel, 0 to ``last``, whose centre lies between three corners (F,)."""
    a, b, c = corners
    first = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c) - _HALF), 0)
    return first, np.minimum(np.floor(np.maximum(np.maximum(a, b), c) - _HALF), last)


def _edge(a: Point, b: Point, p: Point) -> Any:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _area(x: list[Any], y: list[Any]) -> Any:
    """Twice the signed area (F,) of triangles; negative for front faces."""
    return _edge(*zip(x, y, strict=True))


def _fragments(pixel: Ints, face: Ints, corners: list[list[Any]], width: int) -> Fragments:
    x, y, far = corners
    row, column = np.divmod(pixel, width)
    at = column.astype(np.float32) + _HALF, row.astype(np.float32) + _HALF
    area = _area(x, y)
    weights = np.stack(
        [
            _edge((x[i], y[i]), (x[j], y[j]), at) / (far[k] * area)
            for i, j, k in ((1, 2, 0), (2, 0, 1), (0, 1, 2))
        ],
        axis=1,
    )
    total = weights.sum(axis=1, keepdims=True)
    return Fragments(pixel, face, weights / total, 1.0 / total[:, 0])
