"""Building a model: the engine, what it is worth, and the folder that Triton loads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait import __version__
from rt_gait.errors import ModelError, OutputError, UsageError
from rt_gait.serving.description import ModelDescription, describe, write_config
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import PLAN, SOURCE_MODEL, ModelInfo, sha256
from rt_gait.serving.swap import put_in_place, staging_place
from rt_gait.serving.tensorrt.compiler import Batch, Compiler, Engine
from rt_gait.serving.tensorrt.cuda import empty
from rt_gait.serving.tensorrt.device import Device
from rt_gait.serving.tensorrt.energy import with_energy
from rt_gait.serving.tensorrt.held_out import held_out
from rt_gait.serving.tensorrt.report import Agreement, BuildReport, Latency
from rt_gait.serving.tensorrt.request import BuildRequest, Profile

TIMING_CACHE = "timing.cache"
LEAST_COSINE = 0.95
"""Mean cosine to the ONNX model below which an engine is thrown away. int8 against its own Q/DQ
model and fp16 against fp32 stay above .99; an uncalibrated int8 engine is near 0."""

Judge = Callable[["Batched"], dict[str, Any]]


class Batched:
    """An engine that takes any number of inputs, in batches of at most its profile's largest."""

    def __init__(self, engine: Engine, profile: Profile) -> None:
        self._engine, self._profile = engine, profile

    def run(self, batch: Batch) -> list[Batch]:
        """Return the model's outputs, each [N, ...]."""
        size = self._profile.most
        parts = [self._engine.run(batch[k : k + size]) for k in range(0, len(batch), size)]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def resized(batch: Batch, count: int) -> Batch:
    """Return ``count`` inputs, repeating or leaving out some."""
    return np.resize(batch, (count, *batch.shape[1:])) if len(batch) != count else batch


def build_model(
    request: BuildRequest,
    out: Path,
    compiler: Compiler,
    device: Device,
    *,
    overwrite: bool = False,
    judge: Judge | None = None,
) -> BuildReport:
    """Build ``<out>/<name>``: ``config.pbtxt``, ``1/model.plan`` and ``build.json``, or nothing.

    Args:
        request: what to build.
        out: a Triton model repository, made if it is not there; the timing cache lies in it.
        compiler: the TensorRT to build with.
        device: where it runs.
        overwrite: replace an earlier build.
        judge: measures accuracy on the engine.

    Raises:
        UsageError: ``out`` is the repository of the ONNX models.
        OutputError: there is such a model, or it cannot be written.
        ModelError: there is no engine, or it does not do what the ONNX model does.
    """
    name, target = request.info.name, out / request.info.name
    _check_place(request.info, out, overwrite=overwrite)
    description = _description(request)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=staging_place(out)) as folder:
            staging = Path(folder)
            plan = write_config(staging, description).parent / "1" / "model.plan"
            plan.parent.mkdir()
            dla_layers = compiler.build(request, plan, out / TIMING_CACHE)
            report = _report(request, plan, compiler, device, judge)
            report = replace(report, dla_layers=dla_layers)
            report.write(staging / name)
            put_in_place(staging / name, target)
    except OSError as error:
        raise OutputError(f"cannot write the model ({error.strerror}): {target}") from error
    return report


def _check_place(info: ModelInfo, out: Path, *, overwrite: bool) -> None:
    if out.resolve() == info.folder.parent.resolve():
        raise UsageError(
            f"--out should be another folder than that of the ONNX models, which the plan of "
            f"{info.name!r} would replace: {out}"
        )
    if (out / info.name).exists() and not overwrite:
        raise OutputError(f"it exists; pass --overwrite to replace it: {out / info.name}")


def _description(request: BuildRequest) -> ModelDescription:
    info, most = request.info, request.profile.most
    about = (
        f"{info.name} as a TensorRT plan in {request.precision.value}, for one device and one\n"
        "TensorRT: build.json. Made by rt-gait models build."
    )
    plan = replace(
        info,
        platform=PLAN,
        max_batch_size=most,
        preferred_batch_size=tuple(n for n in info.preferred_batch_size if n <= most) or (most,),
        parameters={
            **info.parameters,
            "precision": request.precision.value,
            SOURCE_MODEL: info.key,
        },
    )
    return replace(describe(plan, about), dla_core=request.dla_core)


def _report(
    request: BuildRequest,
    plan: Path,
    compiler: Compiler,
    device: Device,
    judge: Judge | None,
) -> BuildReport:
    info = request.info
    engine = compiler.open(plan, info, request.dla_core)
    batched = Batched(engine, request.profile)
    inputs = held_out(info)
    agreement = None if inputs is None else _agreement(info, batched, inputs)
    if inputs is None:
        (spec,) = info.inputs
        inputs = np.zeros_like(empty((1, *spec.dims), spec.data_type))
    report = BuildReport(
        rt_gait=__version__,
        built_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        source_model=info.key,
        source_sha256=sha256(info.onnx_path),
        source_precision=request.source_precision,
        plan_sha256=sha256(plan),
        precision=request.precision.value,
        compiler=compiler.name,
        device=device,
        profile=request.profile,
        workspace_mib=request.workspace_mib,
        dla_core=request.dla_core,
        latency=tuple(_latency(engine, resized(inputs, n)) for n in request.profile.sizes),
        agreement=agreement,
        accuracy=judge(batched) if judge else None,
    )
    return with_energy(report, engine, inputs)


def _agreement(info: ModelInfo, engine: Batched, inputs: Batch) -> Agreement:
    onnx, size = OnnxModel(info.onnx_path, info), info.largest_batch
    wanted = [onnx.run(inputs[k : k + size]) for k in range(0, len(inputs), size)]
    cosines = np.stack(
        [
            _cosines(np.concatenate(parts), got)
            for parts, got in zip(zip(*wanted, strict=True), engine.run(inputs), strict=True)
        ]
    ).min(axis=0)
    if not cosines.mean() >= LEAST_COSINE:  # also where it is not a number
        raise ModelError(
            f"model {info.name!r}: the engine's outputs should resemble the ONNX model's (mean "
            f"cosine {LEAST_COSINE} or more), and have {cosines.mean():.3f} on {len(inputs)} "
            "held-out inputs; nothing was kept"
        )
    return Agreement(len(inputs), float(cosines.min()), float(cosines.mean()))


def _cosines(one: Batch, other: Batch) -> Batch:
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (one, other))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(lengths, 1e-12))


def _latency(engine: Engine, batch: Batch) -> Latency:
    milliseconds = 1000 * engine.latencies(batch)
    p50, p99 = np.percentile(milliseconds, (50, 99))
    return Latency(len(batch), round(float(p50), 4), round(float(p99), 4), len(milliseconds))
