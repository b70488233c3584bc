from __future__ import annotations

import cv2
import numpy as np
import pytest

from rt_gait.track.camera import CameraMotion, moved
from rt_gait.track.sort import SortTracker
from rt_gait.types import Detections, FloatArray, UInt8Array

NOBODY = np.zeros((0, 4), np.float32)


def scenery(seed: int = 0) -> UInt8Array:
    """A picture [480, 640, 3] of blocks, each as long as a person is wide."""
    blocks = np.random.default_rng(seed).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    return cv2.resize(blocks, (640, 480), interpolation=cv2.INTER_CUBIC)


def seen_by(motion: FloatArray, *, seed: int = 0) -> UInt8Array:
    return cv2.warpAffine(scenery(seed), motion, (640, 480), borderMode=cv2.BORDER_REFLECT)


def shift(x: float, y: float) -> FloatArray:
    return np.array([[1, 0, x], [0, 1, y]], np.float32)


@pytest.mark.parametrize("way", [(12, 0), (-7.5, 4), (0, -20)])
def test_a_pan_is_measured(way: tuple[float, float]) -> None:
    camera = CameraMotion()
    assert camera.update(scenery(), NOBODY) is None
    motion = camera.update(seen_by(shift(*way)), NOBODY)
    assert motion is not None
    centre = np.array([320, 240], np.float32)
    np.testing.assert_allclose(motion[:, :2] @ centre + motion[:, 2] - centre, way, atol=1.0)


def test_a_zoom_and_a_turn_are_measured() -> None:
    camera = CameraMotion()
    true = cv2.getRotationMatrix2D((320, 240), 2, 1.03).astype(np.float32)
    camera.update(scenery(), NOBODY)
    motion = camera.update(seen_by(true), NOBODY)
    assert motion is not None
    np.testing.assert_allclose(motion[:, :2], true[:, :2], atol=0.005)


def test_a_camera_that_stands_still_has_no_motion_whatever_passes_before_it() -> None:
    camera = CameraMotion()
    passing = scenery(1)[:, :300]
    for x in range(0, 340, 20):
        picture = scenery()
        picture[:, x : x + 300] = passing
        assert camera.update(picture, NOBODY) is None


def test_people_are_no_scenery() -> None:
    camera = CameraMotion()
    person = np.array([[0, 0, 640, 480]], np.float32)
    camera.update(scenery(), person)
    assert camera.update(seen_by(shift(12, 0)), NOBODY) is None


def test_another_picture_is_no_motion() -> None:
    camera = CameraMotion()
    camera.update(scenery(), NOBODY)
    assert camera.update(scenery(1), NOBODY) is None
    camera.update(np.zeros((480, 640, 3), np.uint8), NOBODY)
    assert camera.update(scenery(), NOBODY) is None
    assert camera.update(scenery()[:240], NOBODY) is None
    camera.update(scenery(), NOBODY)
    camera.reset()
    assert camera.update(seen_by(shift(12, 0)), NOBODY) is None


def test_a_box_moves_and_grows() -> None:
    zoom = np.array([[2, 0, -10], [0, 2, 0]], np.float32)
    np.testing.assert_allclose(
        moved(np.array([10, 10, 20, 40], np.float32), zoom), [10, 20, 30, 80]
    )


def test_people_are_followed_over_a_jerk_of_the_camera() -> None:
    ids = []
    for motion in (None, shift(60, 0)):
        tracker = SortTracker()
        for i in range(20):
            x = 100 + 2 * i + 60 * (i >= 10)
            box = np.array([[x, 100, x + 40, 220]], np.float32)
            people = Detections(box, np.array([0.9], np.float32), ())
            jerk = motion if i == 10 else None
            tracks = tracker.update(people, time_secs=i / 25, motion=jerk)
        ids.append([t.track_id for t in tracks if t.detection is not None])
    assert ids == [[2], [1]]
