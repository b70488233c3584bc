"""Small gait networks with random weights, as ordinary models of a repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

from rt_gait.serving.description import ModelDescription, write_config
from rt_gait.serving.repository import TensorSpec

FRAMES, FEATURES, SIZE = 30, 48, 24
PARAMETERS = {
    "modality": "silhouette",
    "layout": "NTHW",
    "frames": str(FRAMES),
    "cadence_hz": "25",
    "height": "64",
    "width": "44",
    "distance": "cosine",
    "training_data": "none",
    "known_score": "0.9",
    "candidate_score": "0.8",
    "margin": "0.02",
}
SILHOUETTES = TensorSpec("silhouettes", "TYPE_UINT8", (FRAMES, 64, 44))
FRAME = TensorSpec("silhouettes", "TYPE_UINT8", (64, 44))
FEATURE = TensorSpec("features", "TYPE_FP32", (FEATURES,))
WINDOW_FEATURES = TensorSpec("features", "TYPE_FP32", (FRAMES, FEATURES))
EMBEDDING = TensorSpec("embedding", "TYPE_FP32", (SIZE,))
_ELEMENTS = {"TYPE_UINT8": TensorProto.UINT8, "TYPE_FP32": TensorProto.FLOAT}


def write_whole(models_dir: Path, name: str = "whole", *, seed: int = 1) -> None:
    """A set network: windows to embeddings in one graph."""
    nodes = [
        helper.make_node("Reshape", ["silhouettes", "frames_shape"], ["each"]),
        *_frame_nodes("each", "flat_features"),
        helper.make_node("Reshape", ["flat_features", "window_shape"], ["features"]),
        *_window_nodes(),
    ]
    _write(models_dir, nodes, _model(name, SILHOUETTES, EMBEDDING, PARAMETERS), seed)


def write_stream(models_dir: Path, name: str = "stream", *, seed: int = 1) -> None:
    """The same network in two parts: ``<name>_frame`` and ``<name>``."""
    part = {"modality": "silhouette_frame"}
    _write(models_dir, _frame_nodes(), _model(f"{name}_frame", FRAME, FEATURE, part), seed)
    head = {**PARAMETERS, "kind": "stream", "frame_model": f"{name}_frame"}
    _write(models_dir, _window_nodes(), _model(name, WINDOW_FEATURES, EMBEDDING, head), seed)


def _model(
    name: str, source: TensorSpec, target: TensorSpec, parameters: dict[str, str]
) -> ModelDescription:
    return ModelDescription(name, "Random weights.", 64, (source,), (target,), parameters)


def _frame_nodes(source: str = "silhouettes", target: str = "features") -> list[object]:
    return [
        helper.make_node("Reshape", [source, "pixels_shape"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["share"]),
        helper.make_node("MatMul", ["share", "encode"], ["code"]),
        helper.make_node("Relu", ["code"], [target]),
    ]


def _window_nodes() -> list[object]:
    return [
        helper.make_node("ReduceMax", ["features"], ["greatest"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["greatest", "project"], ["vector"]),
        helper.make_node("ReduceL2", ["vector"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["vector", "length"], ["embedding"]),
    ]


def _write(models_dir: Path, nodes: list[object], model: ModelDescription, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = {
        "frames_shape": np.array([-1, 64, 44]),
        "pixels_shape": np.array([-1, 64 * 44]),
        "window_shape": np.array([-1, FRAMES, FEATURES]),
        "white": np.float32(255),
        "encode": rng.normal(size=(64 * 44, FEATURES)).astype(np.float32),
        "project": rng.normal(size=(FEATURES, SIZE)).astype(np.float32),
    }
    used = {i for node in nodes for i in node.input}  # type: ignore[attr-defined]
    graph = helper.make_graph(
        nodes,
        model.name,
        [_declared(spec) for spec in model.inputs],
        [_declared(spec) for spec in model.outputs],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items() if k in used],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = models_dir / model.name / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(network, str(path))
    write_config(models_dir, model)


def _declared(spec: TensorSpec) -> object:
    return helper.make_tensor_value_info(spec.name, _ELEMENTS[spec.data_type], ["N", *spec.dims])
