"""Optical flow of people, on a texture that moves as it is told, with the real method."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rt_gait.gait.flow import FlowEncoder, interleaved
from rt_gait.gait.windows import WindowBuilder, WindowShape
from rt_gait.types import FlowField, Frame, Silhouette

FRAME_HW = (400, 600)
BOX = (220.0, 100.0, 300.0, 260.0)
"""160 pixels tall: the square around it is 200 pixels wide, from (160, 80) to (360, 280)."""


def texture() -> np.ndarray:
    noise = np.random.default_rng(5).normal(size=(FRAME_HW[0] * 2, FRAME_HW[1] * 2))
    smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 6)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


TEXTURE = texture()


def frame(index: int, time_secs: float, shift_px: tuple[float, float], epoch: int = 0) -> Frame:
    """A texture that has moved right and down by ``shift_px``; beyond it lies more of it."""
    move = np.array([[1, 0, shift_px[0] - 300], [0, 1, shift_px[1] - 200]], np.float32)
    grey = cv2.warpAffine(TEXTURE, move, FRAME_HW[::-1], flags=cv2.INTER_LINEAR)
    return Frame(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), index, time_secs, epoch)


def person(frame: Frame, box: tuple[float, ...] = BOX, track_id: int = 1) -> Silhouette:
    pixels = np.zeros((64, 44), np.uint8)
    return Silhouette(track_id, frame.index, frame.time_secs, np.array(box, np.float32), pixels)


def flow_between(
    shift_px: tuple[float, float], *, step_secs: float = 0.04, box: tuple[float, ...] = BOX
) -> FlowField:
    encoder = FlowEncoder()
    first, second = frame(0, 2.0, (0, 0)), frame(1, 2.0 + step_secs, shift_px)
    assert encoder.encode(first, [person(first, box)]) == []
    (field,) = encoder.encode(second, [person(second, box)])
    return field


def middle(field: FlowField) -> np.ndarray:
    return np.median(field.pixels[15:-15, 15:-15].astype(float), axis=(0, 1))


@pytest.mark.parametrize("shift_px", [(4.0, 0.0), (-4.0, 2.0), (0.0, -6.0), (1.0, 0.0)])
def test_the_unit_is_heights_a_second_right_and_down(shift_px: tuple[float, float]) -> None:
    field = flow_between(shift_px)
    assert field.pixels.shape == (60, 60, 2)
    assert field.pixels.dtype == np.float16
    assert field.time_secs == pytest.approx(2.04)
    np.testing.assert_allclose(middle(field), np.array(shift_px) / 160 / 0.04, atol=0.03)


def test_half_the_frame_rate_and_twice_the_way_is_the_same_flow() -> None:
    fast, slow = flow_between((3, 1)), flow_between((6, 2), step_secs=0.08)
    np.testing.assert_allclose(middle(fast), middle(slow), atol=0.03)


def test_twice_as_tall_with_twice_the_way_is_the_same_flow() -> None:
    small = flow_between((3, 0), box=(260, 100, 300, 180))
    tall = flow_between((6, 0), box=(240, 100, 320, 260))
    np.testing.assert_allclose(middle(small), middle(tall), atol=0.05)


def test_what_rests_has_no_flow() -> None:
    assert np.abs(flow_between((0, 0)).pixels).max() < 1e-3


def test_motion_elsewhere_is_not_in_it() -> None:
    still, moved = frame(0, 0.0, (0, 0)), frame(1, 0.04, (9, 0))
    image = still.image_bgr.copy()
    image[:, 380:] = moved.image_bgr[:, 380:]  # the square ends at column 360
    encoder = FlowEncoder()
    encoder.encode(still, [person(still)])
    (field,) = encoder.encode(Frame(image, 1, 0.04), [person(still)])
    assert np.abs(field.pixels).max() < 1e-3


@pytest.mark.parametrize(
    "box", [(3, 3, 60, 160), (540, 240, 597, 397), (4, 4, 596, 396)], ids=["top", "bottom", "huge"]
)
def test_a_square_that_leaves_the_frame_is_filled_with_the_border(box: tuple[float, ...]) -> None:
    field = flow_between((2, 0), box=box)
    assert np.isfinite(field.pixels).all()
    expected = 2 / (box[3] - box[1]) / 0.04
    assert np.median(field.pixels[20:40, 20:40, 0]) == pytest.approx(expected, rel=0.15)


def test_only_who_is_usable_in_both_frames_has_flow() -> None:
    encoder = FlowEncoder()
    frames = [frame(i, i / 25, (2 * i, 0)) for i in range(4)]
    usable = [[1, 2], [2], [1, 2, 3], [3, 1]]
    found = [
        [f.track_id for f in encoder.encode(shown, [person(shown, track_id=i) for i in tracks])]
        for shown, tracks in zip(frames, usable, strict=True)
    ]
    assert found == [[], [2], [2], [3, 1]]


def test_nothing_is_carried_across_a_new_epoch_a_still_clock_or_another_size() -> None:
    start = frame(0, 1.0, (0, 0))
    small = np.ascontiguousarray(start.image_bgr[:300])
    for later in (frame(1, 1.04, (2, 0), epoch=1), frame(1, 1.0, (2, 0)), Frame(small, 1, 1.04)):
        encoder = FlowEncoder()
        encoder.encode(start, [person(start)])
        assert encoder.encode(later, [person(later)]) == []


def test_a_clock_that_hardly_moves_keeps_the_numbers_finite() -> None:
    field = flow_between((4, 0), step_secs=1e-7)
    assert np.isfinite(field.pixels).all()
    assert np.abs(field.pixels).max() <= 100


def test_the_same_pictures_give_the_same_flow_with_any_number_of_threads() -> None:
    before = cv2.getNumThreads()
    try:
        fields = []
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            fields.append(flow_between((3, 1)).pixels)
    finally:
        cv2.setNumThreads(before)
    for field in fields[1:]:
        np.testing.assert_array_equal(field, fields[0])


def test_flow_is_cut_into_windows_as_silhouettes_are() -> None:
    builder, windows = WindowBuilder(WindowShape(25, 25.0, 1 / 3)), []
    for i in range(40):
        pixels = np.full((60, 60, 2), i, np.float16)
        builder.tick(i / 25)
        windows += builder.add(FlowField(1, i / 25, pixels))
    assert [w.start_secs for w in windows] == pytest.approx([0, 1 / 3])
    assert windows[0].pixels.shape == (25, 60, 60, 2)
    assert windows[0].pixels.dtype == np.float16
    np.testing.assert_array_equal(windows[0].pixels[:, 0, 0, 0], np.arange(25))


def test_interleaving_puts_u_and_v_of_a_frame_side_by_side() -> None:
    fields = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 2)).astype(np.float16)
    channels = interleaved(fields)
    assert channels.shape == (2, 6, 4, 5)
    for step in range(3):
        np.testing.assert_array_equal(channels[:, 2 * step], fields[:, step, :, :, 0])
        np.testing.assert_array_equal(channels[:, 2 * step + 1], fields[:, step, :, :, 1])
