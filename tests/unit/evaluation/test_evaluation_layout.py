"""Reading folders in OpenGait's layout, files of every kind, and partitions."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import write_layout

from rt_gait.errors import DamagedInputError, RtGaitError, SourceOpenError, UsageError
from rt_gait.evaluation.layout import Partition, list_files, read_files

NARROW = np.random.default_rng(0).integers(0, 256, (6, 64, 44), dtype=np.uint8)
WIDE = np.pad(NARROW, ((0, 0), (0, 0), (10, 10)))


def put(root: Path, name: str) -> Path:
    path = root / "p1" / "nm-01" / "090" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize("array", [NARROW, WIDE])
def test_files_of_every_kind_hold_the_same(tmp_path: Path, array: np.ndarray) -> None:
    put(tmp_path, "a.pkl").write_bytes(pickle.dumps(array))
    np.save(put(tmp_path, "b.npy"), array)
    np.savez(put(tmp_path, "c.npz"), array)
    np.savez_compressed(put(tmp_path, "d.npz"), silhouettes=array, other=np.zeros(3))
    put(tmp_path, "notes.txt").write_text("not a sequence")
    found = list(read_files(list_files(tmp_path), 12.5))
    assert len(found) == 4
    for sequence in found:
        assert np.array_equal(sequence.pixels, NARROW)
        assert sequence.time_secs == pytest.approx(np.arange(6) / 12.5)
        assert (sequence.about.subject, sequence.about.session) == ("p1", "nm-01")
        assert sequence.about.view_deg == 90.0
        assert sequence.about.labels == {"type": "nm-01", "view": "090"}


def test_dumped_silhouettes_bring_their_times(tmp_path: Path) -> None:
    times, frame = np.array([0.0, 0.1, 0.3, 0.4, 0.5, 0.6]), np.array([3, 4, 6, 7, 8, 9])
    np.savez_compressed(
        put(tmp_path, "track_1.npz"),
        silhouettes=NARROW,
        time_secs=times,
        frame=frame,
        box_xyxy_px=np.zeros((6, 4), np.float32),
    )
    (sequence,) = read_files(list_files(tmp_path), 25.0)
    assert sequence.time_secs.tolist() == times.tolist()
    assert sequence.frame_index.tolist() == frame.tolist()
    assert np.array_equal(sequence.pixels, NARROW)


def test_files_come_by_subject_type_and_view(tmp_path: Path) -> None:
    places = [("b", "1", "seq2"), ("a", "2", "000"), ("a", "1", "018.5"), ("a", "1", "nan")]
    write_layout(tmp_path, [(*place, NARROW) for place in places])
    found = [f.about for f in list_files(tmp_path)]
    assert [(a.subject, a.session, a.view_deg) for a in found] == [
        ("a", "1", 18.5),
        ("a", "1", None),
        ("a", "2", 0.0),
        ("b", "1", None),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", np.zeros((3, 64, 50), np.uint8)),
        ("a.npy", np.zeros((3, 64, 44), np.float32)),
        ("a.npy", np.zeros((64, 44), np.uint8)),
        ("a.npz", {"one": NARROW, "two": NARROW}),
        ("a.npz", b"no zip"),
        ("a.npy", b"no array"),
        ("a.npy", b""),
        ("a.pkl", b"no pickle"),
        ("a.npy", np.array([{}], dtype=object)),
        ("a.npz", {"silhouettes": np.array([{}], dtype=object)}),
    ],
)
def test_other_content_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, content: object
) -> None:
    path = put(tmp_path, name)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
    with pytest.raises(RtGaitError, match=rf"expected .*{name}") as caught:
        list(read_files(list_files(tmp_path), 25.0))
    assert isinstance(caught.value, DamagedInputError)
    assert "\n" not in str(caught.value)


def test_a_folder_without_sequences(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found none"):
        list_files(tmp_path)
    with pytest.raises(SourceOpenError, match="no such folder"):
        list_files(tmp_path / "gone")


def test_a_partition_is_opengaits(tmp_path: Path) -> None:
    path = tmp_path / "Gait3D.json"
    sets = {"TRAIN_SET": ["0"], "TEST_SET": ["1", "2"], "PROBE_SET": ["1-a-b"]}
    path.write_text(json.dumps(sets))
    assert Partition.read(path) == Partition(frozenset({"1", "2"}), frozenset({"1-a-b"}))
    path.write_text(json.dumps({"TRAIN_SET": [], "TEST_SET": ["3"]}))
    assert Partition.read(path).probes == frozenset()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"TEST_SET": 3}', '{"TEST_SET": [1]}', "3"])
def test_a_file_that_is_no_partition(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="TEST_SET"):
        Partition.read(path)
    with pytest.raises(UsageError, match="cannot read"):
        Partition.read(tmp_path / "gone.json")
