"""``build.json`` beside a plan: what it was built from and on, and what was measured of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo, sha256
from rt_gait.serving.tensorrt.device import Device
from rt_gait.serving.tensorrt.request import Profile

NAME = "build.json"
_LAYOUT = 1
_OTHER_TENSORRT = (
    ", the version installed here: if a container is to serve it, check it there (docs/docker.md)"
)


@dataclass(frozen=True)
class Latency:
    """Of one batch, copies to the device and back included."""

    batch: int
    p50_ms: float
    p99_ms: float
    runs: int


@dataclass(frozen=True)
class Agreement:
    """With the ONNX model on held-out inputs: cosines of the outputs of each, the worst output."""

    samples: int
    cosine_min: float
    cosine_mean: float


@dataclass(frozen=True)
class DlaLayers:
    """Layers of the network that a DLA can take, as TensorRT says before it builds.

    How many run there in the end it does not say: it joins layers, and may leave some to the GPU.
    """

    able: int
    all: int


@dataclass(frozen=True)
class BatchEnergy:
    """Of inferences in batches of one size, one batch after the other."""

    batch: int
    mj_per_inference: float | None
    """Mean power times the time of a batch, for one of it; None where it was not measured well."""
    mj_above_idle: float | None
    """The same with idle power left out: the engine loaded, and nothing running."""
    mean_w: float | None
    idle_w: float | None
    inferences: int
    coverage: float
    """Share of the time that was measured, 0 to 1."""
    note: str


@dataclass(frozen=True)
class BuildEnergy:
    """What inferences cost."""

    meter: str
    total: str
    """The rails that the figures are the sum of."""
    batches: tuple[BatchEnergy, ...]


@dataclass(frozen=True)
class BuildReport:
    """What ``build.json`` holds."""

    rt_gait: str
    built_utc: str
    """ISO 8601."""
    source_model: str
    """The key of the ONNX model, ``name@digest``."""
    source_sha256: str
    source_precision: str
    plan_sha256: str
    precision: str
    compiler: str
    device: Device
    profile: Profile
    workspace_mib: int | None
    dla_core: int | None
    latency: tuple[Latency, ...]
    agreement: Agreement | None
    """None where rt-gait has no held-out inputs of the model's kind."""
    accuracy: dict[str, Any] | None
    """As ``report.json`` of ``rt-gait evaluate``; None where no labelled sequences were given."""
    dla_layers: DlaLayers | None = None
    """None without a DLA, and where TensorRT was not asked: trtexec does not tell."""
    energy: BuildEnergy | None = None
    """None where there is no meter."""
    energy_note: str = "not measured"
    """Why there is none; empty where there is."""
    layout: int = _LAYOUT

    def write(self, folder: Path) -> None:
        """Write ``build.json``."""
        (folder / NAME).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> BuildReport:
        """Read ``build.json``.

        Raises:
            ModelError: it is missing, or holds something else.
        """
        path = folder / NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["layout"] != _LAYOUT:
                raise ValueError(f"layout {_LAYOUT} expected, not {found['layout']}")
            parts: dict[str, Any] = {
                "device": Device(**found.pop("device")),
                "profile": Profile(**found.pop("profile")),
                "latency": tuple(Latency(**row) for row in found.pop("latency")),
            }
            agreement, layers = found.pop("agreement"), found.pop("dla_layers", None)
            parts["agreement"] = Agreement(**agreement) if agreement else None
            parts["dla_layers"] = DlaLayers(**layers) if layers else None
            energy = found.pop("energy")
            if energy:
                batches = tuple(BatchEnergy(**row) for row in energy.pop("batches"))
                energy = BuildEnergy(**energy, batches=batches)
            parts["energy"] = energy
            return BuildReport(**found, **parts)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(
                f"a plan needs the {NAME} that rt-gait models build writes beside it; "
                f"this one cannot be used ({error}): {path}"
            ) from error


def check_plan(
    info: ModelInfo, here: Device | None = None, source: ModelInfo | None = None
) -> BuildReport:
    """Check that a plan is whole and belongs here; return its report.

    Args:
        info: the plan's configuration.
        here: the device and TensorRT that are to run it, if known.
        source: the ONNX model that it should be made of, if there is one.

    Raises:
        ModelError: it is damaged, or made on another device, for another TensorRT, or from another
            model; the message has both and the command that builds it again.
    """
    report = BuildReport.read(info.folder)
    again = f"build it again: rt-gait models build {info.name} --precision {report.precision}"
    if sha256(info.plan_path) != report.plan_sha256:
        raise ModelError(
            f"model {info.name!r}: model.plan is not the file that {NAME} was written for; {again}"
        )
    if source is not None and sha256(source.onnx_path) != report.source_sha256:
        raise ModelError(
            f"model {info.name!r}: its plan was built from {report.source_model}, and the ONNX "
            f"model is now {source.key}; {again}"
        )
    if here is not None and here.bound_to != report.device.bound_to:
        other = here.tensorrt != report.device.tensorrt
        raise ModelError(
            f"model {info.name!r}: its plan was built on {report.device.bound_to}; this is "
            f"{here.bound_to}{_OTHER_TENSORRT if other else ''}; {again}"
        )
    return report
