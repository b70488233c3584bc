"""Silhouettes normalised exactly as the field does.

The rule is the pre-treatment published with OpenGait (Fan et al., 2023) and used since GaitSet
(Chao et al., 2019): crop to the rows the person covers, scale to height 64 keeping the shape,
centre on the column where half the mass lies, cut 64 columns, then drop 10 on each side. Networks
trained on silhouettes made this way can be used as they are.
"""

from __future__ import annotations

import cv2
import numpy as np

from rt_gait.types import Mask, UInt8Array

HEIGHT_PX = 64
WIDTH_PX = 44
_LEAST_MASS = 10_000
"""Sum of 0/255 pixels below which the published rule drops a frame: 40 pixels."""


def normalise(mask: Mask, frame_width_px: int) -> UInt8Array | None:
    """Normalise one mask.

    The published rule scales the whole width of the frame to a whole number of columns, so the
    frame's width has a say in the result; it is honoured to the bit.

    Args:
        mask: The pixels of one person.
        frame_width_px: Width of the frame that the mask lies in.

    Returns:
        [64, 44] uint8 in 0..255 with the soft edges of the cubic interpolation, or None where the
        published rule drops the frame: fewer than 40 pixels, or half the mass in column 0.
    """
    rows = np.flatnonzero(mask.pixels.any(axis=1))
    if not rows.size:
        return None
    person = mask.pixels[rows[0] : rows[-1] + 1]
    width = int(HEIGHT_PX * (frame_width_px / len(person)))
    if np.count_nonzero(person) * 255 <= _LEAST_MASS or width < 1:
        return None
    image = np.zeros((len(person), frame_width_px), np.uint8)
    image[:, mask.x_px : mask.x_px + person.shape[1]] = person.view(np.uint8) * np.uint8(255)
    scaled = cv2.resize(image, (width, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    mass = scaled.sum(axis=0, dtype=np.int64).cumsum()
    centre = int(np.argmax(mass > mass[-1] / 2))
    if centre == 0:
        return None
    # Columns centre-22 to centre+22 of the picture, black where it has none.
    left = centre - WIDTH_PX // 2
    result = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    first, last = max(left, 0), min(left + WIDTH_PX, width)
    result[:, first - left : last - left] = scaled[:, first:last]
    return result
