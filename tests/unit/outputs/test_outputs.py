from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted import frame

from rt_gait.errors import DamagedInputError, OutputError, SourceOpenError
from rt_gait.outputs.mot import MotFile
from rt_gait.outputs.output import check_file, check_folder
from rt_gait.outputs.silhouettes import SilhouetteDump, read_dump
from rt_gait.types import (
    Detections,
    FrameResult,
    Identity,
    Silhouette,
    Track,
    TrackState,
    TrackSummary,
)

as_root = os.geteuid() == 0


def track(track_id: int, *, seen: bool = True) -> Track:
    box = np.array([10, 20, 50.5, 140.25], np.float32)
    state = TrackState.CONFIRMED if seen else TrackState.LOST
    return Track(track_id, state, box, 0.875 if seen else 0.0, 0 if seen else None, 0.0)


def result(index: int, *tracks: Track, ended: tuple[int, ...] = ()) -> FrameResult:
    silhouettes = tuple(
        Silhouette(t.track_id, index, index / 25, t.box_xyxy_px, np.full((64, 44), index, np.uint8))
        for t in tracks
        if t.detection is not None
    )
    summaries = tuple(TrackSummary(i, 0.0, 0.0, 1, 1, {}, Identity()) for i in ended)
    return FrameResult(
        frame(index), Detections.none(), tracks, ended=summaries, silhouettes=silhouettes
    )


def test_mot_has_a_line_for_each_person_seen_counted_from_one(tmp_path: Path) -> None:
    out = MotFile(tmp_path / "t.txt")
    out.write(result(0, track(1), track(2, seen=False)))
    out.write(result(3, track(2)))
    out.write(replace(result(4, track(2)), numbers={2: 1}))
    out.close()
    assert (tmp_path / "t.txt").read_text().splitlines() == [
        "1,1,10.00,20.00,40.50,120.25,0.8750,-1,-1,-1",
        "4,2,10.00,20.00,40.50,120.25,0.8750,-1,-1,-1",
        "5,1,10.00,20.00,40.50,120.25,0.8750,-1,-1,-1",
    ]


def test_silhouettes_are_written_by_track_and_come_back(tmp_path: Path) -> None:
    dump = SilhouetteDump(tmp_path / "s")
    dump.write(result(0, track(1), track(2)))
    dump.write(result(1, track(2), ended=(1,)))
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["track_1.npz"]
    dump.close()
    back = read_dump(tmp_path / "s" / "track_2.npz")
    assert [(s.frame_index, s.time_secs) for s in back] == [(0, 0.0), (1, 0.04)]
    assert back[1].pixels.dtype == np.uint8
    assert (back[1].pixels == 1).all()
    with np.load(tmp_path / "s" / "track_2.npz") as data:
        assert {k: data[k].shape for k in data} == {
            "silhouettes": (2, 64, 44),
            "time_secs": (2,),
            "frame": (2,),
            "box_xyxy_px": (2, 4),
        }


def test_a_file_that_is_no_dump_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="no such file"):
        read_dump(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", silhouettes=np.zeros(3))
    for name in ("text.npz", "other.npz"):
        with pytest.raises(SourceOpenError, match="expected silhouettes"):
            read_dump(tmp_path / name)
    arrays = {
        "silhouettes": np.zeros((2, 64, 44), np.uint8), "time_secs": np.array([1.0, 0.5]),
        "frame": np.arange(2), "box_xyxy_px": np.zeros((2, 4), np.float32),
    }  # fmt: skip
    np.savez(tmp_path / "falling.npz", **arrays)
    with pytest.raises(DamagedInputError, match="rising time_secs"):
        read_dump(tmp_path / "falling.npz")


def test_outputs_are_checked_without_touching_anything(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    check_file(tmp_path / "new", overwrite=False)
    check_file(there, overwrite=True)
    check_folder(tmp_path / "new", overwrite=False)
    for path, words in [
        (there, "exists; pass --overwrite"),
        (tmp_path, "this is a folder"),
        (tmp_path / "no" / "file", "folder does not exist"),
    ]:
        with pytest.raises(OutputError, match=words):
            check_file(path, overwrite=False)
    for path, words in [
        (there, "this is a file"),
        (tmp_path, "not empty"),
        (tmp_path / "no" / "folder", "does not exist"),
    ]:
        with pytest.raises(OutputError, match=words):
            check_folder(path, overwrite=False)
    assert there.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


@pytest.mark.skipif(as_root, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="no permission"):
        check_file(tmp_path / "new", overwrite=False)
    with pytest.raises(OutputError, match="no permission"):
        check_folder(tmp_path / "new", overwrite=False)
