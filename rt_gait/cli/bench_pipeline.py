"""``rt-gait bench pipeline``: whole runs over a video and over crowds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from rt_gait.bench.pipeline.crowd import MOST_PEOPLE
from rt_gait.bench.pipeline.measure import Subject, measure
from rt_gait.bench.results.environment import about_model, environment
from rt_gait.bench.results.file import Result
from rt_gait.bench.results.tables import as_table
from rt_gait.config import load_settings
from rt_gait.energy.find import find_meter
from rt_gait.errors import UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.video.source import open_source


def pipeline_command(
    config: Path | None,
    flags: Mapping[str, Any],
    crowds: Sequence[int],
    secs: float,
    meter: str,
    out: Path | None,
) -> None:
    """Measure the video, then the crowds, and print the table; keep the result if asked to.

    Raises:
        UsageError: the options do not fit together.
        SourceOpenError: the video cannot be opened.
        ModelError: a model cannot be run, or a server does not answer.
        OutputError: the result cannot be written.
    """
    settings = load_settings(config, **flags)
    if crowds and max(crowds) > MOST_PEOPLE:
        raise UsageError(f"--people takes crowds of 1 to {MOST_PEOPLE}, not {max(crowds)}")
    info = gait_model_info(settings.models_dir, settings.model)
    if settings.video is not None:
        open_source(video=settings.video, camera=None, frame_rate=settings.fps).close()
    find_meter(meter).close()
    setting = {
        "where": "in-process" if settings.triton is None else "triton",
        "video": settings.video and settings.video.name,
        "gallery": settings.gallery and settings.gallery.name,
        "detector": settings.detector,
        "crowd_secs": secs,
    }
    result = Result("pipeline", environment(), about_model(info), setting)
    if out is not None:
        result.keep(out, overwrite=settings.overwrite)
    wanted = [None] if settings.video is not None else []
    with result.going_on():
        for people in [*wanted, *crowds]:
            point = measure(Subject(config, flags, people, secs), meter)
            result.add(point)
            sys.stderr.write(f"{point['what']}: {point['frames_per_sec']:.1f} frames/s\n")
    typer.echo(as_table(result))
    if result.path is not None:
        sys.stderr.write(f"wrote {result.path}\n")
