"""One contract for every gait embedder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import stand_ins
import triton_server

from rt_gait.gait.embedder import GaitEmbedder, OnnxGaitEmbedder, gait_model_info
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Window


def gei(_models_dir: Path) -> GaitEmbedder:
    return OnnxGaitEmbedder(gait_model_info(default_models_dir(), "gei"))


def whole(models_dir: Path) -> GaitEmbedder:
    stand_ins.write_whole(models_dir)
    return OnnxGaitEmbedder(gait_model_info(models_dir, "whole"))


def stream(models_dir: Path) -> GaitEmbedder:
    stand_ins.write_stream(models_dir)
    return OnnxGaitEmbedder(gait_model_info(models_dir, "stream"))


MAKERS = {"gei, float": gei, "whole, uint8": whole, "stream": stream}
SERVED = {"gei by Triton": "gei", "whole by Triton": "whole", "stream by Triton": "stream"}


@pytest.fixture(params=[*MAKERS, *SERVED])
def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> GaitEmbedder:
    if request.param in MAKERS:
        return MAKERS[request.param](tmp_path)
    client = request.getfixturevalue("triton_client")
    models_dir = request.getfixturevalue("triton_models")
    return triton_server.patient(client, models_dir, SERVED[request.param])


def walk(track_id: int, silhouettes: int) -> np.ndarray:
    """Silhouettes [silhouettes, 64, 44] of one track."""
    rng = np.random.default_rng(track_id)
    return rng.integers(0, 256, (silhouettes, 64, 44)).astype(np.uint8)


def windows_of(track_ids: list[int], *, each: int = 3, stride: int = 10) -> list[Window]:
    """Overlapping windows of several tracks, in the order of their ends as in a run."""
    walks = {i: walk(i, 30 + stride * (each - 1)) for i in track_ids}
    return [
        Window(i, k * 0.4, k * 0.4 + 29 / 25, walks[i][k * stride : k * stride + 30])
        for k in range(each)
        for i in track_ids
    ]


def test_one_unit_vector_a_window_in_order(embedder: GaitEmbedder) -> None:
    windows = windows_of([3, 1, 8])
    embeddings = embedder.embed(windows)
    assert [e.track_id for e in embeddings] == [3, 1, 8] * 3
    assert [e.end_secs for e in embeddings] == [w.end_secs for w in windows]
    size = embedder.info.outputs[0].dims[0]
    for embedding in embeddings:
        assert embedding.vector.shape == (size,)
        assert embedding.vector.dtype == np.float32
        assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-5)


def test_a_window_is_embedded_the_same_alone_and_in_any_company(embedder: GaitEmbedder) -> None:
    windows = windows_of([1, 2, 3, 4], each=20, stride=3)
    assert len(windows) > embedder.info.max_batch_size
    together = np.stack([e.vector for e in embedder.embed(windows)])
    backwards = np.stack([e.vector for e in embedder.embed(windows[::-1])])[::-1]
    alone = np.stack([embedder.embed([w])[0].vector for w in windows])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_allclose(backwards, together, atol=1e-5)


def test_windows_that_differ_give_vectors_that_differ(embedder: GaitEmbedder) -> None:
    vectors = np.stack([e.vector for e in embedder.embed(windows_of([1, 2]))])
    assert len(np.unique(vectors.round(5), axis=0)) == len(vectors)


def test_no_window_no_vector(embedder: GaitEmbedder) -> None:
    assert embedder.embed([]) == []


def test_the_windows_it_wants_are_told(embedder: GaitEmbedder) -> None:
    assert embedder.shape.frames == 30
    assert embedder.shape.cadence_hz == 25
    assert 0 < embedder.shape.stride_secs <= embedder.shape.span_secs
    assert embedder.info.key.startswith(f"{embedder.info.name}@")
