from pathlib import Path

import pytest

from rt_gait.errors import ExitCode, SourceOpenError, UsageError
from rt_gait.track.mot import MOST_FRAMES, read_detections, read_ground_truth, read_tracks


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "boxes.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_boxes_in_any_order_and_skips_blank_lines(tmp_path: Path) -> None:
    boxes = read_tracks(_write(tmp_path, "2,7,1.5,2,3,4,0.9,-1,-1,-1\n\n1,7.0,-5,0,3,4\r\n"))
    assert boxes.frames.tolist() == [2, 1]
    assert boxes.ids.tolist() == [7, 7]
    assert boxes.boxes_xywh_px.tolist() == [[1.5, 2, 3, 4], [-5, 0, 3, 4]]


def test_ground_truth_leaves_out_what_is_marked_zero_and_tracks_do_not(tmp_path: Path) -> None:
    path = _write(tmp_path, "1,1,0,0,9,9,1,-1,-1,-1\n1,2,0,0,9,9,0,-1,-1,-1\n")
    assert read_ground_truth(path).ids.tolist() == [1]
    assert read_tracks(path).ids.tolist() == [1, 2]


def test_an_empty_file_holds_no_boxes(tmp_path: Path) -> None:
    boxes = read_tracks(_write(tmp_path, ""))
    assert len(boxes) == 0
    assert boxes.boxes_xywh_px.shape == (0, 4)
    assert read_detections(_write(tmp_path, "")) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param("1,2,3", "expected 6 values", id="short"),
        pytest.param("1 1 0 0 5 5", "commas between", id="spaces"),
        pytest.param("1,x,0,0,5,5", "expected a number as id, got 'x'", id="word"),
        pytest.param("1,1,,0,5,5", "expected a number as x, got ''", id="hole"),
        pytest.param("1,1,nan,0,5,5", "expected a number as x", id="nan"),
        pytest.param("1,1,0,0,inf,5", "expected a number as width", id="inf"),
        pytest.param("1,1e300,0,0,5,5", "expected a number as id", id="huge"),
        pytest.param("1.5,1,0,0,5,5", "expected a whole number as frame", id="half frame"),
        pytest.param("0,1,0,0,5,5", "expected a frame of 1 or more, got 0", id="frame 0"),
        pytest.param("1,1,0,0,-5,5", "got -5 x 5", id="negative width"),
        pytest.param("3,4,9,9,5,5", "id 4 is in frame 3 already, line 1", id="repeated"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = _write(tmp_path, f"3,4,0,0,5,5\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_tracks(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ")
    assert complaint in message
    assert "\n" not in message
    assert caught.value.exit_code == ExitCode.USAGE


def test_ground_truth_needs_the_seventh_value(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected 7 values"):
        read_ground_truth(_write(tmp_path, "1,1,0,0,5,5\n"))


def test_detections_are_recognised_as_such(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="detections, not tracks"):
        read_tracks(_write(tmp_path, "1,-1,0,0,5,5\n1,-1,9,0,5,5\n"))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match=r"No such file.*gone\.txt"):
        read_tracks(tmp_path / "gone.txt")
    with pytest.raises(SourceOpenError, match="directory"):
        read_tracks(tmp_path)
    (tmp_path / "picture.bin").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UsageError, match="not a text file"):
        read_tracks(tmp_path / "picture.bin")


def test_detections_come_frame_by_frame_best_first(tmp_path: Path) -> None:
    lines = "3,-1,10,20,30,40,0.5,-1,-1,-1\n1,-1,0,0,5,5,1\n3,-1,1,2,3,4,0.75\n"
    frames = read_detections(_write(tmp_path, lines))
    assert [len(f) for f in frames] == [1, 0, 2]
    assert frames[2].scores.tolist() == [0.75, 0.5]
    assert frames[2].boxes_xyxy_px.tolist() == [[1, 2, 4, 6], [10, 20, 40, 60]]
    assert frames[2].masks == ()


def test_scores_of_another_scale_are_not_believed(tmp_path: Path) -> None:
    frames = read_detections(_write(tmp_path, "1,-1,0,0,5,5,-0.3\n1,-1,9,0,5,5,62.1\n"))
    assert frames[0].scores.tolist() == [1, 1]


def test_a_frame_beyond_belief_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a frame up to"):
        read_detections(_write(tmp_path, f"{MOST_FRAMES + 1},-1,0,0,5,5,1\n"))
