"""Load and capacity: in runs too short to mean anything, the sums agree with the server's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rt_gait.bench.load.answers import Answers, Sample
from rt_gait.bench.load.bench import Timing, summary
from rt_gait.bench.load.capacity import Wanted, capacity, most_people
from rt_gait.bench.load.clients import Clients
from rt_gait.bench.load.engine import Target, batch_from, inputs_of
from rt_gait.bench.load.jobs import Camera, ClosedLoop
from rt_gait.bench.load.reference import Reference
from rt_gait.bench.results.file import read
from rt_gait.cli.app import app
from rt_gait.errors import ExitCode, ModelError, OutputError, ServerError, UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient

SHORT = ["--secs", "0.4", "--repeats", "2", "--processes", "2", "--energy-meter", "none"]


def bench(*arguments: object, models: Path, triton: TritonServer | None = None) -> Result:
    words = ["bench", *map(str, arguments)]
    words += [] if triton is None else ["--triton", triton.address]
    env = {"RT_GAIT_MODELS_DIR": str(models), "COLUMNS": "200"}
    return CliRunner().invoke(app, words, env=env)


def failure(result: Result) -> Any:
    """The error that a command ended with, which the program tells in one line."""
    return result.exception


@pytest.fixture
def target(triton: TritonServer, triton_models: Path) -> Target:
    return Target(triton_models, "whole", Endpoint(triton.address))


def test_a_sweep_agrees_with_the_server(
    triton: TritonServer, triton_models: Path, tmp_path: Path
) -> None:
    asked = ["--model", "whole", "--batch", "1,4", "--concurrency", "2", "--warm-up", "0.2"]
    done = bench("load", *asked, *SHORT, "--out", tmp_path, models=triton_models, triton=triton)
    assert done.exit_code == 0, done.exception
    result = read(tmp_path / "load-whole-triton.json")
    assert result.complete
    assert result.environment["server"].startswith("triton 2.")
    assert result.model is not None
    assert result.setting["reference"] == result.model["key"]
    assert [(p["batch"], p["concurrency"]) for p in result.points] == [(1, 2), (4, 2)]
    for point in result.points:
        assert point["failed"] == 0
        assert point["batch"] <= point["server_batch"] <= 2 * point["batch"]
        assert 0 < point["p50_ms"] <= point["p95_ms"] <= point["p99_ms"]
        assert point["queue_ms"] + point["compute_ms"] < point["p99_ms"]
        assert point["cosine_min"] > 0.9999
        assert point["energy"]["mj_per_window"] is None
        assert "not measured" in point["energy"]["note"]
        assert len(point["repeats"]) == 2
        # What clients saw is what the server counted, but for requests on the edges.
        for row in point["repeats"]:
            seen = row["windows_per_sec"] / point["batch"]
            assert row["requests_per_sec"] == pytest.approx(seen, abs=15, rel=0.2)
    assert "| 4 x 2 | own |" in done.stdout


def test_in_process_needs_no_server(triton_models: Path, tmp_path: Path) -> None:
    asked = ["--model", "whole", "--batch", "2", "--concurrency", "2", "--warm-up", "0"]
    done = bench("load", *asked, *SHORT, "--out", tmp_path, models=triton_models)
    assert done.exit_code == 0, done.exception
    (point,) = read(tmp_path / "load-whole-in-process.json").points
    assert point["windows_per_sec"] > 0
    assert point["server_batch"] is None
    assert point["cosine_min"] > 0.9999


def test_capacity_is_found_and_confirmed(
    triton: TritonServer, triton_models: Path, tmp_path: Path
) -> None:
    limits = ["--rate", "2", "--p99", "2s", "--most", "8", "--secs", "1", "--repeats", "1"]
    asked = ["--model", "whole", *limits, "--processes", "2", "--energy-meter", "none"]
    done = bench("capacity", *asked, "--out", tmp_path, models=triton_models, triton=triton)
    assert done.exit_code == 0, done.exception
    (point,) = read(tmp_path / "capacity-whole-triton.json").points
    assert point["people"] == 8
    assert point["search_ended_at_most"]
    assert [row["people"] for row in point["tried"]] == [2, 4, 8]
    assert point["windows_per_sec"] == pytest.approx(16, abs=2)
    assert point["p99_ms"] <= 2000


def test_each_window_of_a_camera_is_answered_once(
    target: Target, triton_client: TritonClient
) -> None:
    before = triton_client.statistics("whole", timeout_secs=10)["inferences"]
    with Clients(target, 2) as clients:
        answers = clients.do(lambda k: Camera(3 + k, 2.0, 1.0))
    assert answers.count == 2 * (3 + 4)
    assert triton_client.statistics("whole", timeout_secs=10)["inferences"] - before == 14


def test_a_closed_loop_counts_windows_and_keeps_answers(target: Target) -> None:
    with Clients(target, 1) as clients:
        answers = clients.do(lambda _: ClosedLoop(8, 2, 0.2))
    assert answers.count >= 16
    assert answers.count % 8 == 0
    info = gait_model_info(target.models_dir, "whole")
    cosines = Reference(info).cosines(answers.samples)
    assert cosines["cosine_min"] == pytest.approx(1, abs=1e-4)


def test_another_answer_is_seen(triton_models: Path) -> None:
    info = gait_model_info(triton_models, "whole")
    vectors = OnnxModel(info.onnx_path, info).run(batch_from(inputs_of(info), 5, 4))[0]
    reference = Reference(info)
    assert reference.cosines([Sample(5, vectors)])["cosine_min"] == pytest.approx(1, abs=1e-5)
    swapped = reference.cosines([Sample(5, vectors[::-1])])["cosine_min"]
    assert swapped is not None
    assert swapped < 0.9999
    assert reference.cosines([])["cosine_min"] is None


def test_a_server_that_dies_leaves_what_was_measured(triton_models: Path, tmp_path: Path) -> None:
    from triton_server import new_server

    server = new_server(triton_models)
    server.start()
    program = tmp_path / "perf_analyzer"  # the second engine at each point: it kills the server
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Perf Analyzer Version 2.51.0 && exit\n'
        f"kill -9 -{server.pid}\nsleep 0.5\n"
    )
    program.chmod(0o755)
    asked = ["--model", "whole", "--batch", "1", "--concurrency", "1", "--engine", "both"]
    asked += ["--perf-analyzer", str(program), "--warm-up", "0", "--out", str(tmp_path)]
    try:
        done = bench("load", *asked, *SHORT, models=triton_models, triton=server)
    finally:
        server.kill()
    assert isinstance(done.exception, ServerError)
    result = read(tmp_path / "load-whole-triton.json")
    assert not result.complete
    assert "broke off" in result.note
    assert [p["engine"] for p in result.points] == ["own"]


def test_bad_requests_are_one_line(
    triton: TritonServer, triton_models: Path, tmp_path: Path
) -> None:
    def load(*arguments: object, served: bool = True) -> Any:
        server = triton if served else None
        return failure(bench("load", *arguments, models=triton_models, triton=server))

    nobody = load("--model", "nobody")
    assert isinstance(nobody, UsageError)
    assert "no model is called 'nobody'" in str(nobody)
    part = load("--model", "stream")
    assert isinstance(part, UsageError)
    assert "the last part of two" in str(part)
    batch = load("--model", "whole", "--batch", "1,65")
    assert isinstance(batch, UsageError)
    assert "--batch 65 is not among 1 to 64" in str(batch)
    for bad in ("", "0", "1,x"):
        assert "--batch should be numbers from 1 on" in str(load("--batch", bad))
    assert "--engine should be own" in str(load("--model", "whole", "--engine", "ab"))
    assert "--triton HOST:PORT" in str(load("--model", "whole", "--engine", "both", served=False))
    (tmp_path / "load-whole-triton.json").write_text("{}")
    kept = load("--model", "whole", "--batch", "1", "--concurrency", "1", "--out", tmp_path)
    assert isinstance(kept, OutputError)
    assert "--overwrite" in str(kept)


def test_no_server_is_one_line(triton_models: Path) -> None:
    asked = ["--model", "whole", "--triton", "127.0.0.1:9", "--wait-triton", "0.3"]
    error = failure(bench("load", *asked, models=triton_models))
    assert isinstance(error, ModelError)
    assert error.exit_code is ExitCode.MODEL
    assert "no Triton server was ready within 0.3 s" in str(error)
    assert "HOST:PORT" in str(failure(bench("load", "--triton", "x", models=triton_models)))


@pytest.mark.parametrize(
    "words", [("--rate", "nan"), ("--rate", "inf"), ("--rate", "-1"), ("--secs", "inf")]
)
def test_rates_and_times_that_never_end_are_refused(
    words: tuple[str, str], triton_models: Path
) -> None:
    done = bench("capacity", "--model", "whole", *words, models=triton_models)
    assert isinstance(done.exception, UsageError) or done.exit_code == ExitCode.USAGE, done.output


@pytest.mark.parametrize("text", ["0", "-1ms", "fast", "infs", "2us"])
def test_times_that_are_none_are_refused(text: str, triton_models: Path) -> None:
    error = failure(bench("capacity", "--p99", text, models=triton_models))
    assert isinstance(error, UsageError)
    assert "--p99 should be a time such as 40ms" in str(error)


@given(st.integers(1, 100_000), st.integers(1, 64))
def test_the_most_people_are_found_within_a_twentieth(limit: int, least: int) -> None:
    tried: list[int] = []

    def works(people: int) -> bool:
        tried.append(people)
        return people <= limit

    found = most_people(works, least)
    if limit < least:
        assert found == 0
    else:
        assert found <= limit <= 1.05 * found + 1
    assert len(tried) <= 40


def test_people_who_get_no_answer_are_not_served() -> None:
    """As on a server that had no time for anything."""

    class Unanswered:
        def __len__(self) -> int:
            return 1

        def do(self, _job_of: Any) -> Answers:
            return Answers(np.zeros(0), np.zeros(0), np.array([0.1]))

    told: list[str] = []
    bench: Any = SimpleNamespace(clients=Unanswered())
    found = capacity(bench, Wanted(25.0, 40.0), Timing(0.5, 1, 0.5), told.append)
    assert (found["people"], found["naive_people"]) == (0, 0)
    assert told == ["1 people: p99 - ms, 1 failed"] * 2, "it is tried twice"


def test_answers_are_joined_and_cut() -> None:
    one = Answers(np.array([0.1, 0.9]), np.array([1.0, 2.0]), np.array([0.5]))
    two = Answers(np.array([0.2]), np.array([3.0]), np.array([1.5, 1.6]))
    both = Answers.joined([one, two])
    assert (both.count, both.failed, both.quantile_ms(0.5)) == (3, 3, 2.0)
    assert (both.between(0, 0.5).count, both.between(0.5, 1).failed) == (2, 1)
    assert not both.within(100)
    assert two.between(0, 1).within(3.0)
    assert not two.between(1, 1.2).within(100)
    assert two.between(1, 1.2).quantile_ms(0.99) is None


def row(rate: float, p50: float | None = 5.0, failed: int = 0) -> dict[str, Any]:
    names = ("p95_ms", "p99_ms", "server_batch", "queue_ms", "compute_ms", "gpu_share")
    told = {"windows_per_sec": rate, "p50_ms": p50, "failed": failed}
    return {**dict.fromkeys(names), **told}


def test_points_that_cannot_be_believed_are_marked() -> None:
    steady = summary([row(100), row(104), row(98)], batch=1, secs=1.0)
    assert steady["unstable"] == ""
    assert steady["windows_per_sec"] == 100
    assert steady["spread"] == pytest.approx(0.06)
    assert "apart" in summary([row(100), row(120)], 1, 1.0)["unstable"]
    assert "apart" in summary([row(100, 5.0), row(100, 7.0)], 1, 1.0)["unstable"]
    assert "fewer than 5 requests" in summary([row(100)], 32, 1.0)["unstable"]
    assert "3 windows failed" in summary([row(100, failed=3)], 1, 1.0)["unstable"]
    assert summary([row(0, None)], 1, 1.0)["p50_ms"] is None


def test_a_client_that_dies_is_noticed(target: Target) -> None:
    with pytest.raises(ServerError, match="client process"), Clients(target, 1) as clients:
        clients.do(lambda _: Suicide())


class Suicide:
    def run(self, engine: object, begin: object) -> Answers:
        sys.exit(3)


def test_a_result_is_json_without_infinities(tmp_path: Path, triton_models: Path) -> None:
    asked = ["--model", "whole", "--batch", "1", "--concurrency", "1", "--warm-up", "0"]
    bench("load", *asked, *SHORT, "--out", tmp_path, models=triton_models)
    text = (tmp_path / "load-whole-in-process.json").read_text()
    json.loads(text, parse_constant=pytest.fail)
