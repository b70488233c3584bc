"""ONNX Runtime as a Python-based backend of Triton.

Triton's wheel has no ONNX Runtime backend. In a folder of this name, this file makes it take models
whose ``config.pbtxt`` says ``platform: "onnxruntime_onnx"``. It runs in Triton's own environment
and imports nothing of rt-gait.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before it is loaded: it would otherwise report to its maker what is run.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance of one version of a model; the name is Triton's."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load ``model.onnx``.

        Args:
            args: As Triton gives them: ``model_config`` in JSON, ``model_repository`` (the folder
                of the model), ``model_version``, ``model_instance_kind`` and ``_device_id``.
        """
        config = json.loads(args["model_config"])
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        path = str(Path(args["model_repository"]) / args["model_version"] / "model.onnx")
        available = onnxruntime.get_available_providers()
        on_gpu = args["model_instance_kind"] == "GPU" and "CUDAExecutionProvider" in available
        if on_gpu and config["max_batch_size"]:
            device = {"device_id": args["model_instance_device_id"]}
            providers = [("CUDAExecutionProvider", device), "CPUExecutionProvider"]
            self._network: Any = SizedSessions(path, providers, config)
        else:
            self._network = _session(path, ["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run the requests that Triton has gathered as one batch.

        Args:
            requests: Each with every input, [n, ...]; n may differ between them.

        Returns:
            One response for each request, in order.
        """
        parts = {
            name: [pb_utils.get_input_tensor_by_name(r, name).as_numpy() for r in requests]
            for name in self._inputs
        }
        sizes = [len(part) for part in parts[self._inputs[0]]]
        batch = {n: p[0] if len(p) == 1 else np.concatenate(p) for n, p in parts.items()}
        try:
            outputs = self._network.run(self._outputs, batch)
        except Exception as error:  # onnxruntime raises a different class for each kind of failure
            failure = pb_utils.TritonError(str(error)[:500])
            return [pb_utils.InferenceResponse(error=failure) for _ in requests]
        ends = np.cumsum(sizes)[:-1]
        shares = [np.split(output, ends) for output in outputs]
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, np.ascontiguousarray(share))
                    for name, share in zip(self._outputs, of_request, strict=True)
                ]
            )
            for of_request in zip(*shares, strict=True)
        ]


class SizedSessions:
    """A model on a GPU: one session for batches of 1, one for up to 2, 4, 8 and so on.

    cuDNN plans a convolution for one shape, and ONNX Runtime plans anew whenever the shape is not
    that of the last run: 60 to 280 ms on an H100 for a batch that takes 4. A dynamic batcher
    changes the size all the time, so each size has a session that never sees another, and a batch
    is filled up to the next size with zeros.
    """

    def __init__(self, path: str, providers: list[Any], config: dict[str, Any]) -> None:
        self._by_size = {
            size: _session(path, providers) for size in _sizes(int(config["max_batch_size"]))
        }
        for size in self._by_size:
            zeros = {t["name"]: _zeros(t, size) for t in config["input"]}
            self._by_size[size].run(None, zeros)

    def run(self, names: list[str], batch: dict[str, Any]) -> list[Any]:
        """Outputs of a batch, each [n, ...], as ``InferenceSession.run`` gives them."""
        count = len(next(iter(batch.values())))
        size = next(size for size in self._by_size if size >= count)
        full = {name: _filled(part, size) for name, part in batch.items()}
        return [output[:count] for output in self._by_size[size].run(names, full)]


def _sizes(most: int) -> Iterator[int]:
    size = 1
    while size < most:
        yield size
        size *= 2
    yield max(most, 1)


def _zeros(tensor: dict[str, Any], count: int) -> Any:
    kind = pb_utils.triton_string_to_numpy(tensor["data_type"])
    return np.zeros((count, *(max(int(d), 1) for d in tensor["dims"])), kind)


def _filled(part: Any, size: int) -> Any:
    if len(part) == size:
        return part
    full = np.zeros((size, *part.shape[1:]), part.dtype)
    full[: len(part)] = part
    return full


def _session(path: str, providers: list[Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin take the processors away from the other models.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Sums of int8 products overflow on x86 processors without VNNI, unless weights are widened.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(path, options, providers=providers)
