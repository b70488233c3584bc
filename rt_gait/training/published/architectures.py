"""Which networks can be imported, and their sizes as told by the shapes of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count

from torch import nn

from .deepgait import DeepGaitV2
from .gaitbase import GaitBase
from .gaitset import GaitSet

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Architecture:
    """A published network."""

    title: str
    build: Callable[[Shapes], nn.Module]
    """From the shapes of a checkpoint's tensors; what they leave open is as published."""


def _gaitset(shapes: Shapes) -> nn.Module:
    blocks = ((1, 32), (2, 64), (3, 128))
    first, second, third = (
        _size(shapes, f"set_block{k}.forward_block.0.conv.weight", 0, width) for k, width in blocks
    )
    return GaitSet((first, second, third), _size(shapes, "Head.fc_bin", 2, 256))


def _gaitbase(shapes: Shapes) -> nn.Module:
    stages = [f"Backbone.forward_block.layer{k}" for k in range(1, 5)]
    widths, depths = _stages(shapes, stages, "conv1.weight")
    return GaitBase(widths, depths, _part_size(shapes))


def _deepgait(mode: str, shapes: Shapes) -> nn.Module:
    inside = ".forward_block" if mode == "2d" else ""
    stages = ["layer1.forward_block", *(f"layer{k}{inside}" for k in range(2, 5))]
    conv = "conv1.forward_block.0.weight" if mode == "p3d" else "conv1.weight"
    widths, depths = _stages(shapes, stages, conv)
    width = _size(shapes, f"{stages[0]}.0.conv1.weight", 0, 64)
    return DeepGaitV2(mode, (width, *widths[1:]), depths, _part_size(shapes))


ARCHITECTURES = {
    "gaitset": Architecture("GaitSet (Chao et al., AAAI 2019)", _gaitset),
    "gaitbase": Architecture("GaitBase (Fan et al., CVPR 2023)", _gaitbase),
    **{
        f"deepgaitv2-{mode}": Architecture(
            f"DeepGaitV2-{mode.upper()} (Fan et al., 2023)", partial(_deepgait, mode)
        )
        for mode in ("2d", "3d", "p3d")
    },
}


def _stages(
    shapes: Shapes, stages: list[str], conv: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and blocks of residual stages, 1 block where there is none."""
    published = (64, 128, 256, 512)
    widths = [_size(shapes, f"{s}.0.{conv}", 0, w) for s, w in zip(stages, published, strict=True)]
    return tuple(widths), tuple(max(_blocks(shapes, s), 1) for s in stages)


def _blocks(shapes: Shapes, stage: str) -> int:
    return next(i for i in count() if not any(key.startswith(f"{stage}.{i}.") for key in shapes))


def _part_size(shapes: Shapes) -> int:
    return _size(shapes, "FCs.fc_bin", 2, 256)


def _size(shapes: Shapes, key: str, axis: int, published: int) -> int:
    shape = shapes.get(key, ())
    return shape[axis] if axis < len(shape) else published
