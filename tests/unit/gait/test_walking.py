from __future__ import annotations

import cv2
import numpy as np
import pytest

from rt_gait.gait.walking import LEAST_SWING, judged, quality, swing
from rt_gait.types import Window


def figure(apart: float) -> np.ndarray:
    """A silhouette whose feet are so many pixels to either side."""
    picture = np.zeros((64, 44), np.uint8)
    cv2.ellipse(picture, (22, 20), (7, 18), 0, 0, 360, 255, -1)
    for side in (-1, 1):
        cv2.line(picture, (22, 32), (round(22 + side * apart), 63), 255, 5)
    return picture


def window(apart: np.ndarray) -> Window:
    return Window(1, 0.0, 1.16, np.stack([figure(float(a)) for a in apart]))


TIMES = np.arange(30) / 25


@pytest.mark.parametrize("steps_hz", [1.4, 1.8, 2.2, 2.4])
@pytest.mark.parametrize("reach", [6.0, 12.0])
def test_legs_that_swing_at_the_pace_of_walking(steps_hz: float, reach: float) -> None:
    walking = window(reach * np.abs(np.sin(np.pi * steps_hz * TIMES)))
    assert swing(walking) > LEAST_SWING
    fit = judged(walking)
    assert fit is not None
    assert fit.quality == quality(swing(walking))


def test_who_stands_does_not_walk() -> None:
    assert swing(window(np.full(30, 5.0))) == pytest.approx(0, abs=1e-4)
    assert judged(window(np.full(30, 5.0))) is None


def test_a_slow_shift_of_the_feet_is_no_walk() -> None:
    assert judged(window(4 + 3 * np.sin(2 * np.pi * 0.25 * TIMES))) is None


def test_an_empty_window_and_one_of_flow() -> None:
    assert judged(Window(1, 0.0, 1.0, np.zeros((30, 64, 44), np.uint8))) is None
    flow = Window(1, 0.0, 1.0, np.zeros((30, 60, 60, 2), np.float16))
    assert judged(flow) is flow


@pytest.mark.parametrize(("found", "worth"), [(0.3, 0.5), (0.6, 1.0), (0.9, 1.0), (0.0, 1 / 3)])
def test_windows_in_which_legs_swing_are_worth_more(found: float, worth: float) -> None:
    assert quality(found) == pytest.approx(worth)
