"""GaitSet: frames are pictures of a set, a second branch sees what the maxima over the set leave.

Chao et al., "GaitSet: Regarding Gait as a Set for Cross-View Gait Recognition", AAAI 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import Conv, PartLinear, PerFrame, pool_strips

SCALES = (16, 8, 4, 2, 1)


class GaitSet(nn.Module):
    """Windows to parts.

    Args:
        widths: Channels of the three blocks.
        size: Numbers of a part.
    """

    def __init__(self, widths: tuple[int, int, int], size: int) -> None:
        super().__init__()
        first, second, third = widths
        self.set_block1 = PerFrame(_block(1, first, kernel=5))
        self.set_block2 = PerFrame(_block(first, second))
        self.set_block3 = PerFrame(_block(second, third, pool=False))
        self.gl_block2 = _block(first, second)
        self.gl_block3 = _block(second, third, pool=False)
        self.Head = PartLinear(2 * sum(SCALES), third, size)

    def forward(self, windows: Tensor) -> Tensor:
        """(N, 1, T, 64, 44) in 0..1 to (N, 62, D)."""
        first = self.set_block1(windows)
        second = self.set_block2(first)
        of_frames = self.set_block3(second).amax(dim=2)
        of_set = self.gl_block2(first.amax(dim=2)) + second.amax(dim=2)
        of_set = self.gl_block3(of_set) + of_frames
        strips = [pool_strips(maps, SCALES) for maps in (of_frames, of_set)]
        parts: Tensor = self.Head(torch.cat(strips, dim=2))
        return parts


def _block(inputs: int, outputs: int, *, kernel: int = 3, pool: bool = True) -> nn.Sequential:
    layers = [Conv(inputs, outputs, kernel), nn.LeakyReLU()]
    layers += [Conv(outputs, outputs, 3), nn.LeakyReLU()]
    return nn.Sequential(*layers, *[nn.MaxPool2d(2)] * pool)
