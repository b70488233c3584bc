"""Building a model's folder, with a stand-in for trtexec: everything but TensorRT."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from compiler_stand_in import StandInCompiler

from rt_gait.errors import ModelError, OutputError, UsageError
from rt_gait.serving.check import check_model
from rt_gait.serving.repository import PLAN, default_models_dir, load_info
from rt_gait.serving.tensorrt.build import Batched, build_model
from rt_gait.serving.tensorrt.compiler import Compiler
from rt_gait.serving.tensorrt.device import Device
from rt_gait.serving.tensorrt.held_out import held_out
from rt_gait.serving.tensorrt.report import BuildReport
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile

Build = Callable[..., BuildReport]
NORMAL = StandInCompiler()


@pytest.fixture
def build(models_dir: Path, tmp_path: Path, orin: Device) -> Build:
    def run(
        name: str = "whole",
        precision: str = "fp16",
        out: str = "engines",
        tool: Compiler = NORMAL,
        **options: object,
    ) -> BuildReport:
        request = BuildRequest(
            load_info(models_dir, name), Precision.of(precision), Profile(1, 4, 16)
        )
        return build_model(request, tmp_path / out, tool, orin, **options)  # type: ignore[arg-type]

    return run


def test_the_folder_is_tritons(build: Build, tmp_path: Path, models_dir: Path) -> None:
    report = build()
    made = sorted(p.relative_to(tmp_path / "engines") for p in (tmp_path / "engines").rglob("*"))
    assert list(map(str, made)) == [
        "timing.cache",
        "whole",
        "whole/1",
        "whole/1/model.plan",
        "whole/build.json",
        "whole/config.pbtxt",
    ]
    plan, source = load_info(tmp_path / "engines", "whole"), load_info(models_dir, "whole")
    assert (plan.platform, plan.max_batch_size) == (PLAN, 16)
    assert plan.preferred_batch_size == (8, 16)
    assert (plan.inputs, plan.outputs) == (source.inputs, source.outputs)
    ours = {"precision": "fp16", "source_model": source.key}
    assert plan.parameters == {**source.parameters, **ours}
    assert report.agreement is not None
    assert report.agreement.samples == 31
    assert report.agreement.cosine_min > 1 - 1e-6
    json.loads((tmp_path / "engines" / "whole" / "build.json").read_text())


def test_the_parts_of_a_stream_are_built_alike(build: Build, models_dir: Path) -> None:
    stand_ins.write_stream(models_dir)
    report = build("stream_frame")
    assert report.agreement is not None
    assert report.agreement.cosine_min > 1 - 1e-6
    report = build("stream")
    assert report.agreement is not None
    assert (report.agreement.samples, round(report.agreement.cosine_min, 6)) == (31, 1.0)


def test_an_engine_that_answers_otherwise_is_thrown_away(build: Build, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"should resemble the ONNX model's.*nothing was kept"):
        build(tool=StandInCompiler(noise=True))
    assert [p.name for p in (tmp_path / "engines").iterdir()] == ["timing.cache"]


def test_a_build_is_replaced_only_when_told(build: Build, tmp_path: Path) -> None:
    build()
    with pytest.raises(OutputError, match="pass --overwrite"):
        build()
    (tmp_path / "engines" / "whole" / "1" / "model.plan").write_bytes(b"old")
    report = build(overwrite=True)
    assert report.plan_sha256 == BuildReport.read(tmp_path / "engines" / "whole").plan_sha256


def test_it_never_replaces_the_onnx_model(build: Build, models_dir: Path) -> None:
    with pytest.raises(UsageError, match="another folder than that of the ONNX models"):
        build(out="models", overwrite=True)
    assert load_info(models_dir, "whole").onnx_path.is_file()


def test_a_folder_that_cannot_be_made_is_told(build: Build, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the model"):
        build(out="file/engines")


def test_what_is_measured_on_the_engine_is_kept(build: Build) -> None:
    def judge(engine: Batched) -> dict[str, object]:
        return {"shape": engine.run(np.zeros((37, 30, 64, 44), np.uint8))[0].shape}

    assert build(judge=judge).accuracy == {"shape": (37, 24)}


def test_batches_are_cut_and_filled_to_the_profile() -> None:
    sizes: list[int] = []

    class Doubles:
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            sizes.append(len(batch))
            return [2 * batch]

        def latencies(self, batch: np.ndarray) -> np.ndarray:
            return np.zeros(1)

    batch = np.arange(10.0).reshape(10, 1)
    (out,) = Batched(Doubles(), Profile(4, 4, 4)).run(batch)
    np.testing.assert_array_equal(out, 2 * batch)
    assert sizes == [4, 4, 4]


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("gait3d", (31, 30, 64, 44), np.uint8),
        ("gei", (31, 30, 64, 44), np.float32),
        ("stream2d", (31, 30, 4096), np.float32),
        ("stream2d_frame", (93, 64, 44), np.uint8),
        ("person_seg", (4, 3, 480, 640), np.float32),
    ],
)
def test_there_are_held_out_inputs_for_every_kind(
    name: str, shape: tuple[int, ...], dtype: type
) -> None:
    inputs = held_out(load_info(default_models_dir(), name))
    assert inputs is not None
    assert (inputs.shape, inputs.dtype) == (shape, dtype)
    if dtype is np.uint8:
        assert 0.1 < (inputs > 127).mean() < 0.4
    elif name != "stream2d":
        assert 0 <= inputs.min() < inputs.max() <= 1


def test_there_are_none_of_flow_and_of_other_sizes() -> None:
    info = load_info(default_models_dir(), "gait3d")
    flow = replace(info, parameters={**info.parameters, "modality": "flow"})
    assert held_out(flow) is None
    other = replace(info.inputs[0], dims=(15, 64, 44))
    assert held_out(replace(info, inputs=(other,))) is None
    assert held_out(replace(info, inputs=())) is None


def test_without_held_out_inputs_only_the_time_is_measured(build: Build, models_dir: Path) -> None:
    config = models_dir / "whole" / "config.pbtxt"
    config.write_text(config.read_text().replace('"silhouette" }', '"something else" }'))
    report = build()
    assert report.agreement is None
    assert [row.batch for row in report.latency] == [1, 4, 16]


def test_a_plan_is_checked_as_any_model(build: Build, tmp_path: Path) -> None:
    build()
    info = load_info(tmp_path / "engines", "whole")
    check_model(info, Batched(NORMAL.open(info.plan_path, info), Profile(1, 4, 16)))
