from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rt_gait.gait.quality import usable_mask
from rt_gait.reasons import Rejection
from rt_gait.types import Detections, Mask

FRAME_HW = (480, 640)


def person(x: int, y: int, w: int = 40, h: int = 120) -> tuple[list[int], Mask]:
    return [x, y, x + w, y + h], Mask(x, y, np.ones((h, w), bool))


def found(*people: tuple[list[int], Mask], score: float = 0.9) -> Detections:
    boxes = np.array([box for box, _ in people], np.float32)
    return Detections(boxes, np.full(len(people), score, np.float32), tuple(m for _, m in people))


def test_a_clean_person_is_used_whole() -> None:
    box, mask = person(100, 100)
    result = usable_mask(0, found((box, mask)), FRAME_HW)
    assert isinstance(result, Mask)
    assert (result.x_px, result.y_px) == (100, 100)
    np.testing.assert_array_equal(result.pixels, mask.pixels)


@pytest.mark.parametrize("at", [(0, 100), (100, 0), (599, 100), (100, 359)])
def test_cut_by_the_frame(at: tuple[int, int]) -> None:
    assert usable_mask(0, found(person(*at)), FRAME_HW) is Rejection.CUT_BY_FRAME


def test_too_small() -> None:
    assert usable_mask(0, found(person(100, 100, 16, 47)), FRAME_HW) is Rejection.TOO_SMALL
    assert isinstance(usable_mask(0, found(person(100, 100, 16, 48)), FRAME_HW), Mask)


def test_too_small_is_what_the_detector_saw_too_small() -> None:
    halved = replace(found(person(100, 100, 40, 95)), detail=0.5)
    assert usable_mask(0, halved, FRAME_HW) is Rejection.TOO_SMALL
    assert isinstance(
        usable_mask(0, replace(found(person(100, 100, 40, 96)), detail=0.5), FRAME_HW), Mask
    )


def test_low_score() -> None:
    assert usable_mask(0, found(person(9, 9), score=0.39), FRAME_HW) is Rejection.LOW_SCORE


@pytest.mark.parametrize(("gap", "merged"), [(-5, True), (0, True), (1, True), (3, False)])
def test_side_by_side_both_are_merged_when_masks_touch(gap: int, merged: bool) -> None:
    both = found(person(100, 100), person(140 + gap, 103))
    for index in (0, 1):
        assert (usable_mask(index, both, FRAME_HW) is Rejection.MERGED) is merged


def test_who_stands_in_front_is_used_and_who_is_behind_is_not() -> None:
    both = found(person(100, 100), person(140, 110))
    assert usable_mask(0, both, FRAME_HW) is Rejection.MERGED
    assert isinstance(usable_mask(1, both, FRAME_HW), Mask)


def test_who_stands_in_front_is_merged_all_the_same_when_both_claim_the_pixels() -> None:
    both = found(person(100, 100), person(138, 110))
    assert usable_mask(1, both, FRAME_HW) is Rejection.MERGED


def test_boxes_may_overlap_while_masks_do_not() -> None:
    (box_a, _), (box_b, _) = person(100, 100), person(120, 100)
    left, right = np.zeros((120, 40), bool), np.zeros((120, 40), bool)
    left[:, :15] = True
    right[:, 25:] = True
    both = found((box_a, Mask(100, 100, left)), (box_b, Mask(120, 100, right)))
    assert isinstance(usable_mask(0, both, FRAME_HW), Mask)


def test_a_speck_is_cleaned_and_a_break_is_refused() -> None:
    box, mask = person(100, 100)
    speck = mask.pixels.copy()
    speck[10:12] = False
    speck[:10, 4:] = False
    cleaned = usable_mask(0, found((box, Mask(100, 100, speck))), FRAME_HW)
    assert isinstance(cleaned, Mask)
    assert not cleaned.pixels[:12].any()
    broken = mask.pixels.copy()
    broken[60:63] = False
    detections = found((box, Mask(100, 100, broken)))
    assert usable_mask(0, detections, FRAME_HW) is Rejection.FRAGMENTED


def test_an_empty_mask_is_fragmented() -> None:
    box, _ = person(100, 100)
    empty = found((box, Mask(100, 100, np.zeros((120, 40), bool))))
    assert usable_mask(0, empty, FRAME_HW) is Rejection.FRAGMENTED
