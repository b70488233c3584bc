"""Opening the sources of a run that have names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_gait.errors import SourceOpenError, UsageError
from rt_gait.video.several import open_several


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((32, 48, 3), np.uint8))
    return tmp_path


def test_recordings_are_opened_in_order(folder: Path) -> None:
    sources = open_several({"b": str(folder), "a": str(folder)}, frame_rate=10)
    assert [source.info.frame_rate for source in sources] == [10, 10]
    for source in sources:
        source.close()


@pytest.mark.parametrize(
    ("places", "error", "words"),
    [
        ({"a": "0", "b": "."}, UsageError, "do not go together"),
        ({"a": "csi://x", "b": "csi://1"}, UsageError, "expected a camera"),
        ({"a": "ftp://u:s3cret@h/x"}, UsageError, "begins with rtsp://"),
        ({"a": "rtsp://u:s3cret@/x"}, UsageError, "with a host"),
        ({"a": "/dev/video998", "b": "999"}, SourceOpenError, "is not there"),
        ({"a": "nothing.mp4"}, SourceOpenError, "found nothing"),
    ],
)
def test_what_cannot_be_opened_is_one_clear_line(
    places: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        open_several(places)
    assert "s3cret" not in str(caught.value)


def test_a_frame_rate_is_for_recordings() -> None:
    with pytest.raises(UsageError, match="leave --fps out"):
        open_several({"a": "rtsp://127.0.0.1:9/x"}, frame_rate=25)
