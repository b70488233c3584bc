"""Parsing of ``rt-gait bench``: commands that measure, and those that read what was measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rt_gait.cli.bench_options import (
    Meter,
    Model,
    Out,
    Processes,
    Results,
    SetClocks,
    milliseconds,
    numbers,
)
from rt_gait.cli.options import (
    Config,
    Detector,
    Fps,
    Gallery,
    Overwrite,
    Triton,
    TritonCa,
    TritonTls,
    WaitTriton,
    option,
)
from rt_gait.errors import ExitCode, UsageError

DAY_SECS = 86400.0
bench_app = typer.Typer(help="Measure speed, energy and capacity, and compare what was measured.")


def _server(
    triton: str | None, wait_secs: float | None, tls: bool | None, ca: Path | None
) -> dict[str, Any]:
    """Return the flags of the server as settings."""
    return {"triton": triton, "wait_triton": wait_secs, "triton_tls": tls, "triton_ca": ca}


@bench_app.command()
def load(
    model: Model = None,
    batch: Annotated[str, typer.Option(help="Windows in a request")] = "1,4,8",
    concurrency: Annotated[str, typer.Option(help="Requests under way")] = "1,4,8",
    triton: Triton = None,
    engine: Annotated[
        str, typer.Option(help="Who loads the server: own, perf_analyzer, both in turn")
    ] = "own",
    perf_analyzer: Annotated[
        str, typer.Option(help="The program, for --engine perf_analyzer")
    ] = "perf_analyzer",
    secs: Annotated[float, typer.Option(min=0.1, max=DAY_SECS, help="Of each repeat")] = 2.0,
    repeats: Annotated[int, typer.Option(min=1, help="Of each point")] = 3,
    warm_up: Annotated[
        float, typer.Option(min=0, max=DAY_SECS, help="Seconds at each point left out")
    ] = 1.0,
    processes: Processes = None,
    set_clocks: SetClocks = None,
    energy_meter: Meter = "auto",
    out: Out = None,
    overwrite: Overwrite = None,
    wait_triton: WaitTriton = None,
    triton_tls: TritonTls = None,
    triton_ca: TritonCa = None,
    config: Config = None,
) -> None:
    """Load a model in closed loop at every batch and concurrency.

    On the server named by --triton, or in this process without.
    """
    from rt_gait.bench.load.bench import Timing
    from rt_gait.bench.load.sweep import Grid
    from rt_gait.cli.bench_load import Asked, load_command

    grid = Grid(
        numbers(batch, "--batch"),
        numbers(concurrency, "--concurrency"),
        Timing(secs, repeats, warm_up),
    )
    flags = {"model": model, "overwrite": overwrite} | _server(
        triton, wait_triton, triton_tls, triton_ca
    )
    modes = [] if set_clocks is None else numbers(set_clocks, "--set-clocks", least=0)
    asked = Asked(config, flags, processes, energy_meter, out, modes)
    raise typer.Exit(_uninterrupted(lambda: load_command(asked, grid, engine, perf_analyzer)))


@bench_app.command()
def capacity(
    model: Model = None,
    rate: Annotated[
        list[float] | None, option("--rate", text="Windows a second each; repeatable (default 25)")
    ] = None,
    p99: Annotated[str, typer.Option(help="In which 99% of windows must be answered")] = "40ms",
    triton: Triton = None,
    secs: Annotated[
        float, typer.Option(min=0.5, max=DAY_SECS, help="Of each try, and of each repeat")
    ] = 2.0,
    repeats: Annotated[int, typer.Option(min=1, help="Of the run that confirms")] = 3,
    most: Annotated[int, typer.Option(min=1, help="People the search ends with")] = 1 << 20,
    processes: Processes = None,
    set_clocks: SetClocks = None,
    energy_meter: Meter = "auto",
    out: Out = None,
    overwrite: Overwrite = None,
    wait_triton: WaitTriton = None,
    triton_tls: TritonTls = None,
    triton_ca: TritonCa = None,
    config: Config = None,
) -> None:
    """Find how many people can be served at a rate, within a latency."""
    from rt_gait.bench.load.bench import Timing
    from rt_gait.bench.load.capacity import Wanted
    from rt_gait.cli.bench_load import Asked, capacity_command

    rates = rate or [25.0]
    for each in rates:
        if not 0 < each < float("inf"):
            raise UsageError(f"--rate should be windows a second, above 0, not {each:g}")
    wanted = [Wanted(each, milliseconds(p99, "--p99"), most) for each in rates]
    flags = {"model": model, "overwrite": overwrite} | _server(
        triton, wait_triton, triton_tls, triton_ca
    )
    modes = [] if set_clocks is None else numbers(set_clocks, "--set-clocks", least=0)
    asked = Asked(config, flags, processes, energy_meter, out, modes)
    timing = Timing(secs, repeats, 1.0)
    raise typer.Exit(_uninterrupted(lambda: capacity_command(asked, wanted, timing)))


@bench_app.command()
def pipeline(
    video: Annotated[
        Path | None, option("--video", text="Video file, or folder of pictures")
    ] = None,
    people: Annotated[
        str | None,
        option("--people", text="Crowds of a script, such as 1,5,20 (default without --video)"),
    ] = None,
    secs: Annotated[float, typer.Option(min=1, max=DAY_SECS, help="Of each crowd")] = 10.0,
    model: Model = None,
    gallery: Gallery = None,
    detector: Detector = None,
    triton: Triton = None,
    fps: Fps = None,
    energy_meter: Meter = "auto",
    out: Out = None,
    overwrite: Overwrite = None,
    wait_triton: WaitTriton = None,
    triton_tls: TritonTls = None,
    triton_ca: TritonCa = None,
    config: Config = None,
) -> None:
    """Time whole runs: stages, latency, time to identity, memory, energy of a decision."""
    from rt_gait.cli.bench_pipeline import pipeline_command

    flags = {"video": video, "model": model, "gallery": gallery, "detector": detector, "fps": fps}
    flags |= _server(triton, wait_triton, triton_tls, triton_ca)
    crowds = numbers(people, "--people") if people else [] if video else [1, 5, 20]
    raise typer.Exit(
        _uninterrupted(
            lambda: pipeline_command(
                config, flags | {"overwrite": overwrite}, crowds, secs, energy_meter, out
            )
        )
    )


def _uninterrupted(work: Callable[[], None]) -> ExitCode:
    """Do it; return the exit code, also of Ctrl-C: what was done until then is kept."""
    try:
        work()
    except KeyboardInterrupt:
        typer.echo("interrupted; with --out, points that were done are kept", err=True)
        return ExitCode.INTERRUPTED
    return ExitCode.OK


@bench_app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Results of rt-gait bench")],
    out: Annotated[
        Path | None, option("--out", text="Page to write (default: report.html in the folder)")
    ] = None,
    overwrite: Overwrite = None,
) -> None:
    """Make a page with plots and a table in Markdown of the results in a folder."""
    from rt_gait.bench.report.write import write_report

    for path in write_report(folder, out, overwrite=bool(overwrite)):
        typer.echo(f"wrote {path}", err=True)


@bench_app.command()
def pareto(
    results: Results,
    accuracy: Annotated[
        list[Path] | None,
        option("--accuracy", text="report.json of rt-gait evaluate, or build.json; repeatable"),
    ] = None,
    measure: Annotated[str, typer.Option(help="rank-1, rank-5, mAP or mINP")] = "rank-1",
    max_latency: Annotated[
        str | None, option("--max-latency", text="p99 of a request, such as 40ms")
    ] = None,
    min_accuracy: Annotated[float | None, typer.Option(min=0, max=1, help="Share, 0 to 1")] = None,
    max_mj: Annotated[float | None, typer.Option(min=0, help="mJ a window")] = None,
) -> None:
    """Find the operating points that no other beats, and the one to deploy."""
    from rt_gait.bench.pareto.front import Limits
    from rt_gait.cli.bench_read import pareto_command

    latency_ms = None if max_latency is None else milliseconds(max_latency, "--max-latency")
    limits = Limits(latency_ms, min_accuracy, max_mj)
    pareto_command(results, accuracy or [], measure, limits)


@bench_app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="A result, or a folder of them")],
    after: Annotated[Path, typer.Argument(help="Another")],
) -> None:
    """Compare two results: ratios, and whether they are more than noise."""
    from rt_gait.cli.bench_read import compare_command

    compare_command(before, after)
