"""Ranks and scores against brute force, and the exclusion of a probe's own view."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_world import unit

from rt_gait.evaluation import searches
from rt_gait.evaluation.searches import Scores, Side, search, subject_scores, view_grid


def side(rng: np.random.Generator, count: int, subjects: int, views: int = 3) -> Side:
    return Side(
        unit(rng.normal(size=(count, 6))),
        rng.integers(0, subjects, count),
        rng.integers(0, views, count),
    )


def everything(count: int) -> np.ndarray:
    return np.arange(count)


@pytest.mark.parametrize("exclude", [False, True])
def test_ranks_and_scores_are_those_of_brute_force(
    monkeypatch: pytest.MonkeyPatch, exclude: bool
) -> None:
    monkeypatch.setattr(searches, "_BLOCK", 130)  # several blocks
    rng = np.random.default_rng(0)
    probes, gallery = side(rng, 40, 7), side(rng, 25, 6)  # nobody enrols subject 6
    ranks, scores = search(probes, gallery, everything(40), 7, exclude_same_view=exclude)
    for p in range(40):
        kept = [
            g
            for g in range(25)
            if not (
                exclude
                and gallery.subject[g] == probes.subject[p]
                and gallery.view[g] == probes.view[p]
            )
        ]
        near = {g: float(gallery.vectors[g] @ probes.vectors[p]) for g in kept}
        order = sorted(kept, key=lambda g: -near[g])
        places = [k + 1 for k, g in enumerate(order) if gallery.subject[g] == probes.subject[p]]
        if places:
            precision = [(k + 1) / place for k, place in enumerate(places)]
            assert ranks.first[p] == places[0]
            assert ranks.average_precision[p] == pytest.approx(np.mean(precision))
            assert ranks.inverse_negative_penalty[p] == pytest.approx(len(places) / places[-1])
        else:
            assert np.isnan([ranks.first[p], ranks.average_precision[p]]).all()
        for s in range(7):
            own = [near[g] for g in kept if gallery.subject[g] == s]
            assert scores.values[p, s] == pytest.approx(
                max(own) if own else np.nan, abs=1e-6, nan_ok=True
            )
    assert np.array_equal(ranks.within(1), scores.first(), equal_nan=True)


def test_scores_of_some_probes_are_those_of_all() -> None:
    rng = np.random.default_rng(1)
    probes, gallery = side(rng, 20, 5), side(rng, 15, 5)
    every = search(probes, gallery, everything(20), 5)[1]
    some = search(probes, gallery, np.array([3, 4, 19]), 5)[1]
    assert np.array_equal(some.values, every.values[[3, 4, 19]], equal_nan=True)
    assert some.subject.tolist() == probes.subject[[3, 4, 19]].tolist()
    alone = subject_scores(probes, gallery, 5)
    assert np.allclose(alone.values, every.values, equal_nan=True)


def test_one_vector_for_everybody_recognises_nobody() -> None:
    same = Side(unit(np.ones((6, 3))), np.arange(6) % 3, np.zeros(6, np.int64))
    ranks, scores = search(same, same, everything(6), 3)
    assert (ranks.within(1) == 0).all()
    assert (scores.first() == 0).all()
    assert (ranks.first == 5).all()  # behind the four sequences of the others


def test_perfect_vectors_are_found_first() -> None:
    subject = np.repeat(np.arange(4), 3)
    perfect = Side(np.eye(4, dtype=np.float32)[subject], subject, np.tile(np.arange(3), 4))
    for exclude in (False, True):
        ranks, scores = search(perfect, perfect, everything(12), 4, exclude_same_view=exclude)
        for values in (ranks.first, ranks.average_precision, ranks.inverse_negative_penalty):
            assert (values == 1).all()
        assert (scores.first() == 1).all()


def test_random_vectors_are_found_by_chance() -> None:
    rng = np.random.default_rng(2)
    gallery = Side(unit(rng.normal(size=(20, 50))), np.arange(20), np.zeros(20, np.int64))
    probes = Side(unit(rng.normal(size=(4000, 50))), np.arange(4000) % 20, np.zeros(4000, int))
    ranks, _ = search(probes, gallery, everything(4000), 20)
    assert ranks.within(1).mean() == pytest.approx(1 / 20, abs=0.02)
    assert ranks.within(5).mean() == pytest.approx(5 / 20, abs=0.03)


def test_an_empty_gallery_or_no_probe_is_no_error() -> None:
    rng = np.random.default_rng(3)
    some, none = side(rng, 4, 3), side(rng, 4, 3).at(np.zeros(0, np.int64))
    ranks, scores = search(some, none, everything(4), 3)
    assert np.isnan(ranks.first).all()
    assert np.isnan(scores.values).all()
    ranks, scores = search(none, some, everything(0), 3)
    assert len(ranks.first) == len(scores.subject) == 0


def test_scores_among_the_enrolled_keep_their_subjects() -> None:
    values = np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.4]], np.float32)
    part = Scores(np.array([2, 2]), values).among(np.array([2, 0]))
    assert part.own.tolist() == pytest.approx([0.5, 0.4])
    assert part.first().tolist() == [1, 1]


def test_the_view_grid_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(4)
    probes, gallery = side(rng, 30, 5), side(rng, 20, 4)
    found = view_grid(probes, gallery, 3)
    for p in range(30):
        for view in range(3):
            chosen = np.flatnonzero(gallery.view == view)
            if view == probes.view[p]:
                assert np.isnan(found[p, view])
                continue
            near = gallery.vectors[chosen] @ probes.vectors[p]
            best = gallery.subject[chosen][near.argmax()] if len(chosen) else -1
            assert found[p, view] == (best == probes.subject[p])
