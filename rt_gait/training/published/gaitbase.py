"""GaitBase: a residual network of every frame, the maximum over time, 16 horizontal parts.

Fan et al., "OpenGait: Revisiting Gait Recognition Toward Better Practicality", CVPR 2023.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .layers import Conv, PartLinear, PerFrame, Residual, pool_strips

PARTS = 16
STRIDES = (1, 2, 2, 1)


class Backbone(nn.Module):
    """The residual network, after He et al., CVPR 2016, with no pooling.

    Args:
        widths: Channels of the four stages.
        depths: Blocks of the four stages.
    """

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = Conv(1, widths[0], 3)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = (widths[0], *widths)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            stage(inputs[k], widths[k], depths[k], (STRIDES[k],) * 2) for k in range(4)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 1, 64, 44) to (N, C, 16, 11)."""
        maps = functional.relu(self.bn1(self.conv1(pictures)))
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        return out


class GaitBase(nn.Module):
    """Windows to parts; ``widths`` and ``depths`` as :class:`Backbone`'s, ``size`` of a part."""

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.Backbone = PerFrame(Backbone(widths, depths))
        self.FCs = PartLinear(PARTS, widths[-1], size)

    def forward(self, windows: Tensor) -> Tensor:
        """(N, 1, T, 64, 44) in 0..1 to (N, 16, D)."""
        maps = self.Backbone(windows).amax(dim=2)
        parts: Tensor = self.FCs(pool_strips(maps, (PARTS,)))
        return parts


def stage(inputs: int, outputs: int, depth: int, stride: tuple[int, ...]) -> nn.Sequential:
    """Residual blocks, the first of which changes the shape."""
    ones = (1,) * len(stride)
    rest = [Residual(outputs, outputs, ones) for _ in range(depth - 1)]
    return nn.Sequential(Residual(inputs, outputs, stride), *rest)
