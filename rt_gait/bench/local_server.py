"""A Triton server of this machine's for a measurement, and what it costs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.served import wait_until_ready
from rt_gait.serving.server.install import default_venv, ensure_installed
from rt_gait.serving.server.process import Ports, TritonServer
from rt_gait.serving.triton import TritonClient

BACKENDS = Path(__file__).with_name("backends")
"""Folders of Python models that are only measured."""
READY_SECS = 30.0
_TICKS_A_SEC = os.sysconf("SC_CLK_TCK")


@contextmanager
def local_server(
    write_models: Callable[[Path], None], venv: Path | None = None
) -> Iterator[tuple[TritonServer, TritonClient]]:
    """Yield a server that is ready, and a connection to it.

    Args:
        write_models: Fills the folder that becomes the model repository.
        venv: The environment of Triton's wheel; rt-gait's own by default.

    Raises:
        ModelError: it cannot be installed, or a model cannot be loaded.
    """
    venv = venv or default_venv()
    ensure_installed(venv, tell=lambda line: print(line, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        write_models(models)
        log = Path(folder) / "triton.log"
        with TritonServer(models, venv=venv, ports=Ports.free(), log=log) as server:
            client = TritonClient(Endpoint(server.address))
            try:
                wait_until_ready(client, READY_SECS)
                yield server, client
            finally:
                client.close()


def processor_secs(server: TritonServer) -> float:
    """Return what a server and the processes of its models have used, user and system."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold spaces.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended just now
            continue
        if int(fields[2]) == server.pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_A_SEC
