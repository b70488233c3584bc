"""``rt-gait health``: is the run on this machine well? For the health checks of containers."""

from __future__ import annotations

import os
from typing import Annotated

import typer

UNWELL = 1
"""The exit code: Docker and Kubernetes know 0 and 1."""


def health(
    where: Annotated[
        str | None,
        typer.Argument(help="As given to --metrics: :PORT, HOST:PORT (default RT_GAIT_METRICS)"),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask only whether it is stuck, not whether frames come")
    ] = False,
) -> None:
    """Ask a run with --metrics whether it is well: exit code 0 if so, else 1 and the reason."""
    from rt_gait.errors import UsageError
    from rt_gait.listening.address import (
        METRICS,
        address_variable,
        parse_address,
        token_from_environment,
    )
    from rt_gait.monitoring.ask import ask

    variable = address_variable(METRICS)
    given = where or os.environ.get(variable)
    if not given:
        raise UsageError(f"give the address of --metrics, such as :9464, or set {variable}")
    address = parse_address(given.removeprefix("http://").removesuffix("/"))
    path, word = ("/healthz", "alive") if live else ("/readyz", "ready")
    well, reason = ask(address, path, token=token_from_environment(METRICS))
    typer.echo(word if well else f"not {word}: {reason}")
    raise typer.Exit(0 if well else UNWELL)
