from __future__ import annotations

from pathlib import Path

import cv2
import hand_made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.gait.silhouette import normalise
from rt_gait.types import Mask

# What OpenGait's published pre-treatment (commit 90d4bf2, followed by its cut from 64 to 44
# columns) makes of the same masks; it drops those that are not in the file.
PUBLISHED = dict(np.load(Path(__file__).parent / "published_normalisation.npz"))


def crop(picture: np.ndarray) -> Mask:
    ys, xs = np.nonzero(picture)
    part = picture[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] > 0
    return Mask(int(xs.min()), int(ys.min()), part)


@pytest.mark.parametrize("name", hand_made.masks())
def test_equals_the_published_normalisation_bit_by_bit(name: str) -> None:
    picture = hand_made.masks()[name]
    result = normalise(crop(picture), picture.shape[1])
    expected = PUBLISHED.get(name)
    if expected is None:
        assert result is None
    else:
        assert result is not None
        np.testing.assert_array_equal(result, expected)


def test_the_published_cases_cover_kept_and_dropped_frames() -> None:
    assert set(hand_made.masks()) - set(PUBLISHED) == {"speck", "first_column"}


@given(st.integers(0, 200), st.integers(0, 60))
def test_the_crop_that_holds_the_mask_does_not_matter(x: int, margin: int) -> None:
    picture = np.zeros((200, 320), np.uint8)
    cv2.ellipse(picture, (60 + x, 100), (20, 80), 0, 0, 360, 255, -1)
    tight = crop(picture)
    left, top = max(tight.x_px - margin, 0), max(tight.y_px - margin, 0)
    loose = Mask(left, top, picture[top:, left:] > 0)
    np.testing.assert_array_equal(normalise(tight, 320), normalise(loose, 320))


def test_an_empty_mask_gives_nothing() -> None:
    assert normalise(Mask(0, 0, np.zeros((9, 9), bool)), 320) is None
