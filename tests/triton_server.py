"""A real Triton server for tests, and models for it."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import stand_ins

from rt_gait.gait.embedder import gait_model_info
from rt_gait.gait.live import LiveGaitEmbedder
from rt_gait.gait.triton import TritonGaitEmbedder, open_served
from rt_gait.gait.triton import connect as connect_model
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.repository import default_models_dir
from rt_gait.serving.served import wait_until_ready
from rt_gait.serving.server.install import wheel_folder
from rt_gait.serving.server.process import Ports, TritonServer
from rt_gait.serving.triton import TritonClient

VENV = Path(sys.prefix) / "triton"


def new_server(models_dir: Path, **more: object) -> TritonServer:
    """A server that has not been started, on ports that were free just now."""
    if wheel_folder(VENV) is None:
        pytest.skip("Triton is not installed here (make test installs it where it can)")
    ports = Ports.free()
    log = models_dir.parent / f"triton-{ports.grpc}.log"
    return TritonServer(models_dir, venv=VENV, ports=ports, log=log, **more)  # type: ignore[arg-type]


@contextmanager
def running(server: TritonServer) -> Iterator[TritonServer]:
    """Start it, and end it without the three seconds that a clean stop takes."""
    server.start()
    try:
        yield server
    finally:
        server.kill()


def connect(server: TritonServer) -> TritonClient:
    """A connection to a server that is ready."""
    client = TritonClient(Endpoint(server.address))
    wait_until_ready(client, 10)
    return client


def patient(client: TritonClient, models_dir: Path, name: str = "whole") -> TritonGaitEmbedder:
    """A model as a file run has it."""
    info = gait_model_info(models_dir, name)
    embedder = open_served(info, client, live=False, stopped=lambda: False)
    assert isinstance(embedder, TritonGaitEmbedder)
    return embedder


def live(client: TritonClient, models_dir: Path, name: str = "whole") -> LiveGaitEmbedder:
    """A model as a live run has it."""
    info = gait_model_info(models_dir, name)
    return LiveGaitEmbedder(*connect_model(info, client))


def copy_models(models_dir: Path, names: Sequence[str]) -> Path:
    """Copy models of the repository."""
    for name in names:
        shutil.copytree(default_models_dir() / name, models_dir / name)
    return models_dir


def write_whole(models_dir: Path) -> Path:
    """Write the stand-in ``whole``, which loads in a second."""
    stand_ins.write_whole(models_dir)
    return models_dir


def edit_config(models_dir: Path, name: str, pattern: str, new: str) -> None:
    """Change a model's configuration."""
    path = models_dir / name / "config.pbtxt"
    text, count = re.subn(pattern, new, path.read_text())
    assert count
    path.write_text(text)


def seconds_until(condition: object, *, at_most: float, every: float = 0.02) -> float:
    """Wait for something to be true; return how long it took."""
    begun = time.monotonic()
    while not condition():  # type: ignore[operator]
        assert time.monotonic() - begun < at_most, f"not within {at_most} s"
        time.sleep(every)
    return time.monotonic() - begun
