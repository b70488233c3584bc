"""perf_analyzer: its command, its file, and what is said where it is missing or another."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from rt_gait.bench.load.perf_analyzer import PerfAnalyzer, find, input_data, parse
from rt_gait.errors import ModelError, UsageError

CSV = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
    "Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,"
    "p90 latency,p95 latency,p99 latency\n"
    "4,494.699,21,1200,4600,80,2100,15,3,7993,8300,8400,8681\n"
)
INPUTS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


def program(folder: Path, script: str) -> Path:
    path = folder / "perf_analyzer"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_its_file_is_read() -> None:
    assert parse(CSV) == pytest.approx(
        {
            "windows_per_sec": 494.699,
            "p50_ms": 7.993,
            "p95_ms": 8.4,
            "p99_ms": 8.681,
            "queue_ms": 4.6,
            "compute_ms": 2.1,
        }
    )


@pytest.mark.parametrize(
    "text", ["", "Concurrency\n4\n", CSV + CSV.splitlines()[1], CSV.replace("494.699", "many")]
)
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"perf_analyzer 2\.x"):
        parse(text)


def test_it_gets_real_inputs() -> None:
    first = input_data("silhouettes", INPUTS)["data"][0]["silhouettes"]
    assert first["shape"] == [2, 3]
    assert base64.b64decode(first["content"]["b64"]) == bytes(range(6))


def test_a_missing_one_and_another_version_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot find perf_analyzer"):
        find(str(tmp_path / "none"))
    old = program(tmp_path, "echo Perf Analyzer Version 1.9.0")
    with pytest.raises(UsageError, match=r"expected perf_analyzer 2\.x.*got .*1\.9\.0"):
        find(str(old))
    with pytest.raises(UsageError, match=r"expected perf_analyzer 2\.x"):
        find("/bin/true")
    right = program(tmp_path, "echo 'Perf Analyzer Version 2.51.0 (commit unknown)'")
    assert find(str(right)) == (right, "2.51.0")


def test_what_it_says_when_it_measures_nothing_is_told(tmp_path: Path) -> None:
    mute = program(tmp_path, "echo no stable figure >&2; exit 2")
    with pytest.raises(ModelError, match=r"measured nothing .no stable figure"):
        PerfAnalyzer(mute, "127.0.0.1:1", "m", 0.1).measure(1, 1, "x", INPUTS)
    gone = PerfAnalyzer(tmp_path / "gone", "127.0.0.1:1", "m", 0.1)
    with pytest.raises(UsageError, match="cannot run perf_analyzer"):
        gone.measure(1, 1, "x", INPUTS)


def test_its_figures_come_from_its_file(tmp_path: Path) -> None:
    script = f"for out; do :; done\nprintf '%s' '{CSV}' > \"$out\"\n"
    there = PerfAnalyzer(program(tmp_path, script), "127.0.0.1:1", "m", 0.1)
    assert there.measure(8, 4, "x", INPUTS)["windows_per_sec"] == 494.699
    command = there.command(8, 4, tmp_path / "in", tmp_path / "out")
    assert command[command.index("-b") + 1] == "8"
    assert command[command.index("--concurrency-range") + 1] == "4"
