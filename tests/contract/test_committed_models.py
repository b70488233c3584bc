"""The gait networks that come with rt-gait, on the outlines of somebody in a sample clip."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rt_gait.bench.tracking import record
from rt_gait.evaluation.strangers import stranger_tracks
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info, window_shape
from rt_gait.gait.windows import cut_windows
from rt_gait.outputs.silhouettes import read_dump
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import FloatArray, Window

ANNA = Path(__file__).parents[2] / "samples" / "enrol_anna.mp4"


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> list[Window]:
    folder = tmp_path_factory.mktemp("anna")
    record(ANNA, ("--dump-silhouettes", str(folder / "s"), "--model", "gei", "--headless"))
    shape = window_shape(gait_model_info(default_models_dir(), "gait3d"))
    tracks = [read_dump(path) for path in sorted(folder.glob("s/*.npz"))]
    found = [window for track in tracks for window in cut_windows(track, shape)]
    assert len(found) >= 6
    return found


def embedder(name: str) -> OnnxGaitEmbedder:
    return OnnxGaitEmbedder(gait_model_info(default_models_dir(), name))


def vectors(name: str, windows: Sequence[Window]) -> FloatArray:
    return np.stack([e.vector for e in embedder(name).embed(windows)])


def test_the_stream_is_gait2d(windows: list[Window]) -> None:
    np.testing.assert_allclose(vectors("stream2d", windows), vectors("gait2d", windows), atol=1e-5)


@pytest.mark.parametrize("kind", ["2d", "3d"])
def test_int8_says_much_the_same_on_processors_of_every_kind(kind: str) -> None:
    shape = window_shape(gait_model_info(default_models_dir(), "gait3d"))
    strangers = [windows[0] for _, windows in islice(stranger_tracks(shape), 5)]
    small, full = vectors(f"{kind}_int8_0", strangers), vectors(f"gait{kind}", strangers)
    assert (small * full).sum(axis=1).mean() > 0.97
    np.testing.assert_allclose(small @ small.T, full @ full.T, atol=0.1)


def test_windows_of_one_walk_resemble_each_other(windows: list[Window]) -> None:
    """Far more than strangers may (``candidate_score``), so the weights are those meant."""
    info = gait_model_info(default_models_dir(), "gait3d")
    embedded = vectors("gait3d", windows)
    assert np.median(embedded @ embedded.T) > info.number("candidate_score")
