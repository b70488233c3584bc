"""int8 by explicit Q/DQ, which TensorRT 8.6 to 11 and ONNX Runtime's int8 kernels both take.

Activations are symmetric, one scale a tensor; weights are symmetric, one scale a filter, and stay
float behind Q/DQ of their own, as TensorRT before 10 has it; biases stay float. For ONNX Runtime,
which computes a convolution in int8 only if what comes out is quantised at once, there is Q/DQ
before a ReLU as well as after it, with the same range, so that the first one only clips what the
ReLU would, and before an addition; and no two maps share a scale (see :func:`_set_apart`). Without
these it computes in fp32, slower than an fp32 model; before 1.21, which brought int8 with float
biases, it does so anyway.

Ranges leave out one value in a million (percentile 99.9999). Mean 1 - cosine to fp32 on people of
another split, gait2d and gait3d after 55 and 29 iterations: 0.0017 and 0.00038; percentile 99.999:
0.0018 and 0.00039; min-max: 0.0021 and 0.00049; entropy: 0.0020 and 0.00049; percentile 99.99:
0.0058 and 0.00043.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Collection
from contextlib import redirect_stdout
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QDQQuantizer,
    QuantType,
    create_calibrator,
)

from rt_gait.serving.onnx import session_options

from .calibration import UInt8

Floats = npt.NDArray[np.float32]

#: The least mean cosine to fp32 that "best" is to reach.
LEAST_COSINE = 0.999
PERCENTILE = 99.9999
_KINDS = ["Conv", "Add", "Relu"]
_OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "AddQDQPairToWeight": True,
    "QuantizeBias": False,
    "DedicatedQDQPair": True,
}
#: Windows in one run; more only take memory.
_BATCH = 4


class _Reader(CalibrationDataReader):
    def __init__(self, name: str, windows: UInt8) -> None:
        self._batches = iter([{name: windows}])

    def get_next(self) -> dict[str, UInt8] | None:
        return next(self._batches, None)


def convolutions(model: onnx.ModelProto) -> list[str]:
    """The names of the weights of all convolutions, in the order of the graph."""
    return [node.input[1] for node in model.graph.node if node.op_type == "Conv"]


def ranges(model: onnx.ModelProto, windows: UInt8) -> dict[str, Any]:
    """The range of every map that could be quantised, by name, over ``windows``."""
    # The calibrator prints what it does.
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            _KINDS,
            augmented_model_path=str(path.with_name("augmented.onnx")),
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"percentile": PERCENTILE},
        )
        for part in _batches(windows):
            calibrator.collect_data(_Reader(model.graph.input[0].name, part))
        return dict(calibrator.compute_data().items())


def quantised(
    model: onnx.ModelProto, weights: Collection[str], found: dict[str, Any]
) -> onnx.ModelProto:
    """A copy in which the convolutions of ``weights`` compute in int8.

    Args:
        model: In fp32, at least around these convolutions.
        weights: Names of their weights.
        found: The ranges of the model's maps, or of the same maps in fp32.
    """
    work = deepcopy(model)
    nodes = _nodes(work, weights)
    if not nodes:  # to the quantiser none means all
        return work
    quantiser = QDQQuantizer(
        work,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=_with_casts(work, found),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=_KINDS,
        extra_options=_OPTIONS,
    )
    out: onnx.ModelProto = quantiser.quantize_model()
    quantiser.model.topological_sort()
    del out.metadata_props[:]
    _set_apart(out)
    onnx.checker.check_model(out, full_check=True)
    return out


def tolerant(model: onnx.ModelProto, found: dict[str, Any], checks: UInt8) -> list[str]:
    """The weights of the convolutions that may be int8: as many as :data:`LEAST_COSINE` allows.

    Where all are too many, those go first that cost most when they alone are int8. It is measured
    on the windows ``checks``.
    """
    left, wanted = convolutions(model), embeddings(model, checks)

    def reached(weights: Collection[str]) -> float:
        return cosine(wanted, embeddings(quantised(model, weights, found), checks))

    if reached(left) >= LEAST_COSINE:
        return left
    alone = {name: reached([name]) for name in left}
    for name in sorted(left, key=alone.__getitem__):
        left.remove(name)
        if reached(left) >= LEAST_COSINE:
            break
    return left


def embeddings(model: onnx.ModelProto, windows: UInt8) -> Floats:
    """What a model makes of windows (N, 30, 64, 44): unit vectors (N, D)."""
    session = InferenceSession(
        model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )
    name = model.graph.input[0].name
    return np.concatenate([session.run(None, {name: part})[0] for part in _batches(windows)])


def cosine(one: Floats, other: Floats) -> float:
    """The mean cosine of the rows of two (N, D) of unit vectors."""
    return float((one * other).sum(axis=1).mean())


def _batches(windows: UInt8) -> list[UInt8]:
    return [windows[k : k + _BATCH] for k in range(0, len(windows), _BATCH)]


def _nodes(model: onnx.ModelProto, weights: Collection[str]) -> list[str]:
    """Convolutions, the additions that join two of them, and the ReLUs on the way to the next."""
    nodes = model.graph.node
    convs = [n for n in nodes if n.op_type == "Conv" and n.input[1] in weights]
    made = {n.output[0] for n in convs}
    adds = [n for n in nodes if n.op_type == "Add" and made.issuperset(n.input)]
    made |= {n.output[0] for n in adds}
    wanted = {n.input[0] for n in convs}
    relus = [
        n for n in nodes if n.op_type == "Relu" and n.input[0] in made and n.output[0] in wanted
    ]
    return [n.name for n in (*convs, *adds, *relus)]


def _with_casts(model: onnx.ModelProto, found: dict[str, Any]) -> dict[str, Any]:
    """A copy of the ranges, with those of maps that were cast from fp16."""
    out = {name: copy(r) for name, r in found.items()}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in found:
            out[node.output[0]] = copy(found[node.input[0]])
    return out


def _set_apart(model: onnx.ModelProto) -> None:
    """Change scales of maps that are equal by their last bit.

    ONNX Runtime merges equal Q/DQ pairs on one map, and does not turn a merged pair to unsigned,
    so that the convolutions that read it find no kernel (1.32: twice the time for all of gait2d).
    """
    graph = model.graph
    values = {t.name: t for t in graph.initializer}
    readers = {n.input[0]: n for n in graph.node if n.op_type == "DequantizeLinear"}
    seen: set[float] = set()
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] in values:
            continue
        scale = numpy_helper.to_array(values[node.input[1]])
        while float(scale) in seen:
            scale = np.nextafter(scale, np.float32(np.inf))
        seen.add(float(scale))
        name = f"{node.output[0]}.scale"
        graph.initializer.append(numpy_helper.from_array(np.asarray(scale, np.float32), name))
        node.input[1] = readers[node.output[0]].input[1] = name
    used = {name for node in graph.node for name in node.input}
    for tensor in values.values():
        if tensor.name not in used:
            graph.initializer.remove(tensor)
