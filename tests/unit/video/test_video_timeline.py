from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rt_gait.video.timeline import Timeline

SHAPE = (4, 4, 3)


def stamps(*raw: float | None, period: float = 0.04) -> tuple[list[float], list[int]]:
    timeline = Timeline(period_secs=period)
    pairs = [timeline.stamp(secs, SHAPE) for secs in raw]
    return [round(time, 6) for time, _ in pairs], [epoch for _, epoch in pairs]


def test_the_first_frame_is_at_0() -> None:
    assert stamps(17.0, 17.04, 17.08) == ([0, 0.04, 0.08], [0, 0, 0])


def test_missing_timestamps_step_by_the_period() -> None:
    assert stamps(5.0, None, None, 5.12) == ([0, 0.04, 0.08, 0.12], [0, 0, 0, 0])
    assert stamps(None, None, 90.0, 90.04) == ([0, 0.04, 0.08, 0.12], [0, 0, 0, 0])


def test_a_repeated_timestamp_is_kept() -> None:
    assert stamps(0.0, 0.04, 0.04, 0.08) == ([0, 0.04, 0.04, 0.08], [0, 0, 0, 0])


def test_a_pause_within_half_a_second_is_no_jump() -> None:
    assert stamps(0.0, 0.5, 1.04) == ([0, 0.5, 1.04], [0, 0, 0])


def test_a_jump_forward_raises_the_epoch_and_keeps_the_distance() -> None:
    assert stamps(0.0, 0.04, 0.6, 0.64) == ([0, 0.04, 0.6, 0.64], [0, 0, 1, 1])


def test_a_jump_back_raises_the_epoch_and_time_goes_on() -> None:
    assert stamps(9.0, 9.04, 0.0, 0.04) == ([0, 0.04, 0.08, 0.12], [0, 0, 1, 1])
    assert stamps(0.0, 0.04, 0.08, 0.04)[1] == [0, 0, 0, 1]


def test_rounding_errors_are_no_jump_back() -> None:
    assert stamps(0.0, 0.04, 0.039, 0.08) == ([0, 0.04, 0.04, 0.08], [0, 0, 0, 0])


def test_a_missing_timestamp_guessed_too_late_is_no_jump_back() -> None:
    assert stamps(0.0, None, 0.01, 0.05) == ([0, 0.04, 0.04, 0.05], [0, 0, 0, 0])


def test_a_slow_camera_does_not_jump() -> None:
    assert stamps(0.0, 1.0, 2.0, period=1.0) == ([0, 1, 2], [0, 0, 0])


def test_another_size_raises_the_epoch() -> None:
    timeline = Timeline(period_secs=0.04)
    timeline.stamp(0.0, SHAPE)
    assert timeline.stamp(0.04, (5, 4, 3)) == (0.04, 1)
    assert timeline.stamp(0.08, (5, 4, 3)) == (0.08, 1)


def test_skipped_frames_widen_a_guessed_step() -> None:
    timeline = Timeline(period_secs=0.04)
    timeline.stamp(0.0, SHAPE)
    assert timeline.stamp(None, SHAPE, skipped=2)[0] == 0.12


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=40))
def test_time_never_decreases_whatever_comes(raw: list[float | None]) -> None:
    timeline = Timeline(period_secs=0.04)
    pairs = [timeline.stamp(secs, SHAPE) for secs in raw]
    assert pairs == sorted(pairs)
    assert not pairs or pairs[0] == (0.0, 0)
