"""From an OpenGait checkpoint to a model of the repository, whole or not at all."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rt_gait.errors import OutputError, UsageError
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.outputs.output import check_folder
from rt_gait.serving.check import check_model
from rt_gait.serving.description import ModelDescription, write_config
from rt_gait.serving.repository import TensorSpec, load_info
from rt_gait.serving.swap import check_replaceable, put_in_place, staging_place

from .architectures import ARCHITECTURES
from .checkpoint import network, read_checkpoint
from .export import Deployed, difference, to_onnx

CADENCE_HZ = 25
"""CASIA-B, OU-MVLP and Gait3D were filmed at 25 frames a second."""
MAX_BATCH = 8
"""The first maps of GaitBase take 22 MB a window."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    folder: Path
    parameters: int
    """Numbers in the network's weights."""
    difference: float
    """Largest difference between the embeddings of ONNX Runtime and torch."""


def import_checkpoint(
    checkpoint: Path, arch: str, name: str, *, models_dir: Path, frames: int, overwrite: bool
) -> Imported:
    """Write ``<models_dir>/<name>`` from a checkpoint.

    Args:
        checkpoint: Written by OpenGait.
        arch: One of :data:`ARCHITECTURES`.
        name: Of the new model.
        models_dir: A model repository.
        frames: Of a window.
        overwrite: Replace a model of that name.

    Raises:
        UsageError: the name or the architecture is none.
        ModelError: the checkpoint cannot be read or does not fit the architecture.
        OutputError: the model exists, or cannot be written.
    """
    _check_place(models_dir, name, overwrite=overwrite)
    built = network(arch, read_checkpoint(checkpoint))
    deployed = Deployed(built).eval()
    try:
        graph = to_onnx(deployed, frames)
        largest = difference(deployed, graph, frames)
        place = staging_place(models_dir)
        with tempfile.TemporaryDirectory(prefix=".importing-", dir=place) as made:
            staging = Path(made)
            size = graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value
            write_config(staging, _description(name, arch, checkpoint, frames, size))
            path = staging / name / "1" / "model.onnx"
            path.parent.mkdir()
            path.write_bytes(graph.SerializeToString())
            check_model(load_info(staging, name))
            put_in_place(staging / name, models_dir / name)
    except OSError as error:
        raise OutputError(f"cannot write the model ({error.strerror}): {models_dir}") from error
    weights = sum(p.numel() for p in built.parameters())
    return Imported(models_dir / name, weights, largest)


def _check_place(models_dir: Path, name: str, *, overwrite: bool) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"a model's name is up to 64 letters, digits, '.', '_' and '-', and starts with a "
            f"letter or digit; not {name!r}"
        )
    if not models_dir.is_dir():
        raise OutputError(f"the models folder does not exist; make it first: {models_dir}")
    check_folder(models_dir, overwrite=True)
    check_replaceable(models_dir / name, overwrite=overwrite)


def _description(
    name: str, arch: str, checkpoint: Path, frames: int, size: int
) -> ModelDescription:
    return ModelDescription(
        name=name,
        about=(
            f"{ARCHITECTURES[arch].title}, imported from {checkpoint.name}.\n"
            "The terms of whoever gave you the weights apply. No thresholds are known: see "
            "docs/models.md."
        ),
        max_batch_size=MAX_BATCH,
        inputs=(TensorSpec("silhouettes", "TYPE_UINT8", (frames, HEIGHT_PX, WIDTH_PX)),),
        outputs=(TensorSpec("embedding", "TYPE_FP32", (size,)),),
        parameters={
            "modality": "silhouette",
            "layout": "NTHW",
            "frames": str(frames),
            "cadence_hz": str(CADENCE_HZ),
            "height": str(HEIGHT_PX),
            "width": str(WIDTH_PX),
            "distance": "cosine",
            "training_data": "unknown",
            "architecture": arch,
            "imported_from": checkpoint.name,
        },
        preferred_batch_size=(2, 4, MAX_BATCH),
    )
