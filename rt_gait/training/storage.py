"""ONNX files with weights stored as fp16."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Smaller tensors are left as they are.
LEAST_NUMBERS = 256
_QUANTISING = ("QuantizeLinear", "DequantizeLinear")


def store_half(model: onnx.ModelProto, keep: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Store large fp32 weights as fp16 behind a Cast to fp32; the computation stays fp32.

    Weights named in ``keep``, too large for fp16, or read by Q/DQ stay fp32, and so do scales.
    ``model`` is changed and returned.
    """
    graph, casts = model.graph, []
    exact = {n for node in graph.node if node.op_type in _QUANTISING for n in node.input} | {*keep}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST_NUMBERS:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max or tensor.name in exact:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".fp16"))
        casts.append(
            helper.make_node(
                "Cast", [name + ".fp16"], [name], name=name + ".cast", to=TensorProto.FLOAT
            )
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    onnx.checker.check_model(model, full_check=True)
    return model
