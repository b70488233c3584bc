"""Windows into the tensor that a model asks for, as its configuration tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.gait.flow import SIDE_PX, interleaved
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.repository import ModelInfo, TensorSpec
from rt_gait.types import Window

Batch: TypeAlias = npt.NDArray[Any]


def _share_of_255(batch: Batch) -> Batch:
    return batch.astype(np.float32) / np.float32(255)


_SILHOUETTES: dict[str, Callable[[Batch], Batch]] = {
    "TYPE_UINT8": lambda batch: batch,
    "TYPE_FP32": _share_of_255,
}


_FLOW = {"TYPE_FP16": np.float16, "TYPE_FP32": np.float32}


def model_input(info: ModelInfo) -> Callable[[Sequence[Window]], Batch]:
    """Return what makes the batch of N windows that a model takes.

    Silhouettes: [N, T, 64, 44] uint8 0..255, or float32 0..1. Flow: [N, T, 60, 60, 2] (layout
    NTHWC), or [N, 2T, 60, 60] with u0, v0, u1, v1, ... (NCHW), float16 or float32.

    Raises:
        ModelError: the model's configuration asks for anything else.
    """
    return _flow_input(info) if info.text("modality") == "flow" else silhouette_input(info)


def silhouette_input(info: ModelInfo) -> Callable[[Sequence[Window]], Batch]:
    """Return what makes the batch of N windows of silhouettes, as :func:`model_input`.

    Raises:
        ModelError: the model's configuration asks for anything else.
    """
    _layout(info, "NTHW")
    dims = (int(info.number("frames")), HEIGHT_PX, WIDTH_PX)
    convert = _SILHOUETTES[only_input(info, dims, tuple(_SILHOUETTES)).data_type]
    return lambda windows: convert(np.stack([w.pixels for w in windows]))


def _flow_input(info: ModelInfo) -> Callable[[Sequence[Window]], Batch]:
    frames = int(info.number("frames"))
    interleave = _layout(info, "NTHWC", "NCHW") == "NCHW"
    dims = (2 * frames, SIDE_PX, SIDE_PX) if interleave else (frames, SIDE_PX, SIDE_PX, 2)
    data_type = _FLOW[only_input(info, dims, tuple(_FLOW)).data_type]

    def batch(windows: Sequence[Window]) -> Batch:
        fields = np.stack([w.pixels for w in windows]).astype(data_type)
        return interleaved(fields) if interleave else fields

    return batch


def _layout(info: ModelInfo, *known: str) -> str:
    layout = info.text("layout")
    if layout not in known:
        raise ModelError(
            f"model {info.name!r}: layout should be {' or '.join(known)} for "
            f"{info.text('modality')}, not {layout!r}"
        )
    return layout


def only_input(info: ModelInfo, dims: tuple[int, ...], types: tuple[str, ...]) -> TensorSpec:
    """Return a model's only input; -1 in ``dims``, or in the configuration, is any size.

    Raises:
        ModelError: it has none or several, or one of other dimensions or of another type.
    """
    wanted = f"{' or '.join(types)} {list(dims)}"
    if len(info.inputs) != 1:
        raise ModelError(
            f"model {info.name!r}: config.pbtxt should declare one input, {wanted}, "
            f"not {len(info.inputs)}"
        )
    (spec,) = info.inputs
    fits = len(spec.dims) == len(dims) and all(
        -1 in pair or pair[0] == pair[1] for pair in zip(spec.dims, dims, strict=True)
    )
    if not fits or spec.data_type not in types:
        raise ModelError(
            f"model {info.name!r}: config.pbtxt declares input {spec.name} {spec.data_type} "
            f"{list(spec.dims)}; rt-gait sends {wanted}"
        )
    return spec
