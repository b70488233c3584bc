"""``build.json``, and which plans it turns away."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import stand_ins
from compiler_stand_in import StandInCompiler

from rt_gait.errors import ModelError
from rt_gait.gait.embedder import OnnxGaitEmbedder
from rt_gait.serving.repository import load_info
from rt_gait.serving.tensorrt.build import build_model
from rt_gait.serving.tensorrt.device import Device, driver_version, l4t_version
from rt_gait.serving.tensorrt.report import BuildReport, DlaLayers, check_plan
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile


@pytest.fixture
def engines(models_dir: Path, tmp_path: Path, orin: Device) -> Path:
    request = BuildRequest(load_info(models_dir, "whole"), Precision.FP16, Profile(1, 2, 4))
    build_model(request, tmp_path / "engines", StandInCompiler(), orin)
    return tmp_path / "engines"


def test_what_is_written_is_read_back(engines: Path, models_dir: Path, orin: Device) -> None:
    report = BuildReport.read(engines / "whole")
    source = load_info(models_dir, "whole")
    assert report == check_plan(load_info(engines, "whole"), orin, source)
    assert report.device == orin
    assert report.source_model == source.key == load_info(engines, "whole").key
    assert (report.precision, report.source_precision) == ("fp16", "fp32")
    assert [row.batch for row in report.latency] == [1, 2, 4]
    assert (report.energy, report.energy_note) == (None, "not measured: no meter found")
    assert report.accuracy is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"tensorrt": "8.6.2"}, r"and TensorRT 10\.3\.0; this is .* and TensorRT 8\.6\.2"),
        ({"multiprocessors": 16}, r"built on Orin with 8 multi.*this is Orin with 16 multi"),
        ({"name": "NVIDIA H100", "compute_capability": "9.0"}, r"this is NVIDIA H100 .* 9\.0"),
    ],
)
def test_a_plan_of_elsewhere_is_refused(
    engines: Path, orin: Device, other: dict[str, object], said: str
) -> None:
    with pytest.raises(ModelError, match=said + ".*models build whole --precision fp16"):
        check_plan(load_info(engines, "whole"), replace(orin, **other))


def test_another_driver_is_no_reason_to_refuse(engines: Path, orin: Device) -> None:
    check_plan(load_info(engines, "whole"), replace(orin, driver="1.2", jetpack=None))


def test_a_plan_of_another_model_is_refused(engines: Path, models_dir: Path) -> None:
    stand_ins.write_whole(models_dir, seed=2)
    with pytest.raises(ModelError, match=r"built from whole@.*, and the ONNX model is now whole@"):
        check_plan(load_info(engines, "whole"), source=load_info(models_dir, "whole"))


def test_another_file_in_the_plans_place_is_refused(engines: Path) -> None:
    (engines / "whole" / "1" / "model.plan").write_bytes(b"else")
    with pytest.raises(ModelError, match=r"not the file that build.json was written for"):
        check_plan(load_info(engines, "whole"))


def test_what_a_dla_can_take_is_kept(engines: Path) -> None:
    report = replace(BuildReport.read(engines / "whole"), dla_core=0, dla_layers=DlaLayers(4, 9))
    report.write(engines / "whole")
    assert BuildReport.read(engines / "whole") == report


def broken(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))

    return apply


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda path: path.write_text("{"),
        lambda path: path.write_text("[]"),
        broken(lambda found: found.pop("plan_sha256")),
        broken(lambda found: found.update(layout=2)),
        broken(lambda found: found.update(device={})),
        broken(lambda found: found.update(more=1)),
    ],
    ids=["missing", "torn", "a list", "lacks a field", "newer", "no device", "unknown field"],
)
def test_a_plan_without_a_report_is_refused(engines: Path, spoil: Callable[[Path], object]) -> None:
    spoil(engines / "whole" / "build.json")
    with pytest.raises(ModelError, match=r"needs the build.json that rt-gait models build writes"):
        check_plan(load_info(engines, "whole"))


def test_the_in_process_runner_says_who_runs_plans(engines: Path) -> None:
    with pytest.raises(ModelError, match=r"only a Triton server runs: .*--triton HOST:PORT"):
        OnnxGaitEmbedder(load_info(engines, "whole"))


def test_versions_are_found_in_the_systems_files() -> None:
    open_module = (
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\n"
        "GCC version:  gcc version 15.3.0\n"
    )
    assert driver_version(open_module) == "580.159.04"
    tegra = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n"
    assert l4t_version(tegra) == "36.4.3"
    assert (driver_version(""), l4t_version("")) == (None, None)
