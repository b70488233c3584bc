"""Shared memory carries the same numbers, and nothing of it stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from triton_server import VENV

from rt_gait.bench.shared_memory import main, open_ways
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.server.install import wheel_folder
from rt_gait.serving.triton import TritonClient


def test_all_ways_answer_the_same(triton_client: TritonClient, triton_models: Path) -> None:
    ways = open_ways(triton_client, gait_model_info(triton_models, "whole"))
    for seed in (1, 2):
        item = np.random.default_rng(seed).integers(0, 256, (1, 30, 64, 44), np.uint8)
        (wanted,) = ways["message"](item)
        (answer,) = ways["shared"](item)
        assert np.abs(wanted).max() > 0
        np.testing.assert_array_equal(answer, wanted)


@pytest.mark.skipif(wheel_folder(VENV) is None, reason="Triton is not installed here")
def test_every_way_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand_ins.write_whole(tmp_path)
    arguments = ["--models-dir", str(tmp_path), "--models", "whole", "--venv", str(VENV)]
    assert main([*arguments, "--requests", "2", "--turns", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    told = [(row["model"], row["way"]) for row in rows]
    ways = ("message", "shared")
    assert told == [(model, way) for model in ("whole", "nothing_whole") for way in ways]
    for row in rows:
        assert row["input_bytes"] == 30 * 64 * 44
        assert 0 < row["latency_ms"][0] <= row["latency_ms"][1] <= row["latency_ms"][2]


def test_nothing_to_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--turns", "0"]) == 2
    assert "expected 1 or more requests and turns" in capsys.readouterr().err
