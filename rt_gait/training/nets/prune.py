"""Structured pruning: whole filters taken out of a trained network, which is then trained on.

Filters of every convolution are ranked by the sum of their absolute weights (Li et al., "Pruning
Filters for Efficient ConvNets", ICLR 2017), each times its batch norm's factor; where a shortcut
joins, the filters of both convolutions that meet are ranked, and go, together. The result is a
smaller network of the same kind, not a masked one.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .blocks import Conv
from .gait2d import Gait2d
from .gait3d import Gait3d, Pseudo3d
from .recipe import Recipe

#: Filters are kept in multiples of this, as matrix units want them.
MULTIPLE = 8


def pruned(
    recipe: Recipe, network: Gait2d | Gait3d, share: float
) -> tuple[Recipe, Gait2d | Gait3d]:
    """``network`` without the weakest ``share`` (0 to 1) of its filters, and its recipe."""
    widths = tuple(kept(w, share) for w in recipe.widths)
    lost = 1.0 - (1.0 - recipe.pruned) * (1.0 - share)
    smaller = replace(recipe, widths=widths, pruned=round(lost, 4))
    small = smaller.build()
    with torch.no_grad():
        _copy(network, small, widths)
    return smaller, small


def kept(filters: int, share: float) -> int:
    """How many of ``filters`` remain."""
    return max(MULTIPLE, round(filters * (1.0 - share) / MULTIPLE) * MULTIPLE)


def _copy(network: Gait2d | Gait3d, small: Gait2d | Gait3d, widths: tuple[int, ...]) -> None:
    stem, *rest = widths
    before = _strongest(_strength(network.stem), stem)
    _fill(small.stem, network.stem, torch.arange(1), before)
    for k, (large, slim) in enumerate(zip(network.stages, small.stages, strict=True)):
        middle = _strongest(_strength(large.first), rest[2 * k])
        _fill(slim.first, large.first, before, middle)
        if isinstance(large, Pseudo3d):
            timed = _strongest(_strength(large.time), rest[2 * k])
            _fill(slim.time, large.time, middle, timed)
            middle = timed
        joined = _strength(large.second) + _strength(large.short)
        after = _strongest(joined, rest[2 * k + 1])
        _fill(slim.second, large.second, middle, after)
        _fill(slim.short, large.short, before, after)
        before = after
    small.head.weight.copy_(network.head.weight[:, before])
    small.head.norm.load_state_dict(network.head.norm.state_dict())


def _strength(layer: Conv) -> Tensor:
    """(filters,) sum of absolute weights as batch norm scales them."""
    norm = layer.norm
    scale = norm.weight.abs() / (norm.running_var + norm.eps).sqrt()
    return layer.conv.weight.abs().flatten(1).sum(dim=1) * scale


def _strongest(strength: Tensor, count: int) -> Tensor:
    """Indices (count,) of the strongest filters, in order."""
    return strength.topk(count).indices.sort().values


def _fill(slim: Conv, large: Conv, inputs: Tensor, outputs: Tensor) -> None:
    slim.conv.weight.copy_(large.conv.weight[outputs][:, inputs])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(slim.norm, name).copy_(getattr(large.norm, name)[outputs])
