"""Reading the model repository, the one source of truth about a model.

``<models>/<name>/config.pbtxt`` is a Triton model configuration (``ModelConfig`` of Triton's
``model_config.proto``); what Triton has no field for (modality, cadence, ...) stands in its
``parameters``. The in-process runner and a Triton server read the same file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rt_gait.errors import ModelError, UsageError

ONNX, PLAN = "onnxruntime_onnx", "tensorrt_plan"
"""Triton's names of the platforms that rt-gait knows."""
SOURCE_MODEL = "source_model"
"""The parameter that names the key of the model a plan was built from."""
CONFIG_BYTES_MAX = 1024 * 1024
"""A config.pbtxt above is refused before it is parsed; ours take 2 kB."""

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""What a model may be called: it is also the name of its folder."""
_PACKAGED = Path(__file__).parents[1] / "model_repository"
_CHECKOUT = Path(__file__).parents[2] / "model_repository"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model."""

    name: str
    data_type: str
    """Triton's name, such as ``TYPE_FP32``."""
    dims: tuple[int, ...]
    """Without the batch dimension; -1 where any size is allowed."""


@dataclass(frozen=True)
class ModelInfo:
    """What ``config.pbtxt`` says of one model."""

    name: str
    folder: Path
    max_batch_size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: dict[str, str]
    platform: str = ONNX
    preferred_batch_size: tuple[int, ...] = ()
    queue_delay_us: int = 0

    @property
    def largest_batch(self) -> int:
        """Items in one request at most; a model that does not batch takes one."""
        return max(self.max_batch_size, 1)

    @cached_property
    def version(self) -> int:
        """The newest version, which is the one that Triton serves."""
        versions = [int(p.name) for p in self.folder.iterdir() if p.is_dir() and p.name.isdigit()]
        return max(versions, default=1)

    @property
    def onnx_path(self) -> Path:
        """The newest version's ``model.onnx``."""
        return self.folder / str(self.version) / "model.onnx"

    @property
    def plan_path(self) -> Path:
        """The newest version's ``model.plan``."""
        return self.folder / str(self.version) / "model.plan"

    @property
    def network_path(self) -> Path:
        """The file that Triton runs."""
        return self.plan_path if self.platform == PLAN else self.onnx_path

    @cached_property
    def key(self) -> str:
        """``name@digest``: changes with every byte of the network. Templates are bound to it.

        A TensorRT plan has the key of the ONNX model it was built from: a gallery outlives a
        rebuild, and ``build.json`` says how well the two agree.

        Raises:
            ModelError: there is no ``model.onnx``, or the plan does not say where it comes from.
        """
        if self.platform == PLAN:
            return self.text(SOURCE_MODEL)
        paths = [self.onnx_path]
        if "frame_model" in self.parameters:
            paths.append(self.part("frame_model").onnx_path)
        return f"{self.name}@{file_digest(*paths)}"

    def part(self, parameter: str) -> ModelInfo:
        """Return the model of the same repository that a parameter names.

        Raises:
            ModelError: the parameter or the model is missing, or the model's configuration broken.
        """
        try:
            return load_info(self.folder.parent, self.text(parameter))
        except UsageError as error:
            raise ModelError(f"model {self.name!r}: its {parameter} is missing: {error}") from error

    def text(self, parameter: str) -> str:
        """Return a parameter.

        Raises:
            ModelError: ``config.pbtxt`` lacks it.
        """
        try:
            return self.parameters[parameter]
        except KeyError:
            raise ModelError(
                f"model {self.name!r}: config.pbtxt has no parameter {parameter!r}; add "
                f'parameters {{ key: "{parameter}" value {{ string_value: "..." }} }} to it'
            ) from None

    def number(self, parameter: str) -> float:
        """Return a parameter as a number.

        Raises:
            ModelError: it is missing or not a number.
        """
        value = self.text(parameter)
        try:
            return float(value)
        except ValueError:
            raise ModelError(
                f"model {self.name!r}: parameter {parameter!r} should be a number, not {value!r}"
            ) from None


def file_digest(*paths: Path) -> str:
    """Return the first 8 hexadecimal digits of :func:`sha256`."""
    return sha256(*paths)[:8]


def sha256(*paths: Path) -> str:
    """Return the SHA-256 of files, one after the other, hexadecimal.

    Raises:
        ModelError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise ModelError(f"cannot read the model file ({error.strerror}): {path}") from error
    return digest.hexdigest()


def default_models_dir() -> Path:
    """Return the model repository that came with this installation."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def model_names(models_dir: Path, modality: str | None = None) -> list[str]:
    """List the models of a repository, of one modality if given, sorted by name."""
    names = sorted(p.parent.name for p in models_dir.glob("*/config.pbtxt"))
    if modality is None:
        return names
    return [n for n in names if load_info(models_dir, n).parameters.get("modality") == modality]


def load_info(models_dir: Path, name: str) -> ModelInfo:
    """Read the configuration of one model.

    Raises:
        UsageError: no model has this name.
        ModelError: its ``config.pbtxt`` is not a Triton model configuration.
    """
    path = models_dir / name / "config.pbtxt"
    if not NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(model_names(models_dir)) or "none"
        raise UsageError(f"no model is called {name!r}; models in {models_dir}: {known}")
    # Imported here: gRPC and protobuf take a quarter of a second that --help must not pay.
    from rt_gait.serving.model_config import parse_model_config

    if path.stat().st_size > CONFIG_BYTES_MAX:
        raise ModelError(f"model {name!r}: config.pbtxt has more than {CONFIG_BYTES_MAX} bytes")
    try:
        config = parse_model_config(path.read_text())
    except ValueError as error:  # of the parser, or of text that is not UTF-8
        raise ModelError(f"model {name!r}: config.pbtxt is not a Triton file: {error}") from error
    if config.name not in ("", name):
        raise ModelError(f"model {name!r}: config.pbtxt says its name is {config.name!r}")
    return info_of(config, path.parent)


def info_of(config: Any, folder: Path) -> ModelInfo:
    """Return what a ``ModelConfig`` message says of the model in ``folder``."""
    from rt_gait.serving.model_config import tensor_fields

    return ModelInfo(
        name=folder.name,
        folder=folder,
        max_batch_size=config.max_batch_size,
        inputs=tuple(TensorSpec(*fields) for fields in tensor_fields(config.input)),
        outputs=tuple(TensorSpec(*fields) for fields in tensor_fields(config.output)),
        parameters={k: v.string_value for k, v in config.parameters.items()},
        platform=config.platform,
        preferred_batch_size=tuple(config.dynamic_batching.preferred_batch_size),
        queue_delay_us=config.dynamic_batching.max_queue_delay_microseconds,
    )
