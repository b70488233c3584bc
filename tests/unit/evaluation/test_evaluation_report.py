"""Reports: several models side by side, paired differences, files and plots."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import walkers

from rt_gait.errors import OutputError, UsageError
from rt_gait.evaluation import plots
from rt_gait.evaluation.plots import check_plots, write_plots
from rt_gait.evaluation.report import (
    ModelResult,
    Setting,
    as_json,
    as_markdown,
    evaluate_models,
    shown,
    write_report,
)
from rt_gait.evaluation.resampling import Figure
from rt_gait.evaluation.study import RANK_1
from rt_gait.evaluation.walkers import evaluate_walkers

pytestmark = pytest.mark.usefixtures("few_replicates")

SETTING = Setting("walkers", "small@12 test", 3, "ordered")


@pytest.fixture(scope="module")
def results() -> tuple[ModelResult, ...]:
    good = walkers(22, likeness=0.9)
    rng = np.random.default_rng(1)
    worse = walkers(22, likeness=0.9).only(rng.random(len(good.about)) > 0.1)
    bad = walkers(22, likeness=0.2, seed=0)
    return evaluate_models({"good@1": good, "worse@2": worse, "bad@3": bad}, evaluate_walkers)


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for v in value.values() for n in numbers(v)]
    if isinstance(value, list):
        return [n for v in value for n in numbers(v)]
    return [value] if isinstance(value, float) else []


def test_json_has_every_figure_with_its_interval(results: tuple[ModelResult, ...]) -> None:
    found = json.loads(json.dumps(as_json(SETTING, results), allow_nan=False))
    assert [m["model"] for m in found["models"]] == ["good@1", "worse@2", "bad@3"]
    assert (found["data"], found["most_windows"]) == ("small@12 test", 3)
    same = found["models"][0]["conditions"]["same clothes"]
    assert set(same["figures"]) >= {"rank-1", "rank-5", "mAP", "EER", "FTA", "FNMR at FMR 1%"}
    figure = same["figures"]["rank-1"]
    assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert (figure["trials"], figure["subjects"]) == (88, 22)
    assert -1 <= same["figures"]["FNMR at FMR 1%"]["threshold"] <= 1
    assert set(same["groups"]) >= {"view difference, one gallery view", "frames a second"}
    assert same["counts"]["probes"] == 88
    assert len(same["det"]["fmr"]) == len(same["det"]["fnmr"])
    assert any("N = 50" in note for note in same["left_out"])
    assert all(np.isfinite(numbers(found)))


def test_models_are_compared_on_the_sequences_that_both_acquired(
    results: tuple[ModelResult, ...],
) -> None:
    good, worse, bad = results
    assert good.less_first == {}
    for name, figures in worse.less_first.items():
        for measure, figure in figures.items():  # the same vectors, so no difference at all
            assert (figure.value, figure.interval) == (0, (0, 0)), (name, measure)
        assert figures[RANK_1].trials < good.conditions[0].figures[RANK_1].trials * 7
    worst = bad.less_first["all"][RANK_1]
    expected = bad.conditions[2].figures[RANK_1].value - good.conditions[2].figures[RANK_1].value
    assert worst.value == pytest.approx(expected)
    assert worst.interval[1] < 0


def test_tables_have_a_column_for_each_model(results: tuple[ModelResult, ...]) -> None:
    text = as_markdown(SETTING, results)
    assert "| rank-1 | " in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5, 4}  # three models; two less the first
    assert text.count("| less good@1, on the same probes | worse@2 | bad@3 |") == 3
    assert "nan" not in text
    alone = as_markdown(SETTING, results[:1])
    assert "less" not in alone
    assert "Left out: N = 100" in alone


def test_figures_are_shown_in_percent() -> None:
    figure = Figure(0.97123, np.linspace(0.95, 0.99, 1000), 10, 5)
    assert shown(figure) == "97.1 (95.1 to 98.9)"
    assert shown(Figure(0.5, np.full(1000, 0.5), 4, 1)) == "50.0 (one subject)"
    assert shown(None) == shown(Figure(np.nan, np.full(3, np.nan), 0, 0)) == "-"


def test_files_are_written(results: tuple[ModelResult, ...], tmp_path: Path) -> None:
    paths = [*write_report(tmp_path, SETTING, results), *write_plots(tmp_path, results)]
    names = ["report.json", "report.md", "det.png", "views.png", "conditions.png"]
    assert [p.name for p in paths] == names
    assert all(p.stat().st_size > 1000 for p in paths)
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "gone", SETTING, results)
    with pytest.raises(OutputError, match="cannot write"):
        write_plots(tmp_path / "gone", results)


def test_plots_that_have_nothing_to_show_are_left_out(
    results: tuple[ModelResult, ...], tmp_path: Path
) -> None:
    last = [ModelResult(r.model, r.conditions[2:], {}) for r in results[:1]]
    assert [p.name for p in write_plots(tmp_path, last)] == ["det.png", "conditions.png"]


def test_plots_of_nothing_acquired(tmp_path: Path) -> None:
    embedded = walkers(3, likeness=1.0)
    none = embedded.only(np.zeros(len(embedded.about), bool))
    results = evaluate_models({"a@1": none}, evaluate_walkers)
    assert len(write_plots(tmp_path, results)) == 3
    assert "| rank-1 | - |" in as_markdown(SETTING, results)


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install matplotlib"):
        check_plots()


def test_matplotlib_is_not_imported_before_it_is_needed() -> None:
    import subprocess

    code = (
        "import sys, rt_gait.cli.evaluate\n"
        "print([m for m in ('matplotlib', 'torch', 'onnxruntime') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
