from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stand_ins

from rt_gait.errors import ModelError, UsageError
from rt_gait.gait import stream
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.serving.onnx import OnnxModel
from rt_gait.serving.repository import load_info, model_names
from rt_gait.types import UInt8Array, Window


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    stand_ins.write_whole(tmp_path)
    stand_ins.write_stream(tmp_path)
    return tmp_path


def open_model(models_dir: Path, name: str = "stream") -> OnnxGaitEmbedder:
    return OnnxGaitEmbedder(gait_model_info(models_dir, name))


def walk(seed: int, count: int = 70) -> UInt8Array:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 64, 44)).astype(np.uint8)


def window(silhouettes: UInt8Array, start: int, track_id: int = 1) -> Window:
    return Window(track_id, 0.0, 1.0, silhouettes[start : start + 30])


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all that the networks are asked, frames and windows alike."""
    shapes: list[tuple[int, ...]] = []
    run = OnnxModel.run

    def note(self: OnnxModel, batch: Any) -> Any:
        shapes.append(batch.shape)
        return run(self, batch)

    monkeypatch.setattr(OnnxModel, "run", note)
    return shapes


def test_it_equals_the_whole_network(models_dir: Path) -> None:
    whole, parts = open_model(models_dir, "whole"), open_model(models_dir)
    for start in (0, 10, 11, 40):
        windows = [window(walk(seed), start, seed) for seed in (1, 2)]
        for a, b in zip(whole.embed(windows), parts.embed(windows), strict=True):
            np.testing.assert_allclose(a.vector, b.vector, atol=1e-5)


def test_each_silhouette_is_encoded_once_and_the_new_ones_together(
    models_dir: Path, requests: list[tuple[int, ...]]
) -> None:
    embedder = open_model(models_dir)
    first, second = walk(1), walk(2)
    embedder.embed([window(first, 0), window(second, 0, 2)])
    embedder.embed([window(first, 10), window(second, 1, 2)])
    embedder.embed([window(first, 10)])
    head = (30, stand_ins.FEATURES)
    assert requests == [(60, 64, 44), (2, *head), (11, 64, 44), (2, *head), (1, *head)]


def test_a_silhouette_held_for_several_steps_is_encoded_once(
    models_dir: Path, requests: list[tuple[int, ...]]
) -> None:
    slow_camera = walk(1, 10).repeat(3, axis=0)
    open_model(models_dir).embed([window(slow_camera, 0)])
    assert requests[0] == (10, 64, 44)


def test_requests_keep_to_the_frame_models_limit(
    models_dir: Path, requests: list[tuple[int, ...]]
) -> None:
    config = models_dir / "stream_frame" / "config.pbtxt"
    config.write_text(config.read_text().replace("max_batch_size: 64", "max_batch_size: 16"))
    open_model(models_dir).embed([window(walk(1), 0)])
    assert [shape[0] for shape in requests] == [16, 14, 1]


def test_what_is_kept_is_bounded_and_the_result_is_not_touched_by_it(
    models_dir: Path, requests: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SILHOUETTES_KEPT", 40)
    embedder, silhouettes = open_model(models_dir), walk(1)
    (before,) = embedder.embed([window(silhouettes, 0)])
    for start in (10, 20, 30, 40):
        embedder.embed([window(silhouettes, start)])
    requests.clear()
    embedder.embed([window(silhouettes, 30)])  # its silhouettes are the latest 40
    assert requests[0][0] == 1
    requests.clear()
    (again,) = embedder.embed([window(silhouettes, 0)])
    assert requests[0] == (30, 64, 44)
    np.testing.assert_array_equal(before.vector, again.vector)


def test_its_key_changes_with_either_part(models_dir: Path) -> None:
    def keys() -> tuple[str, str]:
        return load_info(models_dir, "stream").key, load_info(models_dir, "stream_frame").key

    def touch(name: str) -> None:
        path = models_dir / name / "1" / "model.onnx"
        path.write_bytes(path.read_bytes() + b"\0")

    first = keys()
    assert keys() == first
    touch("stream_frame")
    second = keys()
    touch("stream")
    third = keys()
    assert len({first[0], second[0], third[0]}) == 3
    assert first[1] != second[1] == third[1]


def test_the_frame_part_is_no_gait_model(models_dir: Path) -> None:
    assert model_names(models_dir, "silhouette") == ["stream", "whole"]
    with pytest.raises(UsageError, match=r"takes silhouette_frame.*gait models: stream, whole"):
        gait_model_info(models_dir, "stream_frame")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("stream", '"stream_frame"', '"gone"', "its frame_model is missing: no model is called"),
        ("stream", '"frame_model"', '"frames_model"', "no parameter 'frame_model'"),
        (
            "stream",
            'value: "stream"',
            'value: "steam"',
            "kind should be whole or stream, not 'steam'",
        ),
        ("stream", "[ 30, 48 ]", "[ 30, 47 ]", r"rt-gait sends TYPE_FP32 \[30, 48\]"),
        ("stream_frame", "[ 48 ]", "[ 8, 6 ]", "should have one output"),
        ("stream_frame", "TYPE_UINT8", "TYPE_FP32", "rt-gait sends TYPE_UINT8"),
        ("stream_frame", "[ 48 ]", "[ 47 ]", "rt-gait sends"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    models_dir: Path, name: str, old: str, new: str, words: str
) -> None:
    config = models_dir / name / "config.pbtxt"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    with pytest.raises(ModelError, match=words):
        open_model(models_dir)


def test_a_missing_network_is_one_clear_line(models_dir: Path) -> None:
    (models_dir / "stream_frame" / "1" / "model.onnx").unlink()
    with pytest.raises(ModelError, match="no model file"):
        open_model(models_dir)
    with pytest.raises(ModelError, match="cannot read the model file"):
        _ = load_info(models_dir, "stream").key
