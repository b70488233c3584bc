"""trtexec's command lines and files. What runs here is a stand-in, never TensorRT."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rt_gait.errors import ModelError
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import load_info
from rt_gait.serving.tensorrt import trtexec
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile

Log = Callable[[], list[list[str]]]


@pytest.fixture
def request_(models_dir: Path) -> BuildRequest:
    return BuildRequest(load_info(models_dir, "whole"), Precision.FP16, Profile(1, 8, 32))


@pytest.mark.parametrize(
    ("number", "version"), [("8603", "8.6.3"), ("100300", "10.3.0"), ("110201", "11.2.1")]
)
def test_the_banners_version(number: str, version: str) -> None:
    assert trtexec.banner_version(number) == version


def test_the_whole_command_that_builds(request_: BuildRequest) -> None:
    command = trtexec.build_command(
        Path("trtexec"), request_, Path("m.plan"), Path("t.cache"), typed=False
    )
    assert command == [
        "trtexec",
        f"--onnx={request_.info.onnx_path}",
        "--saveEngine=m.plan",
        "--timingCacheFile=t.cache",
        "--skipInference",
        "--minShapes=silhouettes:1x30x64x44",
        "--optShapes=silhouettes:8x30x64x44",
        "--maxShapes=silhouettes:32x30x64x44",
        "--fp16",
    ]


@pytest.mark.parametrize(
    ("precision", "weak", "strong"),
    [
        ("fp32", ["--noTF32"], ["--noTF32"]),
        ("fp16", ["--fp16"], []),
        ("int8", ["--int8"], []),
        ("best", ["--int8", "--fp16"], []),
    ],
)
def test_options_of_precision(
    request_: BuildRequest, precision: str, weak: list[str], strong: list[str]
) -> None:
    request = BuildRequest(request_.info, Precision.of(precision), request_.profile)
    for typed, wanted in ((False, weak), (True, strong)):
        command = trtexec.build_command(Path("x"), request, Path("p"), Path("c"), typed=typed)
        assert command[8:] == wanted


def test_options_of_memory_and_accelerator(request_: BuildRequest) -> None:
    request = BuildRequest(request_.info, Precision.FP16, Profile(8, 8, 8), 512, 1)
    command = trtexec.build_command(Path("x"), request, Path("p"), Path("c"), typed=False)
    assert command[-3:] == ["--memPoolSize=workspace:512", "--useDLACore=1", "--allowGPUFallback"]
    run = trtexec.run_command(
        Path("x"), Path("p"), request.info, 8, dla_core=1, warm_up_ms=0, runs=1
    )
    assert run[-1] == "--useDLACore=1"
    assert "--shapes=silhouettes:8x30x64x44" in run


def test_what_it_builds_runs(request_: BuildRequest, trtexec_log: Log, tmp_path: Path) -> None:
    tool = trtexec.find()
    assert tool is not None
    assert (tool.version, tool.typed) == ("10.3.0", False)
    tool.build(request_, tmp_path / "m.plan", tmp_path / "t.cache")
    engine = tool.open(tmp_path / "m.plan", request_.info)
    batch = np.random.default_rng(0).integers(0, 256, (3, 30, 64, 44), np.uint8)
    (got,) = engine.run(batch)
    (wanted,) = OnnxModel(request_.info.onnx_path).run(batch)
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    assert got.dtype == np.float32
    seconds = engine.latencies(batch)
    assert (len(seconds), seconds.min(), seconds.max()) == (200, 0.002, 0.003)
    assert [c[0].partition("=")[0] for c in trtexec_log()] == [
        "--help",
        "--onnx",
        "--loadEngine",
        "--loadEngine",
    ]


def test_its_own_words_reach_the_user(
    request_: BuildRequest, trtexec_log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", "onnx")
    tool = trtexec.find()
    assert tool is not None
    with pytest.raises(ModelError, match=r"cannot build an engine of 'whole': \[TRT\] out of"):
        tool.build(request_, tmp_path / "m.plan", tmp_path / "t.cache")


def test_a_program_without_a_version_is_told(tmp_path: Path) -> None:
    program = tmp_path / "trtexec"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    with pytest.raises(ModelError, match="does not tell its version"):
        trtexec.Trtexec(program)
    with pytest.raises(ModelError, match="cannot tell its version"):
        trtexec.Trtexec(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "numbers as JSON"),
        ("[]", "should be 2x24, not missing"),
        ('[{"name": "embedding", "dimensions": "2x23", "values": []}]', "2x24, not 2x23"),
        ('[{"name": "embedding", "dimensions": "2x24", "values": [nan]}]', "numbers as JSON"),
        ('[{"name": "embedding", "dimensions": "2x24", "values": [1]}]', "numbers as JSON"),
    ],
)
def test_broken_outputs_are_told(
    request_: BuildRequest, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "out.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=said):
        trtexec.read_outputs(path, request_.info, 2)


def test_times_without_a_run_are_told(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps([{"startComputeMs": 1.0, "latencyMs": 1.0}]))
    with pytest.raises(ModelError, match="no run after warming up"):
        trtexec.read_latencies(path, 500)
    path.write_text("[{}]")
    with pytest.raises(ModelError, match="numbers as JSON"):
        trtexec.read_latencies(path, 500)
