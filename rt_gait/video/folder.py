"""A folder of pictures as a source, as gait and tracking data sets come."""

from __future__ import annotations

import re
from pathlib import Path

from rt_gait.errors import SourceOpenError
from rt_gait.types import Frame, UInt8Array
from rt_gait.video.limits import exact_rate
from rt_gait.video.picture import decode_picture
from rt_gait.video.source import DEFAULT_FOLDER_RATE, BaseSource, SourceInfo
from rt_gait.video.timeline import Timeline

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key with which ``img2`` comes before ``img10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)]


class ImageFolder(BaseSource):
    """The pictures of a folder in natural order of their names, at a steady rate.

    A picture that cannot be read is counted, left out, and leaves a gap in index and time. When
    the size changes the epoch is raised: scaling would change how people look, and nothing that
    was learnt in the old frame holds in the new one.
    """

    def __init__(self, path: Path, *, frame_rate: float | None = None) -> None:
        """List the folder and decode its first picture.

        Args:
            path: The folder; its sub-folders are not looked into.
            frame_rate: Pictures per second, 25 without.

        Raises:
            SourceOpenError: no picture in the folder, or the folder cannot be read.
        """
        try:
            files = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
            files = [file for file in files if file.is_file() and not file.name.startswith(".")]
        except OSError as error:
            raise SourceOpenError(
                f"the folder cannot be opened ({error.strerror}): {str(path)!r}"
            ) from None
        self._files = sorted(files, key=lambda file: (natural_key(file.name), file.name))
        self._position = 0
        self._start: int | None = None
        self._closed = False
        self._rate = DEFAULT_FOLDER_RATE if frame_rate is None else frame_rate
        self._timeline = Timeline(period_secs=1 / self._rate)
        rate = exact_rate(self._rate)
        super().__init__(SourceInfo(path.resolve().name, False, 0, 0, rate, len(files)))
        self._next = self._decode_next()
        if self._next is None:
            found = f"{len(files)} that cannot be decoded" if files else "none"
            raise SourceOpenError(
                f"expected a folder with pictures ({', '.join(sorted(SUFFIXES))}), found {found}; "
                f"check the folder: {str(path)!r}"
            )
        height_px, width_px = self._next[1].shape[:2]
        self._info = SourceInfo(self._info.name, False, width_px, height_px, rate, len(files))

    def read(self) -> Frame | None:
        """Return the next picture that can be decoded, or None at the end."""
        if self._closed:
            return None
        picture, self._next = self._next or self._decode_next(), None
        if picture is None:
            return None
        position, image = picture
        if self._start is None:
            self._start = position
        index = position - self._start
        time_secs, epoch = self._timeline.stamp(index / self._rate, image.shape)
        return Frame(image, index, time_secs, epoch)

    def _decode_next(self) -> tuple[int, UInt8Array] | None:
        """Return the next good picture and its place in the list."""
        while self._position < len(self._files):
            position = self._position
            self._position += 1
            try:
                image = decode_picture(self._files[position].read_bytes())
            except OSError:
                image = None
            if image is not None:
                return position, image
            self._decode_errors += 1
        return None

    def close(self) -> None:
        """Stop reading."""
        self._closed, self._next = True, None
