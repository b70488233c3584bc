from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.detect.yolo_seg import decode, letterbox

INPUT_HW = (480, 640)


def outputs(*people: tuple[float, float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Network outputs for people (cx, cy, w, h, score); prototype 0 is an ellipse around each."""
    output0 = np.zeros((37, 50), np.float32)
    rows, cols = np.mgrid[0:120, 0:160].astype(np.float32) * 4 + 2
    logits = np.full((120, 160), -8, np.float32)
    for i, (cx, cy, w, h, score) in enumerate(people):
        output0[:6, i] = (cx, cy, w, h, score, 1)
        inside = 1 - ((cols - cx) / (w / 2)) ** 2 - ((rows - cy) / (h / 2)) ** 2
        logits = np.maximum(logits, 8 * inside)
    prototypes = np.zeros((32, 120, 160), np.float32)
    prototypes[0] = logits
    return output0, prototypes


@pytest.mark.parametrize("frame_hw", [(480, 640), (576, 768), (1080, 1920), (640, 360), (97, 131)])
def test_a_person_comes_back_where_it_was_in_the_frame(frame_hw: tuple[int, int]) -> None:
    blob, placement = letterbox(np.zeros((*frame_hw, 3), np.uint8), *INPUT_HW)
    assert blob.shape == (1, 3, *INPUT_HW)
    height, width = frame_hw
    wanted = np.array([0.3 * width, 0.2 * height, 0.5 * width, 0.8 * height])
    x1, y1, x2, y2 = wanted * placement.scale + [placement.left, placement.top] * 2
    found = decode(
        *outputs(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 0.9)),
        placement, input_hw=INPUT_HW, frame_hw=frame_hw, min_score=0.2,
    )  # fmt: skip
    assert len(found) == 1
    np.testing.assert_allclose(found.boxes_xyxy_px[0], wanted, atol=0.01)
    mask = found.masks[0]
    assert mask.pixels.shape[0] == pytest.approx(0.6 * height, abs=2)
    full = np.zeros(frame_hw, bool)
    h, w = mask.pixels.shape
    full[mask.y_px : mask.y_px + h, mask.x_px : mask.x_px + w] = mask.pixels
    rows, cols = np.mgrid[0:height, 0:width] + 0.5
    radius = (cols - 0.4 * width) ** 2 / (0.1 * width) ** 2
    radius += (rows - 0.5 * height) ** 2 / (0.3 * height) ** 2
    overlap = (full & (radius < 1)).sum() / (full | (radius < 1)).sum()
    assert overlap > 0.93, "the outline follows the ellipse at the resolution of the frame"


def test_doubles_are_suppressed_neighbours_are_not_and_best_comes_first() -> None:
    people = (300, 200, 60, 180, 0.6), (302, 203, 60, 180, 0.8), (335, 200, 60, 180, 0.7)
    _, placement = letterbox(np.zeros((480, 640, 3), np.uint8), *INPUT_HW)
    found = decode(
        *outputs(*people), placement, input_hw=INPUT_HW, frame_hw=(480, 640), min_score=0.2
    )
    np.testing.assert_allclose(found.scores, [0.8, 0.7])
    assert len(found.masks) == 2


def test_other_classes_and_weak_people_are_left_out() -> None:
    output0, prototypes = outputs((300, 200, 60, 180, 0.1))
    several = np.insert(output0, 5, 0.99, axis=0)  # a second class, sure of itself
    _, placement = letterbox(np.zeros((480, 640, 3), np.uint8), *INPUT_HW)
    found = decode(
        several, prototypes, placement, input_hw=INPUT_HW, frame_hw=(480, 640), min_score=0.2
    )
    assert len(found) == 0
    assert found.boxes_xyxy_px.shape == (0, 4)


def test_letterbox_is_rgb_with_grey_bars() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[..., 0] = 255  # blue
    blob, placement = letterbox(picture, *INPUT_HW)
    assert (placement.left, placement.top, placement.scale) == (80, 0, 4.8)
    assert blob.dtype == np.uint8
    assert blob[0, :, 240, 320].tolist() == [0, 0, 255]
    assert blob[0, :, 240, 10].tolist() == [114] * 3


@given(st.integers(0, 2**32 - 1))
def test_any_output_gives_masks_inside_the_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    output0 = rng.normal(0, 300, (37, 40)).astype(np.float32)
    output0[4] = rng.random(40)
    prototypes = rng.normal(0, 3, (32, 120, 160)).astype(np.float32)
    _, placement = letterbox(np.zeros((360, 500, 3), np.uint8), *INPUT_HW)
    found = decode(
        output0, prototypes, placement, input_hw=INPUT_HW, frame_hw=(360, 500), min_score=0.3
    )
    assert len(found.masks) == len(found.scores) == len(found.boxes_xyxy_px)
    assert (np.diff(found.scores) <= 0).all()
    for mask, box in zip(found.masks, found.boxes_xyxy_px, strict=True):
        h, w = mask.pixels.shape
        assert 0 <= mask.x_px < mask.x_px + w <= 500
        assert 0 <= mask.y_px < mask.y_px + h <= 360
        assert (box >= 0).all() and (box <= [500, 360, 500, 360]).all()
