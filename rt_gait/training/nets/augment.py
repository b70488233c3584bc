"""Changes to silhouettes in training, whole batches at once, on the device they lie on.

Every change is drawn for a window and is the same, or drifts slowly, over its frames, as it would
before one camera. Which changes help is from Fan et al., OpenGait, CVPR 2023 (perspective,
rotation, mirroring, erasing), Fan et al., "Learning Gait Representation from Massive Unlabelled
Walking Videos" (GaitSSB), TPAMI 2023 (dilation of parts, for clothes), and Wang et al., QAGait,
AAAI 2024 (bad frames).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augment:
    """Shares of windows to which each change happens.

    Two to three times these shares cost accuracy within 1200 iterations (.13 to .15 rank-1 became
    .12, four runs): walkers come with a segmenter's errors, and a network in training is far from
    knowing them all.
    """

    mirror: float = 0.2
    bend: float = 0.2
    swell: float = 0.15
    erase: float = 0.1
    coarse: float = 0.15
    drop: float = 0.15

    def __call__(self, windows: Tensor, random: torch.Generator) -> Tensor:
        """(N, T, 64, 44) uint8 to the same, changed."""
        maker = _Draws(random, windows.device)
        out = _drop(windows, maker, self.drop)
        pixels = out.float() / 255.0
        pixels = _coarse(_swell(pixels, maker, self.swell), maker, self.coarse)
        pixels = _bend(pixels, maker, self.bend, self.mirror)
        return (_erase(pixels, maker, self.erase) * 255.0).clamp(0, 255).byte()


@dataclass(frozen=True)
class _Draws:
    random: torch.Generator
    device: torch.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        draw = torch.rand(shape, generator=self.random, device=self.device)
        return low + (high - low) * draw

    def chosen(self, share: float, *shape: int) -> Tensor:
        return self.uniform(0.0, 1.0, *shape) < share


def _drop(windows: Tensor, draw: _Draws, share: float) -> Tensor:
    """Some frames are missed: the one before is seen again."""
    count, steps = windows.shape[:2]
    lost = draw.chosen(0.3, count, steps) & draw.chosen(share, count, 1)
    lost[:, 0] = False
    at = torch.arange(steps, device=windows.device).expand(count, steps)
    seen = torch.where(lost, 0, at).cummax(dim=1).values
    return windows.gather(1, seen[:, :, None, None].expand_as(windows))


def _swell(pixels: Tensor, draw: _Draws, share: float) -> Tensor:
    """Rows of the figure grow or shrink by a pixel or two, as clothes and segmenters do."""
    count, _, height, _ = pixels.shape
    top = draw.uniform(-10.0, 50.0, count, 1)
    rows = torch.arange(height, device=pixels.device)
    inside = (rows >= top) & (rows < top + draw.uniform(8.0, 64.0, count, 1))
    grown = functional.max_pool2d(pixels, 3, 1, 1)
    shrunk = -functional.max_pool2d(-pixels, 3, 1, 1)
    kind = draw.uniform(0.0, 1.0, count)[:, None, None, None]
    wide = functional.max_pool2d(grown, 3, 1, 1)
    changed = torch.where(kind < 0.4, grown, torch.where(kind < 0.6, wide, shrunk))
    change = inside & draw.chosen(share, count, 1)
    return torch.where(change[:, None, :, None], changed, pixels)


def _coarse(pixels: Tensor, draw: _Draws, share: float) -> Tensor:
    """The figure as it was when it was small: fewer pixels, then enlarged and cut at half."""
    count = pixels.shape[0]
    kind = draw.uniform(0.0, 1.0, count)[:, None, None, None]
    out = pixels
    for least, (rows, columns) in ((1.0 - share, (32, 22)), (1.0 - 0.4 * share, (21, 14))):
        small = functional.interpolate(pixels, size=(rows, columns), mode="area")
        again = functional.interpolate(
            (small > 0.5).to(pixels.dtype), size=pixels.shape[2:], mode="bilinear"
        )
        out = torch.where(kind > least, again, out)
    return out


def _bend(pixels: Tensor, draw: _Draws, share: float, mirror: float) -> Tensor:
    """Turned, leaning, stretched, in perspective, moved aside; slightly unsteady over frames."""
    count, steps, height, width = pixels.shape
    on = draw.chosen(share, count, 1).float()
    turn = on * draw.uniform(-0.12, 0.12, count, 1)
    lean = on * draw.uniform(-0.08, 0.08, count, 1)
    wide = 1.0 + on * draw.uniform(-0.1, 0.1, count, 1)
    tall = 1.0 + on * draw.uniform(-0.06, 0.06, count, 1)
    taper = on * draw.uniform(-0.12, 0.12, count, 1)
    unsteady = on * 0.03
    x0 = on * draw.uniform(-0.08, 0.08, count, 1) + unsteady * draw.uniform(-1, 1, count, steps)
    y0 = on * draw.uniform(-0.04, 0.04, count, 1) + unsteady * draw.uniform(-1, 1, count, steps)
    side = torch.where(draw.chosen(mirror, count, 1), -1.0, 1.0)
    device = pixels.device
    y, x = torch.meshgrid(
        torch.linspace(-1.0, 1.0, height, device=device) * (height - 1) / height,
        torch.linspace(-1.0, 1.0, width, device=device) * (width - 1) / width,
        indexing="ij",
    )
    ratio = width / height

    def over(values: Tensor) -> Tensor:
        return values[:, :, None, None]

    to_x = over(side) * (over(wide) + over(taper) * y) * x + over(lean - turn / ratio) * y
    to_y = over(tall) * y + over(turn * ratio) * x
    grid = torch.stack(torch.broadcast_tensors(to_x + over(x0), to_y + over(y0)), dim=-1)
    moved = functional.grid_sample(
        pixels.reshape(-1, 1, height, width),
        grid.reshape(-1, height, width, 2).to(pixels.dtype),
        align_corners=False,
    )
    return moved.view_as(pixels)


def _erase(pixels: Tensor, draw: _Draws, share: float) -> Tensor:
    """A rectangle is lost, or added, for all frames or some."""
    count, steps, height, width = pixels.shape
    device = pixels.device
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)

    def span(axis: Tensor, size: int, least: float, most: float) -> Tensor:
        length = size * draw.uniform(least, most, count, 1)
        first = draw.uniform(0.0, 1.0, count, 1) * (size - length)
        return (axis >= first) & (axis < first + length)

    box = span(rows, height, 0.08, 0.3)[:, :, None] & span(columns, width, 0.15, 0.6)[:, None]
    often = draw.uniform(0.1, 1.0, count, 1)
    when = (draw.uniform(0.0, 1.0, count, steps) < often) & draw.chosen(share, count, 1)
    value = draw.chosen(0.15, count).to(pixels.dtype)[:, None, None, None]
    change = when[:, :, None, None] & box[:, None]
    return torch.where(change, value, pixels)
