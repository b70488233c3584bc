"""Paths, cameras and the clip command of the synthetic walkers."""

from __future__ import annotations

import numpy as np
import pytest

from rt_gait.training.walkers.camera import Camera, project
from rt_gait.training.walkers.path import Path as Way
from rt_gait.training.walkers.path import bend
from rt_gait.training.walkers.rotations import axis_rotation

ARC = Way(1.0, 6.0, 0.4, 0.25)


def test_a_straight_path_turns_the_walk_as_a_whole() -> None:
    points = np.random.default_rng(1).normal(size=(50, 3))
    turned = points @ axis_rotation(2, 0.7).T + [2.0, 5.0, 0.0]
    np.testing.assert_allclose(Way(2.0, 5.0, 0.7).bend(points), turned, atol=1e-12)


def test_a_metre_walked_is_a_metre_of_the_arc() -> None:
    places, heading = ARC.at(np.linspace(0.0, 4.0, 4001))
    walked = np.linalg.norm(np.diff(places, axis=0), axis=1).sum()
    assert walked == pytest.approx(4.0, abs=1e-6)
    assert heading[-1] == pytest.approx(0.4 + 4.0 * 0.25)
    centre = np.array([1.0, 6.0]) + 4.0 * np.array([np.cos(0.4), np.sin(0.4)])
    np.testing.assert_allclose(np.linalg.norm(places - centre, axis=1), 4.0, atol=1e-9)


def test_a_planted_foot_stays_where_it_is_while_the_walker_goes_round() -> None:
    # Planted in the walk's frame means: the same place at every moment of the stance.
    rng = np.random.default_rng(2)
    sole = rng.uniform([-0.15, -2.0, 0.0], [0.15, -1.7, 0.1], size=(20, 3))
    swung = sole + rng.normal(size=sole.shape)
    one, two = (ARC.bend(np.concatenate([sole, rest]))[:20] for rest in (swung, swung + 0.3))
    assert np.array_equal(one, two)


def test_left_is_left_and_sizes_hold_near_the_path() -> None:
    left = Way(0.0, 9.0, 0.0, 0.3)
    (place,), _ = left.at([2.0])
    assert place[0] > 0.5  # seen from a camera that the walker faces, left is to the right
    gap = ARC.bend(np.array([[0.2, -1.0, 0.0], [-0.2, -1.0, 0.0]]))
    assert np.linalg.norm(gap[0] - gap[1]) == pytest.approx(0.4)


def test_torch_bends_as_numpy_does() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    points, place = rng.normal(size=(3, 7, 3)), rng.normal(size=(4, 3)) * 0.3
    batched = bend(torch.from_numpy(points), *torch.from_numpy(place)).numpy()
    for n in range(3):
        np.testing.assert_allclose(batched[n], Way(*place[:, n]).bend(points[n]), atol=1e-12)


def test_many_cameras_at_once_see_what_each_sees_alone() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    cameras = [Camera(64, 48, 60.0, 2.0, 0.1), Camera(320, 240, 500.0, 5.5, -0.2)]
    points = rng.uniform([-2, 3, 0], [2, 9, 2], size=(2, 30, 3))
    values = [[c.focal, c.height, c.pitch] for c in cameras]
    focal, height, pitch = torch.tensor(values, dtype=torch.float64).T
    centre = torch.tensor([[c.width / 2, c.height_px / 2] for c in cameras])
    pixel, depth = project(torch.from_numpy(points), focal, height, pitch, centre)
    for n, camera in enumerate(cameras):
        one, far = camera.project(points[n])
        np.testing.assert_allclose(pixel[n].numpy(), one, atol=1e-9)
        np.testing.assert_allclose(depth[n].numpy(), far, atol=1e-9)
    middle = cameras[0].rays()[23:25, 31:33].mean(axis=(0, 1)) * 5.0 + [0.0, 0.0, 2.0]
    np.testing.assert_allclose(cameras[0].project(middle)[0], [32.0, 24.0], atol=1e-9)
