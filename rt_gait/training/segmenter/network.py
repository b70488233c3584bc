"""The segmenter's network: YOLOv8n for persons, with prototype masks fed from stride 4 too.

Parameter names follow the Ultralytics layout (`model.<index>.…`), so a COCO-pretrained YOLOv8n
detector can be poured in. Two things differ from a stock `yolov8n-seg` model: the class branch
keeps the 80 hidden channels of the COCO detector and only its last layer is cut down to "person",
so detection starts exactly where YOLOv8n stands; and the prototype branch also sees the stride-4
features of the backbone, without which legs of a 60-pixel-tall walker, two cells wide at stride 8,
run together. Outputs have the standard layout all the same.

Architecture: YOLOv8 (Jocher et al., Ultralytics, 2023); prototype masks: YOLACT (Bolya et al., ICCV
    2019); distribution over box distances: Generalized Focal Loss (Li et al., NeurIPS 2020).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rt_gait.training.segmenter.blocks import SPPF, C2f, Conv

BOX_BINS = 16
"""Bins of the distribution over each of a box's four distances, in units of the level's stride."""
COEFFICIENTS = 32
STRIDES = (8, 16, 32)


class Raw(NamedTuple):
    """What the network computes before decoding; A anchors over all three levels."""

    box_logits: Tensor
    """(N, 4, BOX_BINS, A): left, top, right, bottom distance distributions."""
    class_logits: Tensor
    """(N, A): person."""
    coefficients: Tensor
    """(N, COEFFICIENTS, A)."""
    prototypes: Tensor
    """(N, COEFFICIENTS, H / 4, W / 4)."""


class Prototypes(nn.Module):
    """Prototype masks at stride 4 from the stride-8 neck level and the stride-4 backbone level."""

    def __init__(self, c_in: int, c_skip: int, hidden: int = 64) -> None:
        super().__init__()
        self.cv1 = Conv(c_in, hidden, 3)
        self.upsample = nn.ConvTranspose2d(hidden, hidden, 2, 2)
        self.skip = Conv(c_skip, hidden, 1)
        self.cv2 = Conv(hidden, hidden, 3)
        self.cv3 = Conv(hidden, COEFFICIENTS)

    def forward(self, level: Tensor, skip: Tensor) -> Tensor:
        """Fuse (N, c_in, H/8, W/8) and (N, c_skip, H/4, W/4) into (N, 32, H/4, W/4)."""
        fused = self.upsample(self.cv1(level)) + self.skip(skip)
        out: Tensor = self.cv3(self.cv2(fused))
        return out


def _branch(c_in: int, hidden: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(c_in, hidden, 3), Conv(hidden, hidden, 3), nn.Conv2d(hidden, c_out, 1)
    )


class Head(nn.Module):
    """Boxes (`cv2`), class (`cv3`), mask coefficients (`cv4`), and the prototypes."""

    def __init__(self, channels: tuple[int, int, int], c_skip: int) -> None:
        super().__init__()
        self.cv2 = nn.ModuleList(_branch(c, 64, 4 * BOX_BINS) for c in channels)
        self.cv3 = nn.ModuleList(_branch(c, 80, 1) for c in channels)
        self.cv4 = nn.ModuleList(_branch(c, COEFFICIENTS, COEFFICIENTS) for c in channels)
        self.proto = Prototypes(channels[0], c_skip)

    def forward(self, levels: list[Tensor], skip: Tensor) -> Raw:
        """Compute all branches on the levels of strides 8, 16, 32 and the stride-4 features."""

        def gather(branches: nn.ModuleList) -> Tensor:
            return torch.cat([b(x).flatten(2) for b, x in zip(branches, levels, strict=True)], 2)

        return Raw(
            box_logits=gather(self.cv2).reshape(levels[0].shape[0], 4, BOX_BINS, -1),
            class_logits=gather(self.cv3)[:, 0],
            coefficients=gather(self.cv4),
            prototypes=self.proto(levels[0], skip),
        )


class Segmenter(nn.Module):
    """Backbone, neck and head. Input (N, 3, H, W) RGB in 0..1, H and W multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        gap = nn.Identity  # upsampling and concatenation have no parameters; they keep their index
        self.model = nn.ModuleList(
            [
                Conv(3, 16, 3, 2),
                Conv(16, 32, 3, 2),
                C2f(32, 32, 1, True),
                Conv(32, 64, 3, 2),
                C2f(64, 64, 2, True),
                Conv(64, 128, 3, 2),
                C2f(128, 128, 2, True),
                Conv(128, 256, 3, 2),
                C2f(256, 256, 1, True),
                SPPF(256),
                gap(),
                gap(),
                C2f(384, 128, 1),
                gap(),
                gap(),
                C2f(192, 64, 1),
                Conv(64, 64, 3, 2),
                gap(),
                C2f(192, 128, 1),
                Conv(128, 128, 3, 2),
                gap(),
                C2f(384, 256, 1),
                Head((64, 128, 256), 32),
            ]
        )

    def features(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The neck's three levels (strides 8, 16, 32) and the backbone's stride-4 features."""
        m = self.model
        skip = m[2](m[1](m[0](images)))
        p3 = m[4](m[3](skip))
        p4 = m[6](m[5](p3))
        p5 = m[9](m[8](m[7](p4)))
        up4 = m[12](torch.cat([F.interpolate(p5, scale_factor=2.0), p4], 1))
        out3 = m[15](torch.cat([F.interpolate(up4, scale_factor=2.0), p3], 1))
        out4 = m[18](torch.cat([m[16](out3), up4], 1))
        out5 = m[21](torch.cat([m[19](out4), p5], 1))
        return [out3, out4, out5], skip

    def forward(self, images: Tensor) -> Raw:
        """Run the network; see `Raw`."""
        levels, skip = self.features(images)
        raw: Raw = self.model[22](levels, skip)
        return raw

    def mask_modules(self) -> list[nn.Module]:
        """The parts a plain detector does not have: these are trained first, alone."""
        head = self.model[22]
        return [head.cv4, head.proto]


def anchor_points(
    height: int, width: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Centres (A, 2) in input pixels, x then y, and strides (A,), level by level, row by row."""
    points, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            (torch.arange(height // stride, device=device) + 0.5) * stride,
            (torch.arange(width // stride, device=device) + 0.5) * stride,
            indexing="ij",
        )
        points.append(torch.stack([x, y], -1).reshape(-1, 2))
        strides.append(torch.full((points[-1].shape[0],), float(stride), device=device))
    return torch.cat(points), torch.cat(strides)


def decode_boxes(box_logits: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Box corners x1, y1, x2, y2 in input pixels, (N, A, 4), from the mean distances."""
    bins = torch.arange(BOX_BINS, device=box_logits.device, dtype=torch.float32).view(1, 1, -1, 1)
    distances = (box_logits.float().softmax(2) * bins).sum(2).transpose(1, 2) * strides[:, None]
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1)


def load_arrays(path: Path) -> dict[str, Tensor]:
    """Parameters from an .npz file (no pickle), as fp32 tensors."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]).float() for name in arrays.files}


def save_arrays(module: nn.Module, path: Path) -> None:
    """Writes all parameters and running statistics to an .npz file."""
    state = {k: v for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")}
    np.savez(path, **{k: v.detach().float().cpu().numpy() for k, v in state.items()})


def load_detector(network: Segmenter, arrays: dict[str, Tensor]) -> list[str]:
    """Pour weights in; the names they left untouched (the mask branch, for a detector)."""
    wanted = set(network.state_dict())
    unknown = sorted(set(arrays) - wanted)
    if unknown:
        raise ValueError(
            f"weights do not fit the network: unexpected {unknown[:3]} (+{len(unknown)})"
        )
    missing, _ = network.load_state_dict(arrays, strict=False)
    return [name for name in missing if not name.endswith("num_batches_tracked")]
