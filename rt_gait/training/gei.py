"""The gait energy image as a network: the honest baseline, without weights.

The mean of the normalised silhouettes of a window (Han & Bhanu, "Individual Recognition Using Gait
Energy Image", TPAMI 2006), flattened and scaled to unit length, so that the cosine of two of them
is their similarity.

    python -m rt_gait.training.gei model_repository/gei/1/model.onnx
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX

FRAMES = 30
OPSET = 17


def build(path: Path) -> None:
    """Write the graph: [N, 30, 64, 44] float32 in 0..1 to [N, 2816] float32 of unit length."""
    from onnx import TensorProto, checker, helper, numpy_helper, save_model

    pixels = HEIGHT_PX * WIDTH_PX
    nodes = [
        helper.make_node("ReduceMean", ["silhouettes"], ["energy"], axes=[1], keepdims=0),
        helper.make_node("Reshape", ["energy", "flat_shape"], ["flat"]),
        helper.make_node("ReduceL2", ["flat"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["safe_length"]),
        helper.make_node("Div", ["flat", "safe_length"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "gei",
        [
            helper.make_tensor_value_info(
                "silhouettes", TensorProto.FLOAT, ["N", FRAMES, HEIGHT_PX, WIDTH_PX]
            )
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", pixels])],
        [
            numpy_helper.from_array(np.array([-1, pixels], np.int64), "flat_shape"),
            numpy_helper.from_array(np.array([1e-12], np.float32), "tiny"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, str(path))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
