"""Published networks once more, told from their tensors' names alone: slow, plain, one window.

Sizes and names are those of OpenGait's checkpoints. Nothing of rt_gait is used here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]

GAITSET_BLOCKS = {
    "set_block1.forward_block": (5, 0),
    "set_block2.forward_block": (3, 1),
    "set_block3.forward_block": (3, 2),
    "gl_block2": (3, 1),
    "gl_block3": (3, 2),
}


class Maker:
    """Random tensors under the names of a checkpoint."""

    def __init__(self, seed: int = 0) -> None:
        self.state: State = {}
        self.random = torch.Generator().manual_seed(seed)

    def weight(self, key: str, *shape: int) -> None:
        fan_in = int(np.prod(shape[1:]))
        self.state[key] = torch.randn(*shape, generator=self.random) * (2 / fan_in) ** 0.5

    def norm(self, key: str, channels: int) -> None:
        for name, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.3, 0.3),
            ("running_mean", -0.3, 0.3),
            ("running_var", 0.5, 2.0),
        ):
            share = torch.rand(channels, generator=self.random)
            self.state[f"{key}.{name}"] = low + (high - low) * share
        self.state[f"{key}.num_batches_tracked"] = torch.tensor(60000)

    def heads(self, parts: int, channels: int, size: int, classes: int = 5) -> None:
        self.weight("FCs.fc_bin", parts, channels, size)
        self.weight("BNNecks.fc_bin", parts, size, classes)
        self.norm("BNNecks.bn1d", parts * size)

    def residual(self, key: str, inputs: int, outputs: int, kernel: int, *, project: bool) -> None:
        sides = (3,) * kernel
        self.weight(f"{key}.conv1.weight", outputs, inputs, *sides)
        self.norm(f"{key}.bn1", outputs)
        self.weight(f"{key}.conv2.weight", outputs, outputs, *sides)
        self.norm(f"{key}.bn2", outputs)
        if project:
            self.projection(key, inputs, outputs, kernel)

    def projection(self, key: str, inputs: int, outputs: int, kernel: int) -> None:
        self.weight(f"{key}.downsample.0.weight", outputs, inputs, *(1,) * kernel)
        self.norm(f"{key}.downsample.1", outputs)

    def pseudo3d(self, key: str, inputs: int, outputs: int, *, project: bool) -> None:
        for conv, channels in (("conv1", inputs), ("conv2", outputs)):
            self.weight(f"{key}.{conv}.forward_block.0.weight", outputs, channels, 3, 3)
            self.norm(f"{key}.{conv}.forward_block.1", outputs)
        self.weight(f"{key}.shortcut3d.weight", outputs, outputs, 3, 1, 1)
        self.norm(f"{key}.sbn", outputs)
        if project:
            self.projection(key, inputs, outputs, 3)


def gaitset_state(widths: tuple[int, ...], size: int) -> State:
    maker = Maker()
    inputs = (1, *widths)
    for block, (kernel, k) in GAITSET_BLOCKS.items():
        maker.weight(f"{block}.0.conv.weight", widths[k], inputs[k], kernel, kernel)
        maker.weight(f"{block}.2.conv.weight", widths[k], widths[k], 3, 3)
    maker.weight("Head.fc_bin", 62, widths[2], size)
    return maker.state


def gaitbase_state(widths: tuple[int, ...], depths: tuple[int, ...], size: int) -> State:
    maker = Maker()
    backbone = "Backbone.forward_block"
    maker.weight(f"{backbone}.conv1.conv.weight", widths[0], 1, 3, 3)
    maker.norm(f"{backbone}.bn1", widths[0])
    for key, inputs, outputs, _, first in _blocks(f"{backbone}.layer{{}}", widths, depths):
        maker.residual(key, inputs, outputs, 2, project=first and inputs != outputs)
    maker.heads(16, widths[3], size)
    return maker.state


def deepgait_state(mode: str, widths: tuple[int, ...], depths: tuple[int, ...], size: int) -> State:
    maker = Maker()
    maker.weight("layer0.forward_block.0.weight", widths[0], 1, 3, 3)
    maker.norm("layer0.forward_block.1", widths[0])
    for key, inputs, outputs, k, first in _blocks("layer{}", widths, depths):
        name = key.replace(f"layer{k + 1}", f"layer{k + 1}.forward_block")
        project = first and k > 0
        if k == 0 or mode == "2d":
            maker.residual(name, inputs, outputs, 2, project=project)
        elif mode == "3d":
            maker.residual(key, inputs, outputs, 3, project=project)
        else:
            maker.pseudo3d(key, inputs, outputs, project=project)
    maker.heads(16, widths[3], size)
    return maker.state


def gaitset_parts(state: State, window: Tensor) -> Tensor:
    """Frames (T, 64, 44) in 0..1 to parts (62, D)."""

    def block(maps: Tensor, key: str) -> Tensor:
        for layer in (0, 2):
            weight = state[f"{key}.{layer}.conv.weight"]
            maps = functional.conv2d(maps, weight, padding=weight.shape[-1] // 2)
            maps = torch.where(maps > 0, maps, 0.01 * maps)
        return maps

    def halved(maps: Tensor) -> Tensor:
        rows = torch.maximum(maps[..., 0::2, :], maps[..., 1::2, :])
        return torch.maximum(rows[..., 0::2], rows[..., 1::2])

    one = halved(block(window[:, None], "set_block1.forward_block"))
    two = halved(block(one, "set_block2.forward_block"))
    three = block(two, "set_block3.forward_block").max(dim=0).values
    both = halved(block(one.max(dim=0).values[None], "gl_block2"))[0] + two.max(dim=0).values
    both = block(both[None], "gl_block3")[0] + three
    strips = [s for maps in (three, both) for n in (16, 8, 4, 2, 1) for s in _strips(maps, n)]
    return _parts(strips, state["Head.fc_bin"])


def gaitbase_parts(
    state: State, window: Tensor, widths: tuple[int, ...], depths: tuple[int, ...]
) -> Tensor:
    """Frames (T, 64, 44) in 0..1 to parts (16, D)."""
    backbone = "Backbone.forward_block"
    first = functional.conv2d(window[:, None], state[f"{backbone}.conv1.conv.weight"], padding=1)
    maps = _norm(state, f"{backbone}.bn1", first).relu()
    for key, _, _, k, is_first in _blocks(f"{backbone}.layer{{}}", widths, depths):
        maps = _residual2d(state, key, maps, (1, 2, 2, 1)[k] if is_first else 1)
    return _parts(_strips(maps.max(dim=0).values, 16), state["FCs.fc_bin"])


def deepgait_parts(
    mode: str, state: State, window: Tensor, widths: tuple[int, ...], depths: tuple[int, ...]
) -> Tensor:
    """Frames (T, 64, 44) in 0..1 to parts (16, D)."""
    first = functional.conv2d(window[:, None], state["layer0.forward_block.0.weight"], padding=1)
    maps = _norm(state, "layer0.forward_block.1", first).relu()
    for key, _, _, k, is_first in _blocks("layer{}", widths, depths):
        name = key.replace(f"layer{k + 1}", f"layer{k + 1}.forward_block")
        stride = (1, 2, 2, 1)[k] if is_first else 1
        if k == 0 or mode == "2d":
            maps = _residual2d(state, name, maps, stride)
        elif mode == "3d":
            maps = _residual3d(state, key, maps, stride)
        else:
            maps = _pseudo3d(state, key, maps, stride)
    return _parts(_strips(maps.max(dim=0).values, 16), state["FCs.fc_bin"])


def _blocks(
    name: str, widths: tuple[int, ...], depths: tuple[int, ...]
) -> list[tuple[str, int, int, int, bool]]:
    """Key, channels in and out, stage, and whether first, of every residual block."""
    inputs = (widths[0], *widths)
    return [
        (f"{name.format(k + 1)}.{i}", widths[k] if i else inputs[k], widths[k], k, i == 0)
        for k in range(4)
        for i in range(depths[k])
    ]


def _norm(state: State, key: str, maps: Tensor) -> Tensor:
    """Of maps (T, C, H, W)."""
    weight, bias, mean, var = (
        state[f"{key}.{name}"][None, :, None, None]
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    return (maps - mean) / (var + 1e-5).sqrt() * weight + bias


def _residual2d(state: State, key: str, maps: Tensor, stride: int) -> Tensor:
    inner = functional.conv2d(maps, state[f"{key}.conv1.weight"], stride=stride, padding=1)
    inner = _norm(state, f"{key}.bn1", inner).relu()
    inner = functional.conv2d(inner, state[f"{key}.conv2.weight"], padding=1)
    return (_norm(state, f"{key}.bn2", inner) + _short(state, key, maps, stride)).relu()


def _residual3d(state: State, key: str, maps: Tensor, stride: int) -> Tensor:
    inner = _over_time(state[f"{key}.conv1.weight"], maps, stride)
    inner = _norm(state, f"{key}.bn1", inner).relu()
    inner = _over_time(state[f"{key}.conv2.weight"], inner, 1)
    return (_norm(state, f"{key}.bn2", inner) + _short(state, key, maps, stride)).relu()


def _pseudo3d(state: State, key: str, maps: Tensor, stride: int) -> Tensor:
    weight = state[f"{key}.conv1.forward_block.0.weight"]
    inner = functional.conv2d(maps, weight, stride=stride, padding=1)
    inner = _norm(state, f"{key}.conv1.forward_block.1", inner).relu()
    in_time = _over_time(state[f"{key}.shortcut3d.weight"], inner, 1)
    inner = (inner + _norm(state, f"{key}.sbn", in_time)).relu()
    inner = functional.conv2d(inner, state[f"{key}.conv2.forward_block.0.weight"], padding=1)
    inner = _norm(state, f"{key}.conv2.forward_block.1", inner)
    return (inner + _short(state, key, maps, stride)).relu()


def _short(state: State, key: str, maps: Tensor, stride: int) -> Tensor:
    weight = state.get(f"{key}.downsample.0.weight")
    if weight is None:
        return maps
    picked = maps[..., ::stride, ::stride]
    matrix = weight.flatten(1)
    return _norm(state, f"{key}.downsample.1", torch.einsum("oc,tchw->tohw", matrix, picked))


def _over_time(weight: Tensor, maps: Tensor, stride: int) -> Tensor:
    """Three taps over the frames before, of and after each, none before the first."""
    padding = weight.shape[-1] // 2
    taps = [functional.conv2d(maps, weight[:, :, k], None, stride, padding) for k in range(3)]
    out = taps[1].clone()
    out[1:] += taps[0][:-1]
    out[:-1] += taps[2][1:]
    return out


def _strips(maps: Tensor, count: int) -> list[Tensor]:
    """Mean plus maximum of ``count`` strips of maps (C, H, W), each (C,)."""
    return [s.mean(dim=(1, 2)) + s.amax(dim=(1, 2)) for s in maps.chunk(count, dim=1)]


def _parts(strips: list[Tensor], matrices: Tensor) -> Tensor:
    return torch.stack([s @ m for s, m in zip(strips, matrices, strict=True)])
