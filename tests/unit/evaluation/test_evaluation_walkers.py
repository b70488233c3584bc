"""The protocol of walkers: by brute force, for perfect and for useless networks, renamed."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_world import embedded_of, walkers

from rt_gait.errors import UsageError
from rt_gait.evaluation import study
from rt_gait.evaluation.embedding import Embedded
from rt_gait.evaluation.study import FTA, MAP, RANK_1, RANK_5, Condition
from rt_gait.evaluation.verification import EER
from rt_gait.evaluation.walkers import BY_VIEW, CROSS_VIEW, evaluate_walkers, walker_info

pytestmark = pytest.mark.usefixtures("few_replicates")

ROW = {
    "subject": "test-00001",
    "session": "s2",
    "trial": "1",
    "clothing": "coat",
    "carrying": "bag",
    "view_deg": "359.9",
    "fps": "12.5",
    "focal_px": "600.0",
    "distance_m": "10.0",
    "frame_px": "640x480",
    "camera_height_m": "3.0",
    "curvature_1_m": "-0.1",
}


def figures(conditions: tuple[Condition, ...]) -> dict[tuple[str, ...], float]:
    out = {(c.name, m): f.value for c in conditions for m, f in c.figures.items()}
    out |= {
        (c.name, what, which, m): f.value
        for c in conditions
        for what, groups in c.groups.items()
        for which, measured in groups.items()
        for m, f in measured.items()
    }
    return out


@pytest.fixture(scope="module")
def some() -> Embedded:
    return walkers(24, likeness=0.7, lost=0.05)


@pytest.fixture(scope="module")
def measured(some: Embedded) -> dict[tuple[str, ...], float]:
    return figures(evaluate_walkers(some))


def sides(embedded: Embedded, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices of probes and gallery."""
    acquired = embedded.acquired
    enrolled = [a.session == "s0" and a.labels["trial"] == "0" for a in embedded.about]
    first = [a.session == "s0" for a in embedded.about]
    probes = {
        "same clothes": [f and not e for f, e in zip(first, enrolled, strict=True)],
        "other clothes": [not f for f in first],
        "all": [not e for e in enrolled],
    }[name]
    return np.flatnonzero(probes & acquired), np.flatnonzero(enrolled & acquired)


@pytest.mark.parametrize("name", ["same clothes", "other clothes", "all"])
def test_rank_1_is_that_of_brute_force(
    some: Embedded, measured: dict[tuple[str, ...], float], name: str
) -> None:
    probes, gallery = sides(some, name)
    vectors = some.vectors()
    best = gallery[(vectors[probes] @ vectors[gallery].T).argmax(axis=1)]
    subjects = np.array([a.subject for a in some.about])
    hits = subjects[best] == subjects[probes]
    assert measured[name, RANK_1] == pytest.approx(hits.mean())
    for what in ("clothing", "carrying", "frames a second", "height of the person"):
        labels = np.array([some.about[p].labels[what] for p in probes])
        for which in set(labels) if len(set(labels)) > 1 else ():
            assert measured[name, what, which, RANK_1] == pytest.approx(
                hits[labels == which].mean()
            )
        if len(set(labels)) == 1:
            assert not any(key[:2] == (name, what) for key in measured)


@pytest.mark.parametrize("name", ["same clothes", "other clothes"])
def test_rank_1_by_view_difference_is_that_of_brute_force(
    some: Embedded, measured: dict[tuple[str, ...], float], name: str
) -> None:
    probes, gallery = sides(some, name)
    vectors, about = some.vectors(), some.about
    found = {}
    for difference in (0, 45, 90, 135, 180):
        hits = []
        for p in probes:
            for sign in (1, -1):
                wanted = about[p].view_deg + sign * difference
                near: dict[str, tuple[float, float]] = {}
                for g in gallery:
                    turn = abs((about[g].view_deg - wanted + 180) % 360 - 180)
                    score = float(vectors[p] @ vectors[g])
                    near[about[g].subject] = min(
                        near.get(about[g].subject, (np.inf, 0.0)), (turn, score)
                    )
                best = max(near, key=lambda s: near[s][1])
                hits.append(best == about[p].subject)
        found[difference] = np.mean(hits)
        value = measured[name, BY_VIEW, f"{difference} degrees", RANK_1]
        assert value == pytest.approx(found[difference], abs=0.01)  # tenths of a degree
    across = np.mean([v for d, v in found.items() if d])
    assert measured[name, CROSS_VIEW] == pytest.approx(across, abs=0.01)
    assert ("all", CROSS_VIEW) not in measured


def test_fewer_windows_recognise_less(measured: dict[tuple[str, ...], float]) -> None:
    what = "windows of the probe, at most"
    values = [measured["all", what, n, RANK_1] for n in ("1", "2", "all")]
    assert values == sorted(values)
    assert values[0] < values[2] == measured["all", RANK_1]
    errors = [measured["all", what, n, EER] for n in ("1", "2", "all")]
    assert errors[0] > errors[2] == measured["all", EER]


