"""A video file as a source."""

from __future__ import annotations

from pathlib import Path

from rt_gait.errors import DamagedInputError, SourceOpenError
from rt_gait.types import Frame
from rt_gait.video.limits import exact_rate
from rt_gait.video.pyav import Decoder
from rt_gait.video.source import BaseSource, SourceInfo
from rt_gait.video.timeline import Timeline
from rt_gait.video.truncation import ended_early

_FALLBACK_PERIOD_SECS = 0.04  # 25 Hz, where neither timestamps nor the header say anything


class VideoFile(BaseSource):
    """The frames of a video file, upright, in presentation order."""

    def __init__(self, path: Path, *, frame_rate: float | None = None) -> None:
        """Open the file and decode its first frame.

        Args:
            path: A readable file; its name does not matter.
            frame_rate: Hz; replaces the timestamps of the file by index / frame_rate.

        Raises:
            SourceOpenError: not a video, no picture in it, or pictures that are too large.
        """
        self._path = path
        self._decoder = Decoder(path)
        self._pictures = self._decoder.pictures()
        self._next = next(self._pictures, None)
        if self._next is None:
            self._decoder.close()
            raise SourceOpenError(
                "expected a video, not one picture of it can be decoded; check that it plays, "
                f"record or export it again: {str(path)!r}"
            )
        rate = self._decoder.frame_rate if frame_rate is None else exact_rate(frame_rate)
        height_px, width_px = self._next[0].shape[:2]
        super().__init__(
            SourceInfo(path.name, False, width_px, height_px, rate, self._decoder.frame_count)
        )
        self._frame_rate = frame_rate
        self._period_secs = float(1 / rate) if rate else _FALLBACK_PERIOD_SECS
        self._timeline = Timeline(period_secs=self._period_secs)
        self._accounted = self._decoder.errors  # decode errors that show as gaps in the index
        self._raw_secs: float | None = None
        self._index = -1
        self._delivered = 0
        self._closed = False

    @property
    def decode_errors(self) -> int:
        """Packets and pictures that could not be decoded so far and were left out."""
        return self._decoder.errors

    def read(self) -> Frame | None:
        """Return the next frame; a picture that could not be decoded leaves a gap in the index.

        Raises:
            DamagedInputError: the file ends before it should; raised after the last good frame.
        """
        if self._closed:
            return None
        picture, self._next = self._next or next(self._pictures, None), None
        if picture is None:
            self._check_complete()
            return None
        image, raw_secs = picture
        skipped = self._count_skipped(raw_secs)
        self._index += 1 + skipped
        self._delivered += 1
        if self._frame_rate is not None:
            raw_secs = self._index / self._frame_rate
        time_secs, epoch = self._timeline.stamp(raw_secs, image.shape, skipped=skipped)
        return Frame(image, self._index, time_secs, epoch)

    def _count_skipped(self, raw_secs: float | None) -> int:
        """Return how many pictures are missing just before this one.

        A decoder that sorts pictures reports an error some pictures early, so an error only counts
        where the timestamps have a hole.
        """
        before_secs, self._raw_secs = self._raw_secs, raw_secs
        skipped = self._decoder.errors - self._accounted
        if raw_secs is not None and before_secs is not None:
            hole = round((raw_secs - before_secs) / self._period_secs) - 1
            skipped = max(0, min(skipped, hole))
        self._accounted += skipped
        return skipped

    def _check_complete(self) -> None:
        if ended_early(
            self._path,
            declared=self._info.frame_count,
            found=self._decoder.whole_packets,
            lost_secs=self._decoder.lost_secs,
            hides_frames=self._decoder.hides_frames,
        ):
            count = self._info.frame_count
            total = f"of {count}" if count else "(the file does not say how many it had)"
            raise DamagedInputError(
                f"the video is damaged: {self._delivered} frames {total} could be read; results "
                f"up to there are kept, get an intact copy for the rest: {self._info.name!r}"
            )

    def close(self) -> None:
        """Close the file."""
        if not self._closed:
            self._closed, self._next = True, None
            self._pictures.close()
            self._decoder.close()
