"""gait3d: pseudo-3D convolutions, which see motion between frames.

The blocks of gait2d with a convolution over three steps of time in each, two more of them, and half
as many steps from the second on. After Fan et al., "Exploring Deep Models for Practical Gait
Recognition" (DeepGaitV2), 2023, and Qiu et al., "Learning Spatio-Temporal Representation with
Pseudo-3D Residual Networks", ICCV 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import Conv, PartHead, embedding, pictures, strip_features
from .gait2d import PART_SIZE, PARTS

#: Filters of the stem and of the first and last convolution of each block.
WIDTHS = (32, 64, 64, 128, 128, 128, 128, 256, 256, 112, 256)
#: Strides (time, rows, columns) of the blocks; the stem halves rows and columns.
STRIDES = ((1, 1, 1), (2, 2, 2), (1, 1, 1), (1, 1, 2), (1, 1, 1))


class Pseudo3d(nn.Module):
    """3x3 in space, 3 in time, 3x3 in space, and a shortcut."""

    def __init__(
        self, inputs: int, middle: int, outputs: int, stride: tuple[int, int, int]
    ) -> None:
        super().__init__()
        time, rows, columns = stride
        self.first = Conv(inputs, middle, (1, 3, 3), (1, rows, columns))
        self.time = Conv(middle, middle, (3, 1, 1), (time, 1, 1))
        self.second = Conv(middle, outputs, (1, 3, 3), (1, 1, 1), linear=True)
        self.short = Conv(inputs, outputs, (1, 1, 1), stride, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C', T', H', W')."""
        return functional.relu(self.second(self.time(self.first(x))) + self.short(x))


class Gait3d(nn.Module):
    """Windows of silhouettes to embeddings; ``widths`` as :data:`WIDTHS`."""

    full_widths = WIDTHS
    memory_format = torch.channels_last_3d

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        stem, *rest = widths
        self.stem = Conv(1, stem, (1, 4, 4), (1, 2, 2))
        outputs = (stem, *rest[1::2])
        self.stages = nn.Sequential(
            *(
                Pseudo3d(outputs[k], rest[2 * k], rest[2 * k + 1], stride)
                for k, stride in enumerate(STRIDES)
            )
        )
        self.head = PartHead(widths[-1], PARTS, PART_SIZE)

    def parts(self, silhouettes: Tensor) -> Tensor:
        """Windows (N, T, 64, 44) uint8, T even, to parts (N, 16, 128)."""
        maps = self.stages(self.stem(pictures(silhouettes)[:, None]))
        out: Tensor = self.head(strip_features(maps).amax(dim=2).flatten(1))
        return out

    def forward(self, silhouettes: Tensor) -> Tensor:
        """Windows (N, T, 64, 44) uint8, T even, to unit vectors (N, 2048)."""
        return embedding(self.parts(silhouettes))
