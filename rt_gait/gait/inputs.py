"""Windows into the tensor that a model asks for, as its configuration tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rt_gait.errors import ModelError
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.repository import ModelInfo, TensorSpec
from rt_gait.types import Window

Batch: TypeAlias = npt.NDArray[Any]


def _share_of_255(batch: Batch) -> Batch:
    return batch.astype(np.float32) / np.float32(255)


_CONVERT: dict[str, Callable[[Batch], Batch]] = {
    "TYPE_UINT8": lambda batch: batch,
    "TYPE_FP32": _share_of_255,
}


def silhouette_input(info: ModelInfo) -> Callable[[Sequence[Window]], Batch]:
    """Return what makes [N, T, 64, 44] of N windows: uint8 0..255, or float32 0..1.

    Raises:
        ModelError: the model's configuration asks for anything else.
    """
    if info.text("layout") != "NTHW":
        raise ModelError(
            f"model {info.name!r}: layout should be NTHW for silhouettes, "
            f"not {info.text('layout')!r}"
        )
    spec = only_input(info, (int(info.number("frames")), HEIGHT_PX, WIDTH_PX), tuple(_CONVERT))
    convert = _CONVERT[spec.data_type]
    return lambda windows: convert(np.stack([w.pixels for w in windows]))


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
