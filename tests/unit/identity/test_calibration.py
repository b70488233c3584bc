from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rt_gait.errors import GalleryError, UsageError
from rt_gait.identity.calibration import (
    Calibration,
    Odds,
    Search,
    calibrate,
    odds,
    share_interval,
    threshold,
    warning,
)
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.matching import Templates
from rt_gait.identity.records import TemplateKey
from rt_gait.identity.searches import FUSED_WINDOWS_MAX, fused, search


def strangers(count: int, *, seed: int = 0, mean: float = 0.2) -> list[Search]:
    scores = np.random.default_rng(seed).normal(mean, 0.1, count)
    return [Search(f"p{i}", float(score)) for i, score in enumerate(scores)]


@pytest.mark.parametrize("fpir", [0.01, 0.05, 0.1])
def test_fresh_strangers_reach_the_threshold_as_seldom_as_was_asked(fpir: float) -> None:
    found = calibrate(strangers(1000), [], fpir=fpir, subjects=20)
    fresh = np.array([s.score for s in strangers(100_000, seed=1)])
    assert (fresh >= found.known).mean() == pytest.approx(fpir, rel=0.5)
    assert found.fpir_low <= fpir <= found.fpir_high
    assert found.candidate <= found.known
    assert (found.subjects, found.strangers, found.odds) == (20, 1000, None)
    assert warning(found) is None


@pytest.mark.parametrize(("people", "fpir"), [(10, 0.01), (30, 0.01), (30, 0.1), (200, 0.01)])
def test_however_few_strangers_new_ones_reach_it_as_seldom_as_was_asked(
    people: int, fpir: float
) -> None:
    rng = np.random.default_rng(5)
    samples = rng.normal(0.2, 0.1, (2000, people))
    found = [threshold(scores, fpir, people) for scores in samples]
    fresh = rng.normal(0.2, 0.1, 5000)
    reached = np.mean([(fresh >= score).mean() for score in found])
    assert 0.6 * fpir < reached < 1.15 * fpir


def test_many_strangers_need_not_be_normal() -> None:
    rng = np.random.default_rng(6)
    found = [threshold(rng.exponential(1, 99), 0.05, 99) for _ in range(1000)]
    assert np.mean(np.exp(-np.array(found))) == pytest.approx(0.05, rel=0.1)


def test_too_few_strangers_are_said_or_refused() -> None:
    found = calibrate(strangers(30), [], fpir=0.01, subjects=4)
    assert found.fpir_high >= 3 / 30
    assert "30 strangers are too few to promise an FPIR of 1.00%" in str(warning(found))
    with pytest.raises(UsageError, match="needs 5 people who are not enrolled, got 4"):
        calibrate(strangers(4), [], fpir=0.01, subjects=4)


@pytest.mark.parametrize("fpir", [0.0, 0.5, -1.0, float("nan")])
def test_an_fpir_out_of_range(fpir: float) -> None:
    with pytest.raises(UsageError, match="above 0 and below"):
        calibrate(strangers(10), [], fpir=fpir, subjects=4)


def test_tracks_of_one_person_are_drawn_together() -> None:
    once = share_interval(
        np.ones(1000, np.int64) * (np.arange(1000) < 100), np.ones(1000, np.int64)
    )
    in_tens = share_interval(10 * (np.arange(100) < 10), np.full(100, 10))
    assert in_tens[1] - in_tens[0] > 2 * (once[1] - once[0])


def test_odds_tell_probabilities_that_hold() -> None:
    rng = np.random.default_rng(3)
    made = odds(rng.normal(0.7, 0.1, 5000), rng.normal(0.3, 0.1, 5000))
    assert made.probability(0.5) == pytest.approx(0.5, abs=0.02)
    assert made.probability(0.6) == pytest.approx(1 / (1 + np.exp(-4)), abs=0.02)
    assert made.probability(-1) == 0.01
    assert made.probability(1) == 0.99


def test_odds_of_kinds_that_do_not_overlap_stay_finite() -> None:
    made = odds(np.array([0.9, 0.8]), np.array([0.1, 0.2]))
    assert np.isfinite([made.slope, made.offset]).all()
    assert made.probability(0.85) > 0.6
    assert made.probability(0.15) < 0.4


def axes(count: int) -> Templates:
    return Templates(tuple("abcd"[:count]), np.arange(count), np.eye(count, 4, dtype=np.float32))


def test_a_search_leaves_the_own_subject_out_for_strangers() -> None:
    vectors = np.array([[0.6, 0.8, 0, 0], [0.8, 0.6, 0, 0]], np.float32)
    kinds = {"person": "x", "min_windows": 2}
    stranger, genuine = search(vectors, axes(3), subject_id="a", **kinds)
    assert stranger == Search("x", pytest.approx(0.7))
    assert genuine is None  # not first
    stranger, genuine = search(vectors[[1, 1]], axes(3), subject_id="a", **kinds)
    assert genuine == Search("x", pytest.approx(0.8))
    assert search(vectors, axes(3), subject_id=None, **kinds)[0] == Search("x", pytest.approx(0.7))
    assert search(vectors[:1], axes(3), subject_id="a", **kinds) == (None, None)
    assert search(vectors, axes(1), subject_id="a", **kinds)[0] is None


def test_fused_is_the_mean_of_the_latest_windows() -> None:
    scores = np.arange(15, dtype=np.float32)[:, None]
    means = fused(scores)
    assert means[1, 0] == 0.5
    assert means[-1, 0] == np.arange(15 - FUSED_WINDOWS_MAX, 15).mean()
    assert fused(scores[:2], [1.0, 3.0])[1, 0] == 0.75


def test_a_gallery_keeps_its_calibration(
    gallery: Gallery, gallery_path: Path, key: TemplateKey
) -> None:
    found = Calibration(
        known=0.6,
        candidate=0.5,
        fpir=0.01,
        fpir_low=0.0,
        fpir_high=0.03,
        subjects=1,
        strangers=100,
        odds=None,
    )
    gallery.enrol(name="anna", vectors=np.eye(2, 8), key=key)
    assert gallery.calibration(key) is None
    before = gallery.revision
    gallery.set_calibration(key, found)
    assert gallery.revision == before + 1
    assert gallery.calibration(key) == found
    with_odds = replace(found, odds=Odds(12.0, -6.0))
    gallery.set_calibration(key, with_odds)
    with Gallery.open(gallery_path, read_only=True) as again:
        assert again.calibration(key) == with_odds
        assert again.calibration(TemplateKey("other@00000000", key.segmenter)) is None
    with pytest.raises(GalleryError, match="was made with"):
        gallery.set_calibration(TemplateKey("other@00000000", key.segmenter), found)
