"""What check_model finds: one broken thing at a time, in a model that is otherwise right."""

from __future__ import annotations

from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper

from rt_gait.errors import ModelError
from rt_gait.serving.check import check_model
from rt_gait.serving.description import ModelDescription, write_config
from rt_gait.serving.repository import TensorSpec, load_info

FLOAT = TensorProto.FLOAT
UNIT = [
    helper.make_node("Cast", ["in"], ["x"], to=FLOAT),
    helper.make_node("ReduceL2", ["x"], ["length"], axes=[1], keepdims=1),
    helper.make_node("Div", ["x", "length"], ["embedding"]),
]


def made(
    models_dir: Path,
    nodes: list[onnx.NodeProto] = UNIT,
    *,
    kind: str = "TYPE_UINT8",
    dims: tuple[int, ...] = (6,),
    output: tuple[int, ...] = (6,),
) -> None:
    types = {"TYPE_UINT8": TensorProto.UINT8, "TYPE_FP16": TensorProto.FLOAT16}
    graph = helper.make_graph(
        nodes,
        "m",
        [helper.make_tensor_value_info("in", types.get(kind, FLOAT), ["N", *dims])],
        [helper.make_tensor_value_info("embedding", FLOAT, ["N", 6])],
    )
    opset = [helper.make_opsetid("", 17)]
    description = ModelDescription(
        "m",
        "A test's",
        8,
        (TensorSpec("in", kind, dims),),
        (TensorSpec("embedding", "TYPE_FP32", output),),
        preferred_batch_size=(8,),
    )
    folder = write_config(models_dir, description).parent / "1"
    folder.mkdir()
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")


@pytest.mark.parametrize("kind", ["TYPE_UINT8", "TYPE_FP16", "TYPE_FP32"])
def test_a_right_model_passes(tmp_path: Path, kind: str) -> None:
    made(tmp_path, kind=kind)
    check_model(load_info(tmp_path, "m"))


def test_a_size_left_open_fits_any(tmp_path: Path) -> None:
    made(tmp_path, output=(-1,))
    check_model(load_info(tmp_path, "m"))


CAST = UNIT[0]
BROKEN = {
    "should be of unit length": [
        CAST,
        helper.make_node("Identity", ["x"], ["embedding"]),
    ],
    "is not finite": [
        CAST,
        helper.make_node("Sub", ["x", "x"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["embedding"]),
    ],
    "changes with what else is in its batch": [
        CAST,
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Add", ["x", "mean"], ["sum"]),
        helper.make_node("ReduceL2", ["sum"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["sum", "length"], ["embedding"]),
    ],
    r"embedding of 2 inputs should be \[2, 6\], not \[1, 6\]": [
        CAST,
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("ReduceL2", ["mean"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["mean", "length"], ["embedding"]),
    ],
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_network_is_told(tmp_path: Path, said: str) -> None:
    made(tmp_path, BROKEN[said])
    with pytest.raises(ModelError, match=said):
        check_model(load_info(tmp_path, "m"))


def test_a_network_that_fails_on_a_batch_is_told(tmp_path: Path) -> None:
    one = helper.make_tensor("one", TensorProto.INT64, [2], [1, 6])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=one),
        CAST,
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("ReduceL2", ["flat"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["flat", "length"], ["embedding"]),
    ]
    made(tmp_path, nodes)
    with pytest.raises(ModelError, match="fails on a batch of 2"):
        check_model(load_info(tmp_path, "m"))


def test_a_configuration_of_another_network_is_told(tmp_path: Path) -> None:
    made(tmp_path, output=(7,))
    with pytest.raises(ModelError, match="declares output embedding TYPE_FP32"):
        check_model(load_info(tmp_path, "m"))


def test_an_open_input_is_told(tmp_path: Path) -> None:
    made(tmp_path, dims=(-1,))
    with pytest.raises(ModelError, match="one input of fixed dimensions"):
        check_model(load_info(tmp_path, "m"))


def test_a_missing_network_is_told(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "m" / "1" / "model.onnx").unlink()
    with pytest.raises(ModelError, match="no model file"):
        check_model(load_info(tmp_path, "m"))
