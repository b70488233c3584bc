from __future__ import annotations

from pathlib import Path

import av
import av.codec
import numpy as np
import pytest

from rt_gait.errors import OutputError
from rt_gait.types import Frame
from rt_gait.video import mp4
from rt_gait.video.mp4 import Mp4Writer
from rt_gait.video.source import open_source


def picture(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), 20 + number % 5 * 40, np.uint8)


def frames_of(path: Path) -> list[Frame]:
    frames = []
    with open_source(video=path, camera=None) as source:
        while (frame := source.read()) is not None:
            frames.append(frame)
        assert source.decode_errors == 0
    return frames


def test_pictures_and_real_times_come_back(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.12, 0.16, 0.3, 1.0 + 1 / 3, 1.5]
    writer = Mp4Writer(tmp_path / "out.mp4")
    for number, secs in enumerate(times):
        writer.write(picture(number), secs)
    writer.close()
    writer.close()
    frames = frames_of(tmp_path / "out.mp4")
    assert [frame.time_secs for frame in frames] == pytest.approx(times, abs=1e-4)
    for number, frame in enumerate(frames):
        assert abs(float(frame.image_bgr.mean()) - float(picture(number).mean())) < 12


def test_it_is_h264_in_fragments_with_a_key_frame_a_second(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4")
    for number in range(35):
        writer.write(picture(0) + np.uint8(number), number / 10)
    writer.close()
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.count(b"moof") >= 6
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        keys = [p.pts * p.time_base for p in container.demux(video=0) if p.size and p.is_keyframe]
    assert keys == [0, 1, 2, 3]


@pytest.mark.parametrize(("height", "width"), [(47, 63), (47, 64), (1, 1)])
def test_odd_sides_are_padded(tmp_path: Path, height: int, width: int) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4")
    writer.write(picture(3, height, width), 0.0)
    writer.close()
    (frame,) = frames_of(tmp_path / "out.mp4")
    assert frame.image_bgr.shape == (height + height % 2, width + width % 2, 3)
    assert abs(frame.image_bgr.astype(int) - 140).max() < 12


def test_another_size_is_scaled_to_the_first(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4")
    writer.write(picture(0), 0.0)
    writer.write(picture(1, 480, 640), 0.04)
    writer.close()
    assert [frame.image_bgr.shape for frame in frames_of(tmp_path / "out.mp4")] == [(48, 64, 3)] * 2


def test_a_time_that_does_not_grow_is_moved_on(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4")
    for secs in (0.0, 0.04, 0.04, 0.02):
        writer.write(picture(0), secs)
    writer.close()
    assert len(frames_of(tmp_path / "out.mp4")) == 4


def test_without_x264_mpeg4_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_stream = av.container.OutputContainer.add_stream

    class NoX264:
        def __init__(self, container: av.container.OutputContainer) -> None:
            self._container = container

        def __getattr__(self, name: str) -> object:
            return getattr(self._container, name)

        def add_stream(self, codec: str, *args: object, **options: object) -> object:
            if codec == "libx264":
                raise av.codec.codec.UnknownCodecError(codec)
            return add_stream(self._container, codec, *args, **options)

    writer = Mp4Writer(tmp_path / "out.mp4")
    monkeypatch.setattr(writer, "_container", NoX264(writer._container))
    for number in range(30):
        writer.write(picture(number), number / 25)
    writer.close()
    assert len(frames_of(tmp_path / "out.mp4")) == 30
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_without_pictures_there_is_no_file(tmp_path: Path) -> None:
    Mp4Writer(tmp_path / "out.mp4").close()
    assert not (tmp_path / "out.mp4").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"make the folder first: '.*no/out\.mp4'") as caught:
        Mp4Writer(tmp_path / "no" / "out.mp4")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Is a directory"):
        Mp4Writer(tmp_path)


def test_a_full_disk_is_one_clear_error() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    writer = Mp4Writer(Path("/dev/full"))
    with pytest.raises(OutputError, match=r"No space left on device.*free some space") as caught:
        for number in range(100):
            writer.write(noise, number / 25)
    assert "\n" not in str(caught.value)
    writer.close()
    with pytest.raises(OutputError, match="closed"):
        writer.write(noise, 9.0)


def test_the_clock_is_exact_for_the_usual_rates() -> None:
    for rate in (10, 15, 24, 25, 30, 50, 60, 120):
        assert (1 / mp4.CLOCK) % rate == 0
    assert 1 / mp4.CLOCK < 1 << 16
