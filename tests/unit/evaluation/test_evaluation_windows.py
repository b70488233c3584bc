"""Windows of evaluated sequences are the pipeline's; embeddings lose and invent nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from evaluation_world import walk

from rt_gait.evaluation.embedding import (
    Embedded,
    FramesOrder,
    embed_sequences,
    reordered,
    sequence_windows,
)
from rt_gait.evaluation.sequences import GaitSequence, SequenceInfo
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.windows import WindowBuilder, WindowShape
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Embedding, Silhouette, Window

SHAPE = WindowShape(10, 25.0, 0.2)


class MeanEmbedder:
    """The mean brightness of each of a window's frames."""

    shape = SHAPE

    def __init__(self) -> None:
        self.info = gait_model_info(default_models_dir(), "gei")
        self.asked: list[int] = []

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        self.asked.append(len(windows))
        vectors = [w.pixels.reshape(len(w.pixels), -1).mean(axis=1) + 1.0 for w in windows]
        return [
            Embedding(w.track_id, w.end_secs, (v / np.linalg.norm(v)).astype(np.float32))
            for w, v in zip(windows, vectors, strict=True)
        ]


def sequence(frames: int = 30, fps: float = 25.0, name: str = "p") -> GaitSequence:
    pixels = np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None, None], (frames, 64, 44))
    return GaitSequence.at_fps(SequenceInfo(name, "s0"), pixels, fps)


@pytest.mark.parametrize("fps", [10.0, 12.5, 15.0, 25.0, 30.0, 60.0])
def test_windows_are_those_of_the_run(fps: float) -> None:
    """In a run every frame ticks, those without a silhouette too."""
    rng = np.random.default_rng(0)
    kept = np.sort(rng.choice(100, 90, replace=False))
    kept = kept[(kept < 40) | (kept > 52)]  # gaps short and long
    times = kept / fps + rng.uniform(0, 0.2 / fps, len(kept))
    pixels = rng.integers(0, 255, (len(kept), 64, 44), dtype=np.uint8)
    ours = list(sequence_windows(GaitSequence(SequenceInfo("p", ""), pixels, times, kept), SHAPE))

    builder, box, theirs = WindowBuilder(SHAPE), np.zeros(4, np.float32), []
    own = dict(zip(kept.tolist(), pixels, strict=True))
    for frame in range(kept[0], kept[-1] + 1):
        time_secs = float(np.interp(frame, kept, times))
        builder.tick(time_secs)
        if frame in own:
            theirs += builder.add(Silhouette(1, frame, time_secs, box, own[frame]))

    assert len(ours) == len(theirs) > 2
    for a, b in zip(ours, theirs, strict=True):
        assert (a.start_secs, a.end_secs) == pytest.approx((b.start_secs, b.end_secs))
        assert np.array_equal(a.pixels, b.pixels)


def test_sequences_are_embedded_in_batches_and_in_order() -> None:
    embedder = MeanEmbedder()
    sequences = [sequence(10 + k, name=str(k)) for k in range(200)]
    found = embed_sequences(embedder, iter(sequences))
    assert [a.subject for a in found.about] == [str(k) for k in range(200)]
    counts = [len(list(sequence_windows(s, SHAPE))) for s in sequences]
    assert np.diff(found.start).tolist() == counts
    assert sum(embedder.asked) == sum(counts)
    assert len(embedder.asked) < 10
    first = [
        next(iter(embedder.embed(list(sequence_windows(s, SHAPE))))).vector for s in sequences[:3]
    ]
    assert np.array_equal(found.windows[found.start[:3]], np.stack(first))


def test_a_sequence_without_a_window_is_a_failure_to_acquire() -> None:
    found = embed_sequences(MeanEmbedder(), [sequence(30), sequence(5), sequence(0), sequence(12)])
    assert found.acquired.tolist() == [True, False, False, True]
    vectors = found.vectors()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 0, 1])
    none = embed_sequences(MeanEmbedder(), [sequence(5)])
    assert not none.acquired.any()
    assert none.vectors().shape == (1, 2816)


def test_a_vector_is_the_unit_mean_of_the_first_windows() -> None:
    every = embed_sequences(MeanEmbedder(), [sequence(60), sequence(13)])
    two = embed_sequences(MeanEmbedder(), [sequence(60), sequence(13)], most_windows=2)
    assert np.diff(every.start).tolist() == [11, 1]
    assert np.diff(two.start).tolist() == [2, 1]
    mean = every.windows[:2].mean(axis=0)
    assert every.vectors(2)[0] == pytest.approx(mean / np.linalg.norm(mean))
    assert np.allclose(two.vectors(), every.vectors(2))
    assert not np.allclose(every.vectors(1), every.vectors(2))


def test_sequences_can_be_taken_out_afterwards() -> None:
    found = embed_sequences(MeanEmbedder(), [sequence(30), sequence(40), sequence(50)])
    part = found.only(np.array([True, False, True]))
    assert part.acquired.tolist() == [True, False, True]
    assert part.about == found.about
    assert np.array_equal(part.vectors()[[0, 2]], found.vectors()[[0, 2]])


@pytest.mark.parametrize("order", list(FramesOrder))
def test_controls_keep_the_pictures_or_only_the_first(order: FramesOrder) -> None:
    window = next(iter(sequence_windows(sequence(30), SHAPE)))
    shown = reordered(window, order, np.random.default_rng(0)).pixels[:, 0, 0].tolist()
    expected = {
        FramesOrder.ORDERED: list(range(10)),
        FramesOrder.FROZEN: [0] * 10,
        FramesOrder.SHUFFLED: shown,
    }[order]
    assert shown == expected
    if order is FramesOrder.SHUFFLED:
        assert sorted(shown) == list(range(10))
        assert shown != list(range(10))


def test_a_mean_silhouette_owes_nothing_to_the_order_of_frames() -> None:
    rng = np.random.default_rng(1)
    sequences = [
        GaitSequence.at_fps(SequenceInfo(str(k), "s0"), walk(k, 90.0, rng), 25.0) for k in range(3)
    ]
    embedder = OnnxGaitEmbedder(gait_model_info(default_models_dir(), "gei"))
    found: dict[FramesOrder, Embedded] = {
        order: embed_sequences(embedder, sequences, order=order) for order in FramesOrder
    }
    ordered = found[FramesOrder.ORDERED].windows
    assert np.allclose(found[FramesOrder.SHUFFLED].windows, ordered, atol=1e-5)
    assert not np.allclose(found[FramesOrder.FROZEN].windows, ordered, atol=1e-2)


def test_arrays_that_do_not_fit_are_refused() -> None:
    about = SequenceInfo("p", "s0")
    with pytest.raises(ValueError, match="64, 44"):
        GaitSequence.at_fps(about, np.zeros((3, 64, 64), np.uint8), 25.0)
    with pytest.raises(ValueError, match="3 silhouettes, 2 times"):
        GaitSequence(about, np.zeros((3, 64, 44), np.uint8), np.zeros(2), np.arange(3))
