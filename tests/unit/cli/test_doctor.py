"""``rt-gait doctor`` with a real Triton server, and with one that is not there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rt_gait import assembly
from rt_gait.cli.app import app
from rt_gait.errors import ExitCode
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient

GALLERY = Path(__file__).parents[3] / "samples" / "people.gallery"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The servers that were connected to."""
    found: list[str] = []

    def connect(endpoint: Endpoint) -> TritonClient:
        found.append(endpoint.address)
        return TritonClient(endpoint)

    monkeypatch.setattr(assembly, "TritonClient", connect)
    monkeypatch.setenv("RT_GAIT_DETECTOR", "triton:person_seg")
    monkeypatch.setenv("RT_GAIT_GALLERY", str(GALLERY))
    return found


def test_all_is_well_by_one_connection(
    triton: TritonServer, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RT_GAIT_TRITON", triton.address)
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 0, said.output
    assert "BAD" not in said.output
    assert f"{triton.address} serves gait3d@" in said.output
    assert "4 people, fits the models" in said.output
    assert opened == [triton.address]


def test_a_server_that_is_not_there_is_waited_for_once(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RT_GAIT_TRITON", "127.0.0.1:9")
    monkeypatch.setenv("RT_GAIT_WAIT_TRITON", "2")
    begun_secs = time.monotonic()
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == ExitCode.MODEL
    bad = [line.split()[1] for line in said.output.splitlines() if line.startswith("BAD")]
    assert bad == ["segmenter", "Triton"]
    assert opened == ["127.0.0.1:9"]
    assert time.monotonic() - begun_secs < 30
