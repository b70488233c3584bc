from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.errors import GalleryError
from rt_gait.identity.matching import Templates, subject_scores
from rt_gait.identity.records import unit_vectors


def gallery_of(owners: np.ndarray, size: int, seed: int = 0) -> Templates:
    rng = np.random.default_rng(seed)
    vectors = unit_vectors(rng.standard_normal((len(owners), size)))
    names = tuple(f"s_{index:08d}" for index in range(int(owners[-1]) + 1))
    return Templates(names, owners.astype(np.int64), vectors)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 99))
def test_score_is_the_cosine_to_the_closest_template(
    counts: list[int], probes: int, seed: int
) -> None:
    templates = gallery_of(np.repeat(np.arange(len(counts)), counts), 8, seed)
    rng = np.random.default_rng(seed + 1)
    vectors = unit_vectors(rng.standard_normal((probes + 1, 8)))[:probes]
    scores = subject_scores(vectors, templates)
    assert scores.shape == (probes, len(counts))
    assert scores.dtype == np.float32
    for probe, row in zip(vectors, scores, strict=True):
        for subject, score in enumerate(row):
            owned = templates.vectors[templates.owners == subject]
            assert score == pytest.approx(max(float(one @ probe) for one in owned), abs=1e-5)


def test_scores_stay_within_one() -> None:
    templates = gallery_of(np.arange(50), 33)
    scores = subject_scores(templates.vectors, templates)
    assert scores.max() <= 1
    np.testing.assert_allclose(np.diag(scores), 1, atol=1e-6)


def test_empty_gallery_scores_nobody() -> None:
    scores = subject_scores(np.ones((3, 7), np.float32), Templates.none())
    assert scores.shape == (3, 0)


def test_another_dimension_is_refused_with_advice() -> None:
    with pytest.raises(GalleryError, match="gives 4 numbers, the gallery holds 8; use the model"):
        subject_scores(np.ones((1, 4), np.float32), gallery_of(np.arange(2), 8))


@pytest.mark.parametrize(
    ("names", "owners", "vectors"),
    [
        (("a", "b"), [0], np.ones((1, 4))),
        (("a",), [0, 1], np.ones((2, 4))),
        (("a", "b"), [1, 0], np.ones((2, 4))),
        (("a", "b", "c"), [0, 2], np.ones((2, 4))),
        (("a", "b"), [1, 1], np.ones((2, 4))),
        (("a",), [], np.ones((0, 4))),
        (("a",), [-1], np.ones((1, 4))),
        (("a", "a"), [0, 1], np.ones((2, 4))),
        (("a",), [0], np.ones((2, 4))),
        (("a",), [0], np.ones(4)),
    ],
    ids=[
        *("last-unused", "beyond", "unsorted", "gap", "first-unused", "no-templates"),
        *("negative", "same-id", "lengths", "flat"),
    ],
)
def test_templates_that_do_not_fit_together_are_refused(
    names: tuple[str, ...], owners: list[int], vectors: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"owners|subject_ids"):
        Templates(names, np.array(owners, np.int64), vectors.astype(np.float32))


def test_large_gallery_is_matched_right(record_property: Callable[[str, object], None]) -> None:
    """10,000 templates of 256 numbers, 8 probes; the time goes to the report, not to a check."""
    rng = np.random.default_rng(0)
    owners = np.sort(np.concatenate([np.arange(2000), rng.integers(0, 2000, 8000)]))
    templates = gallery_of(owners, 256)
    chosen = rng.integers(0, 10_000, 8)
    noise = unit_vectors(rng.standard_normal((8, 256)))
    probes = unit_vectors(templates.vectors[chosen] + 0.3 * noise)
    started = time.perf_counter()
    scores = subject_scores(probes, templates)
    record_property("match_10k_x_256_x_8_ms", 1000 * (time.perf_counter() - started))
    assert scores.argmax(axis=1).tolist() == owners[chosen].tolist()
