"""Trained networks into the model repository: ONNX files and their ``config.pbtxt``.

Weights are stored as fp16 and cast to fp32 when the model is loaded (ONNX Runtime folds the casts),
which halves the file; ``half`` computes in fp16 as well, for GPUs.
"""

from __future__ import annotations

import io
from copy import deepcopy
from pathlib import Path
from typing import TypeVar

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.description import ModelDescription, write_config
from rt_gait.serving.repository import TensorSpec

from ..storage import store_half
from .blocks import Conv
from .gait2d import PART_SIZE, PARTS, Gait2d, StreamFrame, StreamWindow
from .gait3d import Gait3d

Network = TypeVar("Network", Gait2d, Gait3d)

OPSET = 17
FRAMES = 30
CADENCE_HZ = 25
MAX_BATCH = 64
#: What rt-gait must know of every network of silhouettes.
PARAMETERS = {
    "modality": "silhouette",
    "layout": "NTHW",
    "frames": str(FRAMES),
    "cadence_hz": str(CADENCE_HZ),
    "height": str(HEIGHT_PX),
    "width": str(WIDTH_PX),
    "distance": "cosine",
}
SILHOUETTES = TensorSpec("silhouettes", "TYPE_UINT8", (FRAMES, HEIGHT_PX, WIDTH_PX))
EMBEDDING = TensorSpec("embedding", "TYPE_FP32", (PARTS * PART_SIZE,))


def fused(network: Network) -> Network:
    """A copy with batch norms folded into the convolutions before them, contiguous."""
    out = deepcopy(network).eval().to(memory_format=torch.contiguous_format)
    for part in out.modules():
        if isinstance(part, Conv):
            part.conv = fuse_conv_bn_eval(part.conv, part.norm)
            part.norm = nn.Identity()
    return out


class _Half(nn.Module):
    """A network that computes in fp16; silhouettes and embeddings stay as they are."""

    def __init__(self, network: Gait2d | Gait3d) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, silhouettes: Tensor) -> Tensor:
        """As the network does."""
        out: Tensor = self.network(silhouettes)
        return out.float()


def to_onnx(module: nn.Module, source: TensorSpec, result: TensorSpec) -> onnx.ModelProto:
    """``module`` with one input and one output; only the batch is dynamic."""
    buffer = io.BytesIO()
    kind = torch.uint8 if source.data_type == "TYPE_UINT8" else torch.float32
    torch.onnx.export(
        module.eval(),
        (torch.zeros(2, *source.dims, dtype=kind),),
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


def export(
    network: Gait2d | Gait3d,
    models_dir: Path,
    name: str,
    about: str,
    parameters: dict[str, str],
    *,
    half: bool = False,
) -> Path:
    """Write ``name`` under ``models_dir``; the path of its ONNX file."""
    module = _Half(fused(network)) if half else fused(network)
    model = to_onnx(module, SILHOUETTES, EMBEDDING)
    return write_model(model if half else store_half(model), models_dir, name, about, parameters)


def write_model(
    model: onnx.ModelProto, models_dir: Path, name: str, about: str, parameters: dict[str, str]
) -> Path:
    """Write a network of silhouettes and its ``config.pbtxt``; the path of its ONNX file."""
    return _write(
        model,
        models_dir,
        ModelDescription(
            name, about, MAX_BATCH, (SILHOUETTES,), (EMBEDDING,), {**PARAMETERS, **parameters}
        ),
    )


def export_stream(
    network: Gait2d, models_dir: Path, name: str, about: str, parameters: dict[str, str]
) -> tuple[Path, Path]:
    """Write gait2d in two: ``<name>_frame`` and, of a window's features, ``name``."""
    whole = fused(network)
    size = whole.widths[-1] * PARTS
    frame_input = TensorSpec("silhouettes", "TYPE_UINT8", (HEIGHT_PX, WIDTH_PX))
    frame_output = TensorSpec("features", "TYPE_FP32", (size,))
    window_input = TensorSpec("features", "TYPE_FP32", (FRAMES, size))
    frame = _write(
        store_half(to_onnx(StreamFrame(whole), frame_input, frame_output)),
        models_dir,
        ModelDescription(
            f"{name}_frame",
            f"The part of {name} that sees one frame.",
            MAX_BATCH,
            (frame_input,),
            (frame_output,),
            {"modality": "silhouette_frame"},
        ),
    )
    window = _write(
        store_half(to_onnx(StreamWindow(whole), window_input, EMBEDDING)),
        models_dir,
        ModelDescription(
            name,
            about,
            MAX_BATCH,
            (window_input,),
            (EMBEDDING,),
            {**PARAMETERS, "kind": "stream", "frame_model": f"{name}_frame", **parameters},
        ),
    )
    return frame, window


def _write(model: onnx.ModelProto, models_dir: Path, description: ModelDescription) -> Path:
    path = models_dir / description.name / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    write_config(models_dir, description)
    return path
