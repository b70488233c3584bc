"""How well gait models recognise the people of a data set of silhouettes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rt_gait.config import load_settings
from rt_gait.errors import OutputError, UsageError
from rt_gait.evaluation.embedding import Embedded, FramesOrder, embed_sequences
from rt_gait.evaluation.layout import Partition, SequenceFile, list_files, read_files
from rt_gait.evaluation.plots import check_plots, write_plots
from rt_gait.evaluation.published import layout_protocol
from rt_gait.evaluation.report import Setting, as_markdown, evaluate_models, write_report
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.outputs.output import check_folder

_MOST_WINDOWS = 8
"""Four seconds of walking at the usual stride; sequences of minutes would take hours."""


def evaluate_command(
    config: Path | None,
    flags: Mapping[str, Any],
    *,
    folder: Path,
    protocol: str,
    models: Sequence[str],
    partition: Path | None,
    gallery_types: str | None,
    frames_order: str | None,
    out: Path | None,
) -> None:
    """Print the table; write report and plots if asked to.

    Raises:
        UsageError: the data, the protocol and the options do not fit together.
        SourceOpenError: the data set cannot be read.
        DamagedInputError: one of its files holds something else.
        ModelError: a model cannot be run.
        OutputError: the report cannot be written.
    """
    settings = load_settings(config, **flags)
    fps = settings.fps or 25.0
    order = _order(frames_order)
    types = [t.strip() for t in (gallery_types or "").split(",") if t.strip()]
    chosen = layout_protocol(protocol, Partition.read(partition) if partition else None, types)
    if out is not None:
        check_plots()
        check_folder(out, overwrite=settings.overwrite)
    infos = [gait_model_info(settings.models_dir, n) for n in models or [settings.model]]
    files = [f for f in list_files(folder) if chosen.wants(f.about)]
    if not files:
        raise UsageError(f"none of the subjects that {protocol} tests is in {folder}")
    embedded = {
        info.key: _embed(OnnxGaitEmbedder(info), files, fps, order)
        for info in dict((i.key, i) for i in infos).values()
    }
    setting = Setting(protocol, folder.name, _MOST_WINDOWS, order.value)
    results = evaluate_models(embedded, chosen.evaluate)
    print(as_markdown(setting, results), end="")
    if out is not None:
        _make(out)
        for path in [*write_report(out, setting, results), *write_plots(out, results)]:
            sys.stderr.write(f"wrote {path}\n")


def _order(text: str | None) -> FramesOrder:
    try:
        return FramesOrder(text or "ordered")
    except ValueError:
        raise UsageError(
            f"--frames-order should be {', '.join(o.value for o in FramesOrder)}, not {text!r}"
        ) from None


def _embed(
    embedder: OnnxGaitEmbedder, files: Sequence[SequenceFile], fps: float, order: FramesOrder
) -> Embedded:
    found = embed_sequences(
        embedder, read_files(files, fps), most_windows=_MOST_WINDOWS, order=order
    )
    lost = int((~found.acquired).sum())
    sys.stderr.write(
        f"{embedder.info.name}: {len(files)} sequences, {lost} without a window of "
        f"{embedder.shape.span_secs:.2f} s\n"
    )
    return found


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder ({error.strerror}): {folder}") from error
