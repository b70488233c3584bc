from __future__ import annotations

import numpy as np
import pytest

from rt_gait.track.stitch import LONGEST_GAP_SECS, TRIES, Stitcher
from rt_gait.types import Embedding, Track, TrackState

FRAME_HW = (480, 640)
ANNA, BEN = np.eye(8, dtype=np.float32)[:2]
BETWEEN = (ANNA + BEN) / np.float32(2**0.5)


def seen(track_id: int, x_px: float, *, height_px: float = 100, parted: bool = False) -> Track:
    box = np.array([x_px - 20, 300 - height_px, x_px + 20, 300], np.float32)
    return Track(track_id, TrackState.CONFIRMED, box, 0.9, 0, 0.0, parted)


class Scene:
    """A stitcher, and frames at 10 Hz."""

    def __init__(self) -> None:
        self.stitcher = Stitcher(least_similarity=0.6, margin=0.1)
        self.time_secs = 0.0

    def show(self, *tracks: Track, secs: float = 1.0) -> None:
        for _ in range(round(10 * secs)):
            self.time_secs += 0.1
            known = [
                Track(t.track_id, t.state, t.box_xyxy_px, t.score, 0, self._began(t), t.parted)
                for t in tracks
            ]
            self.stitcher.follow(known, self.time_secs, frame_hw=FRAME_HW)

    def _began(self, track: Track) -> float:
        self._starts = getattr(self, "_starts", {})
        return float(self._starts.setdefault(track.track_id, self.time_secs))

    def embed(self, track_id: int, vector: np.ndarray) -> list[tuple[int, int]]:
        embedding = Embedding(track_id, self.time_secs, vector.astype(np.float32))
        return [(s.track_id, s.continues) for s, _ in self.stitcher.compare([embedding])]


def lost(*people: tuple[int, float, np.ndarray], out_secs: float = 2.0) -> Scene:
    """A scene whose people (track, place, gait) have been seen and are out of sight."""
    scene = Scene()
    scene.show(*(seen(i, x) for i, x, _ in people))
    for i, _, vector in people:
        assert scene.embed(i, vector) == []
    scene.show(secs=out_secs)
    return scene


def test_who_comes_back_near_by_and_walks_alike_goes_on_under_the_first_number() -> None:
    scene = lost((1, 300, ANNA))
    scene.show(seen(2, 400))
    (found,) = scene.stitcher.compare([Embedding(2, scene.time_secs, ANNA)])
    stitch, windows = found
    assert (stitch.track_id, stitch.continues) == (2, 1)
    assert stitch.similarity == pytest.approx(1)
    assert stitch.gap_secs == pytest.approx(2.1)
    assert [w.track_id for w in windows] == [1]
    assert scene.stitcher.numbers == {2: 1}
    scene.show(secs=2)
    scene.show(seen(3, 350))
    assert scene.embed(3, ANNA) == [(3, 2)]
    assert scene.stitcher.numbers == {3: 1}


@pytest.mark.parametrize(
    ("track", "vector"),
    [
        (seen(2, 310), BEN),
        (seen(2, 310), 0.5 * ANNA),
        (seen(2, 570), ANNA),
        (seen(2, 310, height_px=140), ANNA),
        (seen(2, 25), ANNA),
    ],
    ids=["another gait", "not alike enough", "too far", "too tall", "came in by the edge"],
)
def test_others_are_not_taken_for_who_was_lost(track: Track, vector: np.ndarray) -> None:
    scene = lost((1, 300 if track.box_xyxy_px[0] > 20 else 60, ANNA))
    scene.show(track)
    assert scene.embed(2, vector) == []
    assert scene.stitcher.numbers == {}


def test_who_left_by_the_edge_is_not_found_again() -> None:
    scene = lost((1, 620, ANNA))
    scene.show(seen(2, 560))
    assert scene.embed(2, ANNA) == []


def test_a_track_still_in_memory_is_nobody_who_was_lost() -> None:
    scene = Scene()
    scene.show(seen(1, 300))
    scene.embed(1, ANNA)
    scene.show(seen(1, 300), seen(2, 350))
    assert scene.embed(2, ANNA) == []


def test_nobody_is_found_when_two_are_alike() -> None:
    scene = lost((1, 300, ANNA), (2, 330, BETWEEN))
    scene.show(seen(3, 320))
    assert scene.embed(3, (ANNA + 0.5 * BEN) / np.float32(1.25**0.5)) == []


def test_nobody_is_remembered_for_ever() -> None:
    scene = lost((1, 300, ANNA), out_secs=LONGEST_GAP_SECS + 0.5)
    scene.show(seen(2, 310))
    assert scene.embed(2, ANNA) == []


def test_a_newcomer_is_compared_a_few_times_only() -> None:
    scene = lost((1, 300, ANNA))
    scene.show(seen(2, 310))
    for _ in range(TRIES):
        assert scene.embed(2, BEN) == []
    for _ in range(20):
        assert scene.embed(2, ANNA) == []


def test_windows_from_before_a_suspected_swap_are_no_evidence() -> None:
    scene = Scene()
    scene.show(seen(1, 300))
    scene.embed(1, ANNA)
    scene.show(seen(1, 300, parted=True), secs=0.1)
    scene.show(secs=2)
    scene.show(seen(2, 310))
    assert scene.embed(2, ANNA) == []


def test_nothing_is_carried_over_a_jump() -> None:
    scene = lost((1, 300, ANNA))
    scene.stitcher.reset()
    scene.show(seen(2, 310))
    assert scene.embed(2, ANNA) == []


def test_places_move_with_the_camera() -> None:
    pan = np.array([[1, 0, -30], [0, 1, 0]], np.float32)
    found = []
    for motion in (None, pan):
        scene = lost((1, 580, ANNA))
        for _ in range(10):
            scene.stitcher.follow([], scene.time_secs, frame_hw=FRAME_HW, motion=motion)
        scene.show(seen(2, 300))
        found.append(scene.embed(2, ANNA))
    assert found == [[], [(2, 1)]]
