"""Which pixels a closed mesh covers, for many frames at once: exact, in torch, on any device.

A pixel is covered when its centre lies in a front face. Every face tests a fixed square of pixel
centres, large enough for its largest appearance in the batch; faces of one square's size go
together. Bodies are meshes of small faces, so nearly all squares have one to four pixels a side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256)
#: Tests held in memory at once, by device type.
_CHUNK = {"cpu": 2_000_000, "cuda": 120_000_000}
#: A pixel centre this close to an edge (pixels squared, twice the area) counts as inside.
_EDGE = 1e-5


def cover(pixels: torch.Tensor, faces: torch.Tensor, height_px: int, width_px: int) -> torch.Tensor:
    """Masks (N, height, width) uint8 of 0 and 1 of one mesh in N poses.

    Args:
        pixels: (N, V, 2) float32 column and row; the centre of the first pixel is (0.5, 0.5).
        faces: (F, 3) int64, counter-clockwise from outside in a y-up view.
        height_px: Rows of the picture; what lies outside is left out.
        width_px: Columns of the picture.
    """
    import torch

    frames = max(1, _CHUNK[pixels.device.type] // len(faces))
    parts = [_cover(p, faces, height_px, width_px) for p in torch.split(pixels, frames)]
    return torch.cat(parts)


def _cover(pixels: torch.Tensor, faces: torch.Tensor, height: int, width: int) -> torch.Tensor:
    import torch

    a, b, c = (pixels[:, faces[:, k]] for k in range(3))
    low = torch.ceil(torch.minimum(torch.minimum(a, b), c) - 0.5)
    high = torch.floor(torch.maximum(torch.maximum(a, b), c) - 0.5)
    limit = torch.tensor([width - 1.0, height - 1.0], device=pixels.device)
    area = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    seen = (area < 0) & ((high >= low) & (high >= 0) & (low <= limit)).all(dim=-1)
    span = torch.where(seen, (high - low).amax(dim=-1) + 1, 0.0).amax(dim=0)
    sides = torch.tensor(_SIDES, device=pixels.device, dtype=span.dtype)
    kind = torch.bucketize(span, sides)
    if int(kind.max()) == len(_SIDES):
        raise ValueError(f"a face spans {int(span.max())} pixels; at most {_SIDES[-1]} are handled")
    pad = _SIDES[int(kind.max())]
    rows, columns = height + 2 * pad, width + 2 * pad
    spare = rows * columns
    out = torch.zeros((len(pixels), spare + 1), dtype=torch.uint8, device=pixels.device)
    one = torch.ones((), dtype=torch.uint8, device=pixels.device)
    for k in torch.unique(kind).tolist():
        chosen = torch.nonzero((kind == k) & (span > 0))[:, 0]
        if not len(chosen):
            continue
        corners = (a[:, chosen], b[:, chosen], c[:, chosen])
        start, step_x, step_y = _edges(corners, low[:, chosen], seen[:, chosen])
        first = ((low[:, chosen] + pad) * torch.tensor([1, columns], device=low.device)).sum(dim=-1)
        first = torch.where(seen[:, chosen], first, 0).long()
        for dy in range(_SIDES[k]):
            for dx in range(_SIDES[k]):
                inside = (start + dx * step_x + dy * step_y).amin(dim=0) >= -_EDGE
                at = torch.where(inside, first + (dy * columns + dx), spare)
                out.scatter_(1, at, one.expand_as(at))
    return out[:, :spare].view(-1, rows, columns)[:, pad : pad + height, pad : pad + width]


def _edges(
    corners: tuple[torch.Tensor, ...], low: torch.Tensor, seen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Edge functions (3, N, F) at the first pixel of each face, and their steps along x and y."""
    import torch

    a, b, c = corners
    start, step_x, step_y = [], [], []
    x, y = low[..., 0] + 0.5, low[..., 1] + 0.5
    for p, q in ((b, c), (c, a), (a, b)):
        step_x.append(q[..., 1] - p[..., 1])
        step_y.append(p[..., 0] - q[..., 0])
        start.append(step_x[-1] * (x - p[..., 0]) + step_y[-1] * (y - p[..., 1]))
    begin = torch.where(seen, torch.stack(start), -1.0)
    return begin, torch.stack(step_x) * seen, torch.stack(step_y) * seen
