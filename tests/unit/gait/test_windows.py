from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.gait.windows import GAP_MOST_SECS, WindowBuilder, WindowShape
from rt_gait.types import Silhouette, Window

SHAPE = WindowShape(frames=30, cadence_hz=25.0, stride_secs=0.4)


def silhouette(time_secs: float, track_id: int = 1) -> Silhouette:
    """One whose pixels tell its time in hundredths of a second, up to 2.55 s."""
    value = round(time_secs * 100) % 256
    pixels = np.full((64, 44), value, np.uint8)
    return Silhouette(track_id, 0, time_secs, np.zeros(4, np.float32), pixels)


def feed(times: list[float], builder: WindowBuilder | None = None) -> list[Window]:
    builder = builder or WindowBuilder(SHAPE)
    windows = []
    for time_secs in times:
        builder.tick(time_secs)
        windows += builder.add(silhouette(time_secs))
    return windows


@pytest.mark.parametrize("fps", [7, 10, 15, 25, 29.97, 60])
def test_a_window_spans_the_same_time_at_any_frame_rate(fps: float) -> None:
    windows = feed([i / fps for i in range(int(2.5 * fps))])
    assert windows
    first = windows[0]
    assert first.pixels.shape == (30, 64, 44)
    assert first.pixels.dtype == np.uint8
    assert (first.start_secs, first.end_secs) == (0.0, pytest.approx(29 / 25))
    shown = first.pixels[:, 0, 0] / 100
    assert np.abs(shown - np.arange(30) / 25).max() <= 0.5 / fps + 0.006


def test_windows_follow_at_the_stride() -> None:
    starts = [w.start_secs for w in feed([i / 25 for i in range(51)])]
    assert starts == pytest.approx([0.0, 0.4, 0.8])


def test_a_long_gap_starts_anew() -> None:
    times = [i / 25 for i in range(25)] + [1.6 + i / 25 for i in range(40)]
    starts = [w.start_secs for w in feed(times)]
    assert starts == pytest.approx([1.6, 2.0])


@pytest.mark.parametrize(("missing", "bridged"), [(2, True), (3, False)])
def test_two_missing_frames_are_bridged_at_ten_hertz_three_are_not(
    missing: int, bridged: bool
) -> None:
    builder = WindowBuilder(SHAPE)
    windows = []
    for i in range(15):
        builder.tick(i / 10)
        if not 6 <= i < 6 + missing:
            windows += builder.add(silhouette(i / 10))
    assert bool(windows) is bridged


def test_tracks_do_not_mix() -> None:
    builder = WindowBuilder(SHAPE)
    for i in range(29):
        builder.tick(i / 25)
        builder.add(silhouette(i / 25, track_id=1))
    assert builder.add(silhouette(29 / 25, track_id=2)) == []


def test_forgetting_and_reset_drop_what_was_held() -> None:
    for drop in (lambda b: b.forget(1), lambda b: b.reset()):
        builder = WindowBuilder(SHAPE)
        assert feed([i / 25 for i in range(29)], builder) == []
        drop(builder)
        assert builder.add(silhouette(29 / 25)) == []


@given(st.lists(st.floats(0.001, 1.2), min_size=1, max_size=120))
def test_no_window_ever_bridges_more_than_the_longest_gap(steps: list[float]) -> None:
    times = np.cumsum(steps).tolist()
    builder = WindowBuilder(SHAPE)
    for window in feed(times, builder):
        inside = [t for t in times if window.start_secs - 1e-6 <= t <= window.end_secs + 1e-6]
        edges = [window.start_secs, *inside, window.end_secs]
        assert max(np.diff(edges)) <= GAP_MOST_SECS + 1e-6


@given(st.integers(1, 400))
def test_memory_is_bounded_by_the_window(count: int) -> None:
    builder = WindowBuilder(SHAPE)
    feed([i / 25 for i in range(count)], builder)
    assert len(builder._runs[1].held) <= 31
