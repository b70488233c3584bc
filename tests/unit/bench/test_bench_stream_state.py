"""State in the client and on the server give the same; what a restart costs is real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from triton_server import VENV

from rt_gait.bench.local_server import local_server
from rt_gait.bench.stream_state.__main__ import main
from rt_gait.bench.stream_state.models import write_models
from rt_gait.bench.stream_state.walk import Flight
from rt_gait.bench.stream_state.ways import Wire, open_ways
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.server.install import wheel_folder

pytestmark = pytest.mark.skipif(wheel_folder(VENV) is None, reason="Triton is not installed here")
TRACKS = range(3)


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    stand_ins.write_stream(tmp_path, "stream2d")
    return tmp_path


def test_all_ways_embed_the_same_windows(models_dir: Path) -> None:
    info = gait_model_info(models_dir, "stream2d")
    with local_server(lambda folder: write_models(folder, info), VENV) as (_, client):
        found = {}
        for way in open_ways(client, info):
            ticks = range(way.frames_a_tick, 51, way.frames_a_tick)
            vectors = [Flight(Wire(client), way, TRACKS, frames).land() for frames in ticks]
            found[way.name] = [v for v in vectors if len(v)]
    assert [len(vectors) for vectors in found.values()] == [3, 3, 3], "at 30, 40 and 50 silhouettes"
    for name in ("server", "frame"):
        np.testing.assert_allclose(found[name], found["client"], atol=1e-5)
    first, second, _ = found["client"]
    assert np.abs(first - second).max() > 1e-2


def test_the_figures_add_up(models_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = ["--tracks", "2", "--secs", "0.6", "--repeats", "1", "--json"]
    assert main(["--models-dir", str(models_dir), "--venv", str(VENV), *short]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["phases"]) == 6
    for row in told["phases"]:
        assert row["windows_per_sec"][0] > 0
        assert row["p50_ms"][0] <= row["p99_ms"][0]
    there = {r["way"]: r["bytes_up_per_window"][0] for r in told["phases"] if r["mode"] == "loop"}
    new, window = 10 * 64 * 44, 30 * stand_ins.FEATURES * 4
    assert there["client"] == pytest.approx(new + window, rel=0.1)
    assert there["server"] == pytest.approx(new, rel=0.1)
    assert told["restart"]["client"] == {"tracks": 4, "requests_refused": 0, "windows_lost": 0}
    for way in ("server", "frame"):
        assert told["restart"][way] == {"tracks": 4, "requests_refused": 4, "windows_lost": 8}


@pytest.mark.parametrize("options", [["--tracks", "0"], ["--repeats", "0"], ["--secs", "0.1"]])
def test_nothing_to_measure_is_refused(
    models_dir: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["--models-dir", str(models_dir), *options]) == 2
    assert "expected 1 or more tracks" in capsys.readouterr().err
