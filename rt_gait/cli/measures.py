"""Parsing of the commands that run one part of rt-gait by itself, or measure it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rt_gait.cli.options import IN, OUT, Config, Overwrite, option


def energy(
    secs: Annotated[
        float | None, typer.Option(min=0.1, help="Time to measure (default: until Ctrl-C)")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object at the end (default after 10 s)")
    ] = False,
    energy_meter: Annotated[str, typer.Option(help="auto, jtop, ina3221, nvml, rapl")] = "auto",
) -> None:
    """Show what the energy meters of this machine say."""
    from rt_gait.cli.energy import energy_command

    energy_command(secs, as_json=as_json, meter_name=energy_meter)


def track(
    detections: Annotated[
        Path, option("--detections", text="Boxes with scores, MOTChallenge format", panel=IN)
    ],
    out: Annotated[Path, option("--out", text="Tracks to write, MOTChallenge format", panel=OUT)],
    video: Annotated[
        Path | None, option("--video", text="Their video, for the times of its frames", panel=IN)
    ] = None,
    fps: Annotated[
        float | None,
        option("--fps", text="Frame rate (default: the video's, seqinfo.ini's, or 25)", panel=IN),
    ] = None,
    overwrite: Overwrite = None,
) -> None:
    """Follow the people that another detector has found."""
    from rt_gait.cli.track import track_command

    track_command(detections=detections, out=out, video=video, fps=fps, overwrite=bool(overwrite))


def evaluate(
    folder: Annotated[Path, typer.Argument(help="Silhouettes as <id>/<type>/<view>/000.pkl")],
    protocol: Annotated[
        str,
        option("--protocol", text="casia-b, oumvlp, gait3d, grew; sessions for data of your own"),
    ],
    model: Annotated[
        list[str] | None, option("--model", text="Gait model; repeat to compare (default gait3d)")
    ] = None,
    fps: Annotated[
        float | None, option("--fps", text="Frame rate of files without times (default 25)")
    ] = None,
    partition: Annotated[
        Path | None, option("--partition", text="Who is tested, JSON with TEST_SET as OpenGait's")
    ] = None,
    gallery_type: Annotated[
        str | None,
        option("--gallery-type", text="Types to enrol, such as nm-01,nm-02 (default: the first)"),
    ] = None,
    frames_order: Annotated[
        str | None,
        option("--frames-order", text="shuffled or frozen: how much is owed to motion?"),
    ] = None,
    out: Annotated[
        Path | None, option("--out", text="Folder for the report (JSON, Markdown) and plots")
    ] = None,
    config: Config = None,
    overwrite: Overwrite = None,
) -> None:
    """Measure how well models recognise the people of a data set."""
    from rt_gait.cli.evaluate import evaluate_command

    evaluate_command(
        config,
        {"fps": fps, "overwrite": overwrite},
        folder=folder,
        protocol=protocol,
        models=model or [],
        partition=partition,
        gallery_types=gallery_type,
        frames_order=frames_order,
        out=out,
    )
