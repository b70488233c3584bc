from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_gait.cli.track import track_command
from rt_gait.errors import OutputError, SourceOpenError, UsageError
from rt_gait.track.mot import read_tracks


def walk(folder: Path, *, frames: int = 30, step_px: float = 4.0) -> Path:
    """Two people who pass one another at some distance."""
    path = folder / "det.txt"
    lines = []
    for i in range(frames):
        lines.append(f"{i + 1},-1,{100 + step_px * i},50,40,120,0.9,-1,-1,-1\n")
        lines.append(f"{i + 1},-1,{400 - step_px * i},260,40,120,0.95,-1,-1,-1\n")
    path.write_text("".join(lines))
    return path


def test_each_person_keeps_an_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tracks.txt"
    track_command(detections=walk(tmp_path), out=out, video=None, fps=25, overwrite=False)
    tracks = read_tracks(out)
    assert set(tracks.ids.tolist()) == {1, 2}
    assert set(tracks.frames.tolist()) == set(range(4, 31))
    upper = tracks.boxes_xywh_px[:, 1] < 100
    assert len(set(tracks.ids[upper].tolist())) == 1
    assert capsys.readouterr().err == f"wrote {out}: 2 tracks in 30 frames\n"


def test_what_is_written_of_a_frame_does_not_depend_on_later_ones(tmp_path: Path) -> None:
    whole, start = tmp_path / "whole.txt", tmp_path / "start.txt"
    for frames, out in ((30, whole), (18, start)):
        track_command(
            detections=walk(tmp_path, frames=frames), out=out, video=None, fps=25, overwrite=False
        )
    assert whole.read_text().startswith(start.read_text())


@pytest.mark.parametrize(("where", "first"), [("", 3), ("det", 3)])
def test_the_frame_rate_stands_in_seqinfo(tmp_path: Path, where: str, first: int) -> None:
    """At 7 frames a second the third sighting is enough, at 25 the fourth."""
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nframeRate=7\n")
    folder = tmp_path / where
    folder.mkdir(exist_ok=True)
    out = tmp_path / "tracks.txt"
    track_command(detections=walk(folder), out=out, video=None, fps=None, overwrite=False)
    assert read_tracks(out).frames.min() == first


def test_without_any_frame_rate_25_is_taken_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tracks.txt"
    track_command(detections=walk(tmp_path), out=out, video=None, fps=None, overwrite=False)
    assert "taking 25 a second" in capsys.readouterr().err


def clip(folder: Path, frames: int) -> Path:
    path = folder / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 7.0, (64, 48))
    for _ in range(frames):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return path


def test_the_video_tells_the_times(tmp_path: Path) -> None:
    out, video = tmp_path / "tracks.txt", clip(tmp_path, 30)
    track_command(detections=walk(tmp_path), out=out, video=video, fps=None, overwrite=False)
    assert read_tracks(out).frames.min() == 3


def test_detections_of_another_video_are_refused(tmp_path: Path) -> None:
    video = clip(tmp_path, 10)
    with pytest.raises(UsageError, match="up to frame 30, the video has 10"):
        track_command(
            detections=walk(tmp_path), out=tmp_path / "t.txt", video=video, fps=None,
            overwrite=False,
        )  # fmt: skip


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    detections, out = walk(tmp_path), tmp_path / "tracks.txt"
    out.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        track_command(detections=detections, out=out, video=None, fps=25, overwrite=False)
    with pytest.raises(UsageError, match="the same"):
        track_command(detections=detections, out=detections, video=None, fps=25, overwrite=True)
    with pytest.raises(SourceOpenError, match="cannot read boxes"):
        track_command(detections=tmp_path / "gone.txt", out=out, video=None, fps=25, overwrite=True)
    assert out.read_text() == "mine"


@pytest.mark.parametrize("fps", [0.0, -7.0, float("nan"), float("inf")])
def test_an_impossible_frame_rate_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="expected a frame rate above 0"):
        track_command(
            detections=walk(tmp_path), out=tmp_path / "t.txt", video=None, fps=fps,
            overwrite=False,
        )  # fmt: skip


@pytest.mark.parametrize("rate", ["fast", "0", "nan"])
def test_a_bad_seqinfo_is_named(tmp_path: Path, rate: str) -> None:
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\nframeRate={rate}\n")
    with pytest.raises(UsageError, match=r"frameRate in .*seqinfo\.ini"):
        track_command(
            detections=walk(tmp_path), out=tmp_path / "t.txt", video=None, fps=None,
            overwrite=False,
        )  # fmt: skip
