"""A real Triton server of each test's own, over a model that loads in a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import triton_server

from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return triton_server.write_whole(tmp_path / "models")


@pytest.fixture
def server(models: Path) -> Iterator[TritonServer]:
    with triton_server.running(triton_server.new_server(models)) as started:
        yield started


@pytest.fixture
def client(server: TritonServer) -> Iterator[TritonClient]:
    connected = triton_server.connect(server)
    yield connected
    connected.close()
