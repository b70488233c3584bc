"""An exact triangle rasteriser in torch: vectorised, deterministic, CPU or GPU.

Triangles are sorted by the size of their bounding box; each size class tests all its pixel centres
at once, and an integer minimum over (depth, triangle) picks the visible one. Meshes of people
have triangles of a few pixels, for which this is fast without a graphics library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Point = tuple[torch.Tensor, torch.Tensor]

_EMPTY = 2**62
_DEPTH_BITS = 30
_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024, 4096)


@dataclass(frozen=True)
class Fragments:
    """Visible pixels of a mesh.

    ``pixel`` (P,) int64 flat index row * width + column; ``face`` (P,) int64; ``bary`` (P, 3)
    perspective-correct weights of the face's corners; ``depth`` (P,) metres from the camera.
    """

    pixel: torch.Tensor
    face: torch.Tensor
    bary: torch.Tensor
    depth: torch.Tensor


def rasterise(
    points: torch.Tensor, depth: torch.Tensor, faces: torch.Tensor, width: int, height: int
) -> Fragments:
    """Front faces of a mesh seen by a camera.

    ``points`` (V, 2) float pixel positions (centre of the first pixel at 0.5, 0.5; y down),
    ``depth`` (V,) positive metres, ``faces`` (F, 3) int64, counter-clockwise from outside in a
    y-up view.
    """
    import torch

    corners = faces.T.contiguous()
    column, row = ([axis[k] for k in corners] for axis in points.T.contiguous())
    far = [depth[k] for k in corners]
    left, right = _span(column, width - 1)
    top, bottom = _span(row, height - 1)
    wide, tall = right - left, bottom - top
    kept = (_area(column, row) < -1e-9) & (torch.minimum(wide, tall) >= 0)
    kept &= torch.minimum(torch.minimum(far[0], far[1]), far[2]) > 0.05
    which = torch.nonzero(kept)[:, 0]
    left, top, wide, tall = (v[which].long() for v in (left, top, wide, tall))
    size = torch.maximum(wide, tall) + 1
    x, y = ([(v[which] - low).float() for v in axis] for axis, low in ((column, left), (row, top)))
    area = _area(x, y)
    # Perspective: the inverse depth is linear in the picture.
    close = [1.0 / (area * v[which].float()) for v in far]
    buffer = torch.full((width * height,), _EMPTY, dtype=torch.int64, device=points.device)
    scale = float(1 << _DEPTH_BITS) / max(float(depth.max()) * 1.01, 1e-6)
    previous = 0
    for side in _SIZES:
        chosen = torch.nonzero((size > previous) & (size <= side))[:, 0]
        previous = side
        if not len(chosen):
            continue
        step = torch.arange(side, device=points.device)
        dx, dy = step.repeat(side), step.repeat_interleave(side)
        for part in torch.split(chosen, max(1, 2_000_000 // (side * side))):
            a, b, c = ((u[part, None], v[part, None]) for u, v in zip(x, y, strict=True))
            w0, w1 = (_edge(p, q, (dx + 0.5, dy + 0.5)) for p, q in ((b, c), (c, a)))
            w2 = area[part, None] - w0 - w1
            inside = torch.maximum(torch.maximum(w0, w1), w2) <= 1e-5
            inside &= (dx <= wide[part, None]) & (dy <= tall[part, None])
            flat = torch.nonzero(inside.flatten())[:, 0]
            owner = part[torch.div(flat, side * side, rounding_mode="floor")]
            cell = flat % (side * side)
            weight = [w.flatten()[flat] for w in (w0, w1, w2)]
            inverse = sum(w * c[owner] for w, c in zip(weight, close, strict=True))
            key = ((scale / inverse.double()).long() << 32) + which[owner]
            pixel = (top[owner] + dy[cell]) * width + left[owner] + dx[cell]
            buffer.scatter_reduce_(0, pixel, key, reduce="amin")
    pixel = torch.nonzero(buffer < _EMPTY)[:, 0]
    face = buffer[pixel] & 0xFFFFFFFF
    return _fragments(pixel, face, [[v[face] for v in axis] for axis in (column, row, far)], width)


def _span(corners: list[torch.Tensor], last: int) -> tuple[torch.Tensor, torch.Tensor]:
    """First and last pixel, 0 to ``last``, whose centre lies between three corners (F,)."""
    import torch

    a, b, c = corners
    first = torch.ceil(torch.minimum(torch.minimum(a, b), c) - 0.5).clamp_(min=0)
    return first, torch.floor(torch.maximum(torch.maximum(a, b), c) - 0.5).clamp_(max=last)


def _edge(a: Point, b: Point, p: Point) -> torch.Tensor:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _area(x: list[torch.Tensor], y: list[torch.Tensor]) -> torch.Tensor:
    """Twice the signed area (F,) of triangles; negative for front faces."""
    return _edge(*zip(x, y, strict=True))


def _fragments(
    pixel: torch.Tensor, face: torch.Tensor, corners: list[list[torch.Tensor]], width: int
) -> Fragments:
    import torch

    x, y, far = corners
    at = (pixel % width) + 0.5, torch.div(pixel, width, rounding_mode="floor") + 0.5
    area = _area(x, y)
    weights = torch.stack(
        [
            _edge((x[i], y[i]), (x[j], y[j]), at) / (far[k] * area)
            for i, j, k in ((1, 2, 0), (2, 0, 1), (0, 1, 2))
        ],
        dim=1,
    )
    total = weights.sum(dim=1, keepdim=True)
    return Fragments(pixel, face, weights / total, 1.0 / total[:, 0])
