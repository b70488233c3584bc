"""Video files through PyAV, both ways. The only module that imports ``av``.

Decoding is single-threaded on purpose. With frame threads FFmpeg loses the pictures in flight when
a decode error comes at the end (measured on half an MP4: 110 frames instead of 112), and with
slice threads it no longer marks damaged pictures. One core gives more than 1,000 frames/s of
768x576.
"""

from __future__ import annotations

import contextlib
import errno
import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.logging
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from rt_gait.errors import OutputError, SourceOpenError
from rt_gait.types import UInt8Array
from rt_gait.video import source
from rt_gait.video.orientation import upright

av.logging.set_level(None)  # FFmpeg would write to stderr; errors come as exceptions

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,nut,wtv,dv,"
    "rm,gxf,ivf,h264,hevc,m4v,obu,mjpeg,gif,apng,yuv4mpegpipe"
)
"""Containers that hold video. Without a list FFmpeg also renders text files as pictures, and
follows playlists to other files and to the network."""

CLOCK = Fraction(1, 60000)
"""Tick of written files: exact for 24, 25, 30, 50, 60 and 29.97 Hz; MPEG-4 allows 16 bits."""

KEY_FRAME_SECS = 1.0  # so that players can seek
FRAGMENT_SECS = 0.5  # with one frame on top, what a killed run loses at most

_ERRORS = (av.FFmpegError, OSError, ValueError)
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: cover art of a sound file
_MAJOR = int(av.__version__.split(".")[0])
_ONE_THREAD: dict[str, Any] = {"threads": 1} if _MAJOR >= 18 else {}  # 40 % less CPU than "auto"


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
            "max_pixels": str(source.MAX_FRAME_PX),
        }
        try:
            self._container = av.open(f"file:{path.absolute()}", "r", options=options)
        except _ERRORS as error:
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
            source.check_size(*size_px, path=self._path)
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
            if rate and 0 < rate <= source.MAX_FRAME_RATE:
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
            except _ERRORS:
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
        except _ERRORS:
            self.errors += 1
            self._broke_off = True
        except IndexError:  # PyAV, after the last packet, when a stream has turned up on the way
            pass
        yield None

    def _secs(self, ticks: int | None) -> float | None:
        tick = self._stream.time_base
        return None if ticks is None or not tick else float(ticks * tick)

    def _to_bgr(self, frame: av.VideoFrame) -> UInt8Array:
        picture = self._converter.reformat(frame, format="bgr24", **_ONE_THREAD)
        matrix = cast(Any, frame.side_data.get("DISPLAYMATRIX"))
        image = cast(UInt8Array, picture.to_ndarray())
        return upright(image, None if matrix is None else bytes(matrix))

    def close(self) -> None:
        """Close the file."""
        self._container.close()


class Mp4Writer:
    """Writes H.264 (or MPEG-4) in fragmented MP4: what is on disk plays, even after a crash."""

    def __init__(self, path: Path, *, frame_rate: float = 25.0) -> None:
        """Create the file, over an old one if there is one: the caller checks.

        Args:
            path: File to write; its folder exists.
            frame_rate: Expected frames per second, a hint for the encoder.

        Raises:
            OutputError: the file cannot be written.
        """
        self._path = path
        self._rate = source.exact_rate(frame_rate)
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
        except _ERRORS as error:
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
                picture, stream.width, stream.height, "yuv420p", **_ONE_THREAD
            )
            frame.pts = self._last_pts = max(round(time_secs / CLOCK), self._last_pts + 1)
            frame.time_base = CLOCK
            if self._key_pts < 0 or frame.pts - self._key_pts >= KEY_FRAME_SECS / CLOCK:
                self._key_pts, frame.pict_type = frame.pts, PictureType.I
            self._container.mux(stream.encode(frame))
        except _ERRORS as error:
            raise self._give_up(error) from None

    def _start(self, picture: av.VideoFrame) -> av.VideoStream:
        """Add the stream, once the size is known."""
        fast = {"preset": "superfast", "tune": "zerolatency", "crf": "23"}
        fast |= {"forced-idr": "1", "sc_threshold": "0"}  # key frames by time alone
        try:
            stream = self._container.add_stream("libx264", self._rate, options=fast)
        except ValueError:  # this FFmpeg has no x264
            stream = self._container.add_stream("mpeg4", self._rate)
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
        except _ERRORS as error:
            raise self._give_up(error) from None
        if self._stream is None and self._path.is_file():
            self._path.unlink()

    def _give_up(self, error: Exception) -> OutputError:
        self._closed = True
        with contextlib.suppress(*_ERRORS):
            self._container.close()
        return _output_error(error, self._path)


def _output_error(error: Exception, path: Path) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    known = {errno.ENOSPC: "free some space", errno.ENOENT: "make the folder first"}
    advice = known.get(getattr(error, "errno", 0), "choose another place")
    return OutputError(f"cannot write the video ({reason}); {advice}: {str(path)!r}")
