"""The figures of serving add up, in a run too short to mean anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rt_gait.bench.triton import WAYS, main
from rt_gait.serving.server.process import TritonServer


def test_every_way_is_measured(
    triton: TritonServer, triton_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "--triton",
        triton.address,
        "--models-dir",
        str(triton_models),
        "--models",
        "whole",
    ]
    short = ["--people", "4", "--processes", "2", "--secs", "0.2", "--repeats", "1"]
    assert main([*arguments, *short, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["way"] for row in rows] == list(WAYS)
    naive, file, live = rows
    for row in rows:
        assert row["clips_per_sec"] > 0
        assert 1 <= row["mean_batch"] <= 64
    assert naive["mean_batch"] <= 2, "two processes, one window each"
    assert file["mean_batch"] >= 4
    assert live["requests_per_sec"] > 0


def test_no_server_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--triton", "nowhere"]) == 2
    assert "HOST:PORT" in capsys.readouterr().err