def test_names_change_nothing(some: Embedded, measured: dict[tuple[str, ...], float]) -> None:
    renamed = walkers(24, likeness=0.7, lost=0.05, names=[f"z{97 * k % 24:02d}" for k in range(24)])
    assert np.array_equal(renamed.windows, some.windows)
    assert figures(evaluate_walkers(renamed)) == pytest.approx(measured, nan_ok=True)


def test_a_perfect_network_makes_no_error() -> None:
    conditions = evaluate_walkers(walkers(22, likeness=1000.0))
    for key, value in figures(conditions).items():
        assert value == pytest.approx(float(key[-1] in (RANK_1, RANK_5, MAP, "mINP", CROSS_VIEW)))
    for condition in conditions:
        assert not any(
            f.threshold and not -1 <= f.threshold <= 1 for f in condition.figures.values()
        )


def test_a_useless_network_recognises_by_chance() -> None:
    found = figures(evaluate_walkers(walkers(22, likeness=0.0)))
    for name in ("same clothes", "other clothes", "all"):
        assert found[name, RANK_1] == pytest.approx(1 / 22, abs=0.06)
        assert found[name, EER] == pytest.approx(0.5, abs=0.08)
        assert found[name, "FNIR at FPIR 10%, N = 20"] > 0.95


def test_what_was_lost_is_counted() -> None:
    embedded = walkers(10, likeness=1.0, lost=0.3)
    same = evaluate_walkers(embedded)[0]
    probes, gallery = sides(embedded, "same clothes")
    assert same.counts["probes"] == same.counts["gallery sequences"] == 40
    assert same.counts["probes without a window"] == 40 - len(probes)
    assert same.counts["gallery sequences without a window"] == 40 - len(gallery)
    assert same.figures[FTA].value == pytest.approx((40 - len(probes)) / 40)
    assert same.figures[RANK_1].trials == len(probes)


def test_whoever_is_not_enrolled_is_counted_not_searched() -> None:
    embedded = walkers(6, likeness=1.0)
    lost = [a.subject != "p2" or a.session != "s0" for a in embedded.about]
    same, other, _ = evaluate_walkers(embedded.only(np.array(lost)))
    assert same.counts["subjects to enrol"] == 6
    assert same.counts["subjects not enrolled (no window)"] == 1
    assert same.figures[FTA].trials == same.figures[RANK_1].trials == 20
    assert other.counts["probes of nobody enrolled"] == 8
    assert other.figures[RANK_1].trials == 40


def test_too_many_probes_are_drawn_from_and_it_is_said(
    some: Embedded, measured: dict[tuple[str, ...], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "MOST_SCORES", 24 * 150)
    conditions = evaluate_walkers(some)
    same, every = conditions[0], conditions[2]
    assert not any("drawn at random" in note for note in same.notes)
    assert any("150 of" in note and "drawn at random" in note for note in every.notes)
    found = figures(conditions)
    assert found["all", RANK_1] == measured["all", RANK_1]
    assert found["all", EER] == pytest.approx(measured["all", EER], abs=0.06)
    assert every.figures[EER].trials == 150 < every.figures[RANK_1].trials


def test_nothing_acquired_is_no_figure_and_no_crash() -> None:
    embedded = walkers(4, likeness=1.0)
    conditions = evaluate_walkers(embedded.only(np.zeros(len(embedded.about), bool)))
    assert np.isnan(conditions[0].figures[RANK_1].value)
    assert conditions[0].counts["probes without a window"] == 16


def test_a_set_that_cannot_be_tested_is_refused() -> None:
    embedded = walkers(3, likeness=1.0, sessions=1)
    assert [c.name for c in evaluate_walkers(embedded)] == ["same clothes"]
    kept = [k for k, a in enumerate(embedded.about) if a.labels["trial"] == "0"]
    rows = [(embedded.about[k], embedded.windows[3 * k : 3 * k + 3]) for k in kept]
    with pytest.raises(UsageError, match="2 trials"):
        evaluate_walkers(embedded_of(rows))


def test_labels_of_a_row() -> None:
    about = walker_info(ROW)
    assert (about.subject, about.session, about.view_deg) == ("test-00001", "s2", 359.9)
    assert about.labels == {
        "trial": "1",
        "clothing": "coat",
        "carrying": "bag",
        "frames a second": "12.5",
        "height of the person": "80-140 px",
        "camera": "3 m up or more",
        "path": "curved",
    }
    tall = {"7.0": "over 140 px", "20.0": "48-80 px"}
    for distance, label in tall.items():
        assert walker_info({**ROW, "distance_m": distance}).labels["height of the person"] == label
    halved = walker_info({**ROW, "focal_px": "900.0", "frame_px": "1280x720"})
    assert halved.labels["height of the person"] == "48-80 px", "as the segmenter sees them"
    with pytest.raises(KeyError):
        walker_info({k: v for k, v in ROW.items() if k != "fps"})
