"""What a model costs: its weights, its multiplications, its file, its time on this machine.

Times are ONNX Runtime's, as rt-gait itself runs models (:class:`rt_gait.serving.onnx.OnnxModel`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from rt_gait.errors import ModelError
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo

BATCHES = (1, 8)
REPEATS = 20
_WARM_UP = 2
#: Where the weights stand among the inputs of the layers that multiply.
_WEIGHTS = {
    "Conv": 1,
    "Gemm": 1,
    "MatMul": 1,
    "ConvInteger": 1,
    "MatMulInteger": 1,
    "QLinearConv": 3,
    "QLinearMatMul": 3,
}
_QUANTISING = ("QuantizeLinear", "DequantizeLinear")
_BYTES = {
    onnx.TensorProto.FLOAT: 4,
    onnx.TensorProto.FLOAT16: 2,
    onnx.TensorProto.INT32: 4,
    onnx.TensorProto.INT8: 1,
}


@dataclass(frozen=True)
class Cost:
    """What can be read from a model's file."""

    parameters: int
    """Numbers in weights and biases, scales not counted."""
    macs: int
    """Multiplications and additions of one input in convolutions and matrix products."""
    weight_bytes: int
    """The parameters as they are computed with: 1 byte each in int8, 2 in fp16, 4 in fp32."""
    file_bytes: int


@dataclass(frozen=True)
class Latency:
    """Milliseconds a batch, over all repeats."""

    median_ms: float
    p10_ms: float
    p90_ms: float


def cost(path: Path) -> Cost:
    """Count a model's parameters and, from the shapes of its graph, its multiplications.

    Raises:
        ModelError: it cannot be read, or a shape is unknown.
    """
    try:
        graph = _with_shapes(onnx.load(path)).graph
    except Exception as error:  # onnx raises a different class for each kind of damage
        raise ModelError(f"not a model that can be measured: {path}") from error
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in (*graph.value_info, *graph.output, *graph.input):
        shape = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        if all(shape):
            shapes[value.name] = shape
    try:
        macs = sum(_macs(node, shapes) for node in graph.node if node.op_type in _WEIGHTS)
    except KeyError as error:
        raise ModelError(f"the shape of {error} is unknown: {path}") from error
    parameters, weight_bytes = _weights(graph)
    return Cost(parameters, macs, weight_bytes, path.stat().st_size)


def latencies(infos: Sequence[ModelInfo]) -> list[dict[int, Latency]]:
    """Time models on batches of 1 and 8, taking turns, so that what else runs meets all alike.

    Raises:
        ModelError: a model is missing, broken, or differs from its configuration.
    """
    models = [OnnxModel(info.onnx_path, info) for info in infos]
    out: list[dict[int, Latency]] = [{} for _ in infos]
    for size in BATCHES:
        inputs = [_noise(info, size) for info in infos]
        secs: list[list[float]] = [[] for _ in infos]
        for _ in range(_WARM_UP + REPEATS):
            for model, batch, spent_secs in zip(models, inputs, secs, strict=True):
                begun_secs = time.perf_counter()
                model.run(batch)
                spent_secs.append(time.perf_counter() - begun_secs)
        for mine, spent_secs in zip(out, secs, strict=True):
            p10, median, p90 = np.percentile(spent_secs[_WARM_UP:], (10, 50, 90)) * 1000
            mine[size] = Latency(*(round(float(v), 2) for v in (median, p10, p90)))
    return out


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shape of every tensor, for a batch of one."""
    del model.graph.value_info[:]  # the exporter's know no batch
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Numbers in the output, times the products that each takes."""
    weights = shapes[node.input[_WEIGHTS[node.op_type]]]
    if "Conv" in node.op_type:
        each = prod(weights[1:])
    elif node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute):
        each = weights[1]
    else:
        each = weights[-2]
    return prod(shapes[node.output[0]]) * each


def _weights(graph: onnx.GraphProto) -> tuple[int, int]:
    """How many numbers the weights and biases are, and how many bytes when computed with."""
    readers = {name: node.op_type for node in graph.node for name in node.input[:1]}
    scales = {n for node in graph.node if node.op_type in _QUANTISING for n in node.input[1:]}
    count = size = 0
    for tensor in graph.initializer:
        if tensor.name in scales or tensor.data_type not in _BYTES:
            continue
        numbers = prod(tensor.dims)
        reader = readers.get(tensor.name, "")
        wide = {"QuantizeLinear": 1, "Cast": 4}.get(reader, _BYTES[tensor.data_type])
        count, size = count + numbers, size + numbers * wide
    return count, size


def _noise(info: ModelInfo, size: int) -> npt.NDArray[np.generic]:
    (spec,) = info.inputs
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (size, *spec.dims), np.uint8)
    kinds = {"TYPE_UINT8": np.uint8, "TYPE_FP16": np.float16, "TYPE_FP32": np.float32}
    return pixels.astype(kinds[spec.data_type])
