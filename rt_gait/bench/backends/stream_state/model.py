"""A gait network in two parts whose features stay on the server: a model of one sequence a track.

For the measurement of ``rt_gait.bench.stream_state``. Triton starts it with ``backend: "python"``;
it runs in Triton's environment and imports nothing of rt-gait.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

_LARGEST_BATCH = 64


class TritonPythonModel:
    """One instance of the model; the name is Triton's."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load both networks.

        Args:
            args: As Triton gives them; ``model_config`` has the parameters ``frame_onnx`` and
                ``window_onnx`` (paths), ``frames`` of a window and ``stride`` between windows.
        """
        told = json.loads(args["model_config"])["parameters"]
        given = {name: value["string_value"] for name, value in told.items()}
        self._frame, self._window = (_session(given[n]) for n in ("frame_onnx", "window_onnx"))
        self._frames, self._stride = int(given["frames"]), int(given["stride"])
        self._tracks: dict[int, Any] = {}
        self._seen: dict[int, int] = {}

    def execute(self, requests: list[Any]) -> list[Any]:
        """Encode the new silhouettes of several tracks, and embed the windows that fall due.

        Args:
            requests: Each of another track, with ``silhouettes`` [1, k, 64, 44].

        Returns:
            One response for each, in order: ``embedding`` [1, D], or [1, 0] where no window is due.
        """
        steps = [_tensor(request, "silhouettes")[0] for request in requests]
        pixels = np.concatenate(steps)
        parts = [pixels[i : i + _LARGEST_BATCH] for i in range(0, len(pixels), _LARGEST_BATCH)]
        features = np.concatenate([self._frame.run(None, {"silhouettes": p})[0] for p in parts])
        windows = []
        due = []
        ends = np.cumsum([len(step) for step in steps])
        for request, new in zip(requests, np.split(features, ends[:-1]), strict=True):
            track = int(_tensor(request, "CORRID").item())
            begins = bool(_tensor(request, "START").item())
            kept = new[:0] if begins else self._tracks[track]
            self._tracks[track] = np.concatenate([kept, new])[-self._frames :]
            self._seen[track] = len(new) + (0 if begins else self._seen[track])
            full = self._seen[track] >= self._frames
            due.append(full and (self._seen[track] - self._frames) % self._stride == 0)
            if due[-1]:
                windows.append(self._tracks[track])
        vectors = iter(
            self._window.run(None, {"features": np.stack(windows)})[0] if windows else ()
        )
        return [_response(next(vectors) if is_due else np.zeros(0, np.float32)) for is_due in due]


def _tensor(request: Any, name: str) -> Any:
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def _response(vector: Any) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor("embedding", vector[None].copy())])


def _session(path: str) -> Any:
    """As rt-gait's ONNX Runtime backend has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
