"""``rt-gait models build``: from ONNX to a TensorRT engine, on the device that is to run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from rt_gait.serving.repository import ModelInfo, load_info, model_names
from rt_gait.serving.tensorrt.build import Batched, build_model
from rt_gait.serving.tensorrt.compiler import find_compiler, installed
from rt_gait.serving.tensorrt.device import this_device
from rt_gait.serving.tensorrt.report import BuildReport, check_plan
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile


def build_command(
    models_dir: Path,
    name: str,
    *,
    precision: str,
    batch: str | None,
    workspace_mib: int | None,
    dla_core: int | None,
    out: Path,
    data: Path | None,
    overwrite: bool,
) -> None:
    """Build one model and say what it is worth.

    Raises:
        UsageError: the options do not fit the model.
        ModelError: there is no TensorRT or no device, or the engine is no good.
        OutputError: the model cannot be written.
    """
    info = load_info(models_dir, name)
    request = BuildRequest(
        info, Precision.of(precision), Profile.of(batch, info), workspace_mib, dla_core
    )
    request.check_precision(typed=False)  # what no TensorRT can build is told without one
    judge = _judge(info, data) if data else None
    compiler = find_compiler()
    request.check_precision(typed=compiler.typed)
    device = this_device(compiler.version)
    typer.echo(f"building {name} for {device.bound_to}; this takes minutes", err=True)
    report = build_model(request, out, compiler, device, overwrite=overwrite, judge=judge)
    typer.echo(f"{out / name}: {precision}, built from {report.source_model}")
    for line in summary(report):
        typer.echo(f"  {line}")


def _judge(info: ModelInfo, data: Path) -> Any:
    from rt_gait.evaluation.plan import accuracy, check_can_judge

    check_can_judge(info, data)

    def judge(engine: Batched) -> dict[str, Any]:
        return accuracy(info, engine, data)

    return judge


def summary(report: BuildReport) -> list[str]:
    """Return what a report says, a line each."""
    lines = [f"built on {report.device.bound_to} by {report.compiler}"]
    if report.agreement is None:
        lines.append("agreement with ONNX: no held-out inputs of this kind")
    else:
        lines.append(
            f"agreement with ONNX: cosine {report.agreement.cosine_mean:.5f} (least "
            f"{report.agreement.cosine_min:.5f}) on {report.agreement.samples} held-out inputs"
        )
    lines += [
        f"batch {row.batch}: {row.p50_ms:.3f} ms (p99 {row.p99_ms:.3f} ms)"
        for row in report.latency
    ]
    if report.dla_core is not None:
        told = report.dla_layers
        lines.append(
            f"DLA {report.dla_core}: how many layers run there is unknown"
            + (f"; it can take {told.able} of {told.all}" if told else "")
        )
    lines += _energy(report)
    lines.append("accuracy: not measured" if report.accuracy is None else "accuracy: build.json")
    return lines


def _energy(report: BuildReport) -> list[str]:
    if report.energy is None:
        return [f"energy: {report.energy_note}"]
    by = f"({report.energy.meter}: {report.energy.total})"
    lines = []
    for row in report.energy.batches:
        text, above = row.note, row.mj_above_idle
        if row.mj_per_inference is not None:
            text = f"{row.mj_per_inference:.2f} mJ an inference"
            text += "" if above is None else f", {above:.2f} mJ above idle"
            text += f" {by}"
        lines.append(f"energy, batch {row.batch}: {text}")
    return lines


def check_plan_folder(info: ModelInfo, onnx_dir: Path) -> str:
    """Check a plan, and run it where TensorRT is installed; return how far that went.

    Args:
        info: the plan's configuration.
        onnx_dir: where the ONNX model it was built from may lie.

    Raises:
        ModelError: it is damaged, foreign, or does not do what its configuration says.
    """
    from rt_gait.serving.check import check_model

    origin = info.key.partition("@")[0]
    source = load_info(onnx_dir, origin) if origin in model_names(onnx_dir) else None
    compiler = installed()
    if compiler is None:
        check_plan(info, source=source)
        return "files only, there is no TensorRT to run it"
    report = check_plan(info, this_device(compiler.version), source)
    engine = compiler.open(info.plan_path, info, report.dla_core)
    check_model(info, Batched(engine, report.profile))
    return f"run by TensorRT {compiler.version}, {compiler.name}"


def check_plans(models_dir: Path) -> None:
    """Check that every plan of a repository is whole and belongs to this machine.

    A server here is taken to have the TensorRT that is installed here; where none is, the device
    alone is compared.

    Raises:
        ModelError: one is damaged, or made on another device or for another TensorRT; or there is
            no CUDA device to run it.
    """
    names = sorted({path.parents[1].name for path in models_dir.glob("*/*/model.plan")})
    infos = [load_info(models_dir, name) for name in names if name in model_names(models_dir)]
    compiler = installed() if infos else None
    for info in infos:
        built = BuildReport.read(info.folder).device
        check_plan(info, this_device(compiler.version if compiler else built.tensorrt))
