from __future__ import annotations

import numpy as np
import pytest

from rt_gait.cli.views import AWAY, LEFT, RIGHT, TOWARDS, tell_views, view
from rt_gait.types import FloatArray


def boxes(x_per_sec: float, growth_per_sec: float) -> list[tuple[float, FloatArray]]:
    made = []
    for time_secs in np.arange(0, 2, 0.1).tolist():
        height = 100 * np.exp(growth_per_sec * time_secs)
        x = 300 + x_per_sec * time_secs
        made.append((time_secs, np.array([x - 20, 50, x + 20, 50 + height], np.float32)))
    return made


@pytest.mark.parametrize(
    ("x_per_sec", "growth_per_sec", "seen"),
    [(80, 0, RIGHT), (-60, 0.05, LEFT), (5, 0.1, TOWARDS), (-10, -0.1, AWAY)],
)
def test_the_box_tells_where_somebody_walks(
    x_per_sec: float, growth_per_sec: float, seen: str
) -> None:
    assert view(boxes(x_per_sec, growth_per_sec), 1.5) == seen


def test_too_few_boxes_tell_nothing() -> None:
    assert view([], 1.0) is None
    assert view(boxes(80, 0)[:1], 1.0) is None


def test_what_is_missing_is_told() -> None:
    assert tell_views([RIGHT, RIGHT, LEFT, None]) == (
        "windows by direction: 1 to the left, 2 to the right; "
        "not seen walking towards the camera, away from it"
    )
    assert tell_views([None]).startswith("windows by direction: none that can be told")
