"""Does a model run, and give what its configuration says?"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import ModelInfo, TensorSpec

_UNIT_TOLERANCE = 1e-3
_BATCH_TOLERANCE = 1e-3
_INPUT_MAX = 2**26
"""Numbers in one input; a picture of 4096 x 4096 has 5 x 10^7."""


class Network(Protocol):
    """Anything that runs a model on [N, ...]."""

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return its outputs, each [N, ...]."""
        ...


def check_model(info: ModelInfo, network: Network | None = None) -> None:
    """Run one random batch through a model.

    Args:
        info: its configuration.
        network: what runs it; by default ONNX Runtime.

    Raises:
        ModelError: ``model.onnx`` is missing, broken or not what ``config.pbtxt`` says; or an
            output is not finite, of another shape, or depends on what else is in the batch; or an
            output named ``embedding`` is not of unit length.
    """
    model = network or OnnxModel(info.onnx_path, info)
    count = min(2, info.largest_batch)
    batch = _random_batch(info, count)
    together, alone = _run(info, model, batch), _run(info, model, batch[:1])
    for spec, many, one in zip(info.outputs, together, alone, strict=True):
        _check_output(info, spec, many, count)
        scale = max(float(np.abs(one).max(initial=0.0)), 1e-12)
        if float(np.abs(many[:1] - one).max(initial=0.0)) > _BATCH_TOLERANCE * scale:
            raise ModelError(
                f"model {info.name!r}: {spec.name} of an input changes with what else is in its "
                "batch"
            )


def _random_batch(info: ModelInfo, count: int) -> npt.NDArray[Any]:
    if len(info.inputs) != 1 or -1 in info.inputs[0].dims:
        raise ModelError(
            f"model {info.name!r}: config.pbtxt should declare one input of fixed dimensions"
        )
    (spec,) = info.inputs
    if math.prod(spec.dims) > _INPUT_MAX:
        raise ModelError(
            f"model {info.name!r}: an input of {list(spec.dims)} is larger than any window or "
            "picture"
        )
    pixels = np.random.default_rng(0).integers(0, 256, (count, *spec.dims), np.uint8)
    if spec.data_type == "TYPE_UINT8":
        return pixels
    share = pixels.astype(np.float32) / np.float32(255)
    return share.astype(np.float16) if spec.data_type == "TYPE_FP16" else share


def _run(info: ModelInfo, model: Network, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    try:
        return model.run(batch)
    except Exception as error:  # onnxruntime raises a different class for each kind of failure
        raise ModelError(
            f"model {info.name!r} fails on a batch of {len(batch)}: {str(error)[:200]}"
        ) from error


def _check_output(info: ModelInfo, spec: TensorSpec, output: npt.NDArray[Any], count: int) -> None:
    shape = output.shape[1:]
    fits = len(shape) == len(spec.dims) and all(
        d in (-1, s) for d, s in zip(spec.dims, shape, strict=True)
    )
    if len(output) != count or not fits:
        raise ModelError(
            f"model {info.name!r}: {spec.name} of {count} inputs should be "
            f"{[count, *spec.dims]}, not {list(output.shape)}"
        )
    if not np.isfinite(output).all():
        raise ModelError(f"model {info.name!r}: {spec.name} is not finite")
    if spec.name == "embedding":
        lengths = np.linalg.norm(output.astype(np.float64).reshape(count, -1), axis=1)
        if np.abs(lengths - 1).max() > _UNIT_TOLERANCE:
            raise ModelError(
                f"model {info.name!r}: embeddings should be of unit length, "
                f"not {lengths.min():.4g} to {lengths.max():.4g}"
            )
