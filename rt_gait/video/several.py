"""Opening the sources of one run: one that is asked for by itself, or several that have names."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rt_gait.errors import SourceOpenError, UsageError
from rt_gait.video.live import CONNECT_SECS, LiveSource
from rt_gait.video.source import Source, camera_source, open_source
from rt_gait.video.uri import scheme_of

FIRST_SECS = 2.0
"""How long a run waits for its other cameras once one of them is there."""
_DEVICE = re.compile(r"[0-9]+|/dev/video.*|csi://.*")
_POLL_SECS = 0.02


def open_several(places: Mapping[str, str], *, frame_rate: float | None = None) -> list[Source]:
    """Open cameras, of which some may be away, or recordings, which have to be there.

    Args:
        places: Name to address, device, number of a camera, or file.
        frame_rate: Of recordings, as in :func:`~rt_gait.video.source.open_source`.

    Raises:
        SourceOpenError: a recording cannot be opened, or none of the cameras.
        UsageError: cameras and recordings together, or something that is neither.
    """
    files = {name: Path(place) for name, place in places.items() if not _is_camera(place)}
    if files and len(files) < len(places):
        raise UsageError(
            "cameras and recordings do not go together in one run: a recording is played as fast "
            f"as it can be (recordings: {', '.join(sorted(files))})"
        )
    with ExitStack() as opened:
        sources: list[Source] = []
        if files:
            for path in files.values():
                source = open_source(video=path, camera=None, frame_rate=frame_rate)
                sources.append(opened.enter_context(source))
        else:
            if frame_rate is not None:
                raise UsageError("a frame rate is for recordings; leave --fps out")
            cameras = [opened.enter_context(_begin(n, place)) for n, place in places.items()]
            _wait_for_some(cameras)
            sources += cameras
        opened.pop_all()
    return sources


def _is_camera(place: str) -> bool:
    return scheme_of(place) != "" or _DEVICE.fullmatch(place) is not None


def _begin(name: str, place: str) -> LiveSource:
    if _DEVICE.fullmatch(place):
        return camera_source(camera=place, name=name)
    return camera_source(uri=place, name=name)


def _wait_for_some(cameras: list[LiveSource]) -> None:
    """Return when each is there or has failed, or one is there and the others had their time."""
    begun_secs = time.monotonic()
    while True:
        waited_secs = time.monotonic() - begun_secs
        there, failed = 0, []
        for camera in cameras:
            try:
                there += camera.is_open()
            except SourceOpenError as error:
                failed.append(error)
        if there + len(failed) == len(cameras) or waited_secs > CONNECT_SECS:
            break
        if there and waited_secs > FIRST_SECS:
            break
        time.sleep(_POLL_SECS)
    if not there:
        raise failed[0] if failed else SourceOpenError("no camera gave a picture in time")
