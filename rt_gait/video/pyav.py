"""Reading video files through PyAV.

Decoding is single-threaded on purpose. With frame threads FFmpeg loses the pictures in flight when
a decode error comes at the end (measured on half an MP4: 110 frames instead of 112), and with
slice threads it no longer marks damaged pictures. One core gives more than 1,000 frames/s of
768x576.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.logging
from av.video.reformatter import VideoReformatter

from rt_gait.errors import SourceOpenError
from rt_gait.types import UInt8Array
from rt_gait.video import limits
from rt_gait.video.orientation import upright

av.logging.set_level(None)  # FFmpeg would write to stderr; errors come as exceptions

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,nut,wtv,dv,"
    "rm,gxf,ivf,h264,hevc,m4v,obu,mjpeg,gif,apng,yuv4mpegpipe"
)
"""Containers that hold video. Without a list FFmpeg also renders text files as pictures, and
follows playlists to other files and to the network."""

ERRORS = (av.FFmpegError, OSError, ValueError)
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: cover art of a sound file
_MAJOR = int(av.__version__.split(".")[0])
ONE_THREAD: dict[str, Any] = {"threads": 1} if _MAJOR >= 18 else {}  # 40 % less CPU than "auto"


class Decoder:
    """Pictures and raw timestamps of one file, and the counts that tell how it went."""

    def __init__(self, path: Path) -> None:
        """Open a file and choose its first video stream.

        Raises:
            SourceOpenError: not a video, or pictures that are too large.
        """
        self.errors = 0
        """Packets and pictures left out."""
        self.whole_packets = 0
        """Packets read completely, empty ones included."""
        self._broke_off = False
        self._packet_secs = self._picture_secs = 0.0
        self._path = path
        self._converter = VideoReformatter()  # kept: every new one costs megabytes in FFmpeg 8
        options = {
            "format_whitelist": FORMATS,
            "protocol_whitelist": "file",
            "max_pixels": str(limits.MAX_FRAME_PX),
        }
        try:
            self._container = av.open(f"file:{path.absolute()}", "r", options=options)
        except ERRORS as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceOpenError(
                f"expected a video, this cannot be read as one ({reason}); a recording that was "
                f"cut off before its end has no index: record or export it again: {str(path)!r}"
            ) from None
        try:
            self._stream = self._choose_stream()
        except BaseException:
            self._container.close()
            raise
        self._intra_only = self._stream.codec_context.codec.intra_only

    def _choose_stream(self) -> av.VideoStream:
        for stream in self._container.streams.video:
            if stream.disposition.value & _ATTACHED_PICTURE or not stream.codec_context:
                continue
            size_px = stream.codec_context.width, stream.codec_context.height
            limits.check_size(*size_px, path=self._path)
            stream.thread_type = "NONE"
            return stream
        raise SourceOpenError(
            "expected a video, got a file without a video stream; give another file: "
            f"{str(self._path)!r}"
        )

    @property
    def frame_rate(self) -> Fraction | None:
        """Nominal frames per second; None when unknown."""
        for rate in (self._stream.average_rate, self._stream.guessed_rate):
            if rate and 0 < rate <= limits.MAX_FRAME_RATE:
                return Fraction(rate.numerator, rate.denominator)
        return None

    @property
    def frame_count(self) -> int | None:
        """Frames declared by the header, an estimate; None when it does not say."""
        return self._stream.frames if self._stream.frames > 0 else None

    @property
    def lost_secs(self) -> float:
        """Time at the end that was read but gave no picture, inf when reading failed."""
        return math.inf if self._broke_off else max(0.0, self._packet_secs - self._picture_secs)

    @property
    def hides_frames(self) -> bool:
        """Whether the format has edit lists, which leave frames out on purpose (MP4)."""
        return "mp4" in self._container.format.name

    def pictures(self) -> Generator[tuple[UInt8Array, float | None], None, None]:
        """Yield upright BGR pictures and their timestamps in seconds (None: none given)."""
        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except ERRORS:
                self.errors += 1
                continue
            for frame in frames:
                if frame.is_corrupt:  # patched up by the decoder: not what the camera saw
                    self.errors += 1
                    continue
                secs = self._secs(frame.pts)
                self._picture_secs = self._packet_secs if secs is None else secs
                yield self._to_bgr(frame), secs
            if not frames and packet is not None and self._intra_only:
                self.errors += 1  # skipped without a word

    def _packets(self) -> Iterator[av.Packet[Any] | None]:
        """Yield what can be decoded, then None, which makes the decoder give its last pictures.

        A packet cut short by the end of the file is left out. In a transport stream the same mark
        means that something was lost on the way, and the decoder copes better with the rest of it.
        """
        keep_marked = self._container.format.name == "mpegts"
        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt and not keep_marked:
                    self.errors += 1
                elif packet.size:
                    self.whole_packets += 1
                    secs = self._secs(packet.dts if packet.pts is None else packet.pts)
                    self._packet_secs = self._packet_secs if secs is None else secs
                    yield packet
                elif packet.dts is not None:  # empty, a dropped frame: would end the decoder
                    self.whole_packets += 1
        except ERRORS:
            self.errors += 1
            self._broke_off = True
        except IndexError:  # PyAV, after the last packet, when a stream has turned up on the way
            pass
        yield None

    def _secs(self, ticks: int | None) -> float | None:
        tick = self._stream.time_base
        return None if ticks is None or not tick else float(ticks * tick)

    def _to_bgr(self, frame: av.VideoFrame) -> UInt8Array:
        picture = self._converter.reformat(frame, format="bgr24", **ONE_THREAD)
        matrix = cast(Any, frame.side_data.get("DISPLAYMATRIX"))
        image = cast(UInt8Array, picture.to_ndarray())
        return upright(image, None if matrix is None else bytes(matrix))

    def close(self) -> None:
        """Close the file."""
        self._container.close()
