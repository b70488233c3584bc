"""Which pixels a closed mesh covers, for many frames at once: exact, in torch, on any device.

A pixel is covered when its centre lies in a front face. Faces whose bounding box holds no pixel
centre are left out at once; the others test all centres of a square as large as their box, those
of one size together. Bodies are meshes of small faces, so nearly all squares are 1 to 4 pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256)
#: Faces, and tests of pixels, held in memory at once, by device type.
_FACES = {"cpu": 500_000, "cuda": 60_000_000}
_TESTS = {"cpu": 200_000, "cuda": 60_000_000}
#: A pixel centre this close to an edge (pixels squared, twice the area) counts as inside.
EDGE = 1e-5


def cover(pixels: torch.Tensor, faces: torch.Tensor, height_px: int, width_px: int) -> torch.Tensor:
    """Masks (N, height, width) uint8 of 0 and 1 of one mesh in N poses.

    Args:
        pixels: (N, V, 2) float32 column and row; the centre of the first pixel is (0.5, 0.5).
        faces: (F, 3) int64, counter-clockwise from outside in a y-up view.
        height_px: Rows of the picture; what lies outside is left out.
        width_px: Columns of the picture.

    Raises:
        ValueError: A face is more than 256 pixels wide or tall.
    """
    import torch

    frames = max(1, _FACES[pixels.device.type] // len(faces))
    parts = [_cover(p, faces, height_px, width_px) for p in torch.split(pixels, frames)]
    return torch.cat(parts)


def _cover(pixels: torch.Tensor, faces: torch.Tensor, height: int, width: int) -> torch.Tensor:
    import torch

    device, tests = pixels.device, _TESTS[pixels.device.type]
    which, corners, low, span = _visible(pixels, faces, height, width)
    kind = torch.bucketize(span, torch.tensor(_SIDES, device=device, dtype=span.dtype))
    number = torch.bincount(kind, minlength=len(_SIDES) + 1).tolist()
    if number[-1]:
        raise ValueError(f"a face spans {int(span.max())} pixels; at most {_SIDES[-1]} are handled")
    pad = max((side for side, count in zip(_SIDES, number, strict=False) if count), default=0)
    rows, columns = height + 2 * pad, width + 2 * pad
    cells = rows * columns
    out = torch.zeros(len(pixels) * cells + 1, dtype=torch.uint8, device=device)
    frame = torch.div(which, len(faces), rounding_mode="floor")
    first = frame * cells + (low[:, 1].long() + pad) * columns + low[:, 0].long() + pad
    order = torch.argsort(kind)
    for side, group in zip(_SIDES, torch.split(order, number), strict=False):
        offset = torch.arange(side * side, device=device)
        dx, dy = offset % side, torch.div(offset, side, rounding_mode="floor")
        for part in torch.split(group, max(1, tests // (side * side))):
            inside = _inside(corners[:, part], low[part], dx, dy)
            at = first[part, None] + (dy * columns + dx)
            out.index_fill_(0, torch.where(inside, at, len(out) - 1).flatten(), 1)
    masks = out[:-1].view(-1, rows, columns)
    return masks[:, pad : pad + height, pad : pad + width]


def _visible(
    pixels: torch.Tensor, faces: torch.Tensor, height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Front faces near a pixel centre: index (M,) of (frame, face), corners, first pixel, span.

    Corners (3, M, 2), first pixel (M, 2) column and row, span (M,) pixels of the larger side.
    """
    import torch

    a, b, c = (pixels[:, faces[:, k]].flatten(0, 1) for k in range(3))
    low = torch.ceil(torch.minimum(torch.minimum(a, b), c) - 0.5)
    high = torch.floor(torch.maximum(torch.maximum(a, b), c) - 0.5)
    limit = torch.tensor([width - 1.0, height - 1.0], device=pixels.device)
    one, two = b - a, c - a
    front = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0
    near = ((high >= low) & (high >= 0) & (low <= limit)).all(dim=1)
    which = torch.nonzero(front & near)[:, 0]
    corners = torch.stack([a[which], b[which], c[which]])
    low = low[which]
    return which, corners, low, (high[which] - low).amax(dim=1) + 1


def _inside(
    corners: torch.Tensor, low: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor
) -> torch.Tensor:
    """Whether the pixel centres at offsets (K,) from ``low`` lie in the faces, (M, K)."""
    import torch

    a, b, c = corners - (low + 0.5)
    edges = []
    for p, q in ((b, c), (c, a), (a, b)):
        x, y = q[:, 1:] - p[:, 1:], p[:, :1] - q[:, :1]
        edges.append(x * dx + y * dy - (x * p[:, :1] + y * p[:, 1:]))
    return torch.minimum(torch.minimum(edges[0], edges[1]), edges[2]) >= -EDGE
