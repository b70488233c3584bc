import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("trackeval")

from rt_gait.bench.scores import combine, figures, iou_xywh, score
from rt_gait.bench.tracking import format_table, main, record_tracks
from rt_gait.errors import ExitCode, RtGaitError, SourceOpenError
from rt_gait.track.mot import TrackBoxes

Row = tuple[int, int, float, float, float, float]  # frame, id, x, y, width, height


def _walk(
    track_id: int, x: float, dx: float = 5, y: float = 0, frames: range = range(1, 9)
) -> list[Row]:
    return [(f, track_id, x + dx * i, y, 20, 50) for i, f in enumerate(frames)]


def _boxes(rows: list[Row]) -> TrackBoxes:
    table = np.array(rows, float).reshape(-1, 6)
    return TrackBoxes(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:])


def _score(truth: list[Row], tracks: list[Row]) -> dict[str, float]:
    return figures(score(_boxes(truth), _boxes(tracks)))


TWO = _walk(1, 0) + _walk(2, 100, -5)
THREE = [*TWO, *_walk(3, 8, 5, 6)]
CASES = {
    "swap": (TWO, [(f, i if f <= 4 else 3 - i, *box) for f, i, *box in TWO]),
    "shifted": (TWO, [(f, i, x + 3, y + 2, w, h + 4) for f, i, x, y, w, h in TWO]),
    "gap": (TWO, [row for row in TWO if row[0] not in (4, 5) or row[1] != 1]),
    "a frame without tracks": (TWO, [(f, i + 5 * (f > 5), *b) for f, i, *b in TWO if f != 4]),
    "iou of one half": ([(1, 1, 0, 0, 10, 10)], [(1, 1, 0, 0, 10, 5)]),
    "crowd": (
        THREE,
        [
            (f, i, x + shift, *rest)
            for (f, i, x, *rest), shift in zip(THREE, [4, -3, 2, 0, 5, -6] * 4, strict=True)
        ][:20]
        + _walk(9, 300, frames=range(2, 7)),
    ),
    "nobody there": ([], TWO[:3]),
    "nobody found": (TWO[:3], []),
    "nothing at all": ([], []),
}
NAMES = """HOTA DetA AssA DetRe DetPr AssRe AssPr LocA MOTA MOTP Rcll Prcn IDF1 IDR IDP
    TP FP FN IDSW Frag IDTP IDFP IDFN"""
