"""``rt-gait serve``: a Triton server over the model repository, until it is stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from rt_gait.cli.build import check_plans
from rt_gait.cli.models import models_folder
from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.server.install import default_venv, ensure_installed
from rt_gait.serving.server.process import Ports, TritonServer
from rt_gait.stopping import first_signal_interrupts

_POLL_SECS = 0.2


def serve_command(
    *, models: Path | None, tritonserver: Path | None, venv: Path | None, ports: Ports
) -> None:
    """Start the server, say when it is ready, and stop it on Ctrl-C or SIGTERM.

    Raises:
        UsageError: the folder, the program or the ports make no sense.
        ModelError: a TensorRT plan is not for this machine; or the server cannot be installed or
            started, or ends by itself.
    """
    if len(set(vars(ports).values())) != len(vars(ports)):
        raise UsageError("--grpc-port, --http-port and --metrics-port should differ")
    folder = models_folder(models)
    check_plans(folder)
    binary = _own_binary(tritonserver, venv)
    home = venv or default_venv()
    if binary is None:
        ensure_installed(home, tell=lambda line: typer.echo(line, err=True))
    log = default_venv().with_name(f"triton-{ports.grpc}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    server = TritonServer(
        folder, venv=None if binary else home, binary=binary, ports=ports, log=log
    )
    typer.echo(f"starting Triton over {folder}; its messages: {log}", err=True)
    with first_signal_interrupts():
        try:
            with server:
                typer.echo(f"ready: rt-gait --triton {server.address} (Ctrl-C stops it)", err=True)
                while (code := server.wait(_POLL_SECS)) is None:
                    pass
                raise ModelError(f"tritonserver ended by itself with exit code {code}: {log}")
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)


def _own_binary(given: Path | None, venv: Path | None) -> Path | None:
    """Return a server that the machine has; None to use the wheel."""
    if given is not None:
        if venv is not None:
            raise UsageError("give --tritonserver or --venv, not both")
        if not given.is_file():
            raise UsageError(f"there is no such program: {given}")
        return given
    found = shutil.which("tritonserver") if venv is None else None
    return None if found is None else Path(found)
