"""``rt-gait models build`` and what the other commands make of a plan; trtexec is a stand-in."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from click.testing import Result
from typer.testing import CliRunner

from rt_gait.cli.app import app
from rt_gait.energy.meter import NoMeter
from rt_gait.errors import ExitCode, ModelError, OutputError, UsageError
from rt_gait.serving.tensorrt.device import Device

STAND_IN = Path(__file__).parents[1] / "serving" / "tensorrt" / "trtexec_stand_in.py"
ORIN = Device("Orin", "8.7", 8, "12.6", "540.4.0", "36.4.3", None, "10.3.0")


def models(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)], env={"COLUMNS": "160"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_ins.write_whole(tmp_path / "models")
    monkeypatch.setenv("RT_GAIT_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trtexec(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "trtexec"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("STAND_IN_LOG", str(folder / "log"))
    monkeypatch.setattr("rt_gait.cli.build.this_device", lambda version: ORIN)
    meter = NoMeter("no meter found")
    monkeypatch.setattr("rt_gait.serving.tensorrt.energy.find_meter", lambda: meter)


def test_without_tensorrt_it_says_how(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rt_gait.serving.tensorrt.trtexec.find", lambda: None)
    error = models("build", "whole", "--precision", "fp16").exception
    assert isinstance(error, ModelError)
    assert error.exit_code == ExitCode.MODEL
    assert "docker compose -f docker/compose.yaml run --rm build-jetson" in str(error)
    # What no TensorRT could build is said first.
    assert isinstance(models("build", "whole", "--precision", "int8").exception, UsageError)
    assert isinstance(models("build", "nobody", "--precision", "fp16").exception, UsageError)
    assert models("build", "whole").exit_code == ExitCode.USAGE


@pytest.mark.usefixtures("trtexec")
def test_from_onnx_to_a_checked_plan_in_one_command(folder: Path) -> None:
    said = models("build", "whole", "--precision", "fp16", "--batch", "1,2,4")
    assert said.exit_code == 0, said.output
    assert "building whole for Orin with 8 multiprocessors" in said.stderr
    assert "agreement with ONNX: cosine 1.00000" in said.stdout
    assert "batch 4: 2.500 ms (p99 3.000 ms)" in said.stdout
    assert "energy: not measured" in said.stdout
    assert "accuracy: not measured" in said.stdout
    shown = models("show", "whole", "--models", "engines").stdout
    assert "engines/whole/1/model.plan" in shown
    assert "built on Orin with 8 multiprocessors" in shown
    assert "whole" in models("list", "--models", "engines").stdout
    assert (
        models("check", "--models", "engines").stdout
        == "ok  whole (run by TensorRT 10.3.0, trtexec)\n"
    )
    assert isinstance(models("build", "whole", "--precision", "fp16").exception, OutputError)


@pytest.mark.usefixtures("trtexec")
def test_what_a_dla_takes_is_said_to_be_unknown(folder: Path) -> None:
    asked = ("build", "whole", "--precision", "fp16", "--dla", "0", "--batch")
    assert "--batch 1" in str(models(*asked, "8").exception)
    said = models(*asked, "1")
    assert "DLA 0: how many layers run there is unknown\n" in said.stdout
    found = json.loads((folder / "engines" / "whole" / "build.json").read_text())
    assert (found["dla_core"], found["dla_layers"]) == (0, None)


@pytest.mark.usefixtures("trtexec")
def test_tensorrt_11_wants_the_precision_in_the_onnx_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_VERSION", "110201")
    error = models("build", "whole", "--precision", "fp16").exception
    assert isinstance(error, UsageError)
    assert "takes the types of layers from the ONNX file" in str(error)
    assert models("build", "whole", "--precision", "fp32", "--batch", "1").exit_code == 0


@pytest.mark.usefixtures("trtexec")
def test_check_turns_away_what_is_foreign(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert models("build", "whole", "--precision", "fp16", "--batch", "1,1,2").exit_code == 0
    elsewhere = replace(ORIN, multiprocessors=16)
    monkeypatch.setattr("rt_gait.cli.build.this_device", lambda version: elsewhere)
    said = models("check", "--models", "engines")
    assert said.exit_code == ExitCode.MODEL
    assert "BAD whole: " in said.stdout
    assert "this is Orin with 16 multiprocessors" in said.stdout
    monkeypatch.setattr("rt_gait.serving.tensorrt.trtexec.find", lambda: None)
    said = models("check", "--models", "engines")
    assert said.stdout == "ok  whole (files only, there is no TensorRT to run it)\n"
    stand_ins.write_whole(folder / "models", seed=2)
    assert "built from whole@" in models("check", "--models", "engines").stdout


@pytest.mark.usefixtures("trtexec")
def test_serve_refuses_what_no_server_here_could_load(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so before anything is installed or started: there is no such program."""
    assert models("build", "whole", "--precision", "fp16", "--batch", "1").exit_code == 0

    def serve() -> str:
        told = CliRunner().invoke(
            app, ["serve", "--models", "engines", "--tritonserver", "no-such-program"]
        )
        return str(told.exception)

    assert serve() == "there is no such program: no-such-program"
    other = replace(ORIN, tensorrt="8.6.2")
    monkeypatch.setattr("rt_gait.cli.build.this_device", lambda version: other)
    assert "and TensorRT 10.3.0; this is Orin with 8 multiprocessors" in serve()
    assert "TensorRT 8.6.2, the version installed here: if a container is to serve it" in serve()
    larger = replace(ORIN, multiprocessors=16)
    monkeypatch.setattr("rt_gait.cli.build.installed", lambda: None)
    monkeypatch.setattr(
        "rt_gait.cli.build.this_device", lambda version: replace(larger, tensorrt=version)
    )
    assert "this is Orin with 16 multiprocessors (compute capability 8.7) and TensorRT" in serve()
    assert "installed here" not in serve()
    monkeypatch.setattr("rt_gait.cli.build.this_device", lambda version: ORIN)
    (folder / "engines" / "whole" / "1" / "model.plan").write_bytes(b"else")
    assert "not the file that build.json was written for" in serve()


@pytest.mark.usefixtures("trtexec")
def test_accuracy_is_measured_on_the_engine(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for subject in ("anna", "ben"):
        for day in ("day1", "day2"):
            place = folder / "data" / subject / day / "000"
            place.mkdir(parents=True)
            pixels = (rng.random((40, 64, 64)) < (0.3, 0.6)[subject == "ben"]).astype(np.uint8)
            (place / "000.pkl").write_bytes(pickle.dumps(255 * pixels))
    build = ("build", "whole", "--precision", "fp32", "--batch", "1,4,8", "--data")
    said = models(*build, "data")
    assert said.exit_code == 0, said.output
    assert "accuracy: build.json" in said.stdout
    accuracy = json.loads((folder / "engines" / "whole" / "build.json").read_text())["accuracy"]
    assert (accuracy["protocol"], accuracy["data"]) == ("sessions", "data")
    figures = accuracy["models"][0]["conditions"]["all"]["figures"]
    assert figures["rank-1"]["value"] == 1.0


def test_what_has_no_accuracy_is_told_before_building(folder: Path) -> None:
    stand_ins.write_stream(folder / "models")
    error = models("build", "stream", "--precision", "fp32", "--data", "x").exception
    assert isinstance(error, UsageError)
    assert "windows of silhouettes" in str(error)
    assert models("build", "whole", "--precision", "fp32", "--data", "x").exception is not None
