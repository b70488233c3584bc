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

_EMPTY = 2**62
_DEPTH_BITS = 30
_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64, 128, 256, 512, 1024, 4096)


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


def _edge(a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (b[..., 0] - a[..., 0]) * (y - a[..., 1]) - (b[..., 1] - a[..., 1]) * (x - a[..., 0])


def rasterise(
    points: torch.Tensor, depth: torch.Tensor, faces: torch.Tensor, width: int, height: int
) -> Fragments:
    """Front faces of a mesh seen by a camera.

    ``points`` (V, 2) float pixel positions (centre of the first pixel at 0.5, 0.5; y down),
    ``depth`` (V,) positive metres, ``faces`` (F, 3) int64, counter-clockwise from outside in a
    y-up view.
    """
    import torch

    def keep(part: torch.Tensor) -> torch.Tensor:
        a, b, c = (points[faces[part, k]] for k in range(3))
        return _edge(a, b, c[:, 0], c[:, 1]) < -1e-9

    limit = torch.tensor([width - 1, height - 1], device=points.device)
    which = torch.nonzero(keep(torch.arange(len(faces), device=points.device)))[:, 0]
    tri, far = points[faces[which]], depth[faces[which]]
    low = torch.ceil(tri.amin(dim=1) - 0.5).long().clamp_(min=0)
    high = torch.minimum(torch.floor(tri.amax(dim=1) - 0.5).long(), limit)
    size = (high - low).amax(dim=1) + 1
    seen = ((high - low).amin(dim=1) >= 0) & (far.amin(dim=1) > 0.05)
    near = (tri - low[:, None]).float()
    area = _edge(near[:, 0], near[:, 1], near[:, 2, 0], near[:, 2, 1])
    span, close = high - low, (1.0 / far).float()
    buffer = torch.full((width * height,), _EMPTY, dtype=torch.int64, device=points.device)
    scale = float(1 << _DEPTH_BITS) / max(float(depth.max()) * 1.01, 1e-6)
    previous = 0
    for side in _SIZES:
        chosen = torch.nonzero(seen & (size > previous) & (size <= side))[:, 0]
        previous = side
        if not len(chosen):
            continue
        step = torch.arange(side, device=points.device)
        dx, dy = step.repeat(side), step.repeat_interleave(side)
        x, y = (dx + 0.5).float(), (dy + 0.5).float()
        for part in torch.split(chosen, max(1, 2_000_000 // (side * side))):
            corner = near[part][:, :, None]
            w0 = _edge(corner[:, 1], corner[:, 2], x, y)
            w1 = _edge(corner[:, 2], corner[:, 0], x, y)
            w2 = area[part, None] - w0 - w1
            inside = torch.maximum(torch.maximum(w0, w1), w2) <= 1e-5
            inside &= (dx <= span[part, 0, None]) & (dy <= span[part, 1, None])
            item, cell = torch.nonzero(inside, as_tuple=True)
            owner = part[item]
            inverse = (
                w0[item, cell] * close[owner, 0]
                + w1[item, cell] * close[owner, 1]
                + w2[item, cell] * close[owner, 2]
            ) / area[owner]
            key = ((scale / inverse.double()).long() << 32) + which[owner]
            pixel = (low[owner, 1] + dy[cell]) * width + low[owner, 0] + dx[cell]
            buffer.scatter_reduce_(0, pixel, key, reduce="amin")
    pixel = torch.nonzero(buffer < _EMPTY)[:, 0]
    face = buffer[pixel] & 0xFFFFFFFF
    x, y = (pixel % width) + 0.5, torch.div(pixel, width, rounding_mode="floor") + 0.5
    corner, far = points[faces[face]], depth[faces[face]]
    area = _edge(corner[:, 0], corner[:, 1], corner[:, 2, 0], corner[:, 2, 1])
    weights = torch.stack(
        [_edge(corner[:, (k + 1) % 3], corner[:, (k + 2) % 3], x, y) for k in range(3)], dim=1
    ) / (far * area[:, None])
    total = weights.sum(dim=1, keepdim=True)
    return Fragments(pixel, face, weights / total, 1.0 / total[:, 0])
