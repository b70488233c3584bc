"""DeepGaitV2: Fan et al., "Exploring Deep Models for Practical Gait Recognition", 2023.

GaitBase's layout with deeper stages, and from the second stage on convolutions over space ("2d"),
over space and time ("3d"), or over space and then time ("p3d"). Time is not made shorter.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from .gaitbase import PARTS
from .layers import PartLinear, PerFrame, Residual, pool_strips, shortcut

STRIDES = (1, 2, 2, 1)


class Pseudo3d(nn.Module):
    """3x3 in space, a residual 3 in time, 3x3 in space, and a shortcut.

    After Qiu et al., "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks",
    ICCV 2017.
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1 = PerFrame(_conv_norm(inputs, outputs, stride[-1]))
        self.shortcut3d = nn.Conv3d(outputs, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.sbn = nn.BatchNorm3d(outputs)
        self.conv2 = PerFrame(_conv_norm(outputs, outputs, 1))
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', T, H', W')."""
        inner = functional.relu(self.conv1(maps))
        inner = functional.relu(inner + self.sbn(self.shortcut3d(inner)))
        return functional.relu(self.conv2(inner) + self.downsample(maps))


class DeepGaitV2(nn.Module):
    """Windows to parts.

    Args:
        mode: ``2d``, ``3d`` or ``p3d``.
        widths: Channels of the four stages.
        depths: Blocks of the four stages.
        size: Numbers of a part.
    """

    def __init__(
        self, mode: str, widths: tuple[int, ...], depths: tuple[int, ...], size: int
    ) -> None:
        super().__init__()
        blocks: dict[str, Callable[[int, int, int], nn.Module]] = {
            "2d": lambda i, o, s: Residual(i, o, (s, s)),
            "3d": lambda i, o, s: Residual(i, o, (1, s, s)),
            "p3d": lambda i, o, s: Pseudo3d(i, o, (1, s, s)),
        }

        def stage(k: int, kind: str) -> nn.Module:
            block, width = blocks[kind], widths[k]
            first = block(widths[max(k - 1, 0)], width, STRIDES[k])
            layers = nn.Sequential(first, *(block(width, width, 1) for _ in range(depths[k] - 1)))
            return PerFrame(layers) if kind == "2d" else layers

        stem = _conv_norm(1, widths[0], 1)
        self.layer0 = PerFrame(nn.Sequential(*stem, nn.ReLU()))
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            stage(k, mode if k else "2d") for k in range(4)
        )
        self.FCs = PartLinear(PARTS, widths[-1], size)

    def forward(self, windows: Tensor) -> Tensor:
        """(N, 1, T, 64, 44) in 0..1 to (N, 16, D)."""
        maps = self.layer2(self.layer1(self.layer0(windows)))
        maps = self.layer4(self.layer3(maps)).amax(dim=2)
        parts: Tensor = self.FCs(pool_strips(maps, (PARTS,)))
        return parts


def _conv_norm(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))
