"""Layers that the gait networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conv(nn.Module):
    """Convolution and batch norm; ReLU unless ``linear``."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        *,
        linear: bool = False,
    ) -> None:
        super().__init__()
        flat = len(kernel) == 2
        padding = tuple((k - 1) // 2 for k in kernel)
        layer = nn.Conv2d if flat else nn.Conv3d
        self.conv = layer(inputs, outputs, kernel, stride, padding, bias=False)
        self.norm = (nn.BatchNorm2d if flat else nn.BatchNorm3d)(outputs)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to (N, C', ...)."""
        y: Tensor = self.norm(self.conv(x))
        return y if self.linear else functional.relu(y)


def strip_features(maps: Tensor) -> Tensor:
    """Horizontal pooling: maps (..., H, W) to H strips (..., H), each maximum plus mean.

    Fu et al., "Horizontal Pyramid Matching for Person Re-identification", AAAI 2019, one scale.
    """
    return maps.amax(dim=-1) + maps.mean(dim=-1)


class PartHead(nn.Module):
    """A linear layer of its own for each horizontal part, and batch norm.

    Batch norm centres the parts, so that the cosine of two strangers is about 0 (Luo et al., "Bag
    of Tricks and a Strong Baseline for Deep Person Re-identification", CVPRW 2019).
    """

    def __init__(self, channels: int, parts: int, size: int) -> None:
        super().__init__()
        self.channels, self.parts, self.size = channels, parts, size
        self.weight = nn.Parameter(torch.randn(parts, channels, size) * channels**-0.5)
        self.norm = nn.BatchNorm1d(parts * size)

    def forward(self, strips: Tensor) -> Tensor:
        """(N, C * parts) to (N, parts, size)."""
        by_part = strips.view(-1, self.channels, self.parts).permute(2, 0, 1)
        mapped = torch.bmm(by_part, self.weight.to(by_part.dtype)).transpose(0, 1)
        normed: Tensor = self.norm(mapped.flatten(1))
        return normed.view(-1, self.parts, self.size)


def embedding(parts: Tensor) -> Tensor:
    """Parts (N, P, D) to one unit vector (N, P * D): products of two are the mean of P cosines."""
    length = parts.square().sum(dim=2, keepdim=True).sqrt().clamp(min=1e-6)
    flat = (parts / length).flatten(1)
    return flat / flat.square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-6)


def pictures(silhouettes: Tensor) -> Tensor:
    """Silhouettes uint8 0..255 to float32 0..1.

    Nothing may come before it: TensorRT takes bytes into a cast only.
    """
    return silhouettes.to(torch.float32) * (1.0 / 255.0)
