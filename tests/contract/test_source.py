"""One suite over every source of frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rt_gait.types import Frame
from rt_gait.video import device
from rt_gait.video.source import Source, open_source

WIDTH, HEIGHT, COUNT = 96, 64, 30


def picture(number: int) -> np.ndarray:
    """A flat picture; neighbours are 40 apart, so a lossy codec cannot confuse them."""
    return np.full((HEIGHT, WIDTH, 3), 20 + number % 5 * 40, np.uint8)


def write_clip(path: Path, container: str, codec: str, ticks: list[int]) -> None:
    """Write one picture per tick of 1/25 s; the picture's number is its tick."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, 25)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for tick in ticks:
            frame = av.VideoFrame.from_ndarray(picture(tick), format="bgr24")
            frame.pts, frame.time_base = tick, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


class FakeCapture:
    """Stands in for cv2.VideoCapture: one picture for the probe, COUNT more, then nothing."""

    def __init__(self, number: int, backend: int) -> None:
        self.given = -1
        self.released = False

    def isOpened(self) -> bool:
        return True

    def set(self, key: int, value: float) -> bool:
        return True

    def get(self, key: int) -> float:
        return 25.0 if key == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.given == COUNT or self.released:
            return False, None
        self.given += 1
        return True, picture(max(self.given - 1, 0))

    def release(self) -> None:
        self.released = True


KINDS = ["mp4", "mp4-vfr", "mkv", "avi-mjpeg", "avi-mpeg4", "mpegts", "folder", "camera"]
FILES = {
    "mp4": ("mp4", "libx264"),
    "mp4-vfr": ("mp4", "libx264"),
    "mkv": ("matroska", "libx264"),
    "avi-mjpeg": ("avi", "mjpeg"),
    "avi-mpeg4": ("avi", "mpeg4"),
    "mpegts": ("mpegts", "libx264"),
}
TICKS = {kind: list(range(COUNT)) for kind in KINDS}
TICKS["mp4-vfr"] = [tick for tick in range(COUNT) if tick % 3 != 2]


def make(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    if kind == "camera":
        # Ten seconds go by between opening and reading, as when models load.
        seconds = iter([90.0, *(100 + number / 25 for number in range(10 * COUNT))])
        monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
        monkeypatch.setattr(device, "camera_nodes", lambda: ["/dev/video0"])
        return device.CameraDevice(0, clock=lambda: next(seconds))
    if kind == "folder":
        for number in range(COUNT):
            cv2.imwrite(str(folder / f"img{number}.png"), picture(number))
        return open_source(video=folder, camera=None)
    path = folder / "clip.bin"  # the name says nothing
    write_clip(path, *FILES[kind], TICKS[kind])
    return open_source(video=path, camera=None)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    with make(kind, tmp_path, monkeypatch) as opened:
        yield opened


def take(source: Source, count: int) -> list[Frame]:
    frames = []
    for _ in range(count):
        frame = source.read()
        assert frame is not None
        frames.append(frame)
    return frames


def test_it_is_a_source(source: Source) -> None:
    assert isinstance(source, Source)


def test_info(source: Source, kind: str, tmp_path: Path) -> None:
    info = source.info
    assert (info.width_px, info.height_px) == (WIDTH, HEIGHT)
    assert info.live is (kind == "camera")
    assert info.name == {"camera": "camera0", "folder": tmp_path.name}.get(kind, "clip.bin")
    assert info.frame_rate is not None
    if kind != "mp4-vfr":
        assert info.frame_rate == 25
    assert info.frame_count in (None, len(TICKS[kind]))


def test_every_frame_comes_once_and_in_order(source: Source, kind: str) -> None:
    frames = take(source, len(TICKS[kind]))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame, tick in zip(frames, TICKS[kind], strict=True):
        assert frame.image_bgr.shape == (HEIGHT, WIDTH, 3)
        assert frame.image_bgr.dtype == np.uint8
        assert frame.image_bgr.flags.c_contiguous
        assert abs(float(frame.image_bgr.mean()) - float(picture(tick).mean())) < 12


def test_times_start_at_0_and_are_those_of_the_recording(source: Source, kind: str) -> None:
    frames = take(source, len(TICKS[kind]))
    assert frames[0].time_secs == 0.0
    assert [frame.time_secs for frame in frames] == pytest.approx(
        [tick / 25 for tick in TICKS[kind]], abs=2e-3
    )
    assert {frame.epoch for frame in frames} == {0}


def test_frames_do_not_share_memory(source: Source) -> None:
    first, second = take(source, 2)
    assert not np.shares_memory(first.image_bgr, second.image_bgr)


def test_a_clean_recording_ends_with_none_again_and_again(source: Source, kind: str) -> None:
    if kind == "camera":
        pytest.skip("a camera has no normal end")
    take(source, len(TICKS[kind]))
    assert [source.read() for _ in range(3)] == [None] * 3
    assert source.decode_errors == 0


def test_closing_twice_and_reading_afterwards(source: Source) -> None:
    take(source, 3)
    source.close()
    source.close()
    assert source.read() is None
    assert source.decode_errors == 0


def test_closing_before_the_first_read(source: Source) -> None:
    source.close()
    assert source.read() is None


def test_the_same_input_gives_the_same_frames(
    source: Source, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make(kind, tmp_path, monkeypatch) as again:
        for one, two in zip(take(source, 20), take(again, 20), strict=True):
            assert (one.index, one.time_secs, one.epoch) == (two.index, two.time_secs, two.epoch)
            assert np.array_equal(one.image_bgr, two.image_bgr)


@pytest.mark.parametrize("kind", ["mp4", "mp4-vfr", "folder"])
def test_a_given_frame_rate_replaces_the_timestamps(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(kind, tmp_path, monkeypatch).close()
    path = tmp_path if kind == "folder" else tmp_path / "clip.bin"
    with open_source(video=path, camera=None, frame_rate=7.0) as source:
        assert source.info.frame_rate == 7
        frames = take(source, 20)
        assert [frame.time_secs for frame in frames] == pytest.approx([i / 7 for i in range(20)])
        assert {frame.epoch for frame in frames} == {0}


@pytest.fixture
def real_video() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        root = os.environ.get("RT_GAIT_DATA")
        if not root or not (Path(root) / "video" / name).is_file():
            pytest.skip(f"RT_GAIT_DATA does not hold video/{name}")
        return Path(root) / "video" / name

    return find


@pytest.mark.parametrize(("name", "count"), [("vtest.avi", 795), ("TUD-Campus.mp4", 71)])
def test_real_recordings_are_read_to_their_end(
    real_video: Callable[[str], Path], name: str, count: int
) -> None:
    with open_source(video=real_video(name), camera=None) as source:
        last = take(source, count)[-1]
        assert source.read() is None
        assert source.decode_errors == 0
        assert (last.index, last.epoch) == (count - 1, 0)
