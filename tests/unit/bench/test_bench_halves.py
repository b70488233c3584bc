"""Recognition between the halves of a video: who is whose, where a walk is split, what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rt_gait.bench.halves import FIRST, SECOND, embed, evaluate, halves, main, walks_of
from rt_gait.errors import UsageError
from rt_gait.gait.windows import WindowShape
from rt_gait.serving.repository import default_models_dir, load_info
from rt_gait.track.mot import TrackBoxes
from rt_gait.types import Embedding, Silhouette, Window

SHAPE = WindowShape(30, 25.0, 0.4)


class MeanShade:
    """A person is as light as the silhouettes are on average."""

    info = load_info(default_models_dir(), "gei")
    shape = SHAPE

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        angles = [float(w.pixels.mean()) / 255 * np.pi / 2 for w in windows]
        vectors = [np.array([np.cos(a), np.sin(a)], np.float32) for a in angles]
        return [Embedding(w.track_id, w.end_secs, v) for w, v in zip(windows, vectors, strict=True)]


def track(shade: int, frames: range, rate: float = 25.0) -> list[Silhouette]:
    box = np.array([10, 10, 50, 90], np.float32)
    return [Silhouette(1, k, k / rate, box, np.full((64, 44), shade, np.uint8)) for k in frames]


def test_halves_do_not_reach_over_and_are_balanced() -> None:
    first, second = halves([track(100, range(40)), track(100, range(60, 200))], SHAPE)
    assert max(w.end_secs for w in first) <= min(w.start_secs for w in second)
    assert abs(len(first) - len(second)) <= 3
    assert len(first) + len(second) >= 9


def test_a_short_walk_is_stretched_and_a_shorter_one_left_out() -> None:
    first, second = halves([track(100, range(14))], SHAPE)
    assert [len(h) for h in (first, second)] == [1, 1]
    assert first[0].pixels.shape == (30, 64, 44)
    assert first[0].end_secs < second[0].start_secs
    assert halves([track(100, range(9))], SHAPE) == []


def test_people_who_look_the_same_in_both_halves_are_recognised() -> None:
    walks = {k: [track(shade, range(100))] for k, shade in enumerate((20, 90, 160, 230))}
    embedded = embed(MeanShade(), walks)
    assert [a.session for a in embedded.about] == [FIRST, SECOND] * 4
    (condition,) = evaluate(embedded)
    assert condition.figures["rank-1"].value == 1
    assert condition.figures["EER"].value == 0
    changing = [track(20, range(50)) + track(230, range(50, 100))]
    same = [track(125, range(100))]
    (condition,) = evaluate(embed(MeanShade(), {1: changing, 2: same, 3: same}))
    assert condition.figures["rank-1"].value < 1


def test_one_person_cannot_be_told_apart() -> None:
    with pytest.raises(UsageError, match="fewer than two"):
        embed(MeanShade(), {1: [track(100, range(100))], 2: [track(100, range(3))]})


def test_silhouettes_are_whose_box_they_lie_in(tmp_path: Path) -> None:
    boxes = np.array([[12, 10, 40, 80], [300, 10, 40, 80], [12, 10, 40, 80.0]])
    truth = TrackBoxes(np.array([1, 1, 2]), np.array([7, 8, 9]), boxes)
    own = track(100, range(3))
    np.savez(
        tmp_path / "track_1.npz",
        silhouettes=np.stack([s.pixels for s in own]),
        time_secs=np.array([s.time_secs for s in own]),
        frame=np.array([s.frame_index for s in own]),
        box_xyxy_px=np.stack([s.box_xyxy_px for s in own]),
    )
    walks = walks_of(tmp_path, truth)
    assert {p: [[s.frame_index for s in t] for t in ts] for p, ts in walks.items()} == {
        7: [[0]],
        9: [[1]],
    }


@pytest.mark.parametrize(("change", "code"), [({"--gt": "none.txt"}, 3), ({"--model": "none"}, 2)])
def test_what_is_missing_is_said_in_one_line(
    change: dict[str, str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "gt.txt"
    truth.write_text("1,1,0,0,9,9,1\n")
    given = {"--video": "none.mp4", "--gt": str(truth), "--model": "gei", **change}
    assert main([word for pair in given.items() for word in pair]) == code
    assert capsys.readouterr().err.count("\n") == 1
