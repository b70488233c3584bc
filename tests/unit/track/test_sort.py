from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.track.sort import Habits, SortTracker
from rt_gait.types import Detections, Mask, Track, TrackState

NO_MASK = Mask(0, 0, np.zeros((1, 1), bool))


def found(*boxes: tuple[float, float], scores: list[float] | None = None) -> Detections:
    """People 40 x 120 px with these centres."""
    xyxy = np.array([(x - 20, y - 60, x + 20, y + 60) for x, y in boxes], np.float32)
    given_scores = np.array(scores or [0.9] * len(boxes), np.float32)
    return Detections(xyxy.reshape(-1, 4), given_scores, (NO_MASK,) * len(boxes))


def run(
    tracker: SortTracker, frames: list[Detections], *, fps: float = 25.0, start: int = 0
) -> list[tuple[Track, ...]]:
    return [tracker.update(d, time_secs=(start + i) / fps) for i, d in enumerate(frames)]


@pytest.mark.parametrize(("fps", "sightings"), [(7, 3), (10, 3), (25, 4), (60, 7)])
def test_a_person_is_confirmed_after_a_tenth_of_a_second_and_three_sightings(
    fps: float, sightings: int
) -> None:
    frames = [found((100 + 60 * i / fps, 200)) for i in range(30)]
    history = run(SortTracker(), frames, fps=fps)
    assert [len(tracks) for tracks in history[:sightings]] == [0] * (sightings - 1) + [1]
    assert {t.track_id for tracks in history for t in tracks} == {1}
    assert history[-1][0].first_time_secs == 0.0


@pytest.mark.parametrize("fps", [7, 10, 25, 60])
def test_two_who_cross_keep_their_ids_at_any_frame_rate(fps: float) -> None:
    speed = 150.0  # px a second: a walker 120 px tall
    frames = [
        found((100 + speed * i / fps, 200), (500 - speed * i / fps, 215))
        for i in range(int(2.6 * fps))
    ]
    history = run(SortTracker(), frames, fps=fps)
    last = {t.track_id: t.box_xyxy_px[0] for t in history[-1]}
    first = {t.track_id: t.box_xyxy_px[0] for t in history[max(2, int(0.1 * fps) + 1)]}
    assert set(last) == set(first) == {1, 2}
    for track_id in (1, 2):
        assert (first[track_id] < 300) == (last[track_id] > 300)


def test_the_detection_that_feeds_the_filter_gives_the_box() -> None:
    tracker = SortTracker()
    history = run(tracker, [found((100, 200), (300, 200)) for _ in range(5)])
    for track in history[-1]:
        assert track.detection is not None
        expected = found((100, 200), (300, 200)).boxes_xyxy_px[track.detection]
        np.testing.assert_array_equal(track.box_xyxy_px, expected)


def test_out_of_sight_is_lost_then_found_again_under_the_same_id() -> None:
    tracker = SortTracker()
    run(tracker, [found((100 + 3 * i, 200)) for i in range(20)])
    hidden = run(tracker, [Detections.none()] * 10, start=20)
    assert all(t[0].state is TrackState.LOST and t[0].detection is None for t in hidden)
    assert hidden[-1][0].box_xyxy_px[0] > hidden[0][0].box_xyxy_px[0], "it moves on meanwhile"
    back = run(tracker, [found((100 + 3 * 30, 200))], start=30)
    assert [(t.track_id, t.state) for t in back[0]] == [(1, TrackState.CONFIRMED)]


def test_after_the_memory_a_track_ends_and_its_id_is_never_used_again() -> None:
    tracker = SortTracker()
    run(tracker, [found((100, 200))] * 5)
    late = int(Habits().memory_secs * 25) + 10
    assert run(tracker, [Detections.none()], start=late) == [()]
    again = run(tracker, [found((100, 200))] * 4, start=late + 1)
    assert [t.track_id for t in again[-1]] == [2]
    tracker.reset()
    after_reset = run(tracker, [found((100, 200))] * 4, start=late + 10)
    assert [t.track_id for t in after_reset[-1]] == [3]


def test_a_false_alarm_of_two_frames_is_never_a_person() -> None:
    frames = [found((100, 200))] * 2 + [Detections.none()] * 3
    assert all(tracks == () for tracks in run(SortTracker(), frames))


def test_weak_detections_continue_a_track_but_do_not_start_one() -> None:
    weak = found((100, 200), scores=[0.3])
    tracker = SortTracker()
    assert run(tracker, [weak] * 10)[-1] == ()
    run(tracker, [found((100, 200))] * 4, start=10)
    assert run(tracker, [weak], start=14)[0][0].detection == 0


def test_who_was_seen_for_a_moment_is_remembered_for_a_moment() -> None:
    tracker = SortTracker()
    run(tracker, [found((100, 200))] * 5)  # a fifth of a second
    hidden = run(tracker, [Detections.none()] * 10, start=5)
    assert [len(tracks) for tracks in hidden] == [1] * 4 + [0] * 6


def test_a_clear_detection_chooses_before_a_faint_one_that_fits_better() -> None:
    tracker = SortTracker()
    run(tracker, [found((100, 200))] * 10)
    both = found((108, 200), (100, 200), scores=[0.9, 0.4])
    (track,) = run(tracker, [both], start=10)[0]
    assert track.detection == 0


def test_dropped_frames_do_not_end_a_walk() -> None:
    tracker = SortTracker()
    for i in [*range(20), *range(28, 40), *range(52, 60)]:  # a third, then half of a second
        tracks = tracker.update(found((100 + 6 * i, 200)), time_secs=i / 25)
    assert [t.track_id for t in tracks] == [1]


def test_two_trackers_count_on_their_own() -> None:
    for _ in range(2):
        history = run(SortTracker(), [found((100, 200))] * 4)
        assert history[-1][0].track_id == 1


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400)), max_size=6),
        max_size=25,
    ),
    st.floats(0.0, 0.7),
)
def test_any_input_gives_unique_rising_ids_and_each_detection_at_most_once(
    frames: list[list[tuple[int, int]]], step_secs: float
) -> None:
    tracker = SortTracker()
    known: set[int] = set()
    gone: set[int] = set()
    for i, people in enumerate(frames):
        tracks = tracker.update(found(*people), time_secs=i * step_secs)
        ids = [t.track_id for t in tracks]
        used = [t.detection for t in tracks if t.detection is not None]
        assert ids == sorted(set(ids))
        assert len(used) == len(set(used))
        assert not gone & set(ids)
        assert all(t.state is not TrackState.TENTATIVE for t in tracks)
        assert all(np.isfinite(t.box_xyxy_px).all() for t in tracks)
        gone |= known - set(ids)
        known |= set(ids)