# What TrackEval 1.3.0 says of these cases; its LocA is 1 and its MOTA 0 where nothing is matched.
TRACKEVAL = {
    "swap": "57.735027 100 33.333333 100 100 50 50 100 87.5 100 100 100 50 50 50 16 0 0 2 0 8 8 8",
    "shifted": "63.157895 63.157895 63.157895 63.157895 63.157895 63.157895 63.157895 77.614923"
    " 100 64.556962 100 100 100 100 100 16 0 0 0 0 16 0 0",
    "gap": "88.388348 87.5 89.285714 87.5 100 89.285714 100 100 87.5 100 87.5 100"
    " 93.333333 87.5 100 14 0 2 0 1 14 0 2",
    "a frame without tracks": "62.5 87.5 44.642857 87.5 100 44.642857 100 100"
    " 75 100 87.5 100 53.333333 50 57.142857 14 0 2 2 0 8 6 8",
    "iou of one half": "52.631579 52.631579 52.631579 52.631579 52.631579 52.631579 52.631579"
    " 73.684211 100 50 100 100 100 100 100 1 0 0 0 0 1 0 0",
    "crowd": "55.37882 47.843073 64.22795 61.184211 58.736842 69.66018 75.873692 80.063905"
    " 62.5 72.465592 83.333333 80 81.632653 83.333333 80 20 5 4 0 0 20 5 4",
    "nobody there": "0 0 0 0 0 0 0 100 0 0 0 0 0 0 0 0 3 0 0 0 0 3 0",
    "nobody found": "0 0 0 0 0 0 0 100 0 0 0 0 0 0 0 0 0 3 0 0 0 0 3",
    "nothing at all": "0 0 0 0 0 0 0 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_trackeval(case: str) -> None:
    want = dict(zip(NAMES.split(), map(float, TRACKEVAL[case].split()), strict=True))
    assert _score(*CASES[case]) == pytest.approx(want, abs=1e-6)


def test_a_switch_after_a_long_absence_still_counts() -> None:
    elsewhere = _walk(5, 500)  # a frame without any track would not be looked at
    tracks = [(f, 1 if f < 3 else 9, *box) for f, _, *box in TWO[:8] if f < 3 or f > 6]
    figures = _score(TWO[:8], tracks + elsewhere)
    assert (figures["IDSW"], figures["Frag"], figures["FN"]) == (1, 1, 4)


def test_a_pair_is_kept_though_another_track_has_come_closer() -> None:
    truth = [(1, 1, 0, 0, 10, 10), (2, 1, 0, 0, 10, 10)]
    tracks = [(1, 1, 0, 0, 10, 10), (2, 1, 3, 0, 10, 10), (2, 2, 0, 0, 10, 10)]
    assert _score(truth, tracks)["IDSW"] == 0


@st.composite
def _sequences(draw: st.DrawFn) -> list[Row]:
    whole = st.integers
    row = st.tuples(whole(1, 6), whole(1, 5), *[whole(0, 12)] * 2, *[whole(0, 9)] * 2)
    rows = draw(st.lists(row, max_size=30, unique_by=lambda r: (r[0], r[1])))
    # Two tracks that are the same box in one frame are told apart by nothing but their ids.
    return list({(f, *box): (f, i, *box) for f, i, *box in rows}.values())


@settings(deadline=None)
@given(_sequences(), _sequences(), st.randoms(use_true_random=False))
def test_neither_the_ids_nor_the_order_of_rows_matter(
    truth: list[Row], tracks: list[Row], rng: random.Random
) -> None:
    def disguise(rows: list[Row]) -> list[Row]:
        names = rng.sample(range(-50, 50), 6)
        return [(f, names[i], *box) for f, i, *box in rng.sample(rows, len(rows))]

    assert _score(disguise(truth), disguise(tracks)) == pytest.approx(
        _score(truth, tracks), abs=1e-9
    )


def test_clips_together_are_scored_as_one_long_clip() -> None:
    truth, tracks = CASES["crowd"]
    later = [[(f + 100, i + 100, *box) for f, i, *box in rows] for rows in CASES["gap"]]
    apart = combine(
        {
            "crowd": score(_boxes(truth), _boxes(tracks)),
            "gap": score(_boxes(later[0]), _boxes(later[1])),
        }
    )
    assert figures(apart) == pytest.approx(_score(truth + later[0], tracks + later[1]))


def test_iou() -> None:
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0]], float)
    b = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [20, 0, 5, 5], [0, 0, 0, 0]], float)
    assert iou_xywh(a, b) == pytest.approx(np.array([[1, 1 / 3, 0, 0], [0, 0, 0, 0]]))


# HOTA, MOTA, IDF1, IDSW, FP, FN, Frag by TrackEval 1.3.0 for the tracks that _worsen makes.
MOT15 = {
    "ADL-Rundle-6": (32.38245886, 87.72210021, 21.49837133, 108, 3, 504, 497),
    "ETH-Bahnhof": (47.88085688, 50.41551246, 57.28904409, 112, 2028, 545, 607),
    "KITTI-17": (48.29757662, 75.25622254, 50.72046109, 11, 90, 68, 66),
    "PETS09-S2L1": (30.86918176, 84.53976764, 19.60965469, 87, 156, 449, 444),
    "TUD-Campus": (59.52029744, 88.02228412, 72.64705882, 5, 0, 38, 36),
}


