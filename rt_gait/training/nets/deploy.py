"""A trained network as it is exported: batch norms folded, sizes fixed, layers of a precision.

What comes out is plain ONNX that TensorRT from 8.6 on and ONNX Runtime take: opset 17, standard
operators, only the batch dynamic, and no shape computed in the graph. gait3d keeps its 3D
convolutions: with time folded into the batch and 2D ones instead, ONNX Runtime on two processors
is 14% faster in fp32 (333 against 381 ms for 8 windows) but 21% slower in int8 (172 against 142).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Container
from copy import deepcopy
from typing import TypeVar

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.repository import TensorSpec

from .blocks import Conv, PartHead, embedding, pictures
from .gait2d import PART_SIZE, PARTS, Gait2d
from .gait3d import Gait3d

Network = TypeVar("Network", Gait2d, Gait3d)

OPSET = 17
FRAMES = 30
SILHOUETTES = TensorSpec("silhouettes", "TYPE_UINT8", (FRAMES, HEIGHT_PX, WIDTH_PX))
EMBEDDING = TensorSpec("embedding", "TYPE_FP32", (PARTS * PART_SIZE,))
_TYPES = {"TYPE_UINT8": torch.uint8, "TYPE_FP16": torch.float16, "TYPE_FP32": torch.float32}


class Deployed(nn.Module):
    """A network that takes windows of :data:`FRAMES` silhouettes."""

    def __init__(self, network: Gait2d | Gait3d) -> None:
        super().__init__()
        self.network = fused(network)

    def forward(self, silhouettes: Tensor) -> Tensor:
        """Windows (N, 30, 64, 44) uint8 to unit vectors (N, 2048) float32."""
        network = self.network
        if isinstance(network, Gait2d):
            shades = pictures(silhouettes).reshape(-1, 1, HEIGHT_PX, WIDTH_PX)
            features = network.frames(shades).reshape(-1, FRAMES, network.widths[-1] * PARTS)
            parts = network.window(features)
        else:
            parts = network.parts(silhouettes)
        return embedding(parts.float())


class _Offset(nn.Module):
    """What is left of a batch norm whose factor went into the weights before it."""

    def __init__(self, offset: Tensor) -> None:
        super().__init__()
        self.offset = nn.Parameter(offset)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.offset


def fused(network: Network) -> Network:
    """A copy with batch norms folded into the layers before them, contiguous."""
    out = deepcopy(network).eval().to(memory_format=torch.contiguous_format)
    for part in out.modules():
        if isinstance(part, Conv):
            part.conv = fuse_conv_bn_eval(part.conv, part.norm)
            part.norm = nn.Identity()
    _fold_head(out.head)
    return out


def _fold_head(head: PartHead) -> None:
    norm = head.norm
    with torch.no_grad():
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        head.weight *= factor.view(head.parts, 1, head.size)
        head.norm = _Offset(norm.bias - norm.running_mean * factor)


def halved(module: Deployed, whole: Container[str] = ()) -> Deployed:
    """A copy whose layers compute in fp16, but for convolutions whose weights ``whole`` names."""
    out = deepcopy(module)
    for name, part in out.named_modules():
        if isinstance(part, Conv):
            layer = part.conv if f"{name}.conv.weight" in whole else part.conv.half()
            layer.register_forward_pre_hook(_as_the_weights)
    out.network.head.half().register_forward_pre_hook(_as_the_weights)
    return out


def _as_the_weights(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    wanted = layer.weight.dtype
    # A cast to the same type would be written to the graph, and stand in the way of Q/DQ.
    return tuple(x if x.dtype == wanted else x.to(wanted) for x in inputs)


def to_onnx(
    module: nn.Module, source: TensorSpec = SILHOUETTES, result: TensorSpec = EMBEDDING
) -> onnx.ModelProto:
    """``module`` with one input and one output; only the batch is dynamic."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter itself
        torch.onnx.export(
            module.eval(),
            (torch.zeros(2, *source.dims, dtype=_TYPES[source.data_type]),),
            buffer,
            input_names=[source.name],
            output_names=[result.name],
            opset_version=OPSET,
            dynamic_axes={name: {0: "batch"} for name in (source.name, result.name)},
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    for dim, size in zip(
        model.graph.output[0].type.tensor_type.shape.dim[1:], result.dims, strict=True
    ):
        dim.dim_value = size
    onnx.checker.check_model(model, full_check=True)
    return model
