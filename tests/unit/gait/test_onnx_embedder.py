from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import stand_ins

from rt_gait.errors import ModelError, UsageError
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Window


def windows(count: int) -> list[Window]:
    rng = np.random.default_rng(7)
    return [
        Window(i, 0.0, float(i), rng.integers(0, 256, (30, 64, 44)).astype(np.uint8))
        for i in range(count)
    ]


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    shutil.copytree(default_models_dir() / "gei", tmp_path / "gei")
    return tmp_path


def edit(models_dir: Path, old: str, new: str) -> None:
    path = models_dir / "gei" / "config.pbtxt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_gei_is_the_mean_silhouette_of_unit_length() -> None:
    embedder = OnnxGaitEmbedder(gait_model_info(default_models_dir(), "gei"))
    (window,) = windows(1)
    (embedding,) = embedder.embed([window])
    mean = window.pixels.astype(np.float64).mean(axis=0).ravel()
    np.testing.assert_allclose(embedding.vector, mean / np.linalg.norm(mean), atol=1e-6)
    assert embedding.vector.dtype == np.float32
    assert embedding.end_secs == window.end_secs


def test_silhouettes_of_0_to_255_reach_a_uint8_network_as_they_are(tmp_path: Path) -> None:
    stand_ins.write_whole(tmp_path)
    embedder = OnnxGaitEmbedder(gait_model_info(tmp_path, "whole"))
    (window,) = windows(1)
    rng = np.random.default_rng(1)
    encode = rng.normal(size=(64 * 44, stand_ins.FEATURES)).astype(np.float32)
    project = rng.normal(size=(stand_ins.FEATURES, stand_ins.SIZE)).astype(np.float32)
    features = np.maximum(window.pixels.reshape(30, -1) / np.float32(255) @ encode, 0)
    vector = features.max(axis=0) @ project
    np.testing.assert_allclose(
        embedder.embed([window])[0].vector, vector / np.linalg.norm(vector), atol=1e-5
    )


def test_batches_beyond_the_models_limit_give_the_same_as_one_by_one(models_dir: Path) -> None:
    edit(models_dir, "max_batch_size: 32", "max_batch_size: 4")
    embedder = OnnxGaitEmbedder(gait_model_info(models_dir, "gei"))
    many = windows(11)
    together = embedder.embed(many)
    assert [e.track_id for e in together] == list(range(11))
    for window, embedding in zip(many, together, strict=True):
        np.testing.assert_allclose(embedder.embed([window])[0].vector, embedding.vector, atol=1e-6)
    assert embedder.embed([]) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"25"', '"quick"', "should be a number"),
        ('key: "frames"', 'key: "frame"', "no parameter 'frames'"),
        ("[ 30, 64, 44 ]", "[ 25, 64, 44 ]", r"rt-gait sends .*\[30, 64, 44\]"),
        ("[ 30, 64, 44 ]", "[ -1, 64 ]", "rt-gait sends"),
        ("TYPE_FP32 dims: [ 30", "TYPE_INT8 dims: [ 30", "sends TYPE_UINT8 or TYPE_FP32"),
        ("TYPE_FP32 dims: [ 30", "TYPE_UINT8 dims: [ 30", "config.pbtxt declares input"),
        ("input [ {", "input [ { name: 'b' }, {", "should declare one input"),
        ('"NTHW"', '"NHWT"', "layout should be NTHW"),
        ("TYPE_FP32 dims: [ 2816", "TYPE_FP16 dims: [ 2816", "config.pbtxt declares output"),
        ('string_value: "64"', 'string_value: "128"', "wants silhouettes of"),
        ('name: "gei"', 'name: "other"', "says its name is"),
        ("max_batch_size", "max_batch_sise", "not a Triton file"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    models_dir: Path, old: str, new: str, words: str
) -> None:
    edit(models_dir, old, new)
    with pytest.raises(ModelError, match=words):
        OnnxGaitEmbedder(gait_model_info(models_dir, "gei"))


def test_a_model_that_is_not_there_or_not_for_gait(models_dir: Path) -> None:
    for name in ("nope", "../gei", ""):
        with pytest.raises(UsageError, match="no model is called"):
            gait_model_info(models_dir, name)
    edit(models_dir, '"silhouette"', '"flow"')
    with pytest.raises(UsageError, match="takes flow"):
        gait_model_info(models_dir, "gei")


def test_a_broken_network_is_one_clear_line(models_dir: Path) -> None:
    (models_dir / "gei" / "1" / "model.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not a model ONNX Runtime can load"):
        OnnxGaitEmbedder(gait_model_info(models_dir, "gei"))
    (models_dir / "gei" / "1" / "model.onnx").unlink()
    with pytest.raises(ModelError, match="no model file"):
        OnnxGaitEmbedder(gait_model_info(models_dir, "gei"))