def _worsen(line: str) -> str:
    """Move a box of the truth, change its id every 50 frames; leave out one in ten."""
    frame, person = map(int, line.split(",")[:2])
    x, y, w, h = map(float, line.split(",")[2:6])
    if (7 * frame + 13 * person) % 10 == 0:
        return ""
    x, y = x + (person % 5 - 2) * 0.08 * w, y + (frame % 3) * 0.05 * h
    return f"{frame},{person + 1000 * (frame // 50)},{x!r},{y!r},{w!r},{h!r}\n"


@pytest.mark.parametrize("name", MOT15)
def test_agrees_with_trackeval_on_mot15(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gt = Path(os.environ.get("RT_GAIT_DATA", ""), "mot15", name, "gt.txt")
    if not os.environ.get("RT_GAIT_DATA") or not gt.is_file():
        pytest.skip("RT_GAIT_DATA names no folder with mot15/*/gt.txt")
    tracks = tmp_path / "tracks.txt"
    tracks.write_text("".join(map(_worsen, gt.read_text().splitlines())))
    assert main(["--gt", str(gt), "--tracks", str(tracks), "--json"]) == 0
    got = json.loads(capsys.readouterr().out)
    figures = [got[n] for n in ("HOTA", "MOTA", "IDF1", "IDSW", "FP", "FN", "Frag")]
    assert figures == pytest.approx(MOT15[name], abs=1e-6)


def test_table_has_the_usual_columns() -> None:
    names, row = format_table({"two": _score(TWO, TWO)}).splitlines()
    assert " ".join(names.split()) == "HOTA DetA AssA MOTA IDF1 Rcll Prcn IDSW FP FN Frag"
    assert row.split() == ["two"] + ["100.00"] * 7 + ["0"] * 4
    assert len(names) == len(row)


def _files(tmp_path: Path) -> tuple[Path, Path]:
    gt, video = tmp_path / "gt.txt", tmp_path / "a video.mp4"
    gt.write_text("1,1,0,0,10,10,1,-1,-1,-1\n")
    video.write_bytes(b"")
    return gt, video


def _recorder(tmp_path: Path, body: str) -> tuple[str, ...]:
    script = tmp_path / "recorder.py"
    script.write_text(f"import pathlib, sys\na = sys.argv\n{body}\n")
    return (sys.executable, str(script))


def test_scores_what_a_run_over_the_video_writes(tmp_path: Path) -> None:
    _, video = _files(tmp_path)
    body = (
        f"assert a[a.index('--video') + 1] == {str(video)!r}; assert a[-1] == '--fast'\n"
        "print('chatter')\n"
        "pathlib.Path(a[a.index('--mot') + 1]).write_text('1,4,0,0,10,10,1,-1,-1,-1')"
    )
    tracks = record_tracks(video, ["--fast"], recorder=_recorder(tmp_path, body))
    assert tracks.ids.tolist() == [4]


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(4)", ExitCode.MODEL), ("sys.exit(77)", ExitCode.INTERNAL), ("", ExitCode.INTERNAL)],
)
def test_a_failed_run_passes_on_its_exit_code(tmp_path: Path, body: str, code: int) -> None:
    with pytest.raises(RtGaitError, match=r"ended with code|wrote no tracks") as caught:
        record_tracks(_files(tmp_path)[1], recorder=_recorder(tmp_path, body))
    assert caught.value.exit_code == code


def test_a_missing_video_is_said_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="no such video"):
        record_tracks(tmp_path / "gone.mp4", recorder=("false",))


def test_errors_are_one_line_and_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gt, video = _files(tmp_path)
    assert main(["--gt", str(gt), "--tracks", str(tmp_path / "gone.txt")]) == 3
    assert main(["--gt", str(video), "--tracks", str(gt)]) == 0  # an empty truth is no error
    bad = tmp_path / "bad.txt"
    bad.write_text("1,1,0,0,ten,10\n")
    assert main(["--gt", str(gt), "--tracks", str(bad)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert errors[1] == f"error: {bad}:1: expected a number as width, got 'ten'"


@pytest.mark.parametrize("extra", [[], ["--tracks", "a", "--video", "b"], ["--tracks", "a", "x"]])
def test_wrong_usage_ends_with_2(extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--gt", "gt.txt", *extra])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
