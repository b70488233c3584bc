from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_gait.bench.identity import ablation, honesty, pace, runs
from rt_gait.bench.identity.__main__ import main
from rt_gait.bench.identity.replay import Shown, enrolled, replay
from rt_gait.bench.identity.scores import World, one_walk_enrolled, world_of
from rt_gait.evaluation.takes import (
    ENROL,
    OTHER_DAY,
    SAME_DAY,
    STANDING,
    Take,
    embedded,
    write_takes,
)
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.walking import LEAST_SWING
from rt_gait.identity.calibration import Calibration
from rt_gait.identity.thresholds import Thresholds
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Silhouette

FPS, FRAMES, SIZE = 15, 36, 32


def picture(apart: float) -> np.ndarray:
    drawn = np.zeros((64, 44), np.uint8)
    cv2.ellipse(drawn, (22, 20), (7, 18), 0, 0, 360, 255, -1)
    for side in (-1, 1):
        cv2.line(drawn, (22, 32), (round(22 + side * apart), 63), 255, 5)
    return drawn


def take(subject: int, kind: str, number: int, noise: float = 0.5) -> Take:
    times = np.arange(FRAMES) / FPS
    swing = 10 * np.abs(np.sin(np.pi * 1.8 * times)) if kind != STANDING else np.full(FRAMES, 4.0)
    box = np.array([100, 100, 150, 220], np.float32)
    steps = tuple(
        Silhouette(1, k, float(t), box, picture(float(a)))
        for k, (t, a) in enumerate(zip(times, swing, strict=True))
    )
    ends = 29 / 25 + 0.4 * np.arange(3)
    rng = np.random.default_rng([subject, number])
    own = np.random.default_rng(subject).standard_normal(SIZE)
    vectors = own + noise * rng.standard_normal((3, SIZE))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Take(
        subject, kind, 8 * subject + number, 90.0, 0.0, times, steps, ends,
        vectors.astype(np.float32),
    )  # fmt: skip


def takes(people: int) -> list[Take]:
    kinds = (ENROL, ENROL, SAME_DAY, OTHER_DAY, STANDING)
    return [take(p, kind, k) for p in range(people) for k, kind in enumerate(kinds)]


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(takes(12))


def shown(world: World, known: float, **how: bool) -> Shown:
    found = Shown()
    templates = enrolled(world, np.arange(6))
    limits = Thresholds(known=known, candidate=known, margin=0)
    replay(found, world.of(SAME_DAY), templates, limits, least_swing=LEAST_SWING, **how)
    return found


def test_a_run_is_made_again(world: World) -> None:
    found = shown(world, 0.7)
    assert (found.walks, found.mated, found.strangers) == (12, 6, 6)
    assert (found.named, found.wrong, found.doubles) == (6, 0, 0)
    assert found.waits_secs == pytest.approx([1.6] * 6)  # the first frame after the second window
    assert found.seconds == pytest.approx(12 * (FRAMES - 1) / FPS)


def test_wrong_names_are_counted_and_nobody_is_twice_in_a_frame(world: World) -> None:
    together, alone = shown(world, -1), shown(world, -1, together=False)
    assert together.strangers_named == 0  # every subject is taken by somebody nearer
    assert together.doubles == 0
    assert alone.strangers_named == 6
    assert alone.wrong >= 6
    assert alone.doubles > 0


def test_who_stands_gives_nothing(world: World) -> None:
    found = Shown()
    templates = enrolled(world, np.arange(6))
    limits = Thresholds(known=-1, candidate=-1, margin=0)
    replay(found, world.of(STANDING), templates, limits, least_swing=LEAST_SWING)
    assert (found.standing, found.standing_named, found.wrong) == (12, 0, 0)
    assert (found.walks, found.mated, found.named) == (0, 0, 0)
    replay(found, world.of(STANDING), templates, limits, least_swing=0)
    assert found.standing_named > 0


