from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scripted import Person, ScriptedDetector, frame

from rt_gait.outputs.anonymize import anonymous
from rt_gait.outputs.retention import purge
from rt_gait.types import Frame, FrameResult, Track, TrackState, UInt8Array


def noisy(seed: int = 0) -> tuple[FrameResult, UInt8Array]:
    """A person of noise, which any recognition would have to find in the fine detail."""
    picture = frame(0)
    detections = ScriptedDetector([Person(x_px=160, speed_px_per_sec=0)]).detect(picture.image_bgr)
    noise = np.random.default_rng(seed).integers(0, 256, picture.image_bgr.shape, np.uint8)
    shot = Frame(**{n: getattr(picture, n) for n in Frame.__slots__} | {"image_bgr": noise})
    return FrameResult(frame=shot, detections=detections, tracks=()), noise


def test_blur_leaves_nothing_fine_of_a_person_and_the_place_as_it_is() -> None:
    result, noise = noisy()
    hidden = anonymous(result, "blur")
    x1, y1, x2, y2 = result.detections.boxes_xyxy_px[0].astype(int)
    person = hidden[y1:y2, x1:x2].astype(float)
    assert person.std() < 0.2 * noise[y1:y2, x1:x2].std()
    assert np.abs(np.diff(person, axis=0)).mean() < 4, "no detail from row to row"
    far = hidden[:, : max(x1 - (x2 - x1), 1)]
    np.testing.assert_array_equal(far, noise[:, : far.shape[1]])
    np.testing.assert_array_equal(result.frame.image_bgr, noise)


def test_blur_hides_a_person_who_is_followed_but_not_found_in_the_frame() -> None:
    result, noise = noisy()
    box = np.array([10, 20, 60, 160], np.float32)
    track = Track(1, TrackState.CONFIRMED, box, 0.9, detection=None, first_time_secs=0.0)
    followed = FrameResult(frame=result.frame, detections=result.detections, tracks=(track,))
    assert anonymous(followed, "blur")[20:160, 10:60].std() < 0.3 * noise.std()


def test_a_silhouette_picture_does_not_depend_on_the_camera_picture() -> None:
    first, second = (anonymous(noisy(seed)[0], "silhouette") for seed in (1, 2))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 2


def test_purge_takes_what_is_old_and_ours_and_nothing_else(tmp_path: Path) -> None:
    import os

    ours = ["e.jsonl", "e.jsonl.000001", "a.mp4", "e.jsonl.sent-0123456789ab"]
    others = [
        "people.gallery",
        "people.gallery.audit.jsonl",
        "notes.txt",
        "e.jsonl.bak",
        "x.mp4.part",
    ]
    for name in [*ours, *others]:
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "new.mp4").write_text("x")
    os.utime(tmp_path / "new.mp4", (86400 * 8.5, 86400 * 8.5))
    (tmp_path / "deep.mp4").mkdir()
    outside = tmp_path.parent / f"{tmp_path.name}-outside.mp4"
    outside.write_text("x")
    (tmp_path / "link.mp4").symlink_to(outside)
    removed = purge(tmp_path, days=7, now_secs=86400 * 15)
    assert sorted(p.name for p in removed) == sorted(ours)
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {*others, "new.mp4", "deep.mp4", "link.mp4"}
    assert outside.exists()


@pytest.mark.parametrize("how", ["blur", "silhouette"])
def test_a_box_at_the_edge_or_outside_does_no_harm(how: str) -> None:
    result, _ = noisy()
    box = np.array([-50, -50, -10, -10], np.float32)
    track = Track(1, TrackState.CONFIRMED, box, 0.9, detection=None, first_time_secs=0.0)
    outside = FrameResult(frame=result.frame, detections=result.detections, tracks=(track,))
    assert anonymous(outside, how).shape == result.frame.image_bgr.shape  # type: ignore[arg-type]
