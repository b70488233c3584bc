"""Results: kept point by point, read back, compared, chosen from, and shown."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rt_gait.bench.pareto.accuracy import Accuracies
from rt_gait.bench.pareto.front import Limits, choose, front_of
from rt_gait.bench.results.compare import compare
from rt_gait.bench.results.environment import about_model, environment, name_of
from rt_gait.bench.results.file import VERSION, Result, read, read_folder
from rt_gait.cli.app import app
from rt_gait.errors import OutputError, UsageError
from rt_gait.serving.repository import default_models_dir, load_info

MACHINE = environment("triton 2.51.0")


def point(batch: int, concurrency: int, **more: Any) -> dict[str, Any]:
    cost = {"mj_per_window": more.pop("mj", None), "mj_above_idle": None}
    cost |= {"total": "gpu0", "note": "not measured: no meter"}
    rate = more.pop("rate", 100.0 * batch)
    told: dict[str, Any] = {"batch": batch, "concurrency": concurrency, "engine": "own"}
    told |= {"windows_per_sec": rate, "p50_ms": 5.0, "p95_ms": 8.0, "p99_ms": 9.0 * concurrency}
    told |= {"spread": 0.02, "p50_spread": 0.03, "unstable": "", "energy": cost}
    return told | more


def result(name: str = "small", *points: dict[str, Any], **model: Any) -> Result:
    about = {"name": name, "key": f"{name}@{hash(name) & 0xFFFFFFFF:08x}"}
    about |= {"platform": "onnxruntime_onnx", "network_sha256": name, "network_bytes": 4_000_000}
    setting = {"where": "triton", "secs": 1.0}
    return Result("load", MACHINE, about | model, setting, list(points), complete=True)


def keep(found: Result, folder: Path) -> Path:
    found.keep(folder, overwrite=True)
    assert found.path is not None
    return found.path


def evaluation(path: Path, **ranks: float) -> Path:
    """A report of ``rt-gait evaluate``, as far as it is read."""
    models = [
        {
            "model": key.replace("__", "@"),
            "conditions": {
                "nm": {"figures": {"rank-1": {"value": 1.0}}},
                "all": {"figures": {"rank-1": {"value": value}, "EER": {"value": 0.1}}},
            },
        }
        for key, value in ranks.items()
    ]
    path.write_text(json.dumps({"layout": 1, "protocol": "p", "models": models}))
    return path


def command(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def test_each_point_is_written_as_it_is_done(tmp_path: Path) -> None:
    found = result()
    found.complete = False
    path = keep(found, tmp_path)

    def measure() -> None:
        with found.going_on():
            found.add(point(1, 1, p99_ms=float("inf")))
            assert read(path).points[0]["p99_ms"] is None
            raise UsageError("the power failed")

    with pytest.raises(UsageError):
        measure()
    kept = read(path)
    assert (kept.complete, kept.note) == (False, "broke off: the power failed")
    assert len(kept.points) == 1
    with pytest.raises(OutputError, match="--overwrite"):
        found.keep(tmp_path, overwrite=False)


def test_a_whole_result_is_read_back(tmp_path: Path) -> None:
    found = result("small", point(1, 1), point(8, 4))
    path = keep(found, tmp_path / "a" / "b")
    assert read(path) == found
    (again,) = read_folder(tmp_path)
    assert again == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "not a result of rt-gait bench"),
        ('{"format": "other"}', "not a result of rt-gait bench"),
        (f'{{"format": "rt-gait bench", "version": {VERSION + 1}}}', "measure again"),
        (f'{{"format": "rt-gait bench", "version": {VERSION}}}', "damaged (kind: field required)"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    for arguments in (("pareto", path), ("compare", path, path)):
        error = command(*arguments).exception
        assert isinstance(error, UsageError)
        assert told in str(error)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("kind",), "walk", "kind: input should be 'load'"),
        (("kind",), "capacity", "points.0.rate_hz: field required"),
        (("kind",), "pipeline", "points.0.what: field required"),
        (("environment",), {}, "environment.time_utc: field required"),
        (("model",), "small", "model: "),
        (("setting",), [], "setting: "),
        (("points",), {}, "points: input should be a valid list"),
        (("points", 0), 1, "points.0: input should be a valid dictionary"),
        (("points", 0, "p99_ms"), "fast", "points.0.p99_ms: input should be a valid number"),
        (("points", 0, "energy"), 3, "points.0.energy: "),
    ],
)
def test_damaged_results_are_told_in_one_line(
    tmp_path: Path, place: tuple[Any, ...], value: Any, told: str
) -> None:
    path = keep(result("small", point(1, 1)), tmp_path)
    content = json.loads(path.read_text())
    part = content
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    path.write_text(json.dumps(content))
    for arguments in (("report", tmp_path), ("pareto", path), ("compare", path, path)):
        error = command(*arguments).exception
        assert isinstance(error, UsageError)
        assert f"damaged ({told}" in str(error)
        assert str(path) in str(error)


@pytest.mark.parametrize(
    "text",
    [
        '{"layout": 1, "protocol": "p", "models": [{}]}',
        '{"layout": 1, "protocol": "p", "models": 5}',
        '{"plan_sha256": "x", "accuracy": {"models": []}}',
        '{"layout": 1, "protocol": "p", "models": [{"model": "a@1", "conditions": '
        '{"all": {"figures": {"rank-1": {"value": "high"}}}}}]}',
    ],
)
def test_damaged_reports_are_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = keep(result("small", point(1, 1)), tmp_path)
    report = tmp_path / "accuracy.json"
    report.write_text(text)
    error = command("pareto", path, "--accuracy", report).exception
    assert isinstance(error, UsageError)
    assert "a report that is damaged (models" in str(error)


def test_a_point_without_latency_is_left_out() -> None:
    front = front_of([result("x", point(1, 1), point(1, 4, p99_ms=None))], Accuracies("rank-1"))
    assert (len(front.best), front.left_out) == (1, 1)


def test_folders_without_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    for name in ("report", "pareto"):
        error = command(name, tmp_path).exception
        assert isinstance(error, UsageError)
        assert "none of the 1 JSON files" in str(error)
        assert "no such folder" in str(command(name, tmp_path / "none").exception)
    (tmp_path / "old.json").write_text('{"format": "rt-gait bench", "version": 0}')
    assert "version 0" in str(command("report", tmp_path).exception)


def test_the_environment_names_what_figures_depend_on() -> None:
    for key in ("device", "processor", "gpus", "clocks", "power_mode", "commit", "packages"):
        assert key in MACHINE
    assert MACHINE["packages"]["numpy"]
    assert name_of(MACHINE)
    info = load_info(default_models_dir(), "gei")
    about = about_model(info)
    assert about["key"] == info.key
    assert len(about["network_sha256"]) == 64
    assert about["network_bytes"] == info.network_path.stat().st_size


def test_ratios_within_the_noise_are_marked() -> None:
    before = result("small", point(1, 1), point(8, 1), point(8, 4))
    after = result("small", point(1, 1, rate=101.0), point(8, 1, rate=1200.0, p50_ms=2.5))
    told = compare(before, after)
    assert "| 1 x 1 own | ~1.010 |" in told
    assert "| 8 x 1 own | 1.500 | 0.500 |" in told
    assert "8 x 4" not in told
    noisy = result("small", point(1, 1, rate=130.0, spread=0.4))
    assert "~1.300" in compare(before, noisy)
    assert "model: small@" in compare(before, result("other", point(1, 1)))
    with pytest.raises(UsageError, match="no point in common"):
        compare(before, result("small", point(2, 2)))
    with pytest.raises(UsageError, match="cannot compare"):
        compare(before, Result("capacity", MACHINE, None, {}))


def test_folders_are_compared_by_kind_and_model(tmp_path: Path) -> None:
    for side, rate in (("a", 100.0), ("b", 200.0)):
        keep(result("small", point(1, 1, rate=rate)), tmp_path / side)
    keep(result("other", point(1, 1)), tmp_path / "b")
    told = command("compare", tmp_path / "a", tmp_path / "b")
    assert told.exit_code == 0, told.exception
    assert "| 1 x 1 own | 2.000 |" in told.stdout
    assert told.stdout.count("## ") == 1
    keep(result("third", point(1, 1)), tmp_path / "c")
    error = command("compare", tmp_path / "a", tmp_path / "c").exception
    assert isinstance(error, UsageError)
    assert "no result of the same kind" in str(error)


def zoo(tmp_path: Path) -> tuple[list[Result], Accuracies]:
    """A small quick network, a large right one, and one that is worse than the large one."""
    found = [
        result("small", point(1, 1, mj=2.0), key="small@11111111", network_bytes=1_000_000),
        result("large", point(1, 1, mj=6.0, p99_ms=20.0), key="large@22222222"),
        result("worse", point(1, 1, mj=7.0, p99_ms=21.0), key="worse@33333333"),
    ]
    known = Accuracies("rank-1")
    ranks = {"other__11111111": 0.6, "large__22222222": 0.9, "worse__33333333": 0.8}
    assert known.add(evaluation(tmp_path / "report.json", **ranks))
    return found, known


def test_the_front_and_the_choice(tmp_path: Path) -> None:
    results, known = zoo(tmp_path)
    front = front_of(results, known)
    assert front.compared == ["p99_ms", "mj_per_window", "accuracy", "size_mb"]
    assert [c["model"] for c in front.best] == ["small", "large"]
    assert front.candidates[2]["dominated_by"].startswith("large 1 x 1")
    chosen, why = choose(front, Limits())
    assert chosen["model"] == "large"
    assert "the most accurate of 2 that are not dominated" in why
    assert choose(front, Limits(latency_ms=10))[0]["model"] == "small"
    assert choose(front, Limits(mj=3))[0]["model"] == "small"
    assert choose(front, Limits(accuracy=0.7, latency_ms=25))[0]["model"] == "large"
    with pytest.raises(UsageError, match=r"none of 3 .* keeps --max-latency, --min-accuracy"):
        choose(front, Limits(latency_ms=10, accuracy=0.7))


def test_what_is_not_known_of_all_is_not_compared(tmp_path: Path) -> None:
    results, _ = zoo(tmp_path)
    results.append(result("unmetered", point(1, 1), point(2, 1, unstable="repeats are apart")))
    front = front_of(results, Accuracies("rank-1"))
    assert front.compared == ["p99_ms", "size_mb"]
    assert front.left_out == 1
    assert "not compared: energy" in choose(front, Limits())[1]
    with pytest.raises(UsageError, match="not measured: accuracy"):
        choose(front, Limits(accuracy=0.5))
    with pytest.raises(UsageError, match="no stable point"):
        front_of([result("x", point(1, 1, unstable="few"))], Accuracies("rank-1"))


@given(st.lists(st.tuples(*[st.integers(1, 4)] * 4), min_size=1, max_size=30))
def test_no_point_of_the_front_is_beaten_and_every_other_is(rows: list[Any]) -> None:
    results = [
        result(f"m{k}", point(1, 1, mj=float(mj), p99_ms=float(ms)), network_bytes=size * 10**6)
        for k, (ms, mj, _, size) in enumerate(rows)
    ]
    known = Accuracies("rank-1")
    for found, (_, _, accuracy, _) in zip(results, rows, strict=True):
        assert found.model is not None
        found.model["key"] = f"m@{found.model['name']}"
        known.by_digest[found.model["name"]] = accuracy / 4
    front = front_of(results, known)

    def beats(a: Any, b: Any) -> bool:
        signed = [(x[0], x[1], -x[2], x[3]) for x in (a, b)]
        return signed[0] != signed[1] and all(p <= q for p, q in zip(*signed, strict=True))

    for candidate, row in zip(front.candidates, rows, strict=True):
        assert bool(candidate["dominated_by"]) == any(beats(other, row) for other in rows)


def test_a_plan_has_its_own_accuracy(tmp_path: Path) -> None:
    known = Accuracies("rank-1")
    known.add(evaluation(tmp_path / "report.json", gait__11111111=0.9))
    plan = {"platform": "tensorrt_plan", "network_sha256": "abc", "key": "gait@11111111"}
    assert known.of(plan) is None
    report = json.loads((tmp_path / "report.json").read_text())
    report["models"][0]["conditions"]["all"]["figures"]["rank-1"]["value"] = 0.85
    build = tmp_path / "build.json"
    build.write_text(json.dumps({"plan_sha256": "abc", "accuracy": report}))
    assert known.add(build)
    assert known.of(plan) == 0.85
    other = evaluation(tmp_path / "other.json", gait__11111111=0.7)
    with pytest.raises(UsageError, match="two reports"):
        known.add(other)


def test_the_command_answers_with_a_model_to_deploy(tmp_path: Path) -> None:
    results, _ = zoo(tmp_path)
    for found in results:
        keep(found, tmp_path / "results")
    asked = ["pareto", tmp_path / "results", "--accuracy", tmp_path / "report.json"]
    told = command(*asked, "--max-latency", "10ms")
    assert told.exit_code == 0, told.exception
    assert "Deploy small 1 x 1 (triton, " in told.stdout
    assert "2 of 3 operating points are not dominated" in told.stdout
    none = command(*asked, "--max-latency", "1ms").exception
    assert isinstance(none, UsageError)
    assert "--measure should be" in str(command(*asked, "--measure", "EER").exception)
    wrong = command("pareto", tmp_path / "results", "--accuracy", keep(results[0], tmp_path))
    assert "neither report.json" in str(wrong.exception)


class Page(HTMLParser):
    """Looks for anything that a page would fetch, and counts what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                self.fetched.append(value)


def test_the_report_is_one_page_that_fetches_nothing(tmp_path: Path) -> None:
    results, _ = zoo(tmp_path)
    big = result("<b>", *[point(b, c, mj=1.0 * c) for b in (1, 8) for c in (1, 4)])
    big.points[0]["unstable"] = "repeats are apart"
    big.complete, big.note = False, "broke off: the server died"
    for found in [*results, big]:
        keep(found, tmp_path)
    told = command("report", tmp_path)
    assert told.exit_code == 0, told.exception
    text = (tmp_path / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.fetched
    assert not {"script", "link", "img"} & set(page.tags)
    assert page.tags.count("svg") >= 4 * 3 + 3
    assert page.tags.count("table") >= 2 * 4 + 1
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "broke off: the server died" in text
    assert "| 8 x 4 | own | 800.0 |" in (tmp_path / "report.md").read_text()
    assert isinstance(command("report", tmp_path).exception, OutputError)
    wrong = command("report", tmp_path, "--out", tmp_path / "x.md").exception
    assert "--out names the page" in str(wrong)
    assert command("report", tmp_path, "--overwrite").exit_code == 0
