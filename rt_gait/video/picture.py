"""Decoding one picture from bytes, after a look at the size its header claims."""

from __future__ import annotations

import struct
from typing import cast

import cv2
import numpy as np

from rt_gait.types import UInt8Array
from rt_gait.video.limits import MAX_FRAME_PX

_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start-of-frame markers


def decode_picture(data: bytes) -> UInt8Array | None:
    """Return a picture as [H, W, 3] BGR, upright by its EXIF mark; None when it is no picture.

    A picture larger than ``MAX_FRAME_PX`` is not decoded: a PNG of a few kilobytes can claim
    gigabytes. TIFF headers are not read beforehand; OpenCV's own limit of 2^30 pixels holds.
    """
    width_px, height_px = claimed_size(data) or (0, 0)
    if not data or width_px * height_px > MAX_FRAME_PX:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if image is None or image.shape[0] * image.shape[1] > MAX_FRAME_PX:
        return None
    return cast(UInt8Array, image)


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height in the header of a PNG, JPEG, BMP or WebP; None for others."""
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            width_px, height_px = struct.unpack(">II", data[16:24])
        elif data[:2] == b"\xff\xd8":
            return _jpeg_size(data)
        elif data[:2] == b"BM":
            width_px, height_px = struct.unpack("<ii", data[18:26])
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
        else:
            return None
    except (struct.error, IndexError):
        return None
    return abs(width_px), abs(height_px)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walk the segments to the start of frame."""
    position = 2
    while position + 9 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker in _JPEG_SIZES:
            height_px, width_px = struct.unpack(">HH", data[position + 5 : position + 9])
            return width_px, height_px
        if marker == 0xFF:  # fill byte
            position += 1
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Read the first chunk: extended, lossless or lossy."""
    if data[12:16] == b"VP8X":
        return (
            int.from_bytes(data[24:27], "little") + 1,
            int.from_bytes(data[27:30], "little") + 1,
        )
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width_px, height_px = struct.unpack("<HH", data[26:30])
    return width_px & 0x3FFF, height_px & 0x3FFF
