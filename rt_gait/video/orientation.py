"""Turning pictures upright: phones record sideways and say so in a display matrix."""

from __future__ import annotations

import struct

import numpy as np

from rt_gait.types import UInt8Array


def upright(image: UInt8Array, display_matrix: bytes | None) -> UInt8Array:
    """Return the picture as it is meant to be seen: quarter turns and mirroring.

    Args:
        image: [H, W, 3].
        display_matrix: Nine native 32-bit integers a b u c d v x y w as FFmpeg hands them out
            (ISO 14496-12, 8.3.2): a source pixel (x, y) is shown at (a x + c y, b x + d y).
            Other angles than quarter turns are rounded to the nearest. None: as it is.
    """
    if display_matrix is None or len(display_matrix) < 36:
        return image
    a, b, _, c, d, *_ = struct.unpack("9i", display_matrix[:36])
    if abs(a) + abs(d) < abs(b) + abs(c):  # the axes change places
        image = image.swapaxes(0, 1)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    image = image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(image)
