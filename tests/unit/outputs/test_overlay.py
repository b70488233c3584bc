from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scripted import Person, ScriptedDetector, frame

from rt_gait.outputs.overlay import draw
from rt_gait.reasons import Rejection
from rt_gait.types import FrameResult, Identity, IdentityState, Track, TrackState


def result(identity: Identity, rejection: Rejection | None = None) -> FrameResult:
    picture = frame(0)
    detections = ScriptedDetector([Person(x_px=160, speed_px_per_sec=0)]).detect(picture.image_bgr)
    track = Track(
        4, TrackState.CONFIRMED, detections.boxes_xyxy_px[0], 0.9, detection=0, first_time_secs=0.0
    )
    return FrameResult(
        frame=picture,
        detections=detections,
        tracks=(track,),
        rejections={} if rejection is None else {4: rejection},
        identities={4: identity},
    )


@pytest.mark.parametrize("state", IdentityState)
def test_each_state_looks_different_and_the_frame_is_left_alone(state: IdentityState) -> None:
    subject = "s_1" if state in (IdentityState.KNOWN, IdentityState.CANDIDATE) else None
    shown = result(Identity(state, subject, 0.91, 0.1, 3))
    before = shown.frame.image_bgr.copy()
    drawn = draw(shown, {"s_1": "anna"})
    np.testing.assert_array_equal(shown.frame.image_bgr, before)
    assert drawn.shape == before.shape
    for other in set(IdentityState) - {state}:
        subject = "s_1" if other in (IdentityState.KNOWN, IdentityState.CANDIDATE) else None
        elsewhere = draw(result(Identity(other, subject, 0.91, 0.1, 3)), {"s_1": "anna"})
        assert (drawn != elsewhere).any()


def test_the_reason_for_not_recognising_is_shown() -> None:
    plain = draw(result(Identity()), {})
    for rejection in Rejection:
        assert (draw(result(Identity(), rejection), {}) != plain).any()


def test_the_tint_covers_the_person_and_no_more() -> None:
    shown = result(Identity(IdentityState.KNOWN, "s_1", 0.9, 0.1, 3))
    drawn = draw(shown, {})
    x1, y1, x2, y2 = shown.tracks[0].box_xyxy_px.astype(int)
    inside = (slice(y1 + 20, y2 - 20), slice(x1 + 4, x2 - 4))
    changed = (drawn != shown.frame.image_bgr).any(axis=2)
    mask = shown.detections.masks[0]
    full = np.zeros(changed.shape, bool)
    h, w = mask.pixels.shape
    full[mask.y_px : mask.y_px + h, mask.x_px : mask.x_px + w] = mask.pixels
    np.testing.assert_array_equal(changed[inside], full[inside])


def test_a_track_that_continues_another_is_shown_under_the_first_number() -> None:
    shown = result(Identity())
    as_seven = draw(replace(shown, numbers={4: 7}), {})
    seven = replace(shown.tracks[0], track_id=7)
    expected = draw(replace(shown, tracks=(seven,), identities={7: Identity()}), {})
    np.testing.assert_array_equal(as_seven, expected)