def test_probabilities_that_no_draw_could_fit_are_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(honesty, "SIZES", (6,))
    unfitted = Calibration(
        known=0.5, candidate=0.4, fpir=0.1, fpir_low=0, fpir_high=1, subjects=6, strangers=3,
        odds=None,
    )  # fmt: skip
    monkeypatch.setattr(honesty, "calibrate", lambda *_, **__: unfitted)
    assert list(honesty.probabilities(world, takes(3))) == ["too few walks"]


def share_first(world: World, variant: ablation.Variant) -> float:
    """Return how many walks of everybody, all of them enrolled, find their own subject first."""
    walks = world.of(SAME_DAY)
    scores = variant(world.templates, walks, world)
    return float(np.mean(scores.argmax(axis=1) == [world.column(w) for w in walks]))


def changed(change: Callable[[Take], np.ndarray]) -> World:
    """Return the world with other embeddings."""
    return world_of([replace(t, vectors=unit(change(t))) for t in takes(12)])


def unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found.astype(np.float32)


def test_whitening_takes_out_in_what_everybody_varies() -> None:
    def disturbed(one: Take) -> np.ndarray:
        rng = np.random.default_rng([one.subject, one.clip])
        vectors = one.vectors.copy()
        vectors[:, 0] += 4 * rng.standard_normal()
        return vectors

    world = changed(disturbed)
    plain, white = (share_first(world, v) for v in (ablation.as_it_is, ablation.whitened))
    assert plain < 0.8 and white == 1


def test_centring_and_a_cohort_take_out_what_everybody_shares(world: World) -> None:
    shifted = changed(lambda one: one.vectors + 2)
    walks = shifted.of(SAME_DAY)
    plain, centred = (
        v(shifted.templates, walks, shifted) for v in (ablation.as_it_is, ablation.centred)
    )
    assert np.median(plain) > 0.9 and np.median(centred) < 0.3
    scores = ablation.normalised(world.templates, world.of(SAME_DAY), world_of(takes(20)[60:]))
    own = [world.column(w) for w in world.of(SAME_DAY)]
    others = np.delete(scores.ravel(), np.arange(12) * 12 + own)
    assert abs(float(np.mean(others))) < 0.7 and scores[range(12), own].min() > 2


def test_one_walk_enrolled_leaves_everybody_in(world: World) -> None:
    fewer = world_of(one_walk_enrolled(takes(12)))
    assert fewer.templates.subject_ids == world.templates.subject_ids
    assert 2 * len(fewer.templates.vectors) == len(world.templates.vectors)
    assert len(fewer.walks) == len(world.walks)


def test_takes_can_be_embedded_by_another_model() -> None:
    embedder = OnnxGaitEmbedder(gait_model_info(default_models_dir(), "gei"))
    (again,) = embedded([take(0, SAME_DAY, 2)], embedder)
    assert again.vectors.shape == (3, 2816) and len(again.ends_secs) == 3
    np.testing.assert_allclose(np.linalg.norm(again.vectors, axis=1), 1, atol=1e-5)


def test_everything_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(honesty, "DRAWS", 2)
    monkeypatch.setattr(runs, "DRAWS", 1)
    write_takes(tmp_path / "takes.npz", takes(36), "gei@1a2b3c4d")
    assert main([str(tmp_path / "takes.npz"), "--cohort", "12"]) == 0
    told = capsys.readouterr().out
    assert "24 people" in told
    for title in (
        "FNIR at FPIR",
        "parts",
        "who walks",
        "FPIR asked and found",
        "probability",
        "odds",
        "runs",
    ):
        assert f"## {title}" in told
    assert main([str(tmp_path / "none.npz")]) == 3


def test_walks_are_played_faster(capsys: pytest.CaptureFixture[str]) -> None:
    assert pace.main(["--people", "6", "--model", "gei"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gei@") and lines[0].endswith("6 people")
    counts = [int(line.split(": ")[1].split(" of ")[0]) for line in lines[1:]]
    assert len(counts) == len(pace.PACES) and counts == sorted(counts, reverse=True)
    own, other = pace.scores(
        {4: np.array([1.0, 0]), 7: np.array([0.0, 1])}, {7: np.array([0.6, 0.8])}
    )
    assert (own.tolist(), other.tolist()) == ([0.8], [0.6])
