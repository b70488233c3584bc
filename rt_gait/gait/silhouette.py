"""Silhouettes normalised exactly as the field does.

The rule is the pre-treatment published with OpenGait (Fan et al., 2023) and used since GaitSet
(Chao et al., 2019): crop to the rows the person covers, scale to height 64 keeping the shape,
centre on the column where half the mass lies, cut 64 columns, then drop 10 on each side. Networks
trained on silhouettes made this way can be used as they are.
"""

from __future__ import annotations

import cv2
import numpy as np

from rt_gait.types import BoolArray, UInt8Array

HEIGHT_PX = 64
WIDTH_PX = 44
_LEAST_MASS = 10_000
"""Sum of 0/255 pixels below which the published rule drops a frame: 40 pixels."""


def normalise(mask: BoolArray) -> UInt8Array | None:
    """Normalise one mask.

    Args:
        mask: [h, w] bool, the whole frame or any crop that holds the person.

    Returns:
        [64, 44] uint8 in 0..255 with the soft edges of the cubic interpolation, or None where the
        published rule drops the frame (fewer than 40 pixels).
    """
    image = mask.astype(np.uint8) * np.uint8(255)
    if int(image.sum(dtype=np.int64)) <= _LEAST_MASS:
        return None
    rows = np.flatnonzero(image.any(axis=1))
    image = image[rows[0] : rows[-1] + 1]
    width = int(HEIGHT_PX * (image.shape[1] / image.shape[0]))
    if width < 1:
        return None
    scaled = cv2.resize(image, (width, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    mass = scaled.sum(axis=0, dtype=np.int64).cumsum()
    centre = int(np.argmax(mass > mass[-1] / 2))
    # Columns centre-22 to centre+22 of the picture, black where it has none.
    left = centre - WIDTH_PX // 2
    result = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    first, last = max(left, 0), min(left + WIDTH_PX, width)
    result[:, first - left : last - left] = scaled[:, first:last]
    return result
