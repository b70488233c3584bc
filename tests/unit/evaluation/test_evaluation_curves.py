"""Error rates against a sweep over every threshold, and the intervals' histograms against it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rt_gait.evaluation.curves import (
    Histograms,
    counted,
    edges_of,
    equal_error_rate,
    exact_rates,
    rejects_at,
    trade_off,
)
from rt_gait.evaluation.resampling import Resampling

scores = arrays.arrays(
    np.float32,
    st.integers(1, 30),
    elements=st.integers(-20, 20).map(lambda k: k / 20),
)


def swept(mated: np.ndarray, non_mated: np.ndarray) -> list[tuple[float, float, float]]:
    """Threshold, false accepts, false rejects; at every score and just above it, rising."""
    found = np.concatenate([mated, non_mated])
    thresholds = sorted({*found.tolist(), *np.nextafter(found, np.float32(2)).tolist()})
    return [(t, float((non_mated >= t).mean()), float((mated < t).mean())) for t in thresholds]


def crossing(points: list[tuple[float, float, float]]) -> float:
    """Where the polyline through the points meets the diagonal."""
    before = (1.0, 0.0)
    for _, accept, reject in points:
        if reject >= accept:
            (a0, r0), (a1, r1) = before, (accept, reject)
            share = (a0 - r0) / ((a0 - r0) + (r1 - a1)) if (a0 - r0) + (r1 - a1) else 1.0
            return a0 + share * (a1 - a0)
        before = accept, reject
    raise AssertionError


def eer(mated: np.ndarray, non_mated: np.ndarray) -> float:
    return float(equal_error_rate(exact_rates(mated, non_mated))[0])


def test_by_hand() -> None:
    mated = np.array([0.9, 0.8, 0.7, 0.4], np.float32)
    non_mated = np.array([0.6, 0.5, 0.3, 0.2, 0.1], np.float32)
    rates = exact_rates(mated, non_mated, (0.2,))
    # Above .5 and up to .6 one stranger in five is accepted, one claim in four refused.
    assert eer(mated, non_mated) == pytest.approx(0.25)
    value, at = rejects_at(rates, 0.2)
    assert value == pytest.approx(0.25)
    assert rates.thresholds[at] == pytest.approx(0.5)
    assert rates.thresholds[at] > np.float32(0.5)
    assert rejects_at(rates, 0.4)[0] == 0
    assert rejects_at(rates, 0.0)[0] == pytest.approx(0.25)


@given(scores, scores)
def test_equal_error_rate_is_that_of_a_sweep(mated: np.ndarray, non_mated: np.ndarray) -> None:
    assert eer(mated, non_mated) == pytest.approx(crossing(swept(mated, non_mated)), abs=1e-9)


@given(scores, scores, st.sampled_from([0.0, 0.001, 0.05, 0.1, 0.25, 0.5]))
def test_rejects_are_those_of_a_sweep(
    mated: np.ndarray, non_mated: np.ndarray, limit: float
) -> None:
    rates = exact_rates(mated, non_mated, (limit,))
    value, at = rejects_at(rates, limit)
    points = [p for p in swept(mated, non_mated) if p[1] <= limit]
    threshold, _, rejects = points[0]
    assert value == pytest.approx(rejects)
    assert rates.thresholds[at] == pytest.approx(threshold, abs=1e-6)
    assert (non_mated >= rates.thresholds[at]).mean() <= limit


def test_perfect_scores_have_no_error_and_equal_scores_nothing_but() -> None:
    high, low = np.full(5, 0.9, np.float32), np.full(7, 0.1, np.float32)
    assert eer(high, low) == 0
    assert eer(low, high) == 1
    assert eer(low, low) == pytest.approx(0.5)
    assert rejects_at(exact_rates(high, high), 0.01)[0] == 1


def test_scores_that_nothing_accepts_are_rejected_at_any_threshold() -> None:
    mated = np.array([-np.inf, 0.5, 0.6, 0.7], np.float32)
    rates = exact_rates(mated, np.array([0.1, 0.2], np.float32))
    assert rejects_at(rates, 0.5)[0] == pytest.approx(0.25)


def test_without_comparisons_nothing_is_known() -> None:
    none, some = np.zeros(0, np.float32), np.array([0.1, 0.2], np.float32)
    for mated, non_mated in ((none, some), (some, none), (none, none)):
        rates = exact_rates(mated, non_mated, (0.1,))
        assert np.isnan(equal_error_rate(rates)[0])
        assert np.isnan(rejects_at(rates, 0.1)[0])


def test_the_trade_off_falls_from_one() -> None:
    rng = np.random.default_rng(1)
    mated, non_mated = rng.normal(1, 1, 500), rng.normal(0, 1, 5000)
    rates = exact_rates(mated.astype(np.float32), non_mated.astype(np.float32))
    curve = trade_off(rates, np.array([0.0, 0.001, 0.01, 0.1, 1.0]))
    assert (np.diff(curve) <= 0).all()
    assert curve[-1] == 0


def test_histograms_follow_the_exact_rates() -> None:
    """One replicate in which everybody is drawn once gives the figures of the data themselves."""
    rng = np.random.default_rng(2)
    subjects = 40
    mated = rng.normal(0.7, 0.15, 4000).astype(np.float32)
    non_mated = rng.normal(0.3, 0.15, 200_000).astype(np.float32)
    edges = edges_of(mated, non_mated)
    sides = (
        counted(
            rng.integers(0, subjects, len(side)),
            np.searchsorted(edges, side, side="right"),
            subjects,
            len(edges) + 1,
        )
        for side in (mated, non_mated)
    )
    replicated = Histograms(edges, *sides).replicated(Resampling(np.ones((1, subjects), "f4")))
    exact = exact_rates(mated, non_mated)
    assert equal_error_rate(replicated)[0][0] == pytest.approx(equal_error_rate(exact)[0], abs=5e-4)
    for limit in (0.01, 0.001):
        assert rejects_at(replicated, limit)[0][0] == pytest.approx(
            rejects_at(exact, limit)[0], abs=5e-3
        )


def test_replicates_are_those_of_repeated_subjects() -> None:
    rng = np.random.default_rng(3)
    mated, non_mated = rng.random((3, 20)).astype("f4"), rng.random((3, 50)).astype("f4") * 0.8
    edges = np.unique(np.concatenate([mated.ravel(), non_mated.ravel()]))  # nothing is rounded
    whose = np.arange(3)[:, None]
    sides = (
        counted(
            np.broadcast_to(whose, side.shape).ravel(),
            np.searchsorted(edges, side.ravel(), side="right"),
            3,
            len(edges) + 1,
        )
        for side in (mated, non_mated)
    )
    weights = np.array([[2, 0, 1], [0, 0, 3]], np.float32)
    replicated = equal_error_rate(Histograms(edges, *sides).replicated(Resampling(weights)))[0]
    for drawn, value in zip(([0, 0, 2], [2, 2, 2]), replicated, strict=True):
        assert value == pytest.approx(eer(mated[drawn].ravel(), non_mated[drawn].ravel()), abs=0.02)
