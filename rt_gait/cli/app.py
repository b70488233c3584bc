"""``rt-gait``: options and commands. What they do is imported when they run, not before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rt_gait import __version__
from rt_gait.cli.bench import bench_app
from rt_gait.cli.gallery import gallery_app
from rt_gait.cli.health import health
from rt_gait.cli.learn import review
from rt_gait.cli.measures import energy, evaluate, track
from rt_gait.cli.models import models_app
from rt_gait.cli.options import (
    IN,
    OUT,
    Config,
    Detector,
    EnergyLog,
    EnergyMeter,
    Fps,
    Gallery,
    Learn,
    Metrics,
    Model,
    Overwrite,
    Preview,
    Triton,
    TritonCa,
    TritonTls,
    WaitTriton,
    option,
)
from rt_gait.cli.publish import publish
from rt_gait.cli.purge import purge
from rt_gait.cli.tools import doctor, replay, schema, serve
from rt_gait.errors import UsageError

app = typer.Typer(
    name="rt-gait",
    help="Recognise people by the way they walk, in a video or live.",
    epilog="Example: rt-gait --video lobby.mp4 --gallery people.gallery --save out.mp4",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(gallery_app, name="gallery")
app.add_typer(models_app, name="models")
app.add_typer(bench_app, name="bench")
app.command()(energy)
gallery_app.command()(review)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rt-gait {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    video: Annotated[
        Path | None, option("--video", text="Video file, or folder of pictures", panel=IN)
    ] = None,
    camera: Annotated[
        str | None, option("--camera", text="Camera: 0, /dev/video0 or csi://0", panel=IN)
    ] = None,
    rtsp: Annotated[
        str | None,
        option("--rtsp", text="Network camera, rtsp://... or http://... of MJPEG", panel=IN),
    ] = None,
    source: Annotated[
        list[str] | None,
        option(
            "--source",
            text="Several cameras or files, each with a --source NAME=PLACE",
            panel=IN,
        ),
    ] = None,
    fps: Fps = None,
    config: Config = None,
    save: Annotated[
        Path | None, option("--save", "-o", text="Annotated video, MP4", panel=OUT)
    ] = None,
    events: Annotated[
        str | None, option("--events", text="Event log, JSON Lines; - for stdout", panel=OUT)
    ] = None,
    mot: Annotated[
        Path | None, option("--mot", text="Tracks in MOTChallenge format", panel=OUT)
    ] = None,
    dump_silhouettes: Annotated[
        Path | None,
        option("--dump-silhouettes", text="Folder for track_<id>.npz silhouettes", panel=OUT),
    ] = None,
    rotate_mb: Annotated[
        float | None,
        option("--rotate-mb", text="Go on in a new event log from this size", panel=OUT),
    ] = None,
    rotate_hours: Annotated[
        float | None,
        option("--rotate-hours", text="Go on in a new event log from this age", panel=OUT),
    ] = None,
    anonymize: Annotated[
        str | None,
        option("--anonymize", text="Show people as blur or silhouette", panel=OUT),
    ] = None,
    metrics: Metrics = None,
    preview: Preview = None,
    energy_log: EnergyLog = None,
    energy_meter: EnergyMeter = None,
    show: Annotated[
        bool | None,
        option(
            "--show/--headless", text="Window (default: for cameras, with a display)", panel=OUT
        ),
    ] = None,
    overwrite: Overwrite = None,
    gallery: Gallery = None,
    learn: Learn = None,
    model: Model = None,
    detector: Detector = None,
    triton: Triton = None,
    wait_triton: WaitTriton = None,
    triton_tls: TritonTls = None,
    triton_ca: TritonCa = None,
    version: Annotated[
        bool | None,
        typer.Option("--version", help="Print the version", is_eager=True, callback=_print_version),
    ] = None,
) -> None:
    """Recognise people by the way they walk, in a video or live."""
    given = {name: value for name, value in context.params.items() if value not in (None, (), [])}
    if context.invoked_subcommand is not None:
        if given:
            option = next(iter(given)).replace("_", "-")
            raise UsageError(
                f"--{option} stands before the command {context.invoked_subcommand!r} and would "
                "be ignored; put it after the command"
            )
        return
    from rt_gait.cli.run import run_command

    flags = {name: value for name, value in given.items() if name not in ("config", "version")}
    raise typer.Exit(run_command(config, flags))


@app.command()
def enroll(
    subject: Annotated[str, option("--subject", text="Name of the person")],
    video: Annotated[Path, option("--video", text="Video of the person walking")],
    gallery: Annotated[
        Path | None, option("--gallery", text="File to add to (default people.gallery)")
    ] = None,
    track: Annotated[
        int | None, option("--track", text="Which person, where the video shows several")
    ] = None,
    model: Model = None,
    detector: Detector = None,
    triton: Triton = None,
    wait_triton: WaitTriton = None,
    triton_tls: TritonTls = None,
    triton_ca: TritonCa = None,
    fps: Fps = None,
    config: Config = None,
    consent: Annotated[
        str | None, option("--consent", text="Where the person's consent is filed")
    ] = None,
    expires: Annotated[
        str | None, option("--expires", text="Last day to recognise the person, 2027-01-31")
    ] = None,
) -> None:
    """Add a person to a gallery from a video."""
    from rt_gait.cli.enroll import enroll_command
    from rt_gait.identity.consent import new_consent

    given = new_consent(consent, expires)

    flags: dict[str, object] = {"video": video, "gallery": gallery, "model": model, "fps": fps}
    flags |= {"detector": detector, "triton": triton, "wait_triton": wait_triton}
    flags |= {"triton_tls": triton_tls, "triton_ca": triton_ca}
    enroll_command(config, flags, subject=subject, track=track, consent=given)


@app.command()
def calibrate(
    videos: Annotated[
        Path | None,
        option("--videos", text="Folder of NAME/*.mp4 of the enrolled and unknown/*.mp4 of others"),
    ] = None,
    walkers: Annotated[
        bool, typer.Option("--walkers", help="Take synthetic strangers that come with rt-gait")
    ] = False,
    fpir: Annotated[
        float,
        typer.Option(
            min=0.0001, max=0.49, help="Share of strangers' walks that may be taken for somebody"
        ),
    ] = 0.01,
    gallery: Annotated[
        Path | None, option("--gallery", text="Gallery to calibrate (default people.gallery)")
    ] = None,
    model: Model = None,
    detector: Detector = None,
    fps: Fps = None,
    config: Config = None,
) -> None:
    """Set the thresholds of a gallery by the false alarms that you can live with."""
    from rt_gait.cli.calibrate import calibrate_command

    flags = {"gallery": gallery, "model": model, "detector": detector, "fps": fps}
    calibrate_command(config, flags, videos=videos, walkers=walkers, fpir=fpir)


@app.command()
def embed(
    files: Annotated[list[Path], typer.Argument(help="Files made by --dump-silhouettes")],
    out: Annotated[Path, option("--out", text="File to write, .npz")],
    model: Model = None,
    config: Config = None,
    overwrite: Overwrite = None,
) -> None:
    """Turn dumped silhouettes into the embeddings of their windows."""
    from rt_gait.cli.embed import embed_command

    embed_command(config, {"model": model, "overwrite": overwrite}, files=files, out=out)


app.command()(track)
app.command()(evaluate)
app.command()(publish)
app.command()(purge)
app.command()(health)
app.command()(serve)
app.command()(replay)
app.command()(schema)
app.command()(doctor)
