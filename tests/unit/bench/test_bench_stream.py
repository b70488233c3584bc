from __future__ import annotations

import json
from pathlib import Path

import pytest
import stand_ins

from rt_gait.bench.stream import main


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    stand_ins.write_whole(tmp_path, "gait2d")
    stand_ins.write_stream(tmp_path, "stream2d")
    return tmp_path


def test_both_are_timed_on_the_same_windows(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--models-dir", str(models_dir), "--windows", "5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["whole"].startswith("gait2d@")
    assert told["stream"].startswith("stream2d@")
    assert [r["stride_frames"] for r in told["strides"]] == [1, 10]
    for report in told["strides"]:
        assert report["greatest_difference"] < 1e-5
        cheaper = report["whole_ms_a_frame"] / report["stream_ms_a_frame"]
        assert report["times_cheaper"] == pytest.approx(cheaper)


def test_a_stream_of_another_network_is_told_by_the_difference(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_ins.write_stream(models_dir, "stream2d", seed=2)
    assert main(["--models-dir", str(models_dir), "--windows", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert all(r["greatest_difference"] > 0.01 for r in told["strides"])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [(["--windows", "0"], 2, "expected 1 or more windows"), (["--models-dir", "."], 2, "no model")],
)
def test_what_cannot_be_measured_is_refused(
    models_dir: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    assert main(["--models-dir", str(models_dir), *options]) == code
    assert words in capsys.readouterr().err
