"""A model that takes what another takes, and answers zeros at once: what is left is the way there.

For the measurement of ``rt_gait.bench.shared_memory``. It runs in Triton's environment.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One instance of the model; the name is Triton's."""

    def initialize(self, args: dict[str, str]) -> None:
        """Make the answer to one item.

        Args:
            args: As Triton gives them.
        """
        config = json.loads(args["model_config"])
        self._input = config["input"][0]["name"]
        self._answer = [
            pb_utils.Tensor(
                told["name"],
                np.zeros(
                    (1, *(int(d) for d in told["dims"])),
                    pb_utils.triton_string_to_numpy(told["data_type"]),
                ),
            )
            for told in config["output"]
        ]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Read each request's input [1, ...] and answer it."""
        for request in requests:
            pb_utils.get_input_tensor_by_name(request, self._input).as_numpy()
        return [pb_utils.InferenceResponse(self._answer) for _ in requests]
