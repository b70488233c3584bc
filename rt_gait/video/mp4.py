"""Writing video files through PyAV."""

from __future__ import annotations

import contextlib
import errno
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from rt_gait.errors import OutputError
from rt_gait.types import UInt8Array
from rt_gait.video.pyav import ERRORS, ONE_THREAD

CLOCK = Fraction(1, 60000)
"""Tick of written files: exact for 24, 25, 30, 50, 60 and 29.97 Hz; MPEG-4 allows 16 bits."""

ENCODER_RATE = 25
"""Hz, a hint for the encoder; what is written carries its own times."""

KEY_FRAME_SECS = 1.0  # so that players can seek
FRAGMENT_SECS = 0.5  # with one frame on top, what a killed run loses at most


class Mp4Writer:
    """Writes H.264 (or MPEG-4) in fragmented MP4: what is on disk plays, even after a crash."""

    def __init__(self, path: Path) -> None:
        """Create the file, over an old one if there is one: the caller checks.

        Args:
            path: File to write; its folder exists.

        Raises:
            OutputError: the file cannot be written.
        """
        self._path = path
        self._stream: av.VideoStream | None = None
        self._converter = VideoReformatter()
        self._last_pts = self._key_pts = -1
        self._closed = False
        options = {
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "frag_duration": str(int(FRAGMENT_SECS * 1e6)),
            "flush_packets": "1",
        }
        try:
            path.open("wb").close()  # FFmpeg itself would only try at the first picture
            self._container = av.open(
                f"file:{path.absolute()}", "w", format="mp4", container_options=options
            )
        except ERRORS as error:
            raise _output_error(error, path) from None

    def write(self, image_bgr: UInt8Array, time_secs: float) -> None:
        """Append a picture.

        Args:
            image_bgr: [H, W, 3] uint8. Odd sides are padded; another size than the first is scaled.
            time_secs: When it is shown, >= 0; a time that does not grow is moved on by a tick.

        Raises:
            OutputError: the disk is full or the file cannot be written.
        """
        if self._closed:  # FFmpeg would crash
            raise OutputError(f"cannot write the video (it is closed): {str(self._path)!r}")
        pad = [(0, side % 2) for side in image_bgr.shape[:2]]
        image = np.pad(image_bgr, [*pad, (0, 0)], "edge") if any(map(any, pad)) else image_bgr
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        try:
            stream = self._stream = self._stream or self._start(picture)
            frame = self._converter.reformat(
                picture, stream.width, stream.height, "yuv420p", **ONE_THREAD
            )
            frame.pts = self._last_pts = max(round(time_secs / CLOCK), self._last_pts + 1)
            frame.time_base = CLOCK
            if self._key_pts < 0 or frame.pts - self._key_pts >= KEY_FRAME_SECS / CLOCK:
                self._key_pts, frame.pict_type = frame.pts, PictureType.I
            self._container.mux(stream.encode(frame))
        except ERRORS as error:
            raise self._give_up(error) from None

    def _start(self, picture: av.VideoFrame) -> av.VideoStream:
        """Add the stream, once the size is known."""
        fast = {"preset": "superfast", "tune": "zerolatency", "crf": "23"}
        fast |= {"forced-idr": "1", "sc_threshold": "0"}  # key frames by time alone
        try:
            stream = self._container.add_stream("libx264", ENCODER_RATE, options=fast)
        except ValueError:  # this FFmpeg has no x264
            stream = self._container.add_stream("mpeg4", ENCODER_RATE)
            stream.bit_rate = 8 * picture.width * picture.height
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        stream.codec_context.time_base = CLOCK
        return stream

    def close(self) -> None:
        """Write what is left and close the file; may be called twice. Without pictures, no file.

        Raises:
            OutputError: the end cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except ERRORS as error:
            raise self._give_up(error) from None
        if self._stream is None and self._path.is_file():
            self._path.unlink()

    def _give_up(self, error: Exception) -> OutputError:
        self._closed = True
        with contextlib.suppress(*ERRORS):
            self._container.close()
        return _output_error(error, self._path)


def _output_error(error: Exception, path: Path) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    known = {errno.ENOSPC: "free some space", errno.ENOENT: "make the folder first"}
    advice = known.get(getattr(error, "errno", 0), "choose another place")
    return OutputError(f"cannot write the video ({reason}); {advice}: {str(path)!r}")
