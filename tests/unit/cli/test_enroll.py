from __future__ import annotations

import numpy as np
import pytest

from rt_gait.cli.enroll import Collector, choose
from rt_gait.errors import UsageError

ANNA, BEN = np.eye(2, 8, dtype=np.float32)


def video(*tracks: tuple[np.ndarray, int, float, float]) -> Collector:
    """Tracks 1, 2, ... as (whose vector, windows, first seen, last seen)."""
    collector = Collector()
    for i, (vector, windows, first, last) in enumerate(tracks, 1):
        collector.vectors[i] = [vector] * windows
        collector.spans[i] = (first, last)
    return collector


def test_one_walker_who_comes_back_is_enrolled_from_both_ways() -> None:
    assert choose(video((ANNA, 9, 0, 5), (ANNA, 7, 6, 9)), None) == [1, 2]


@pytest.mark.parametrize("when", [(2, 4), (6, 9)])
def test_a_passer_by_is_left_out(when: tuple[float, float]) -> None:
    assert choose(video((BEN, 5, *when), (ANNA, 20, 0, 5)), None) == [2]


def test_two_walkers_at_a_time_must_be_told_apart_by_the_user() -> None:
    both = video((ANNA, 20, 0, 5), (BEN, 19, 4, 8))
    with pytest.raises(UsageError, match=r"--track \(track 1: 0.0 to 5.0 s, 20 windows; track 2"):
        choose(both, None)
    assert choose(both, 2) == [2]


def test_nobody_and_an_unknown_track() -> None:
    with pytest.raises(UsageError, match="no window of clean walking"):
        choose(Collector(), None)
    with pytest.raises(UsageError, match="track 7 gave no windows; track 1"):
        choose(video((ANNA, 3, 0, 1)), 7)
