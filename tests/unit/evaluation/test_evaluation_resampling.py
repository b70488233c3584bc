"""Intervals by bootstrap of subjects: what they are made of, and that they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from rt_gait.evaluation.resampling import Resampling


def test_every_replicate_draws_as_many_subjects_as_there_are() -> None:
    weights = Resampling.of(7, 50).weights
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, Resampling.of(7, 50).weights)
    assert len(np.unique(weights, axis=0)) > 30


def test_a_rate_is_the_mean_of_its_trials() -> None:
    figure = Resampling.of(3).rate(np.array([0, 0, 1, 2]), np.array([1.0, 0.0, 1.0, np.nan]))
    assert figure.value == pytest.approx(2 / 3)
    assert (figure.trials, figure.subjects) == (3, 2)


def test_replicates_of_a_rate_are_those_of_repeated_subjects() -> None:
    subject, value = np.array([0, 0, 1, 2]), np.array([1.0, 0.0, 1.0, 0.0])
    resampling = Resampling(np.array([[2, 1, 0], [0, 0, 3], [1, 1, 1]], np.float32))
    assert resampling.rate(subject, value).replicates == pytest.approx([3 / 5, 0, 1 / 2])


def test_a_mean_of_means_leaves_out_empty_cells() -> None:
    subject, cell = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])
    resampling = Resampling(np.array([[1, 1], [2, 0]], np.float32))
    figure = resampling.rate(subject, np.array([1.0, 1.0, 0.0, 0.0]), cell)
    assert figure.value == pytest.approx((2 / 3 + 0) / 2)
    assert figure.replicates == pytest.approx([(2 / 3 + 0) / 2, 2 / 3])


def test_without_trials_there_is_no_figure() -> None:
    figure = Resampling.of(4).rate(np.zeros(0, np.int64), np.zeros(0))
    assert np.isnan(figure.value)
    assert np.isnan(figure.interval).all()
    assert np.isnan(Resampling.of(0).rate(np.zeros(0, np.int64), np.zeros(0)).value)


def test_intervals_cover_the_truth() -> None:
    """Subjects differ in how well they are recognised; 95% intervals should know."""
    rng = np.random.default_rng(5)
    resampling = Resampling.of(60, 400)
    subject = np.repeat(np.arange(60), 10)
    covered = 0
    for _ in range(300):
        chance = rng.beta(8, 2, 60)
        hits = (rng.random(600) < chance[subject]).astype(float)
        low, high = resampling.rate(subject, hits).interval
        covered += low <= 0.8 <= high
    # Trials taken for independent would cover about 82%; percentile intervals fall a little short.
    assert 0.90 <= covered / 300 <= 0.99


def test_a_paired_difference_is_narrower_than_an_unpaired_one() -> None:
    rng = np.random.default_rng(6)
    resampling = Resampling.of(80)
    subject = np.repeat(np.arange(80), 5)
    easy = rng.beta(2, 1, 80)[subject]
    luck = rng.random(400)
    first, second = ((luck < easy * s).astype(float) for s in (1.0, 0.9))
    a, b = (resampling.rate(subject, hits) for hits in (first, second))
    low, high = a.less(b).interval
    assert a.less(b).value == pytest.approx(first.mean() - second.mean())
    assert 0 < low < high
    assert high - low < 0.5 * np.hypot(np.ptp(a.interval), np.ptp(b.interval))


def test_a_difference_of_other_probes_is_refused() -> None:
    resampling = Resampling.of(2)
    a = resampling.rate(np.array([0, 1]), np.ones(2))
    b = resampling.rate(np.array([0, 0, 1]), np.ones(3))
    with pytest.raises(ValueError, match="same probes"):
        a.less(b)
