"""Writes the trained segmenter into the model repository: ONNX files and their configs.

Both take pixels as uint8: a frame to a server is a quarter of what it were in fp32.
`person_seg` computes in fp32 and stores its weights as fp16 (half the file; ONNX Runtime folds the
casts while loading). `person_seg_fp16` computes in fp16 throughout except the decoding of boxes,
for TensorRT and GPUs.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rt_gait.training.segmenter.blocks import Conv
from rt_gait.training.segmenter.network import (
    COEFFICIENTS,
    Segmenter,
    anchor_points,
    decode_boxes,
    load_arrays,
)
from rt_gait.training.storage import store_half

OPSET = 17
MAX_BATCH = 8


class Deployed(nn.Module):
    """Network and decoding: images to `output0` (N, 37, A) and `output1` (N, 32, H/4, W/4).

    Rows of `output0`: box centre x, y, width, height in input pixels, person score in 0..1, mask
    coefficients.
    """

    def __init__(self, network: Segmenter, height: int, width: int, half: bool) -> None:
        super().__init__()
        self.network = network.half() if half else network.float()
        self.half_compute = half
        points, strides = anchor_points(height, width)
        self.register_buffer("points", points)
        self.register_buffer("strides", strides)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run on (N, 3, H, W) uint8 images."""
        images = images.float() * (1 / 255)
        raw = self.network(images.half() if self.half_compute else images)
        corners = decode_boxes(raw.box_logits.float(), self.points, self.strides).transpose(1, 2)
        low, high = corners[:, :2], corners[:, 2:]
        score = raw.class_logits.float().sigmoid()[:, None]
        output0 = torch.cat([(low + high) / 2, high - low, score, raw.coefficients.float()], 1)
        return output0, raw.prototypes.float()


def fuse(network: Segmenter) -> Segmenter:
    """Folds batch norms into the convolutions before them."""
    network.eval()
    for part in network.modules():
        if isinstance(part, Conv):
            part.conv = fuse_conv_bn_eval(part.conv, part.bn)
            part.bn = nn.Identity()
    return network


def to_onnx(network: Segmenter, height: int, width: int, half: bool) -> onnx.ModelProto:
    """The deployed graph; only the batch dimension is dynamic."""
    buffer = io.BytesIO()
    torch.onnx.export(
        Deployed(network, height, width, half).eval(),
        (torch.zeros(1, 3, height, width, dtype=torch.uint8),),
        buffer,
        input_names=["images"],
        output_names=["output0", "output1"],
        opset_version=OPSET,
        dynamic_axes={name: {0: "batch"} for name in ("images", "output0", "output1")},
        dynamo=False,
    )
    model = onnx.load_from_string(buffer.getvalue())
    anchors = sum((height // s) * (width // s) for s in (8, 16, 32))
    shapes = {
        "output0": (4 + 1 + COEFFICIENTS, anchors),
        "output1": (COEFFICIENTS, height // 4, width // 4),
    }
    for output in model.graph.output:  # the exporter leaves some of these symbolic
        for dim, size in zip(
            output.type.tensor_type.shape.dim[1:], shapes[output.name], strict=True
        ):
            dim.dim_value = size
    onnx.checker.check_model(model, full_check=True)
    return model


def config_text(name: str, height: int, width: int, training_data: str, fingerprint: str) -> str:
    """`config.pbtxt` as Triton and the in-process runner read it."""
    anchors = sum((height // s) * (width // s) for s in (8, 16, 32))
    parameters = {
        "modality": "person_segmentation",
        "height": str(height),
        "width": str(width),
        "layout": "NCHW",
        "classes": "person",
        "training_data": training_data,
        "fingerprint": fingerprint,
    }
    rows, (cells_y, cells_x) = 4 + 1 + COEFFICIENTS, (height // 4, width // 4)
    lines = [
        "# Person segmentation, Ultralytics output layout. Origin and figures: docs/person_seg.md.",
        f'name: "{name}"',
        'platform: "onnxruntime_onnx"',
        f"max_batch_size: {MAX_BATCH}",
        f'input [ {{ name: "images" data_type: TYPE_UINT8 dims: [ 3, {height}, {width} ] }} ]',
        "output [",
        f'  {{ name: "output0" data_type: TYPE_FP32 dims: [ {rows}, {anchors} ] }},',
        '  { name: "output1" data_type: TYPE_FP32 '
        f"dims: [ {COEFFICIENTS}, {cells_y}, {cells_x} ] }}",
        "]",
        "dynamic_batching { preferred_batch_size: [ 2, 4, 8 ] max_queue_delay_microseconds: 2000 }",
    ]
    lines += [
        f'parameters {{ key: "{k}" value {{ string_value: "{v}" }} }}'
        for k, v in parameters.items()
    ]
    return "\n".join(lines) + "\n"


def export_repository(
    weights: Path, repository: Path, height: int, width: int, training_data: str
) -> list[Path]:
    """Writes `person_seg` and `person_seg_fp16` under `repository`; returns the files written."""
    written = []
    for name, half in (("person_seg", False), ("person_seg_fp16", True)):
        network = Segmenter()
        network.load_state_dict(load_arrays(weights), strict=False)
        model = to_onnx(fuse(network), height, width, half)
        if not half:
            model = store_half(model, keep=("points", "strides"))
        data = model.SerializeToString()
        folder = repository / name
        (folder / "1").mkdir(parents=True, exist_ok=True)
        (folder / "1" / "model.onnx").write_bytes(data)
        fingerprint = hashlib.sha256(data).hexdigest()[:16]
        (folder / "config.pbtxt").write_text(
            config_text(name, height, width, training_data, fingerprint)
        )
        written += [folder / "1" / "model.onnx", folder / "config.pbtxt"]
    return written
