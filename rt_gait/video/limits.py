"""What is taken for a video: limits that no camera reaches, and a crafted file soon does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from rt_gait.errors import SourceLostError, SourceOpenError

MAX_FRAME_PX = 8192 * 4096
"""Largest picture accepted, in pixels: 8K UHD (7680x4320) and 8K DCI fit. One such picture is
100 MB of BGR, and a few bytes of a crafted header can ask for far more."""

MAX_FRAME_RATE = 1000.0
"""Highest frame rate believed, in Hz; above it a header or a flag is wrong."""


def check_file(path: Path) -> None:
    """Raise SourceOpenError unless ``path`` is a regular, readable file that is not empty."""
    shown = repr(str(path))
    try:
        if path.is_char_device():
            raise SourceOpenError(
                f"expected a video file, got a device; for a camera give its number: {shown}"
            )
        if path.exists() and not path.is_file():
            raise SourceOpenError(f"expected a video file, got something else: {shown}")
        with path.open("rb") as file:
            head = file.read(1)
    except FileNotFoundError:
        raise SourceOpenError(
            f"expected a video file or a folder of pictures, found nothing; check the path: {shown}"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceOpenError(f"the video cannot be opened ({reason}): {shown}") from None
    if not head:
        raise SourceOpenError(
            f"expected a video file, got an empty file (0 bytes); record or copy it again: {shown}"
        )


def check_size(width_px: int, height_px: int, *, path: Path) -> None:
    """Raise SourceOpenError when pictures are larger than ``MAX_FRAME_PX``."""
    if width_px * height_px > MAX_FRAME_PX:
        raise SourceOpenError(
            f"expected pictures of at most {MAX_FRAME_PX / 1e6:.1f} megapixels, got "
            f"{width_px}x{height_px}; scale the video down: {str(path)!r}"
        )


def check_stream_size(width_px: int, height_px: int, *, name: str) -> None:
    """Raise SourceLostError when pictures of a stream are larger than ``MAX_FRAME_PX``."""
    if width_px * height_px > MAX_FRAME_PX:
        raise SourceLostError(
            f"expected pictures of at most {MAX_FRAME_PX / 1e6:.1f} megapixels, got "
            f"{width_px}x{height_px}; choose a smaller stream of the camera: {name}"
        )


def exact_rate(frame_rate: float) -> Fraction:
    """Return a frame rate in Hz as a fraction; 29.97 becomes 30000/1001."""
    ntsc = Fraction(round(frame_rate * 1.001) * 1000, 1001)
    if abs(float(ntsc) - frame_rate) < 0.005:
        return ntsc
    return Fraction(frame_rate).limit_denominator(1000)
