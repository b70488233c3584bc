"""Building a model's folder, with a stand-in for trtexec: everything but TensorRT."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from compiler_stand_in import StandInCompiler

from rt_gait.errors import ModelError, OutputError, UsageError
from rt_gait.serving import swap
from rt_gait.serving.check import check_model
from rt_gait.serving.repository import PLAN, default_models_dir, load_info
from rt_gait.serving.tensorrt.build import Batched, build_model
from rt_gait.serving.tensorrt.compiler import Compiler
from rt_gait.serving.tensorrt.device import Device
from rt_gait.serving.tensorrt.held_out import held_out
from rt_gait.serving.tensorrt.report import BuildReport, check_plan
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


REBUILD = """
import sys
from pathlib import Path
from compiler_stand_in import StandInCompiler
from rt_gait.serving.repository import load_info
from rt_gait.serving import swap
from rt_gait.serving.tensorrt.build import build_model
from rt_gait.serving.tensorrt.device import Device
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile
orin = Device("Orin", "8.7", 8, "12.6", None, None, None, "10.3.0")
models, out = map(Path, sys.argv[1:])
request = BuildRequest(load_info(models, "whole"), Precision.FP16, Profile(1, 4, 16))
while True:
    build_model(request, out, StandInCompiler(), orin, overwrite=True)
    print("built", flush=True)
"""


def test_a_build_that_is_killed_leaves_the_old_model_or_the_new(
    tmp_path: Path, models_dir: Path
) -> None:
    """A reader who looks all the time never misses it, and nothing but models lies beside it."""
    without_held_out_inputs(models_dir)
    command = [sys.executable, "-c", REBUILD, str(models_dir), str(tmp_path / "engines")]
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as building:
        assert building.stdout is not None
        assert building.stdout.readline() == "built\n"
        plan = tmp_path / "engines" / "whole" / "1" / "model.plan"
        seen, end_secs = set(), time.monotonic() + 60
        while len(seen) < 5 and time.monotonic() < end_secs:
            seen.add(plan.stat().st_ino)
            made = {p.name for p in (tmp_path / "engines").iterdir()}
            assert made == {"timing.cache", "whole"}
            time.sleep(0.0005)
        building.kill()
    assert len(seen) == 5
    info = load_info(tmp_path / "engines", "whole")
    check_plan(info, source=load_info(models_dir, "whole"))


def test_without_an_exchange_of_folders_the_old_model_is_moved_aside(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_exchanged", lambda one, other: False)
    build()
    before = (tmp_path / "engines" / "whole").stat().st_ino
    build(overwrite=True)
    assert (tmp_path / "engines" / "whole").stat().st_ino != before
    check_plan(load_info(tmp_path / "engines", "whole"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["engines", "models"]


def test_a_plan_is_described_before_it_is_built(models_dir: Path, build: Build) -> None:
    """Preferred batches may be missing, or too large; what is wrong is told without the wait."""
    config = models_dir / "whole" / "config.pbtxt"
    text = config.read_text()
    config.write_text(text.replace("preferred_batch_size: [ 8, 16, 32 ]", ""))
    build("whole")
    config.write_text(text.replace("max_batch_size: 64", "max_batch_size: 16"))
    build("whole", overwrite=True)

    class Never(StandInCompiler):
        def build(self, *_: object) -> None:
            raise AssertionError("the description should fail first")

    stand_ins.write_stream(models_dir)
    load_info(models_dir, "stream_frame").onnx_path.unlink()
    with pytest.raises(ModelError, match="cannot read the model file"):
        build("stream", tool=Never())


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


def test_batches_are_cut_to_the_profile() -> None:
    sizes: list[int] = []

    class Doubles:
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            sizes.append(len(batch))
            return [2 * batch]

        def latencies(self, batch: np.ndarray) -> np.ndarray:
            return np.zeros(1)

    batch = np.arange(10.0).reshape(10, 1)
    (out,) = Batched(Doubles(), Profile(1, 4, 4)).run(batch)
    np.testing.assert_array_equal(out, 2 * batch)
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("gait3d", (31, 30, 64, 44), np.uint8),
        ("gei", (31, 30, 64, 44), np.float32),
        ("stream2d", (31, 30, 4096), np.float32),
        ("stream2d_frame", (93, 64, 44), np.uint8),
        ("person_seg", (4, 3, 480, 640), np.uint8),
    ],
)
def test_there_are_held_out_inputs_for_every_kind(
    name: str, shape: tuple[int, ...], dtype: type
) -> None:
    inputs = held_out(load_info(default_models_dir(), name))
    assert inputs is not None
    assert (inputs.shape, inputs.dtype) == (shape, dtype)
    if name == "person_seg":
        assert 20 < inputs.std() < 100
    elif dtype is np.uint8:
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


def without_held_out_inputs(models_dir: Path) -> None:
    config = models_dir / "whole" / "config.pbtxt"
    config.write_text(config.read_text().replace('"silhouette" }', '"something else" }'))


def test_without_held_out_inputs_only_the_time_is_measured(build: Build, models_dir: Path) -> None:
    without_held_out_inputs(models_dir)
    report = build()
    assert report.agreement is None
    assert [row.batch for row in report.latency] == [1, 4, 16]


def test_a_plan_is_checked_as_any_model(build: Build, tmp_path: Path) -> None:
    build()
    info = load_info(tmp_path / "engines", "whole")
    check_model(info, Batched(NORMAL.open(info.plan_path, info), Profile(1, 4, 16)))
