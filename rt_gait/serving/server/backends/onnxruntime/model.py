"""ONNX Runtime as a Python-based backend of Triton.

Triton's wheel has no ONNX Runtime backend. In a folder of this name, this file makes it take models
whose ``config.pbtxt`` says ``platform: "onnxruntime_onnx"``. It runs in Triton's own environment
and imports nothing of rt-gait.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

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
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads that spin take the processors away from the other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(path), options, providers=_providers(args))

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
            outputs = self._session.run(self._outputs, batch)
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


def _providers(args: dict[str, str]) -> list[Any]:
    available = onnxruntime.get_available_providers()
    if args["model_instance_kind"] == "GPU" and "CUDAExecutionProvider" in available:
        # An exhaustive search would be made anew for every size of batch that is gathered.
        device = {
            "device_id": args["model_instance_device_id"],
            "cudnn_conv_algo_search": "HEURISTIC",
        }
        return [("CUDAExecutionProvider", device), "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]
