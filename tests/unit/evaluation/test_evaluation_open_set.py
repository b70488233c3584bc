"""Open-set search against brute force, and what cannot be measured."""

from __future__ import annotations

import numpy as np
import pytest

from rt_gait.evaluation import open_set as module
from rt_gait.evaluation.open_set import open_set
from rt_gait.evaluation.resampling import Resampling
from rt_gait.evaluation.searches import Scores


def random_scores(subjects: int, each: int, lead: float, seed: int = 0) -> Scores:
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    values = rng.normal(0.3, 0.1, (len(subject), subjects)).astype(np.float32)
    values[np.arange(len(subject)), subject] += lead
    return Scores(subject, values)


def test_figures_are_those_of_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZES", (5,))
    scores = random_scores(12, 4, 0.2)
    figures, left_out = open_set(scores, Resampling.of(12))
    rng = np.random.default_rng([19795, 5])
    mated, non_mated = [], []
    for _ in range(module.DRAWS):
        enrolled = rng.choice(np.arange(12), 5, replace=False)
        for subject, row in zip(scores.subject, scores.values, strict=True):
            best = enrolled[np.argmax(row[enrolled])]
            if subject not in enrolled:
                non_mated.append(row[best])
            else:
                mated.append(row[subject] if best == subject else -1)
    accepted = np.sort(non_mated)
    threshold = np.nextafter(accepted[-1 - int(0.1 * len(accepted))], np.float32(2))
    figure = figures["FNIR at FPIR 10%, N = 5"]
    assert figure.value == pytest.approx(np.mean(np.array(mated) < threshold))
    assert figure.threshold == pytest.approx(float(threshold))
    assert figure.trials == module.DRAWS * 5 * 4
    assert np.mean(non_mated >= threshold) <= 0.1
    # 48 probes cannot tell of one wrong answer in a hundred.
    assert "FNIR at FPIR 1%, N = 5" not in figures
    assert left_out == ["N = 5, FPIR 1%: 48 non-mated probes"]


def test_somebody_must_stay_unknown() -> None:
    figures, left_out = open_set(random_scores(50, 3, 0.2), Resampling.of(50))
    assert {name.partition("N = ")[2] for name in figures} == {"20"}
    assert left_out == [f"N = {n}: only 50 subjects could be enrolled" for n in (50, 100)]


def test_perfect_scores_miss_nobody_and_noise_misses_nearly_all() -> None:
    resampling = Resampling.of(30)
    perfect, _ = open_set(random_scores(30, 5, 2.0), resampling)
    assert {f.value for f in perfect.values()} == {0.0}
    noise, _ = open_set(random_scores(30, 5, 0.0), resampling)
    assert noise["FNIR at FPIR 1%, N = 20"].value > 0.98
    # By chance one in 20 is first, and accepted one time in ten.
    assert noise["FNIR at FPIR 10%, N = 20"].value == pytest.approx(1 - 0.1 / 20, abs=0.01)


def test_more_enrolled_are_harder_to_tell_apart() -> None:
    figures, _ = open_set(random_scores(120, 4, 0.25), Resampling.of(120))
    values = [figures[f"FNIR at FPIR 10%, N = {n}"].value for n in (20, 50, 100)]
    assert values == sorted(values)
    assert values[0] < values[-1]
    for figure in figures.values():
        low, high = figure.interval
        assert low <= figure.value <= high


def test_subjects_without_a_gallery_are_strangers() -> None:
    scores = random_scores(30, 5, 0.3)
    scores.values[:, 20:] = np.nan
    figures, left_out = open_set(scores, Resampling.of(30))
    assert not figures
    assert left_out[0] == "N = 20: only 20 subjects could be enrolled"
    figures, _ = open_set(Scores(scores.subject, scores.values), Resampling.of(30))
    scores.values[:, 20] = 0.1
    figures, _ = open_set(scores, Resampling.of(30))
    assert figures["FNIR at FPIR 10%, N = 20"].subjects == 21
