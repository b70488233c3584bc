"""One connection to a network camera, through PyAV: RTSP over TCP, MJPEG over HTTP.

It ends with the first thing that goes wrong; :class:`rt_gait.video.live.LiveSource` makes another.
PyAV's own texts hold the address with its password, so none of them is passed on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from fractions import Fraction
from typing import cast

import av
from av.video.reformatter import VideoReformatter

from rt_gait.errors import RtGaitError, SourceLostError, SourceOpenError
from rt_gait.types import Frame, UInt8Array
from rt_gait.video import limits
from rt_gait.video.pyav import ERRORS, FORMATS, ONE_THREAD
from rt_gait.video.source import BaseSource, SourceInfo
from rt_gait.video.timeline import Timeline
from rt_gait.video.uri import scheme_of, shown

OPEN_SECS = 5.0
"""For the connection and for the description of the stream, each."""
READ_SECS = 2.5
"""FFmpeg gives up after twice that: 4.0 s were measured for 2."""
_DEFAULT_PERIOD_SECS = 0.04
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,tcp,udp",
    "rtsps": "rtsp,rtp,tcp,udp,tls",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}


class NetworkStream(BaseSource):
    """The frames of one connection; time 0 at its first frame.

    RTSP frames carry the camera's own times. MJPEG has none, and FFmpeg would make them up at 25 a
    second: there the time is that of arrival.
    """

    def __init__(self, uri: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Connect and wait for a first picture, to learn its size.

        Args:
            uri: An address that :func:`rt_gait.video.uri.check_uri` has passed.
            clock: Seconds, never going back.

        Raises:
            SourceOpenError: nobody there, no video, refused, not in time, or pictures too large.
        """
        self._shown = shown(uri)
        scheme = scheme_of(uri)
        self._clock = clock if scheme.startswith("http") else None
        self._converter = VideoReformatter()
        self._index = -1
        options = {
            "protocol_whitelist": _PROTOCOLS[scheme],
            "format_whitelist": f"rtsp,sdp,rtp,mpjpeg,{FORMATS}",
            "max_pixels": str(limits.MAX_FRAME_PX),
            "fflags": "nobuffer",
            "max_redirects": "0",  # of HTTP: a camera has no business naming another machine
        }
        if scheme.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # UDP loses packets, and pictures with them
        try:
            self._container = av.open(uri, "r", options=options, timeout=(OPEN_SECS, READ_SECS))
        except ERRORS as error:
            raise SourceOpenError(self._why_not(error)) from None
        self._closed = False
        self._pictures = self._decode()
        try:
            first = self._first()
        except BaseException:
            self.close()
            raise
        self._next: tuple[UInt8Array, float | None] | None = first
        rate = self._rate()
        self._timeline = Timeline(period_secs=float(1 / rate) if rate else _DEFAULT_PERIOD_SECS)
        height_px, width_px = first[0].shape[:2]
        name = self._shown.partition("://")[2]
        super().__init__(SourceInfo(name, True, width_px, height_px, rate, None))

    def read(self) -> Frame | None:
        """Wait for the next frame; None once closed.

        Raises:
            SourceLostError: the connection broke, or nothing came in time.
        """
        if self._closed:
            return None
        image, raw_secs = self._next or next(self._pictures)
        self._next = None
        time_secs, epoch = self._timeline.stamp(raw_secs, image.shape)
        self._index += 1
        return Frame(image, self._index, time_secs, epoch)

    def _first(self) -> tuple[UInt8Array, float | None]:
        self._decode_errors = 0
        try:
            return next(self._pictures)
        except RtGaitError as error:
            raise SourceOpenError(str(error)) from None

    def _decode(self) -> Generator[tuple[UInt8Array, float | None], None, None]:
        if not self._container.streams.video:
            raise SourceLostError(f"the stream has no video: {self._shown}")
        stream = self._container.streams.video[0]
        stream.thread_type = "NONE"  # frame threads would hold pictures back
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except (*ERRORS, StopIteration) as error:
                raise SourceLostError(self._why_lost(error)) from None
            try:
                frames = stream.codec_context.decode(packet)
            except ERRORS:
                self._decode_errors += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._decode_errors += 1
                    continue
                yield self._picture(frame, stream.time_base)

    def _picture(
        self, frame: av.VideoFrame, tick: Fraction | None
    ) -> tuple[UInt8Array, float | None]:
        limits.check_stream_size(frame.width, frame.height, name=self._shown)
        raw_secs = None if frame.pts is None or not tick else float(frame.pts * tick)
        if self._clock is not None:
            raw_secs = self._clock()
        image = self._converter.reformat(frame, format="bgr24", **ONE_THREAD).to_ndarray()
        return cast(UInt8Array, image), raw_secs

    def _rate(self) -> Fraction | None:
        if self._clock is not None:
            return None
        for rate in (
            self._container.streams.video[0].average_rate,
            self._container.streams.video[0].guessed_rate,
        ):
            if rate and 1 <= rate <= limits.MAX_FRAME_RATE:
                return Fraction(rate.numerator, rate.denominator)
        return None

    def _why_not(self, error: Exception) -> str:
        advice = "check that the camera is on and the address is right"
        if isinstance(error, (av.HTTPUnauthorizedError, av.HTTPForbiddenError)):
            advice = "check user and password: rtsp://USER:PASSWORD@HOST:PORT/PATH"
        elif isinstance(error, av.HTTPNotFoundError):
            advice = "check the path of the stream in the camera's manual"
        return f"the stream cannot be opened ({_reason(error)}); {advice}: {self._shown}"

    def _why_lost(self, error: Exception) -> str:
        return f"the stream stopped ({_reason(error)}): {self._shown}"

    def close(self) -> None:
        """Close the connection."""
        if not self._closed:
            self._closed, self._next = True, None
            self._pictures.close()
            self._container.close()


def _reason(error: Exception) -> str:
    """Return what happened without the address, which PyAV's message holds."""
    if isinstance(error, StopIteration):
        return "the other side ended it"
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
