"""What a broken, cut, hostile or missing video does: one clear line, no frame lost before it."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
import sys
import time
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rt_gait.errors import DamagedInputError, SourceOpenError, UsageError
from rt_gait.types import Frame
from rt_gait.video import limits
from rt_gait.video.source import Source, open_source
from rt_gait.video.truncation import missing_bytes

WIDTH, HEIGHT, COUNT = 160, 120, 100


def picture(number: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 20, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.roll(noise, number, 1) + np.uint8(20 + number % 5 * 40)


def clip(container: str, codec: str, folder: Path, **options: str) -> bytes:
    """Return a video of COUNT noisy pictures at 25 Hz, a key frame every 25."""
    path = folder / f"whole.{container}"
    with av.open(str(path), "w", format=container, container_options=options) as output:
        stream = output.add_stream(codec, 25, options={"g": "25"})
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "faststart": clip("mp4", "libx264", folder, movflags="faststart"),
        "fragmented": clip("mp4", "libx264", folder, movflags="frag_keyframe+empty_moov"),
        "mp4": clip("mp4", "mpeg4", folder),
        "mkv": clip("matroska", "libx264", folder),
        "mjpeg": clip("avi", "mjpeg", folder),
        "avi": clip("avi", "mpeg4", folder),
        "ts": clip("mpegts", "libx264", folder),
    }


def put(folder: Path, data: bytes) -> Path:
    path = folder / "clip.mp4"
    path.write_bytes(data)
    return path


def read_all(source: Source) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def read_until_damage(path: Path) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    with open_source(video=path, camera=None) as source:
        with pytest.raises(DamagedInputError) as caught:
            while (frame := source.read()) is not None:
                frames.append(frame)
        with pytest.raises(DamagedInputError):
            source.read()
    return frames, str(caught.value)


def refuse(path: Path) -> str:
    with pytest.raises(SourceOpenError) as caught:
        open_source(video=path, camera=None)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(repr(str(path)))
    return message


# Sources that cannot be opened


def test_a_missing_file(tmp_path: Path) -> None:
    assert "found nothing" in refuse(tmp_path / "no.mp4")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "found none" in refuse(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    assert "0 bytes" in refuse(put(tmp_path, b""))


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes(tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    refuse(put(tmp_path, np.random.default_rng(seed).bytes(200_000)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "frame,id,x,y\n" * 500,
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://localhost:9/a.ts\n",
        "ffconcat version 1.0\nfile '/etc/passwd'\n",
    ],
    ids=["table", "playlist", "concat"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.txt", "clip.m3u8"])
def test_text_is_neither_shown_nor_followed(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text)
    refuse(tmp_path / name)


def test_an_mp4_without_its_index(tmp_path: Path, clips: dict[str, bytes]) -> None:
    whole = clips["mp4"]
    assert "index" in refuse(put(tmp_path, whole[: whole.index(b"moov") - 4]))


def test_sound_without_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as output:
        stream = output.add_stream("aac", 44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert "without a video stream" in refuse(tmp_path / "sound.mp4")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    refuse(tmp_path / "sound.wav")


def test_a_video_without_pictures(tmp_path: Path, clips: dict[str, bytes]) -> None:
    whole = bytearray(clips["faststart"])
    start = whole.index(b"mdat") + 4
    whole[start:] = bytes(len(whole) - start)
    assert "not one picture" in refuse(put(tmp_path, bytes(whole)))
    fragmented = clips["fragmented"]
    header_only = fragmented[: fragmented.index(b"moof") - 4]
    refuse(put(tmp_path, header_only))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, b"x")

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", deny)
    assert "Permission denied" in refuse(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "something else" in refuse(tmp_path / "pipe")


def test_a_device_is_refused_with_advice() -> None:
    assert "give its number" in refuse(Path("/dev/null"))


def test_pictures_that_are_too_large(
    tmp_path: Path, clips: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FRAME_PX", WIDTH * HEIGHT - 1)
    refuse(put(tmp_path, clips["faststart"]))
    monkeypatch.setattr(limits, "MAX_FRAME_PX", WIDTH * HEIGHT)
    with open_source(video=put(tmp_path, clips["faststart"]), camera=None) as source:
        assert source.read() is not None


def test_a_header_that_claims_gigapixels(tmp_path: Path, clips: dict[str, bytes]) -> None:
    whole = bytearray(clips["mjpeg"])
    start = whole.index(b"strf") + 12  # BITMAPINFOHEADER width and height
    whole[start : start + 8] = struct.pack("<ii", 60000, 60000)
    for marker in (b"\xff\xc0",):
        position = -1
        while (position := whole.find(marker, position + 1)) >= 0:
            whole[position + 5 : position + 9] = struct.pack(">HH", 60000, 60000)
    refuse(put(tmp_path, bytes(whole)))


@pytest.mark.parametrize(
    ("video", "camera", "rate"),
    [
        (None, None, None),
        (Path("a"), 0, None),
        (None, -1, None),
        (None, 0, 25.0),
        (Path("a"), None, 0.0),
        (Path("a"), None, float("nan")),
        (Path("a"), None, 1e9),
    ],
)
def test_requests_that_make_no_sense(
    video: Path | None, camera: int | None, rate: float | None
) -> None:
    with pytest.raises(UsageError):
        open_source(video=video, camera=camera, frame_rate=rate)


# Recordings that end early


@pytest.mark.parametrize("kind", ["faststart", "mjpeg", "avi"])
def test_half_a_recording_gives_its_frames_and_then_says_so(
    tmp_path: Path, clips: dict[str, bytes], kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = clips[kind]
    frames, message = read_until_damage(put(tmp_path, data[: len(data) // 2]))
    assert 0.3 * COUNT < len(frames) < 0.7 * COUNT
    assert f"{len(frames)} frames of {COUNT}" in message
    assert "\n" not in message
    assert str(tmp_path) not in message
    for number, frame in enumerate(frames):
        assert frame.index == number
        assert abs(float(frame.image_bgr.mean()) - float(picture(number).mean())) < 12
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["mkv", "fragmented"])
def test_half_a_recording_without_a_count(
    tmp_path: Path, clips: dict[str, bytes], kind: str
) -> None:
    data = clips[kind]
    frames, message = read_until_damage(put(tmp_path, data[: len(data) // 2]))
    assert 0.2 * COUNT < len(frames) < 0.7 * COUNT
    assert f"{len(frames)} frames (the file does not say" in message


def test_an_end_of_zeros_is_damage(tmp_path: Path, clips: dict[str, bytes]) -> None:
    data = clips["faststart"]
    half = data[: len(data) // 2]
    frames, message = read_until_damage(put(tmp_path, half + bytes(len(data) - len(half))))
    assert 0.3 * COUNT < len(frames) < 0.7 * COUNT
    assert f"of {COUNT}" in message


@pytest.mark.parametrize("kind", ["faststart", "fragmented", "mp4", "mkv", "mjpeg", "avi", "ts"])
def test_whole_recordings_are_not_called_damaged(
    tmp_path: Path, clips: dict[str, bytes], kind: str
) -> None:
    path = put(tmp_path, clips[kind])
    assert missing_bytes(path) == (None if kind == "ts" else 0)
    with open_source(video=path, camera=None) as source:
        assert len(read_all(source)) == COUNT
        assert source.decode_errors == 0


def test_an_avi_that_only_lost_its_index_is_whole(tmp_path: Path, clips: dict[str, bytes]) -> None:
    data = clips["avi"]
    path = put(tmp_path, data[: data.rindex(b"idx1") + 200])
    assert missing_bytes(path)
    with open_source(video=path, camera=None) as source:
        assert len(read_all(source)) == COUNT


@pytest.mark.parametrize("off", [-2, -1, 1, 2, 10**6])
def test_a_count_that_is_an_estimate(tmp_path: Path, clips: dict[str, bytes], off: int) -> None:
    data = bytearray(clips["avi"])
    start = data.index(b"strh") + 8 + 32  # dwLength
    assert struct.unpack_from("<I", data, start)[0] == COUNT
    struct.pack_into("<I", data, start, COUNT + off)
    path = put(tmp_path, bytes(data))
    if off > 2:
        assert len(read_until_damage(path)[0]) == COUNT
        return
    with open_source(video=path, camera=None) as source:
        assert len(read_all(source)) == COUNT


@pytest.mark.parametrize("kind", ["faststart", "mkv", "mjpeg", "avi", "ts"])
@pytest.mark.parametrize("seed", [0, 1, 10, 20])  # 10 and 20 make new streams turn up in "ts"
def test_flipped_bytes_neither_crash_nor_hang(
    tmp_path: Path,
    clips: dict[str, bytes],
    kind: str,
    seed: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = np.frombuffer(clips[kind], np.uint8).copy()
    random = np.random.default_rng(seed)
    places = random.integers(64, len(data), 100)
    data[places] ^= random.integers(1, 256, 100, dtype=np.uint8)
    path = put(tmp_path, data.tobytes())
    runs = []
    for _ in range(2):
        stamps: list[tuple[int, float, int]] = []
        began = time.monotonic()
        try:
            with open_source(video=path, camera=None) as source:
                while (frame := source.read()) is not None:
                    stamps.append((frame.epoch, frame.time_secs, frame.index))
        except (DamagedInputError, SourceOpenError):
            pass
        assert time.monotonic() - began < 10
        assert stamps == sorted(stamps)
        runs.append(stamps)
    assert runs[0] == runs[1]
    assert capfd.readouterr() == ("", "")


def test_decode_errors_are_counted_and_leave_a_gap(tmp_path: Path, clips: dict[str, bytes]) -> None:
    data = bytearray(clips["mjpeg"])
    starts = []
    position = -1
    while (position := data.find(b"\xff\xd8\xff", position + 1)) >= 0:
        starts.append(position)
    assert len(starts) == COUNT
    for number in (10, 11, 50):
        data[starts[number] : starts[number] + 700] = bytes(700)
    with open_source(video=put(tmp_path, bytes(data)), camera=None) as source:
        frames = read_all(source)
        assert source.decode_errors == 3
    assert [f.index for f in frames] == [n for n in range(COUNT) if n not in (10, 11, 50)]
    assert [f.time_secs for f in frames] == pytest.approx([f.index / 25 for f in frames])
    assert {f.epoch for f in frames} == {0}


# Turned, repeated and jumping recordings


def test_a_phone_recording_is_turned_upright(tmp_path: Path, clips: dict[str, bytes]) -> None:
    data = bytearray(clips["faststart"])
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    start = data.index(plain, data.index(b"tkhd"))
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    with open_source(video=put(tmp_path, bytes(data)), camera=None) as source:
        lying = source.read()
    data[start : start + 36] = quarter
    with open_source(video=put(tmp_path, bytes(data)), camera=None) as source:
        assert (source.info.width_px, source.info.height_px) == (HEIGHT, WIDTH)
        upright = source.read()
    assert lying is not None
    assert upright is not None
    assert np.array_equal(upright.image_bgr, np.rot90(lying.image_bgr, -1))


def test_a_pause_in_a_recording_raises_the_epoch(tmp_path: Path) -> None:
    path = tmp_path / "paused.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in (0, 1, 2, 52, 53):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with open_source(video=path, camera=None) as source:
        frames = read_all(source)
    assert [f.epoch for f in frames] == [0, 0, 0, 1, 1]
    assert [f.time_secs for f in frames] == pytest.approx([0, 0.04, 0.08, 2.08, 2.12], abs=2e-3)


# Our own recording, killed

WRITE = """
import sys
import numpy as np
from pathlib import Path
from rt_gait.video.mp4 import Mp4Writer
writer = Mp4Writer(Path(sys.argv[1]))
for number in range(10_000):
    writer.write(np.full((120, 160, 3), 20 + number % 5 * 40, np.uint8), number / 25)
    print(number + 1, flush=True)
    if number == 140:
        sys.stdin.readline()
"""


def test_kill_9_while_writing_loses_less_than_a_second(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        written = 0
        while written < 141:
            written = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
    with open_source(video=path, camera=None) as source:
        frames = []
        try:
            while (frame := source.read()) is not None:
                frames.append(frame)
        except DamagedInputError:
            pass
    assert written - 25 <= len(frames) <= written
    assert frames[-1].time_secs == pytest.approx((len(frames) - 1) / 25)
