"""Folders of pictures, single pictures, orientation."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_gait.errors import SourceOpenError
from rt_gait.video import picture as picture_module
from rt_gait.video.folder import ImageFolder, natural_key
from rt_gait.video.orientation import upright
from rt_gait.video.picture import claimed_size, decode_picture

BGR = np.random.default_rng(0).integers(0, 255, (10, 14, 3), dtype=np.uint8)
BGR.setflags(write=False)


def save(path: Path, value: int, height: int = 8, width: int = 8) -> None:
    assert cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))


def test_names_are_in_natural_order(tmp_path: Path) -> None:
    names = ["img10.png", "img2.png", "img1.bmp", "b.png", "IMG3.png", "2.png", "10.png"]
    for number, name in enumerate(names):
        save(tmp_path / name, number * 30)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "sub.png").mkdir()
    with ImageFolder(tmp_path) as folder:
        assert folder.info.frame_count == len(names)
        values = []
        while (frame := folder.read()) is not None:
            values.append(int(frame.image_bgr[0, 0, 0]) // 30)
    expected = ["2.png", "10.png", "IMG3.png", "b.png", "img1.bmp", "img2.png", "img10.png"]
    assert [names[value] for value in values] == expected


def test_the_key_puts_2_before_10_and_takes_any_name() -> None:
    assert natural_key("a2") < natural_key("a10") < natural_key("b1")
    assert sorted(["x", "1", "", "é2", "é10"], key=natural_key)


def test_a_bad_picture_is_counted_and_leaves_a_gap(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.bmp", number * 40)
    (tmp_path / "1.bmp").write_bytes(b"BM, honestly")
    (tmp_path / "3.bmp").write_bytes(b"")
    with ImageFolder(tmp_path, frame_rate=10) as folder:
        frames = [folder.read(), folder.read()]
        assert [(f.index, f.time_secs) for f in frames if f] == [(0, 0.0), (2, 0.2)]
        assert folder.read() is None
        assert folder.decode_errors == 2


def test_bad_pictures_at_the_start_do_not_shift_the_origin(tmp_path: Path) -> None:
    (tmp_path / "0.bmp").write_bytes(b"nothing")
    save(tmp_path / "1.bmp", 40)
    with ImageFolder(tmp_path) as folder:
        frame = folder.read()
        assert frame is not None
        assert (frame.index, frame.time_secs, folder.decode_errors) == (0, 0.0, 1)


def test_another_size_raises_the_epoch(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", 40, height=8 if number < 2 else 10)
    with ImageFolder(tmp_path) as folder:
        frames = [folder.read() for _ in range(4)]
    assert [f.epoch for f in frames if f] == [0, 0, 1, 1]
    assert [f.image_bgr.shape[0] for f in frames if f] == [8, 8, 10, 10]


def test_a_folder_without_pictures_says_what_it_expected(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(SourceOpenError, match=r"\.png.*found none"):
        ImageFolder(tmp_path)


def test_a_folder_of_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "1.bmp").write_bytes(b"x")
    with pytest.raises(SourceOpenError, match="found 1 that cannot be decoded"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_the_header_tells_the_size(suffix: str) -> None:
    data = cv2.imencode(suffix, BGR)[1].tobytes()
    assert claimed_size(data) == (None if suffix == ".tif" else (14, 10))
    image = decode_picture(data)
    assert image is not None
    assert image.shape == (10, 14, 3)
    for end in range(0, 40, 3):
        claimed_size(data[:end])  # a header cut anywhere is no crash


def test_the_size_of_lossy_webp() -> None:
    data = cv2.imencode(".webp", BGR, [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
    assert claimed_size(data) == (14, 10)


def test_a_picture_that_is_too_large_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = cv2.imencode(".png", BGR)[1].tobytes()
    bomb = data[:16] + struct.pack(">II", 60000, 60000) + data[24:]
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    assert decode_picture(bomb) is None
    monkeypatch.undo()
    monkeypatch.setattr(picture_module, "MAX_FRAME_PX", 14 * 10 - 1)
    assert decode_picture(cv2.imencode(".tif", BGR)[1].tobytes()) is None


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    one = 1 << 16
    return struct.pack("9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("abcd", "expected"),
    [
        ((1, 0, 0, 1), BGR),
        ((0, 1, -1, 0), np.rot90(BGR, -1)),  # a phone held upright
        ((-1, 0, 0, -1), np.rot90(BGR, 2)),
        ((0, -1, 1, 0), np.rot90(BGR, 1)),
        ((-1, 0, 0, 1), BGR[:, ::-1]),  # a front camera
        ((0, 1, 1, 0), BGR.swapaxes(0, 1)),
    ],
)
def test_quarter_turns_and_mirrors(abcd: tuple[int, int, int, int], expected: np.ndarray) -> None:
    turned = upright(BGR, matrix(*abcd))
    assert np.array_equal(turned, expected)
    assert turned.flags.c_contiguous


def test_without_a_matrix_nothing_is_copied() -> None:
    assert upright(BGR, None) is BGR
    assert upright(BGR, b"short") is BGR
