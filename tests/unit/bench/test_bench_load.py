"""Load, capacity and perf_analyzer's file: in runs too short to mean anything, the sums agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rt_gait.bench.clients import Answers, Camera, Clients, ClosedLoop
from rt_gait.bench.perf_analyzer import PerfAnalyzer, parse, perf_analyzer

from rt_gait.bench.load import main, most_people
from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient

CSV = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
    "Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,"
    "p90 latency,p95 latency,p99 latency\n"
    "4,494.699,21,1200,4600,80,2100,15,3,7993,8300,8400,8681\n"
)


def test_a_sweep_and_a_capacity_agree_with_the_server(
    triton: TritonServer, triton_models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "load.json"
    where = ["--triton", triton.address, "--models-dir", str(triton_models), "--model", "whole"]
    short = ["--batch", "1", "4", "--concurrency", "2", "--secs", "1", "--processes", "2"]
    limit = ["--rate", "2", "--p99-ms", "2000", "--most", "8", "--energy-secs", "1"]
    assert main([*where, *short, *limit, "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["agreement"] > 0.9999
    assert [(p["batch"], p["concurrency"]) for p in found["points"]] == [(1, 2), (4, 2)]
    for point in found["points"]:
        assert point["failed"] == 0
        assert point["batch"] <= point["server_batch"] <= 2 * point["batch"]
        assert 0 < point["p50_ms"] <= point["p95_ms"] <= point["p99_ms"]
    (capacity,) = found["capacity"]
    assert 2 <= capacity["people"] <= 8
    assert len(capacity["again"]) == 3


def test_each_window_of_a_camera_is_answered_once(
    triton: TritonServer, triton_models: Path, triton_client: TritonClient
) -> None:
    before = triton_client.statistics("whole", timeout_secs=10)["inferences"]
    with Clients(triton.address, triton_models, "whole", 2) as clients:
        answers = clients.do(lambda k: Camera(3 + k, 2.0, 1.0))
    assert len(answers.latency_ms) == 2 * (3 + 4)
    assert triton_client.statistics("whole", timeout_secs=10)["inferences"] - before == 14


def test_a_closed_loop_counts_windows_not_requests(
    triton: TritonServer, triton_models: Path
) -> None:
    with Clients(triton.address, triton_models, "whole", 1) as clients:
        answers = clients.do(lambda _: ClosedLoop(8, 2, 0.2))
    assert len(answers.latency_ms) >= 16
    assert len(answers.latency_ms) % 8 == 0


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


def test_answers_of_several_clients_are_joined() -> None:
    parts = [Answers(np.array([1.0, 2.0]), 1, 2.0), Answers(np.array([3.0, 4.0]), 2, 1.0)]
    both = Answers.joined(parts)
    assert (both.per_sec, both.failed, both.quantile_ms(0.5)) == (2.0, 3, 2.5)
    assert Answers(np.array([]), 3, 1.0).quantile_ms(0.99) == float("inf")


def test_the_file_of_perf_analyzer_is_read() -> None:
    assert parse(CSV) == PerfAnalyzer(494.699, 7.993, 8.681)


@pytest.mark.parametrize(
    "text", ["", "Concurrency\n4\n", CSV + CSV.splitlines()[1], CSV.replace("494.699", "many")]
)
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"perf_analyzer 2\.x"):
        parse(text)


def test_perf_analyzer_that_is_missing_or_says_nothing(tmp_path: Path) -> None:
    def run(program: Path) -> None:
        perf_analyzer(program, "127.0.0.1:1", "m", batch=1, concurrency=1, secs=0.1)

    with pytest.raises(UsageError, match="cannot run perf_analyzer"):
        run(tmp_path / "none")
    with pytest.raises(ModelError, match="measured nothing"):
        run(Path("/bin/true"))


def test_no_server_and_no_model_are_one_line(
    triton: TritonServer, triton_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--triton", "nowhere"]) == 2
    assert "HOST:PORT" in capsys.readouterr().err
    where = ["--triton", triton.address, "--models-dir", str(triton_models)]
    assert main([*where, "--model", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
