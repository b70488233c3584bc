"""What the published networks share. Attribute names are OpenGait's parameter names."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PerFrame(nn.Module):
    """A network of pictures, run on every frame of a window."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.forward_block = block

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', T, H', W')."""
        channels, frames, height, width = _constants(maps)
        pictures = maps.transpose(1, 2).reshape(-1, channels, height, width)
        out: Tensor = self.forward_block(pictures)
        return out.reshape(-1, frames, *_constants(out)).transpose(1, 2)


class Conv(nn.Module):
    """A 2D convolution without bias that keeps the size of its maps."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        out: Tensor = self.conv(maps)
        return out


class PartLinear(nn.Module):
    """A matrix for each horizontal part."""

    def __init__(self, parts: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc_bin = nn.Parameter(torch.empty(parts, inputs, outputs))

    def forward(self, strips: Tensor) -> Tensor:
        """(N, C, P) to (N, P, D)."""
        return torch.matmul(strips.permute(2, 0, 1), self.fc_bin).transpose(0, 1)


class Residual(nn.Module):
    """Two convolutions of 3 a side and a shortcut (He et al., CVPR 2016), in 2D or 3D.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        stride: Of the first convolution: (rows, columns), or (time, rows, columns) for 3D.
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, ...]) -> None:
        super().__init__()
        conv, norm = _KINDS[len(stride)]
        self.conv1 = conv(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = norm(outputs)
        self.conv2 = conv(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = norm(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, [T,] H, W) to (N, C', [T,] H', W')."""
        inner = functional.relu(self.bn1(self.conv1(maps)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.downsample(maps))


def shortcut(inputs: int, outputs: int, stride: tuple[int, ...]) -> nn.Module:
    """What a residual block adds: its input, or a projection of it where shapes change."""
    if inputs == outputs and max(stride) == 1:
        return nn.Identity()
    conv, norm = _KINDS[len(stride)]
    return nn.Sequential(conv(inputs, outputs, 1, stride, bias=False), norm(outputs))


def pool_strips(maps: Tensor, scales: tuple[int, ...]) -> Tensor:
    """Horizontal pyramid pooling: maps (N, C, H, W) to strips (N, C, sum of scales).

    A scale is a number of equal strips; a strip gives its mean plus its maximum (Fu et al.,
    "Horizontal Pyramid Matching for Person Re-identification", AAAI 2019).
    """
    channels, height, width = _constants(maps)
    strips = [maps.reshape(-1, channels, scale, height // scale * width) for scale in scales]
    return torch.cat([s.mean(dim=3) + s.amax(dim=3) for s in strips], dim=2)


def _constants(maps: Tensor) -> tuple[int, ...]:
    """All sizes but the batch's, as plain numbers, so that an exported graph computes none."""
    return tuple(int(size) for size in maps.shape[1:])


_KINDS = {2: (nn.Conv2d, nn.BatchNorm2d), 3: (nn.Conv3d, nn.BatchNorm3d)}
