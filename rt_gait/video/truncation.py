"""Whether a video file was cut off, told from the sizes its own structure declares.

FFmpeg reads half a file to its end and reports a normal end (measured: an MP4 cut in half gives
half its frames and one decode error, a Matroska file not even that). The frame count of a header
is only an estimate, but the sizes of the outer boxes are exact.

Formats: ISO 14496-12 (MP4, MOV), RIFF (AVI), EBML RFC 8794 (Matroska, WebM).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

MAX_LOST_SECS = 0.5
"""A longer stretch without pictures at the end is damage; a few bad pictures are decode errors."""

_MAX_BOXES = 1_000_000  # a day of half-second fragments has 350,000; more is not a video

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def missing_bytes(path: Path) -> int | None:
    """Return how many bytes are missing at the end of a file, 0 when it is whole.

    None when the format does not say (other formats, streams written without sizes, unreadable).
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(12)
            file.seek(0)
            if head[4:8] in (b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                end = _end_of_boxes(file, size)
            elif head[:4] == b"RIFF":
                end = _end_of_riff(file, size)
            elif head[:4] == _EBML:
                end = _end_of_segment(file)
            else:
                end = None
    except OSError:
        return None
    return None if end is None else max(0, end - size)


def ended_early(
    path: Path, *, declared: int | None, found: int, lost_secs: float, hides_frames: bool
) -> bool:
    """Tell whether a video that was read to its end should have gone on.

    The count of a header is an estimate, so it alone is believed only roughly, and not at all
    where the format can hide frames on purpose; an empty packet is a frame the recorder dropped.

    Args:
        path: The file.
        declared: Frames the header declares; None when it does not.
        found: Complete packets that were read.
        lost_secs: Time at the end that gave no picture.
        hides_frames: Whether the format has edit lists (MP4).
    """
    missing = 0 if declared is None else declared - found
    if missing_bytes(path):
        return missing > 0 or declared is None
    if lost_secs > MAX_LOST_SECS:  # the end is there but cannot be decoded: filled with zeros, say
        return True
    return missing > max(2, (declared or 0) // 50) and not hides_frames


def _end_of_boxes(file: BinaryIO, size: int) -> int | None:
    """Return where the last top-level box of an MP4 should end."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position >= size:
            return position
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return position + 8
        box = int.from_bytes(header[:4], "big")
        if box == 1:
            box = int.from_bytes(header[8:16], "big")
        if box == 0:  # reaches to the end of the file
            return size
        if box < 8 or not header[4:8].isascii():
            return None
        position += box
    return None


def _end_of_riff(file: BinaryIO, size: int) -> int | None:
    """Return where the last RIFF chunk of an AVI should end."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        header = file.read(12)
        if header[:4] != b"RIFF":
            break
        chunk = int.from_bytes(header[4:8], "little")
        if chunk in (0, 0xFFFFFFFF):  # the recorder never came back to fill it in
            return None
        position += 8 + chunk + chunk % 2
    return min(position, size) if position - size == 1 else position


def _end_of_segment(file: BinaryIO) -> int | None:
    """Return where the segment of a Matroska file should end."""
    file.seek(len(_EBML))
    header = _vint(file)
    if header is None:
        return None
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return None
    segment = _vint(file)
    return None if segment is None else file.tell() + segment


def _vint(file: BinaryIO) -> int | None:
    """Read an EBML variable-size integer; None for "unknown" and for nonsense."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    value = int.from_bytes(first + rest, "big")
    bits = 7 * (more + 1)
    value &= (1 << bits) - 1
    return None if len(rest) < more or value == (1 << bits) - 1 else value
