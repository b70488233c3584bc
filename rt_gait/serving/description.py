"""Writing a model's ``config.pbtxt``: one description in, one hand-readable Triton file out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rt_gait.serving.repository import ONNX, PLAN, ModelInfo, TensorSpec


@dataclass(frozen=True)
class ModelDescription:
    """What ``config.pbtxt`` is to say of a model.

    Args:
        name: Of the model and its folder.
        about: What it is, in a line or more; becomes the comment at the top.
        max_batch_size: Windows in one request at most.
        inputs: Without the batch dimension.
        outputs: Without the batch dimension.
        parameters: What rt-gait must know of it, in this order.
        preferred_batch_size: Of Triton's dynamic batcher; none is any.
        queue_delay_us: How long a request may wait for others.
        platform: Triton's name of what runs it: :data:`~.repository.ONNX` or
            :data:`~.repository.PLAN`.
        dla_core: Of a plan that was built for one.

    Raises:
        ValueError: a preferred batch is larger than the largest, which Triton refuses.
    """

    name: str
    about: str
    max_batch_size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: dict[str, str] = field(default_factory=dict)
    preferred_batch_size: tuple[int, ...] = (8, 16, 32)
    queue_delay_us: int = 5000
    platform: str = ONNX
    dla_core: int | None = None

    def __post_init__(self) -> None:
        if max(self.preferred_batch_size, default=0) > self.max_batch_size:
            raise ValueError(
                f"preferred batches {self.preferred_batch_size} are larger than the largest, "
                f"{self.max_batch_size}"
            )


def describe(info: ModelInfo, about: str) -> ModelDescription:
    """Return the description of a model of the repository."""
    return ModelDescription(
        name=info.name,
        about=about,
        max_batch_size=info.max_batch_size,
        inputs=info.inputs,
        outputs=info.outputs,
        parameters=info.parameters,
        preferred_batch_size=info.preferred_batch_size,
        queue_delay_us=info.queue_delay_us,
        platform=info.platform,
    )


def config_text(model: ModelDescription) -> str:
    """Return the text of ``config.pbtxt``."""
    preferred = ", ".join(str(n) for n in model.preferred_batch_size)
    lines = [f"# {_printable(line)}" for line in model.about.splitlines()]
    lines += [
        f'name: "{_escaped(model.name)}"',
        f'platform: "{model.platform}"',
        f"max_batch_size: {model.max_batch_size}",
        *_tensors("input", model.inputs),
        *_tensors("output", model.outputs),
        "version_policy { latest { num_versions: 1 } }",
        _instances(model),
        f"dynamic_batching {{ preferred_batch_size: [ {preferred} ] "
        f"max_queue_delay_microseconds: {model.queue_delay_us} }}",
        *_warm_up(model),
    ]
    lines += [
        f'parameters {{ key: "{_escaped(key)}" value {{ string_value: "{_escaped(value)}" }} }}'
        for key, value in model.parameters.items()
    ]
    return "\n".join(lines) + "\n"


def write_config(models_dir: Path, model: ModelDescription) -> Path:
    """Write ``<models_dir>/<name>/config.pbtxt``; return its path."""
    path = models_dir / model.name / "config.pbtxt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config_text(model), encoding="utf-8")
    return path


def _tensors(kind: str, specs: tuple[TensorSpec, ...]) -> list[str]:
    return [
        f'{kind} [ {{ name: "{_escaped(s.name)}" data_type: {s.data_type} '
        f"dims: [ {', '.join(str(d) for d in s.dims)} ] }} ]"
        for s in specs
    ]


def _instances(model: ModelDescription) -> str:
    """One instance: several would only share the device. KIND_AUTO is a GPU where there is one."""
    kind = "KIND_GPU" if model.platform == PLAN else "KIND_AUTO"
    core = (
        ""
        if model.dla_core is None
        else f" secondary_devices [ {{ kind: KIND_NVDLA device_id: {model.dla_core} }} ]"
    )
    return f"instance_group [ {{ count: 1 kind: {kind}{core} }} ]"


def _warm_up(model: ModelDescription) -> list[str]:
    """One request of one, and one of the first preferred size, before the server says ready.

    Larger ones would make the start slow on a processor. Inputs of an open size have none.
    """
    if any(-1 in spec.dims for spec in model.inputs) or not model.inputs:
        return []
    inputs = " ".join(
        f'inputs {{ key: "{_escaped(s.name)}" value {{ data_type: {s.data_type} '
        f"dims: [ {', '.join(str(d) for d in s.dims)} ] zero_data: true }} }}"
        for s in model.inputs
    )
    return [
        f'model_warmup [ {{ name: "batch of {n}" batch_size: {n} {inputs} }} ]'
        for n in sorted({1, min(model.preferred_batch_size, default=1)})
    ]


def _escaped(value: str) -> str:
    return _printable(value).replace("\\", "\\\\").replace('"', '\\"')


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
