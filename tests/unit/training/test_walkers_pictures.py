"""Cameras, rasteriser, masks, labels and backgrounds of the synthetic walkers."""

from __future__ import annotations

import numpy as np
import pytest

from rt_gait.training.walkers.camera import Camera
from rt_gait.training.walkers.video.people import label_lines, polygon
from rt_gait.training.walkers.video.raster import rasterise
from rt_gait.training.walkers.video.render import _SAMPLES, Layer, compose, finish, lamplight
from rt_gait.training.walkers.video.scene import Truth
from rt_gait.training.walkers.video.shading import Light

CAMERA = Camera(64, 48, 60.0, 2.0, 0.1)


def test_rays_go_through_the_pixels_they_are_for() -> None:
    ray = CAMERA.rays()
    points = ray * 5.0 + [0.0, 0.0, CAMERA.height_m]
    pixel, depth = CAMERA.project(points)
    np.testing.assert_allclose(pixel[10, 20], [20.5, 10.5])
    np.testing.assert_allclose(depth, 5.0)


def test_shadows_lie_on_the_ground_away_from_the_lamp() -> None:
    thrown = CAMERA.cast_shadow(np.array([[0.0, 5.0, 1.0]]), np.array([0.5, 0.0, -1.0]))
    np.testing.assert_allclose(thrown, [[0.5, 5.0, 0.0]])
    climbs = CAMERA.cast_shadow(np.array([[0.0, 5.0, 1.0]]), np.array([0.0, 1.0, -1.0]), wall=5.4)
    np.testing.assert_allclose(climbs, [[0.0, 5.4, 0.6]])


def _brute(points: np.ndarray, depth: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """Index of the visible face at every pixel, -1 for none, by testing every pixel and face."""
    best, out = np.full((size, size), np.inf), np.full((size, size), -1)
    for k, face in enumerate(faces):
        a, b, c = points[face]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area >= 0:
            continue
        y, x = np.mgrid[0:size, 0:size] + 0.5
        w = [
            ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / area
            for p, q in ((b, c), (c, a), (a, b))
        ]
        inside = np.min(w, axis=0) >= 0
        far = 1.0 / sum(wk / dk for wk, dk in zip(w, depth[face], strict=True))
        closer = inside & (far < best)
        best[closer], out[closer] = far[closer], k
    return out


def test_rasteriser_agrees_with_testing_every_pixel() -> None:
    rng = np.random.default_rng(3)
    points, depth = rng.uniform(-6, 46, size=(60, 2)), rng.uniform(2, 9, size=60)
    faces = rng.integers(0, 60, size=(40, 3))
    hit = rasterise(points, depth, faces, 40, 40)
    found = np.full(1600, -1)
    found[hit.pixel] = hit.face
    assert np.mean(found.reshape(40, 40) == _brute(points, depth, faces, 40)) > 0.998
    np.testing.assert_allclose(hit.bary.sum(axis=1), 1.0, atol=1e-9)


def test_samples_are_spread_over_the_pixel_and_the_exposure() -> None:
    for values in zip(*_SAMPLES, strict=True):
        np.testing.assert_allclose(sorted(values), [0.1, 0.3, 0.5, 0.7, 0.9])


def test_what_is_above_shades_what_is_below() -> None:
    light = Light(np.array([0.0, -0.6, 0.8]))
    # A roof over the left half of a floor, both facing up; the lamp shines in from -y.
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    steps = np.linspace(0.05, 0.95, 10)
    floor = np.array([[x, y, 0.0] for x in 2.0 * steps for y in steps])
    # 1 m up, the shadow falls 0.75 m further along +y.
    vertices = np.concatenate([square - [0, 0.75, -1.0], floor]).astype(np.float32)
    up = np.tile(np.float32([0.0, 0.0, 1.0]), (len(vertices), 1))
    lit = lamplight(vertices, up, np.array([[0, 1, 2], [0, 2, 3]]), light)
    assert (lit[:4] == 1.0).all()
    under = floor[:, 0] < 0.95
    assert (lit[4:][under & (floor[:, 0] > 0.05)] < 0.3).all()
    assert (lit[4:][floor[:, 0] > 1.05] == 1.0).all()


def test_nearer_walkers_hide_those_behind() -> None:
    full = np.ones((4, 4, 4), np.float32)
    lit, dark = np.ones((4, 8), np.float32), np.full((4, 8), 0.5, np.float32)
    near = Layer(full * [0, 1, 0, 1], full[..., 0], 0, 0, 2.0, dark)
    far = Layer(full * [1, 0, 0, 1], full[..., 0], 0, 2, 5.0, lit)
    picture, whole, visible = compose(np.full((4, 8, 3), 0.8, np.float32), [near, far])
    np.testing.assert_allclose(picture[0, 7], 0.4)
    assert picture[0, 2].tolist() == [0, 1, 0]
    assert picture[0, 5].tolist() == [1, 0, 0]
    assert whole[1].sum() == 16
    assert visible[1].sum() == 8
    assert visible[0].sum() == 16


def test_noise_is_the_same_for_the_same_seed() -> None:
    picture = np.full((8, 8, 3), 0.5, np.float32)
    one, two = (finish(picture, np.random.default_rng(1)) for _ in range(2))
    assert one.dtype == np.uint8
    assert np.array_equal(one, two)


def test_outline_joins_the_parts_of_a_hidden_walker() -> None:
    cv2 = pytest.importorskip("cv2")
    mask = np.zeros((40, 40), bool)
    mask[4:30, 5:12], mask[10:36, 20:30] = True, True
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(filled, [np.round(polygon(mask) - 0.5).astype(np.int32)], 1)
    assert np.sum((filled > 0) & mask) / np.sum((filled > 0) | mask) > 0.95
    assert len(polygon(np.zeros((9, 9), bool))) == 0


def test_labels_are_normalised_and_leave_out_specks() -> None:
    pytest.importorskip("cv2")
    mask, speck = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    mask[2:18, 10:30], speck[0, 0:3] = True, True
    truth = [Truth(k, None, (0, 0, 1, 1), 1.0, False, m) for k, m in enumerate((mask, speck))]
    (line,) = label_lines(truth)
    values = np.array(line.split(), dtype=float)
    assert values[0] == 0
    x, y = values[1::2] * 40, values[2::2] * 20
    np.testing.assert_allclose([x.min(), y.min(), x.max(), y.max()], [10.5, 2.5, 29.5, 17.5])


def test_backgrounds_are_pictures_and_follow_their_seed() -> None:
    from rt_gait.training.walkers.video.backdrop import backdrop

    one, again, other = (backdrop(CAMERA, s, scale=1) for s in (1, 1, 2))
    assert one.shape == (48, 64, 3)
    assert one.std() > 0.01
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
