"""ONNX Runtime, the in-process engine. No other file imports onnxruntime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.repository import PLAN, ModelInfo, TensorSpec

_NUMPY_TYPES = {"TYPE_FP32": "float", "TYPE_FP16": "float16", "TYPE_UINT8": "uint8"}


def usable_cpus() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def session_options() -> Any:
    """Return how ONNX Runtime runs a network here."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin take the processors away from the other stages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Sums of int8 products overflow on x86 processors without VNNI, unless weights are widened.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


class OnnxModel:
    """One loaded network: arrays in, arrays out, in the order of its outputs.

    Args:
        path: An ``.onnx`` file.
        info: Its Triton configuration; when given, names, types and shapes must agree.

    Raises:
        ModelError: the file is missing, broken, or differs from its configuration; or the model
            is a TensorRT plan, which ONNX Runtime cannot run.
    """

    def __init__(self, path: Path, info: ModelInfo | None = None) -> None:
        import onnxruntime

        if info is not None and info.platform == PLAN:
            raise ModelError(
                f"model {info.name!r} is a TensorRT plan, which only a Triton server runs: start "
                "one over its folder and pass --triton HOST:PORT, or use the ONNX model it was "
                "built from"
            )
        if not path.is_file():
            raise ModelError(f"there is no model file; expected {path}")
        options = session_options()
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime raises a different class for each kind of damage
            raise ModelError(
                f"not a model ONNX Runtime can load ({_first_line(error)}): {path}"
            ) from error
        self.inputs = self._session.get_inputs()
        self.outputs = self._session.get_outputs()
        if info is not None:
            _check(info, info.inputs, self.inputs, "input")
            _check(info, info.outputs, self.outputs, "output")

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Run the network on [N, ...] and return every output, each [N, ...]."""
        return list(self._session.run(None, {self.inputs[0].name: np.ascontiguousarray(batch)}))


def _check(info: ModelInfo, specs: tuple[TensorSpec, ...], nodes: list[Any], kind: str) -> None:
    for spec, node in zip(specs, nodes, strict=False):
        dims = tuple(d if isinstance(d, int) else -1 for d in node.shape[1:])
        same_dims = len(dims) == len(spec.dims) and all(
            -1 in pair or pair[0] == pair[1] for pair in zip(dims, spec.dims, strict=True)
        )
        same_type = f"tensor({_NUMPY_TYPES.get(spec.data_type)})" == node.type
        if spec.name != node.name or not same_dims or not same_type:
            raise ModelError(
                f"model {info.name!r}: config.pbtxt declares {kind} {spec.name} {spec.data_type} "
                f"{list(spec.dims)}, model.onnx has {node.name} {node.type} {list(dims)}"
            )
    if len(specs) != len(nodes):
        raise ModelError(
            f"model {info.name!r}: config.pbtxt declares {len(specs)} {kind}s, "
            f"model.onnx has {len(nodes)}"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:160]
