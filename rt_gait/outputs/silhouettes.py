"""Silhouettes of every track, for researchers: one ``track_<id>.npz`` each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_gait.errors import DamagedInputError, OutputError, SourceOpenError
from rt_gait.types import FrameResult, Silhouette


class SilhouetteDump:
    """Writes a track's silhouettes when it ends.

    Each file holds ``silhouettes`` [T, 64, 44] uint8, ``time_secs`` [T] float64, ``frame`` [T]
    int64 counted from 0, and ``box_xyxy_px`` [T, 4] float32.
    """

    name = "silhouettes"

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._folder = folder
        self._held: dict[int, list[Silhouette]] = {}
        try:
            folder.mkdir(exist_ok=True)
            for old in folder.glob("track_*.npz"):  # of an earlier run, which --overwrite replaces
                old.unlink()
        except OSError as error:
            raise OutputError(f"cannot use the folder ({error.strerror}): {folder}") from error

    def write(self, result: FrameResult) -> None:
        """Collect the silhouettes of one frame and write the tracks that have ended."""
        for track_id in sorted(self._held.keys() - {t.track_id for t in result.tracks}):
            self._save(track_id)
        for silhouette in result.silhouettes:
            self._held.setdefault(silhouette.track_id, []).append(silhouette)

    def close(self) -> None:
        """Write the tracks that are still going on."""
        for track_id in sorted(self._held):
            self._save(track_id)

    def _save(self, track_id: int) -> None:
        held = self._held.pop(track_id, None)
        if not held:
            return
        path = self._folder / f"track_{track_id}.npz"
        try:
            np.savez_compressed(
                path,
                silhouettes=np.stack([s.pixels for s in held]),
                time_secs=np.array([s.time_secs for s in held]),
                frame=np.array([s.frame_index for s in held]),
                box_xyxy_px=np.stack([s.box_xyxy_px for s in held]),
            )
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {path}") from error


def read_dump(path: Path) -> list[Silhouette]:
    """Read a file that :class:`SilhouetteDump` wrote.

    Raises:
        SourceOpenError: it is missing or not such a file.
        DamagedInputError: its arrays do not fit together.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            pixels, times = data["silhouettes"], data["time_secs"]
            frames, boxes = data["frame"], data["box_xyxy_px"]
    except FileNotFoundError:
        raise SourceOpenError(f"there is no such file: {path}") from None
    except Exception as error:  # numpy and zipfile raise many kinds for a foreign file
        raise SourceOpenError(
            f"expected silhouettes written by --dump-silhouettes, not this file: {path}"
        ) from error
    count = len(pixels) if pixels.ndim else 0
    shapes = [a.shape for a in (pixels, times, frames, boxes)]
    fits = (
        shapes == [(count, 64, 44), (count,), (count,), (count, 4)]
        and pixels.dtype == np.uint8
        and all(a.dtype.kind in "fiu" for a in (times, frames, boxes))
        and bool(np.isfinite(times).all())
        and not (np.diff(times) < 0).any()
    )
    if not fits:
        raise DamagedInputError(
            "expected silhouettes [T, 64, 44] uint8 with rising time_secs [T], frame [T] and "
            f"box_xyxy_px [T, 4]; this file has other arrays: {path}"
        )
    return [
        Silhouette(1, int(f), float(t), b, p)
        for f, t, b, p in zip(frames, times, boxes, pixels, strict=True)
    ]
