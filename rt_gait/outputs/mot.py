"""Tracks in MOTChallenge's text format, so that any tracking benchmark can read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rt_gait.errors import OutputError
from rt_gait.types import FrameResult, Track


class MotFile:
    """One line for each person seen: frame, id, left, top, width, height, score, -1, -1, -1.

    Frames and ids count from 1; boxes are in pixels.
    """

    name = "mot"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("w", encoding="ascii", buffering=1)
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {path}") from error

    def write(self, result: FrameResult) -> None:
        """Add the people seen in one frame."""
        self.add(result.frame.index + 1, result.tracks, result.numbers)

    def add(
        self, number: int, tracks: Sequence[Track], ids: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        """Add the tracks that are seen in a frame, which has a number from 1 on.

        Args:
            number: Of the frame.
            tracks: All there are.
            ids: Those to be written for tracks that continue others.
        """
        for track in tracks:
            if track.detection is None:
                continue
            x1, y1, x2, y2 = track.box_xyxy_px.tolist()
            line = (
                f"{number},{ids.get(track.track_id, track.track_id)},{x1:.2f},{y1:.2f},"
                f"{x2 - x1:.2f},{y2 - y1:.2f},{track.score:.4f},-1,-1,-1\n"
            )
            try:
                self._file.write(line)
            except OSError as error:
                raise OutputError(f"cannot write ({error.strerror}): {self.path}") from error

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {self.path}") from error
