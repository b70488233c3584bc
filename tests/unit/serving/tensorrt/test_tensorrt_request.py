"""What may be built of what, and what is refused with which advice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.repository import PLAN, default_models_dir, load_info
from rt_gait.serving.tensorrt.request import (
    BuildRequest,
    Precision,
    Profile,
    source_precision,
)


def request(name: str, precision: str, batch: str | None = None, dla: int | None = None):
    info = load_info(default_models_dir(), name)
    return BuildRequest(info, Precision.of(precision), Profile.of(batch, info), dla_core=dla)


@pytest.mark.parametrize(
    ("name", "text", "sizes"),
    [
        ("gait3d", None, (1, 8, 32)),
        ("person_seg", None, (1, 8, 8)),
        ("gait3d", "1,4,32", (1, 4, 32)),
        ("gait3d", "1", (1, 1, 1)),
    ],
)
def test_batches_are_read(name: str, text: str | None, sizes: tuple[int, int, int]) -> None:
    profile = Profile.of(text, load_info(default_models_dir(), name))
    assert (profile.least, profile.usual, profile.most) == sizes


@pytest.mark.parametrize("text", ["", "a", "1,2", "8,1,32", "0,1,2", "1,8,33", "1,2,3,4"])
def test_other_batches_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--batch should be .*at most 32"):
        Profile.of(text, load_info(default_models_dir(), "gait3d"))


@pytest.mark.parametrize("text", ["8", "2,8,32", "32,32,32"])
def test_a_least_batch_above_one_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"the least batch should be 1, as in --batch 1,.*warms"):
        Profile.of(text, load_info(default_models_dir(), "gait3d"))


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("gait2d", "fp32"),
        ("gei", "fp32"),
        ("2d_int8_0", "int8"),
        ("3d_int8_0", "int8"),
        ("3d_int8_40", "int8"),
    ],
)
def test_what_an_onnx_file_computes_in(name: str, precision: str) -> None:
    assert source_precision(load_info(default_models_dir(), name)) == precision


@pytest.mark.parametrize(
    ("name", "precision", "weak", "strong"),
    [
        ("gait3d", "fp32", True, True),
        ("gait3d", "fp16", True, False),
        ("gait3d", "int8", False, False),
        ("gait3d", "best", False, False),
        ("3d_int8_0", "int8", True, True),
        ("3d_int8_0", "best", True, False),
        ("3d_int8_0", "fp32", False, False),
        ("3d_int8_0", "fp16", False, False),
    ],
)
def test_which_precision_comes_of_which_model(
    name: str, precision: str, weak: bool, strong: bool
) -> None:
    """``weak`` is TensorRT 8.6 and 10, ``strong`` is 11."""
    for typed, allowed in ((False, weak), (True, strong)):
        if allowed:
            request(name, precision).check_precision(typed=typed)
        else:
            with pytest.raises(UsageError, match=f"--precision {precision} needs a model in"):
                request(name, precision).check_precision(typed=typed)


def test_int8_of_an_fp32_model_names_the_one_with_scales() -> None:
    with pytest.raises(UsageError, match=r"scales measured on silhouettes.*build '3d_int8_0'"):
        request("gait3d", "int8").check_precision(typed=False)
    with pytest.raises(UsageError, match=r"build 'gait2d', the same network"):
        request("2d_int8_0", "fp32").check_precision(typed=False)


def test_where_there_is_none_it_says_how_to_make_one() -> None:
    with pytest.raises(UsageError, match=r"rt_gait\.training variants"):
        request("gait3d", "fp16").check_precision(typed=True)


def test_no_other_precision() -> None:
    with pytest.raises(UsageError, match="fp32, fp16, int8, best, not 'fp8'"):
        Precision.of("fp8")


def test_a_dla_wants_one_narrow_size() -> None:
    assert request("gait2d", "fp16", "1", dla=0).dla_core == 0
    with pytest.raises(UsageError, match="does not compute in fp32"):
        request("gait2d", "fp32", "1", dla=0)
    with pytest.raises(UsageError, match="one batch size"):
        request("gait2d", "fp16", "1,8,32", dla=0)


@pytest.mark.parametrize("precision", ["int8", "best"])
def test_a_dla_takes_no_scales_of_an_onnx_file(precision: str) -> None:
    with pytest.raises(UsageError, match=r"calibration cache and not .*--precision fp16"):
        request("2d_int8_0", precision, "1", dla=0)


def test_the_onnx_file_is_read_for_its_precision_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, read = request("gait3d", "fp16"), []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    wanted.check_precision(typed=False)
    with pytest.raises(UsageError):
        wanted.check_precision(typed=True)
    assert wanted.source_precision == "fp32"
    assert read == [wanted.info.onnx_path]


def test_what_is_no_onnx_model_is_refused(tmp_path: Path) -> None:
    info = load_info(default_models_dir(), "gei")
    profile = Profile(1, 1, 1)
    plan = replace(info, platform=PLAN, parameters={"source_model": "gei@12345678"})
    with pytest.raises(UsageError, match=r"a plan already.*gei@12345678"):
        BuildRequest(plan, Precision.FP32, profile)
    with pytest.raises(ModelError, match="no model file"):
        BuildRequest(replace(info, folder=tmp_path), Precision.FP32, profile)
    open_size = replace(info.inputs[0], dims=(-1, 64, 44))
    with pytest.raises(UsageError, match="one input of fixed dimensions"):
        BuildRequest(replace(info, inputs=(open_size,)), Precision.FP32, profile)
    with pytest.raises(UsageError, match="outputs of fixed dimensions"):
        BuildRequest(replace(info, outputs=(open_size,)), Precision.FP32, profile)
