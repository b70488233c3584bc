"""The published silhouette normalisation for many masks at once, in torch, on any device.

The rule is that of :func:`rt_gait.gait.silhouette.normalise`; grey levels agree within one step
(the arithmetic is floating point here and fixed point there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX

if TYPE_CHECKING:
    import torch

#: Columns of the scaled picture that are worked out; a walker is never so wide.
_REACH_PX = 160
#: Sharpness of the cubic kernel (Keys, IEEE TASSP 1981), the value OpenCV uses.
_CUBIC = -0.75
_LEAST_PIXELS = 40


def _taps(
    source: torch.Tensor, first: torch.Tensor, last: torch.Tensor, count: int
) -> torch.Tensor:
    """Cubic weights (N, M, count) on ``count`` samples at positions ``source`` (N, M).

    Positions outside ``first``..``last`` (N, 1) repeat the border.
    """
    import torch

    base = torch.floor(source)
    t = source - base
    a = _CUBIC
    far, near = 1 + t, 2 - t
    weights = (
        ((a * far - 5 * a) * far + 8 * a) * far - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1,
        ((a * near - 5 * a) * near + 8 * a) * near - 4 * a,
    )
    out = torch.zeros((*source.shape, count), device=source.device)
    for k, weight in enumerate(weights):
        at = torch.minimum(torch.maximum(base + (k - 1), first), last)
        known = (at >= 0) & (at < count)
        out.scatter_add_(2, at.clamp(0, count - 1).long()[..., None], (weight * known)[..., None])
    return out


def normalise(
    masks: torch.Tensor, left_px: torch.Tensor, frame_width_px: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised silhouettes of N masks, and which of them the rule keeps.

    Args:
        masks: (N, H, W) of 0 and 1: pieces of frames that hold all of one person each.
        left_px: (N,) column of the frame at which each piece begins.
        frame_width_px: (N,) width of the frame.

    Returns:
        Silhouettes (N, 64, 44) uint8 in 0..255, and (N,) bool. What is not kept is black.
    """
    import torch

    count, height, width = masks.shape
    device = masks.device
    solid = masks.float()
    covered = (masks > 0).any(dim=2)
    number = torch.arange(height, device=device)
    top = torch.where(covered, number, height).amin(dim=1)
    bottom = torch.where(covered, number, -1).amax(dim=1)
    tall = (bottom - top + 1).clamp(min=1).double()
    scaled_width = torch.floor(HEIGHT_PX * (frame_width_px.double() / tall))
    kept = (solid.sum(dim=(1, 2)) >= _LEAST_PIXELS) & (scaled_width >= 1)
    row = (torch.arange(HEIGHT_PX, device=device) + 0.5) * (tall[:, None] / HEIGHT_PX) - 0.5
    rows = _taps(row.float(), torch.zeros_like(top)[:, None], (tall - 1)[:, None].float(), height)
    lifted = torch.gather(
        solid, 1, (number + top[:, None]).clamp(max=height - 1)[..., None].expand_as(solid)
    )
    step = frame_width_px.double() / scaled_width.clamp(min=1)
    used = torch.where((masks > 0).any(dim=1), torch.arange(width, device=device), width)
    begin = torch.floor((used.amin(dim=1) + left_px) / step) - 3
    column = begin[:, None] + torch.arange(_REACH_PX, device=device)
    at = (column + 0.5) * step[:, None] - 0.5 - left_px[:, None]
    edges = -left_px.double()[:, None], (frame_width_px - 1 - left_px).double()[:, None]
    columns = _taps(at.float(), edges[0].float(), edges[1].float(), width)
    columns *= ((column >= 0) & (column < scaled_width[:, None]))[..., None]
    picture = torch.bmm(torch.bmm(rows, lifted), columns.transpose(1, 2)) * 255.0
    picture = picture.round_().clamp_(0.0, 255.0)
    mass = picture.sum(dim=1).cumsum(dim=1)
    centre = (mass > mass[:, -1:] / 2).float().argmax(dim=1)
    kept &= (centre + begin) > 0
    wanted = centre[:, None] - WIDTH_PX // 2 + torch.arange(WIDTH_PX, device=device)
    there = (wanted >= 0) & (wanted < _REACH_PX) & kept[:, None]
    index = wanted.clamp(0, _REACH_PX - 1)[:, None].expand(count, HEIGHT_PX, WIDTH_PX)
    return (torch.gather(picture, 2, index) * there[:, None]).to(torch.uint8), kept
