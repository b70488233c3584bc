"""``rt-gait evaluate`` on a tiny data set in OpenGait's layout."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from evaluation_world import walk
from typer.testing import CliRunner

from rt_gait.cli.app import app
from rt_gait.errors import DamagedInputError, OutputError, UsageError

pytestmark = pytest.mark.usefixtures("few_replicates")


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people, two days, two views; one walk is too short for a window."""
    root = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for number, subject in enumerate(("anna", "ben", "cleo")):
        for day in ("day1", "day2"):
            for view in ("000", "090"):
                place = root / subject / day / view
                place.mkdir(parents=True)
                short = (subject, day, view) == ("ben", "day2", "000")
                pixels = walk(number, float(view), rng, 10 if short else 40)
                pixels = np.pad(pixels, ((0, 0), (0, 0), (10, 10)))
                (place / f"{view}.pkl").write_bytes(pickle.dumps(pixels))
    return root


def test_the_table_is_printed_and_the_report_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    said = evaluate(folder, "--protocol", "sessions", "--model", "gei", "--out", out)
    assert said.exit_code == 0, said.output
    assert "| rank-1 | 100.0 (100.0 to 100.0) |" in said.stdout
    assert "gei: 12 sequences, 1 without a window of 1.16 s" in said.stderr
    found = json.loads((out / "report.json").read_text())
    every = found["models"][0]["conditions"]["all"]
    assert found["models"][0]["model"].startswith("gei@")
    assert every["counts"]["probes"] == 6
    assert every["counts"]["probes without a window"] == 1
    assert every["figures"]["FTA"]["value"] == pytest.approx(1 / 6, abs=1e-5)
    assert sorted(p.name for p in out.iterdir()) == [
        "conditions.png",
        "det.png",
        "report.json",
        "report.md",
    ]
    again = evaluate(folder, "--protocol", "sessions", "--out", out)
    assert isinstance(again.exception, OutputError)
    assert evaluate(folder, "--protocol", "sessions", "--out", out, "--overwrite").exit_code == 0


def test_the_frame_rate_decides_who_walks_long_enough(folder: Path) -> None:
    said = evaluate(folder, "--protocol", "sessions", "--fps", "7")
    assert "12 sequences, 0 without" in said.stderr
    said = evaluate(folder, "--protocol", "sessions", "--fps", "50")
    assert "12 sequences, 12 without" in said.stderr
    assert said.exit_code == 0
    assert "| rank-1 | - |" in said.stdout


def test_the_gallery_can_be_chosen(folder: Path) -> None:
    said = evaluate(folder, "--protocol", "sessions", "--gallery-type", "day2, day9")
    assert said.exit_code == 0
    assert "| gallery sequences without a window | 1 |" in said.stdout


def test_the_control_is_told_in_the_report(folder: Path) -> None:
    said = evaluate(folder, "--protocol", "sessions", "--frames-order", "frozen")
    assert "Frames of a window: frozen" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--protocol", "casia"], "protocols: casia-b"),
        (["--protocol", "casia-b"], "none of the subjects that casia-b tests"),
        (["--protocol", "gait3d"], "PROBE_SET"),
        (["--protocol", "sessions", "--frames-order", "backwards"], "ordered, shuffled, frozen"),
        (["--protocol", "sessions", "--model", "nobody"], "no model is called 'nobody'"),
        (["--protocol", "sessions", "--model", "person_seg"], "takes"),
        (["--protocol", "sessions", "--partition", "gone.json"], "cannot read the partition"),
        (["--protocol", "sessions", "--fps", "0"], "fps"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    folder: Path, arguments: list[str], told: str
) -> None:
    said = evaluate(folder, *arguments)
    assert isinstance(said.exception, UsageError)
    assert told in str(said.exception)
    assert "\n" not in str(said.exception)


def test_a_damaged_file_is_named(folder: Path, tmp_path: Path) -> None:
    for day in ("a", "b"):
        place = tmp_path / "anna" / day / "000"
        place.mkdir(parents=True)
        (place / "000.pkl").write_bytes(b"nothing")
    said = evaluate(tmp_path, "--protocol", "sessions")
    assert isinstance(said.exception, DamagedInputError)
    assert "000.pkl" in str(said.exception)
