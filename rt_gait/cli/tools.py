"""Parsing of the commands around a run: serving models, reading logs, checking the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rt_gait.cli.options import Config, option


def serve(
    models: Annotated[
        Path | None, typer.Option("--models", help="Models folder (default: that of the settings)")
    ] = None,
    grpc_port: Annotated[int, typer.Option(min=1, max=65535, help="For --triton")] = 8001,
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="For health checks")] = 8000,
    metrics_port: Annotated[int, typer.Option(min=1, max=65535, help="For Prometheus")] = 8002,
    tritonserver: Annotated[
        Path | None,
        option("--tritonserver", text="Program to run (default: on PATH, or the wheel)"),
    ] = None,
    venv: Annotated[
        Path | None, option("--venv", text="Environment of the wheel, made if it is not there")
    ] = None,
) -> None:
    """Serve the models with Triton on this machine's loopback, until Ctrl-C."""
    from rt_gait.cli.serve import serve_command
    from rt_gait.serving.server.process import Ports

    ports = Ports(grpc=grpc_port, http=http_port, metrics=metrics_port)
    serve_command(models=models, tritonserver=tritonserver, venv=venv, ports=ports)


def replay(
    events: Annotated[Path, typer.Argument(help="Event log made by --events")],
) -> None:
    """Tell the story of an event log."""
    from rt_gait.events.read import read_events
    from rt_gait.events.replay import timeline

    for line in timeline(read_events(events)):
        typer.echo(line)


def schema() -> None:
    """Print the JSON Schema of the event log."""
    import json

    from rt_gait.events.schema import load_schema

    typer.echo(json.dumps(load_schema(), indent=2))


def doctor(config: Config = None) -> None:
    """Check this installation, and say what to do about what is missing."""
    from rt_gait.cli.doctor import doctor_command

    raise typer.Exit(doctor_command(config))
