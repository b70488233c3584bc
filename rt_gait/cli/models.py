"""``rt-gait models``: what the model repository holds, bringing models in, building engines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rt_gait.errors import ExitCode, RtGaitError, UsageError

if TYPE_CHECKING:
    from rt_gait.serving.repository import ModelInfo

models_app = typer.Typer(help="List, show, check, fetch, import or build models.")

Folder = Annotated[
    Path | None, typer.Option("--models", help="Models folder (default: that of the settings)")
]
_NOT_SCORED = (
    "no thresholds are known for it: find known_score, candidate_score and margin on videos of "
    "your own and set them in the --config file, or as RT_GAIT_KNOWN_SCORE and so on "
    "(docs/models.md)"
)


def models_folder(given: Path | None) -> Path:
    """Return the model repository to use: the one given, or that of the settings.

    Raises:
        UsageError: it is no folder.
    """
    from rt_gait.config import load_settings

    folder = load_settings(None, models_dir=given).models_dir
    if not folder.is_dir():
        raise UsageError(f"the models folder does not exist: {folder}")
    return folder


@models_app.command("list")
def list_models(models: Folder = None) -> None:
    """List the models."""
    from rt_gait.cli.model_tables import print_table, row, table_of
    from rt_gait.serving.repository import model_names

    folder = models_folder(models)
    names = model_names(folder)
    if not names:
        typer.echo(f"no models in {folder}", err=True)
        return
    table = table_of("name", "modality", "MB", "frames", "Hz", "trained on")
    for name in names:
        table.add_row(name, *row(folder, name))
    print_table(table)


@models_app.command()
def show(name: Annotated[str, typer.Argument(help="Model")], models: Folder = None) -> None:
    """Show what is known of a model."""
    from rt_gait.cli.model_tables import megabytes, print_table, table_of
    from rt_gait.serving.repository import PLAN, load_info

    info = load_info(models_folder(models), name)
    table = table_of("", "")
    table.show_header = False
    table.add_row("model", info.key)
    table.add_row("file", f"{info.network_path} ({megabytes(info)} MB)")
    table.add_row("largest batch", str(info.max_batch_size))
    for kind, specs in (("input", info.inputs), ("output", info.outputs)):
        for spec in specs:
            table.add_row(kind, f"{spec.name} {spec.data_type} {list(spec.dims)}")
    for key, value in sorted(info.parameters.items()):
        table.add_row(key, value)
    if info.platform == PLAN:
        from rt_gait.cli.build import summary
        from rt_gait.serving.tensorrt.report import BuildReport

        for line in summary(BuildReport.read(info.folder)):
            table.add_row("build", line)
    print_table(table)
    _tell_unscored(info)


@models_app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Models (default: all)")] = None,
    models: Folder = None,
) -> None:
    """Run a batch through models and compare with their configurations."""
    from rt_gait.serving.repository import model_names

    folder = models_folder(models)
    failed = False
    for name in names or model_names(folder):
        try:
            more = _check(folder, name)
        except RtGaitError as error:
            failed = True
            typer.echo(f"BAD {name}: {error}")
        else:
            typer.echo(f"ok  {name}" + (f" ({more})" if more else ""))
    if failed:
        raise typer.Exit(ExitCode.MODEL)


@models_app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="https address or path: .tar.gz, .zip or a folder")],
    sha256: Annotated[str | None, typer.Option(help="That the archive must have")] = None,
    name: Annotated[str | None, typer.Option(help="Of the model (default: its own)")] = None,
    models: Folder = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model")] = False,
) -> None:
    """Bring a model (config.pbtxt, 1/model.onnx) into the models folder, if it passes check."""
    from rt_gait.serving.fetch.fetch import fetch_model

    done = fetch_model(
        source, models_folder(models), _run, sha256_wanted=sha256, name=name, overwrite=overwrite
    )
    typer.echo(f"{done.info.folder}: {done.info.key}")
    if done.sha256:
        typer.echo(f"SHA-256 of the archive: {done.sha256}")
    _tell_unscored(done.info)


@models_app.command("import")
def import_model(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint written by OpenGait (.pt)")],
    arch: Annotated[
        str,
        typer.Option(help="gaitset, gaitbase, deepgaitv2-2d, deepgaitv2-3d or deepgaitv2-p3d"),
    ],
    name: Annotated[str, typer.Option(help="Of the new model")],
    models: Folder = None,
    frames: Annotated[int, typer.Option(min=1, max=720, help="Of a window")] = 30,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model")] = False,
) -> None:
    """Turn an OpenGait checkpoint into a model; its own terms of use apply."""
    folder = models_folder(models)
    try:
        from rt_gait.training.published.importer import import_checkpoint
    except ImportError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in ("torch", "onnx"):
            raise
        raise UsageError(f"{missing} is not installed: pip install 'rt-gait[train]'") from error
    done = import_checkpoint(
        checkpoint, arch, name, models_dir=folder, frames=frames, overwrite=overwrite
    )
    typer.echo(
        f"{done.folder}: {done.parameters / 1e6:.2f} M parameters; ONNX Runtime and torch differ "
        f"by {done.difference:.1e}"
    )
    typer.echo(_NOT_SCORED, err=True)


@models_app.command()
def build(
    name: Annotated[str, typer.Argument(help="Model")],
    precision: Annotated[str, typer.Option(help="fp32, fp16, int8 or best (int8 and fp16)")],
    batch: Annotated[
        str | None,
        typer.Option(help="Least (1), usual and largest batch, as in 1,8,32; or 1 for that alone"),
    ] = None,
    workspace: Annotated[
        int | None, typer.Option(min=1, help="MiB that a layer may use (default: all there is)")
    ] = None,
    dla: Annotated[
        int | None, typer.Option(min=0, help="Deep learning accelerator to run on, 0 or 1; fp16")
    ] = None,
    out: Annotated[Path, typer.Option(help="Triton model repository to build in")] = Path(
        "engines"
    ),
    data: Annotated[
        Path | None,
        typer.Option(help="Silhouettes as <id>/<type>/<view>/: measure accuracy on the engine"),
    ] = None,
    models: Folder = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a build")] = False,
) -> None:
    """Make a TensorRT engine of a model, on the device that is to run it."""
    from rt_gait.cli.build import build_command

    build_command(
        models_folder(models),
        name,
        precision=precision,
        batch=batch,
        workspace_mib=workspace,
        dla_core=dla,
        out=out,
        data=data,
        overwrite=overwrite,
    )


def _check(folder: Path, name: str) -> str:
    """Check a model; return what else there is to say of the check."""
    from rt_gait.serving.repository import PLAN, load_info

    info = load_info(folder, name)
    if info.platform == PLAN:
        from rt_gait.cli.build import check_plan_folder

        return check_plan_folder(info, models_folder(None))
    _run(info)
    return ""


def _run(info: ModelInfo) -> None:
    """Check a model that ONNX Runtime runs."""
    from rt_gait.gait.embedder import OnnxGaitEmbedder
    from rt_gait.serving.check import check_model

    if info.text("modality") in ("silhouette", "flow"):
        OnnxGaitEmbedder(info)
    check_model(info)


def _tell_unscored(info: ModelInfo) -> None:
    if info.parameters.get("modality") == "silhouette" and "known_score" not in info.parameters:
        typer.echo(_NOT_SCORED, err=True)
