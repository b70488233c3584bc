"""The convolution blocks YOLOv8 is built from: what the network is made of, not what it computes.

Attribute names are Ultralytics' own (`cv1`, `bn`, `m`), because pretrained weights are poured in by
name. `Conv` keeps its batch norm as a part, so that export can fold it into the convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Module):
    """Convolution, batch norm, SiLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; (N, c_in, H, W) to (N, c_out, H / stride, W / stride)."""
        return F.silu(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """Two 3x3 convolutions, with an optional identity around them."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels, 3)
        self.cv2 = Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; the shape stays."""
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """Cross-stage block that concatenates the output of every bottleneck in it."""

    def __init__(self, c_in: int, c_out: int, depth: int, shortcut: bool = False) -> None:
        super().__init__()
        self.half = half = c_out // 2
        self.cv1 = Conv(c_in, c_out)
        self.cv2 = Conv((2 + depth) * half, c_out)
        self.m = nn.ModuleList(Bottleneck(half, shortcut) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; (N, c_in, H, W) to (N, c_out, H, W)."""
        mixed = self.cv1(x)
        parts = [mixed[:, : self.half], mixed[:, self.half :]]
        for block in self.m:
            parts.append(block(parts[-1]))
        out: Tensor = self.cv2(torch.cat(parts, 1))
        return out


class SPPF(nn.Module):
    """Three chained 5x5 max pools, concatenated: a wide receptive field for little."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels // 2)
        self.cv2 = Conv(channels * 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block; the shape stays."""
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        out: Tensor = self.cv2(torch.cat(parts, 1))
        return out
