"""Verification figures against a threshold sweep over hand-made and random scores."""

from __future__ import annotations

import numpy as np
import pytest

from rt_gait.evaluation.resampling import Figure, Resampling
from rt_gait.evaluation.searches import Scores
from rt_gait.evaluation.verification import DET_RATES, EER, Verification

NOBODY_LOST = Figure(0.0, np.zeros(1000), 10, 5)


def random_scores(seed: int, probes: int = 300, subjects: int = 30) -> Scores:
    rng = np.random.default_rng(seed)
    values = rng.normal(0.3, 0.1, (probes, subjects)).astype(np.float32)
    subject = np.arange(probes) % subjects
    values[np.arange(probes), subject] += 0.25
    values[rng.random(values.shape) < 0.1] = np.nan
    return Scores(subject, values)


def sides(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    own = np.zeros(scores.values.shape, bool)
    own[np.arange(len(own)), scores.subject] = True
    known = ~np.isnan(scores.values)
    return scores.values[own & known], scores.values[~own & known]


def test_figures_are_those_of_a_sweep() -> None:
    scores = random_scores(0)
    mated, non_mated = sides(scores)
    figures = Verification(scores, Resampling.of(30)).figures(NOBODY_LOST)
    for limit, name in ((0.01, "1%"), (0.001, "0.1%")):
        thresholds = np.nextafter(np.unique(non_mated), np.float32(1))
        lowest = next(t for t in thresholds if (non_mated >= t).mean() <= limit)
        figure = figures[f"FNMR at FMR {name}"]
        assert figure.value == pytest.approx((mated < lowest).mean())
        assert figure.threshold == pytest.approx(float(lowest), abs=1e-6)
        assert figure.trials == len(mated)
    thresholds = np.unique(np.concatenate([mated, non_mated]))
    gaps = [abs((non_mated >= t).mean() - (mated < t).mean()) for t in thresholds]
    nearest = thresholds[int(np.argmin(gaps))]
    both = (non_mated >= nearest).mean(), (mated < nearest).mean()
    assert min(both) - 0.005 <= figures[EER].value <= max(both) + 0.005


def test_frr_counts_probes_that_were_not_acquired() -> None:
    lost = Figure(0.2, np.full(1000, 0.2), 10, 5)
    figures = Verification(random_scores(1), Resampling.of(30)).figures(lost)
    fnmr, frr = (figures[f"{name} at FMR 1%"] for name in ("FNMR", "FRR"))
    assert frr.value == pytest.approx(0.2 + 0.8 * fnmr.value)
    assert frr.interval == pytest.approx([0.2 + 0.8 * end for end in fnmr.interval])
    assert frr.threshold == fnmr.threshold


def test_a_rate_that_cannot_be_measured_is_left_out() -> None:
    few = Scores(np.arange(11), np.eye(11, dtype=np.float32))  # 110 comparisons of strangers
    verification = Verification(few, Resampling.of(11))
    figures = verification.figures(NOBODY_LOST)
    assert "FNMR at FMR 1%" in figures
    assert "FNMR at FMR 0.1%" not in figures
    measured = ~np.isnan(verification.det())
    assert np.array_equal(measured, DET_RATES >= 1 / 110)


def test_some_of_the_probes_are_as_if_alone() -> None:
    scores = random_scores(2)
    chosen = np.arange(300) % 3 == 0
    part = Verification(scores, Resampling.of(30)).equal_error_rate(chosen)
    alone = Verification(
        Scores(scores.subject[chosen], scores.values[chosen]), Resampling.of(30)
    ).equal_error_rate()
    assert part.value == alone.value
    assert (part.trials, part.subjects) == (alone.trials, alone.subjects)
    assert part.interval == pytest.approx(alone.interval, abs=0.01)


def test_perfect_and_random_scores() -> None:
    resampling = Resampling.of(20)
    subject = np.arange(400) % 20
    perfect = Scores(subject, np.eye(20, dtype=np.float32)[subject])
    figure = Verification(perfect, resampling).equal_error_rate()
    assert (figure.value, figure.interval) == (0, (0, 0))
    noise = np.random.default_rng(3).random((400, 20)).astype(np.float32)
    figure = Verification(Scores(subject, noise), resampling).equal_error_rate()
    assert figure.value == pytest.approx(0.5, abs=0.05)
    assert figure.interval[0] < 0.5 < figure.interval[1]


def test_the_interval_of_the_eer_covers_the_truth() -> None:
    """Two normal distributions d' = 2 apart meet at an error of Phi(-1); subjects are alike."""
    rng = np.random.default_rng(4)
    resampling = Resampling.of(30, 300)
    subject = np.arange(240) % 30
    covered = 0
    for _ in range(60):
        values = rng.normal(0, 1, (240, 30)).astype(np.float32) / 10
        values[np.arange(240), subject] += 0.2
        low, high = Verification(Scores(subject, values), resampling).equal_error_rate().interval
        covered += low <= 0.158655 <= high
    assert covered >= 51
