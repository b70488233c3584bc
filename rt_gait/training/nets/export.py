"""Networks of silhouettes into the model repository: ONNX files and their ``config.pbtxt``.

The precisions are those of the original system, done right:

- ``fp32`` computes in fp32; its weights are stored as fp16, which halves the file, and cast when
  the model is loaded (ONNX Runtime folds the casts);
- ``fp16`` computes in fp16, for GPUs;
- ``int8`` has all convolutions in int8 (:mod:`.quantise`), and the head in fp32;
- ``best`` has as many convolutions in int8 as cost next to nothing, the rest in fp16.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from rt_gait.errors import UsageError
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.description import ModelDescription, write_config
from rt_gait.serving.repository import TensorSpec

from ..storage import store_half
from .calibration import Calibration
from .deploy import EMBEDDING, FRAMES, SILHOUETTES, Deployed, fused, halved, to_onnx
from .gait2d import PARTS, Gait2d, StreamFrame, StreamWindow
from .gait3d import Gait3d

PRECISIONS = ("fp32", "fp16", "int8", "best")
CALIBRATED = ("int8", "best")
CADENCE_HZ = 25
MAX_BATCH = 32
"""Windows: on an H100 the next size up, 64, took three times as long (docs/bench.md)."""
MAX_SILHOUETTES = 64
"""Of the part that sees single frames."""
#: What rt-gait must know of every network of silhouettes.
PARAMETERS = {
    "modality": "silhouette",
    "layout": "NTHW",
    "frames": str(FRAMES),
    "cadence_hz": str(CADENCE_HZ),
    "height": str(HEIGHT_PX),
    "width": str(WIDTH_PX),
    "distance": "cosine",
}


def in_precision(
    network: Gait2d | Gait3d, precision: str, calibration: Calibration | None = None
) -> onnx.ModelProto:
    """The network in one of :data:`PRECISIONS`.

    Raises:
        UsageError: there is no such precision, or nothing to calibrate it with.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"expected a precision of {', '.join(PRECISIONS)}, not {precision!r}")
    module = Deployed(network)
    if precision == "fp32":
        return store_half(to_onnx(module))
    if precision == "fp16":
        return to_onnx(halved(module))
    if calibration is None:
        raise UsageError(f"{precision} needs a data set to set its scales: pass --calibration")
    from .quantise import convolutions, quantised, ranges, tolerant

    model = to_onnx(module)
    found, weights = ranges(model, calibration.windows), convolutions(model)
    if precision == "best":
        weights = tolerant(model, found, calibration.checks)
        model = to_onnx(halved(module, weights))
    return store_half(quantised(model, weights, found))


def export(
    network: Gait2d | Gait3d,
    models_dir: Path,
    name: str,
    about: str,
    parameters: dict[str, str],
    *,
    precision: str = "fp32",
    calibration: Calibration | None = None,
) -> Path:
    """Write ``name`` under ``models_dir``; the path of its ONNX file.

    Raises:
        UsageError: as :func:`in_precision`.
    """
    model = in_precision(network, precision, calibration)
    return write_model(model, models_dir, name, about, parameters)


def write_model(
    model: onnx.ModelProto, models_dir: Path, name: str, about: str, parameters: dict[str, str]
) -> Path:
    """Write a network of silhouettes and its ``config.pbtxt``; the path of its ONNX file."""
    return _write(
        model,
        models_dir,
        ModelDescription(
            name, about, MAX_BATCH, (SILHOUETTES,), (EMBEDDING,), {**PARAMETERS, **parameters}
        ),
    )


def export_stream(
    network: Gait2d, models_dir: Path, name: str, about: str, parameters: dict[str, str]
) -> tuple[Path, Path]:
    """Write gait2d in two: ``<name>_frame`` and, of a window's features, ``name``."""
    whole = fused(network)
    size = whole.widths[-1] * PARTS
    frame_input = TensorSpec("silhouettes", "TYPE_UINT8", (HEIGHT_PX, WIDTH_PX))
    frame_output = TensorSpec("features", "TYPE_FP32", (size,))
    window_input = TensorSpec("features", "TYPE_FP32", (FRAMES, size))
    frame = _write(
        store_half(to_onnx(StreamFrame(whole), frame_input, frame_output)),
        models_dir,
        ModelDescription(
            f"{name}_frame",
            f"The part of {name} that sees one frame.",
            MAX_SILHOUETTES,
            (frame_input,),
            (frame_output,),
            {"modality": "silhouette_frame"},
        ),
    )
    window = _write(
        store_half(to_onnx(StreamWindow(whole), window_input, EMBEDDING)),
        models_dir,
        ModelDescription(
            name,
            about,
            MAX_BATCH,
            (window_input,),
            (EMBEDDING,),
            {**PARAMETERS, "kind": "stream", "frame_model": f"{name}_frame", **parameters},
        ),
    )
    return frame, window


def _write(model: onnx.ModelProto, models_dir: Path, description: ModelDescription) -> Path:
    path = models_dir / description.name / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    write_config(models_dir, description)
    return path
