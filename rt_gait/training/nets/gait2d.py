"""gait2d: a set network of 2D convolutions, and stream2d, the same network one frame at a time.

Every frame goes through a small residual network and is pooled into 16 horizontal strips; the
strips' largest values over the window's frames are mapped, each strip by a matrix of its own, to
the embedding. The order of frames does not matter. After Chao et al., "GaitSet", AAAI 2019, and
Fan et al., "OpenGait: Revisiting Gait Recognition", CVPR 2023 (GaitBase); other than there, frames
are pooled into strips before the maximum over time, so that a frame leaves 16 strips instead of
whole maps behind, and a window in motion costs one frame's work a frame (stream2d).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import Conv, PartHead, embedding, pictures, strip_features

PARTS, PART_SIZE = 16, 128
#: Filters of the stem and of the first and second convolution of each of three stages.
WIDTHS = (32, 64, 64, 128, 128, 256, 256)
#: Strides (rows, columns) of the stages; the stem halves both.
STRIDES = ((1, 1), (2, 2), (1, 2))


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016)."""

    def __init__(self, inputs: int, middle: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = Conv(inputs, middle, (3, 3), stride)
        self.second = Conv(middle, outputs, (3, 3), (1, 1), linear=True)
        self.short = Conv(inputs, outputs, (1, 1), stride, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        return functional.relu(self.second(self.first(x)) + self.short(x))


class Gait2d(nn.Module):
    """Windows of silhouettes to embeddings; ``widths`` as :data:`WIDTHS`."""

    full_widths = WIDTHS
    memory_format = torch.channels_last

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        stem, *rest = widths
        self.stem = Conv(1, stem, (4, 4), (2, 2))
        outputs = (stem, *rest[1::2])
        self.stages = nn.Sequential(
            *(
                Residual(outputs[k], rest[2 * k], rest[2 * k + 1], stride)
                for k, stride in enumerate(STRIDES)
            )
        )
        self.head = PartHead(widths[-1], PARTS, PART_SIZE)

    def frames(self, shades: Tensor) -> Tensor:
        """Frames (N, 1, 64, 44) 0..1 to features (N, C * 16)."""
        return strip_features(self.stages(self.stem(shades))).flatten(1)

    def parts(self, silhouettes: Tensor) -> Tensor:
        """Windows (N, T, 64, 44) uint8 to parts (N, 16, 128)."""
        features = self.frames(pictures(silhouettes).flatten(0, 1)[:, None])
        return self.window(features.view(*silhouettes.shape[:2], -1))

    def window(self, features: Tensor) -> Tensor:
        """Features (N, T, C * 16) of the frames of windows to parts (N, 16, 128)."""
        out: Tensor = self.head(features.amax(dim=1))
        return out

    def forward(self, silhouettes: Tensor) -> Tensor:
        """Windows (N, T, 64, 44) uint8 to unit vectors (N, 2048)."""
        return embedding(self.parts(silhouettes))


class StreamFrame(nn.Module):
    """The part of gait2d that sees one frame."""

    def __init__(self, network: Gait2d) -> None:
        super().__init__()
        self.network = network

    def forward(self, silhouettes: Tensor) -> Tensor:
        """Frames (N, 64, 44) uint8 to features (N, C * 16)."""
        return self.network.frames(pictures(silhouettes)[:, None])


class StreamWindow(nn.Module):
    """The part of gait2d that joins the frames of a window."""

    def __init__(self, network: Gait2d) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, T, C * 16) to unit vectors (N, 2048)."""
        return embedding(self.network.window(features))
