"""What a source of frames is, and how one is opened.

A :class:`Source` gives :class:`~rt_gait.types.Frame` records until ``read()`` answers None. It
belongs to one thread at a time: the thread that reads is the one that closes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from rt_gait.errors import UsageError
from rt_gait.types import Frame
from rt_gait.video.limits import MAX_FRAME_RATE, check_file

if TYPE_CHECKING:
    from rt_gait.video.live import LiveSource

DEFAULT_FOLDER_RATE = 25.0
"""Frames per second of an image folder when nothing else is said (PAL, and most gait data sets)."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known about a source once it is open."""

    name: str
    """File or folder name, or ``camera0``: never a full path, never a secret."""
    live: bool
    """True when frames come at their own pace and cannot be asked for again."""
    width_px: int
    """Width of the first frame as it is delivered, rotation applied; 0 while none has come, of a
    camera that is away."""
    height_px: int
    """Height of the same."""
    frame_rate: Fraction | None
    """Nominal frames per second, > 0; None when unknown. Frames carry their own times."""
    frame_count: int | None
    """Frames the container declares, or pictures in a folder; an estimate; None when unknown."""


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A live source went away or came back."""

    state: str
    """``reconnecting`` or ``online``."""
    detail: str | None
    """Why, in one line without addresses' secrets."""


@runtime_checkable
class Source(Protocol):
    """Something that gives frames."""

    @property
    def info(self) -> SourceInfo:
        """What is known about the source; changes once at most, when a camera is first there."""

    @property
    def decode_errors(self) -> int:
        """Pictures that could not be decoded so far and were left out."""

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end, again and again.

        The first frame has index 0 and time 0. Times never decrease within an epoch.

        Raises:
            DamagedInputError: the file ends before it should; raised after the last good frame.
            SourceLostError: a camera stopped giving frames.
        """

    @property
    def reconnects(self) -> int:
        """Times a live source came back so far."""

    def take_changes(self) -> list[SourceChange]:
        """Return what happened to a live source since the last call; from any thread."""

    def interrupt(self) -> None:
        """Make a live source that waits for a camera give None soon; from any thread."""

    def close(self) -> None:
        """Let go of the file or device; may be called twice. Reading then gives None."""

    def __enter__(self) -> Source:
        """Return the source."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the source."""


_S = TypeVar("_S", bound="BaseSource")


class BaseSource(ABC):
    """What the sources of this package share: info, the error count, the context manager."""

    def __init__(self, info: SourceInfo) -> None:
        self._info = info
        self._decode_errors = 0

    @property
    def info(self) -> SourceInfo:
        """What is known about the source; does not change."""
        return self._info

    @property
    def decode_errors(self) -> int:
        """Pictures that could not be decoded so far and were left out."""
        return self._decode_errors

    @abstractmethod
    def read(self) -> Frame | None:
        """Return the next frame, or None at the end; see :class:`Source`."""

    @property
    def reconnects(self) -> int:
        """Times a live source came back so far."""
        return 0

    def take_changes(self) -> list[SourceChange]:
        """Return what happened to a live source since the last call; from any thread."""
        return []

    def interrupt(self) -> None:  # noqa: B027 - files end a read by themselves
        """Make a live source that waits for a camera give None soon; from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file or device; may be called twice."""

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_source(
    *,
    video: Path | None,
    camera: int | str | None,
    uri: str | None = None,
    frame_rate: float | None = None,
) -> Source:
    """Open a video file, a folder of pictures, a camera of this machine or a network camera.

    Args:
        video: A video file, or a folder of pictures taken in natural order.
        camera: Number of a local camera, 0 upwards, ``/dev/videoN``, or ``csi://N``. One of
            ``video``, ``camera`` and ``uri`` is given.
        uri: Address of a network camera: ``rtsp://`` or ``http://``.
        frame_rate: Frames per second, 0 < rate <= 1000. Replaces the timestamps of a file by
            index / frame_rate (some recordings carry a wrong rate); the rate of a folder,
            25 without. Not for cameras.

    Raises:
        SourceOpenError: the source cannot be opened.
        UsageError: none or several sources, or a frame rate or an address that cannot be used.
    """
    if sum(given is not None for given in (video, camera, uri)) != 1:
        raise UsageError("expected one source; give exactly one of video, camera and stream")
    if frame_rate is not None and not (math.isfinite(frame_rate) and frame_rate > 0):
        raise UsageError(f"expected a frame rate above 0, got {frame_rate}; give frames per second")
    if frame_rate is not None and frame_rate > MAX_FRAME_RATE:
        raise UsageError(f"expected a frame rate of at most {MAX_FRAME_RATE:g}, got {frame_rate}")
    if video is None:
        if frame_rate is not None:
            raise UsageError(
                "a frame rate is for recordings; a camera keeps its own time: leave it out"
            )
        source = camera_source(camera=camera, uri=uri)
        try:
            source.wait_until_open()
        except BaseException:
            source.close()
            raise
        return source
    if video.is_dir():
        from rt_gait.video.folder import ImageFolder

        return ImageFolder(video, frame_rate=frame_rate)
    check_file(video)
    from rt_gait.video.file import VideoFile

    return VideoFile(video, frame_rate=frame_rate)


def camera_source(
    *, camera: int | str | None = None, uri: str | None = None, name: str | None = None
) -> LiveSource:
    """Begin to connect to a camera of this machine or of the network; waits for nothing.

    Raises:
        UsageError: a camera or an address that cannot be.
    """
    from rt_gait.video.live import LiveSource

    if uri is not None:
        from rt_gait.video.network import NetworkStream
        from rt_gait.video.uri import check_uri

        address = check_uri(uri)
        return LiveSource(lambda: NetworkStream(address), name=name)
    from rt_gait.video.device import CameraDevice, parse_camera

    assert camera is not None  # noqa: S101 - one of the two is set
    device = parse_camera(camera)
    return LiveSource(lambda: CameraDevice(device), name=name)
