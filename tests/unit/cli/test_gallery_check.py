from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rt_gait.cli.app import app
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey

KEY = TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")


def around(axis: int, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.eye(16)[axis] + 0.05 * rng.standard_normal((count, 16))


def checked(path: Path) -> str:
    result = CliRunner().invoke(app, ["gallery", "check", "--gallery", str(path)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "people.gallery"
    with Gallery.create_or_open(made) as gallery:
        gallery.enrol(name="anna", vectors=around(0, 8, 0), key=KEY)
        gallery.enrol(name="ben", vectors=around(1, 8, 1), key=KEY)
    return made


def test_nothing_odd(path: Path) -> None:
    assert checked(path) == "nothing odd was found\n"


def test_somebody_enrolled_twice(path: Path) -> None:
    with Gallery.create_or_open(path) as gallery:
        gallery.enrol(name="annie", vectors=around(0, 8, 2), key=KEY)
    (line,) = checked(path).splitlines()
    assert line.startswith(("anna and annie are alike", "annie and anna are alike"))


def test_somebody_else_in_the_video_and_too_little_of_somebody(path: Path) -> None:
    with Gallery.create_or_open(path) as gallery:
        gallery.enrol(name="anna", vectors=around(1, 2, 3), key=KEY)
        gallery.enrol(name="chloe", vectors=around(2, 3, 4), key=KEY)
    told = checked(path)
    assert "2 templates of anna are nearer to ben" in told
    assert "chloe has 3 templates: enrol more walks" in told
