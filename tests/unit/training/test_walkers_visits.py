from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("anny")

from rt_gait.training.walkers.video.visits import Stander, draw_scene, draw_visit, feet_together

SIZE, SECONDS = (320, 240), 3.0


def test_days_differ_in_clothes_and_not_in_the_body() -> None:
    (first, _), (again, _), (other, _) = (
        draw_visit(8, 3, day, trial) for day, trial in ((0, 0), (0, 5), (1, 5))
    )
    assert first.session == again.session
    assert first.session != other.session
    assert first.figure.mesh.vertices.shape == other.figure.mesh.vertices.shape
    assert np.array_equal(first.figure.mesh.vertices, other.figure.mesh.vertices)
    assert (first.session.clothing, first.session.carrying) == ("normal", "none")


def test_scenes_are_the_same_every_time_and_differ_by_trial() -> None:
    (first, view), (same, _), (other, _) = (
        draw_scene(8, 3, 0, trial, size=SIZE, seconds=SECONDS) for trial in (1, 1, 2)
    )
    assert 0 <= view < 360
    assert np.array_equal(first.background, same.background)
    assert first.walkers[0].path == same.walkers[0].path
    assert first.camera != other.camera


def test_who_stands_stays_and_walks_nowhere() -> None:
    scene, _ = draw_scene(8, 3, 0, 4, size=SIZE, seconds=SECONDS, still=True)
    (stander,) = scene.walkers
    assert isinstance(stander, Stander)
    middles = [stander.posed(t, 0.01)[0, :, :2].mean(axis=0) for t in (0.0, 1.0, 2.5)]
    assert np.ptp(middles, axis=0).max() < 0.3
    assert np.hypot(middles[0][0] - stander.path.x, middles[0][1] - stander.path.y) < 0.5
    assert 0 <= feet_together(stander.loop) < stander.loop.period_s
