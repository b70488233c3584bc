from __future__ import annotations

import numpy as np
import pytest

from rt_gait.bench.tracker_speed import crowd, main, measure


def test_the_crowd_is_the_same_every_time_and_is_followed() -> None:
    for a, b in zip(crowd(20, 5), crowd(20, 5), strict=True):
        np.testing.assert_array_equal(a.boxes_xyxy_px, b.boxes_xyxy_px)
        assert 15 <= len(a) <= 22
    p50, p95, tracks = measure(20, 40)
    assert 0 < p50 <= p95
    assert 18 <= tracks <= 26


def test_nobody_is_no_crowd() -> None:
    with pytest.raises(SystemExit):
        main(["--people", "0"])
