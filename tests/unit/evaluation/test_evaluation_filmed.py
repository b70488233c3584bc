"""People filmed in colour, as a protocol and through ``python -m rt_gait.training evaluate``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import embedded_of, take_of, walk

from rt_gait.errors import ExitCode, UsageError
from rt_gait.evaluation import plots
from rt_gait.evaluation.filmed import evaluate_filmed, filmed_sequences
from rt_gait.evaluation.sequences import SequenceInfo
from rt_gait.evaluation.study import RANK_1
from rt_gait.evaluation.takes import ENROL, OTHER_DAY, SAME_DAY, STANDING, Take, write_takes
from rt_gait.evaluation.walkers import OTHER, SAME

pytestmark = pytest.mark.usefixtures("few_replicates")


def take(subject: int, kind: str) -> Take:
    pixels = walk(subject, 30.0, np.random.default_rng([subject, len(kind)]))
    return take_of(subject, kind, pixels, np.ones((1, 8)))


def takes() -> list[Take]:
    kinds = (ENROL, ENROL, SAME_DAY, OTHER_DAY, STANDING)
    return [take(subject, kind) for subject in range(4) for kind in kinds]


def test_walks_become_sequences_with_their_own_times() -> None:
    found = list(filmed_sequences([*takes(), replace(take(9, ENROL), silhouettes=())]))
    assert [s.about.session for s in found[:4]] == [ENROL, ENROL, SAME_DAY, OTHER_DAY]
    assert {s.about.subject for s in found} == {"0", "1", "2", "3", "9"}
    assert np.allclose(found[0].time_secs, np.arange(45) / 15)
    assert found[0].frame_index.tolist() == list(range(0, 90, 2))
    assert found[-1].pixels.shape == (0, 64, 44)


def test_enrolled_walks_are_the_gallery_and_days_the_conditions() -> None:
    own, wrong = np.eye(3)[:, None], np.eye(3)[[1, 2, 0]][:, None]
    rows = []
    for subject in range(3):
        for kind, vector in ((ENROL, own), (SAME_DAY, own), (OTHER_DAY, wrong)):
            rows.append((SequenceInfo(str(subject), kind, 0.0), vector[subject]))
    same, other = evaluate_filmed(embedded_of(rows))
    assert (same.name, other.name) == (SAME, OTHER)
    assert same.figures[RANK_1].value == 1
    assert other.figures[RANK_1].value == 0
    assert same.counts["gallery sequences"] == other.counts["probes"] == 3
    with pytest.raises(UsageError, match="further walks"):
        evaluate_filmed(embedded_of(rows[::3]))


def test_the_command_takes_a_file_of_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    from rt_gait.training.__main__ import main

    monkeypatch.setattr(plots, "write_plots", lambda *_: [])
    path, out = tmp_path / "takes.npz", tmp_path / "out"
    write_takes(path, takes(), "gei@1a2b3c4d")
    command = ["evaluate", "--data", str(path), "--out", str(out), "--model", "gei"]
    assert main(command) == 0
    told = json.loads((out / "report.json").read_text())
    assert told["protocol"] == "filmed"
    assert list(told["models"][0]["conditions"]) == [SAME, OTHER]
    assert main([*command, "--subjects", "3"]) == 0
    assert "16 sequences" in (shown := capsys.readouterr().err)
    assert "12 sequences" in shown
    path.write_text("nothing")
    assert main(command) == ExitCode.SOURCE_OPEN
    assert capsys.readouterr().err.count("\n") == 1
