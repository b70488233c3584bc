from __future__ import annotations

import numpy as np
import pytest
from scripted import Person, ScriptedDetector, frame

from rt_gait.bench import panning, same_walk
from rt_gait.bench.rivals import Clip, ours
from rt_gait.bench.scores import figures
from rt_gait.bench.stitching import RUNS, Outcome, behind, run
from rt_gait.bench.tuning import DEFAULTS, left_out, scores_of
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.mot import TrackBoxes
from rt_gait.track.sort import Habits
from rt_gait.types import Detections, Mask

WALKER = Person(x_px=50, speed_px_per_sec=30)
FRAMES = 180
WALL = (105, 160)


@pytest.fixture(scope="module")
def embedder() -> OnnxGaitEmbedder:
    return OnnxGaitEmbedder(gait_model_info(default_models_dir(), "gei"))


@pytest.fixture(scope="module")
def seen() -> list:
    detector = ScriptedDetector([WALKER])
    frames = [frame(i) for i in range(FRAMES)]
    return [(f, detector.detect(f.image_bgr)) for f in frames]


@pytest.fixture(scope="module")
def truth(seen: list) -> TrackBoxes:
    xyxy = np.concatenate([found.boxes_xyxy_px for _, found in seen]).astype(np.float64)
    xyxy[:, 2:] -= xyxy[:, :2]
    return TrackBoxes(np.arange(1, FRAMES + 1), np.ones(FRAMES, np.int64), xyxy)


def test_a_wall_hides_who_is_covered_by_a_third() -> None:
    boxes = np.array([[0, 0, 30, 90], [20, 0, 50, 90], [11, 0, 41, 90]], np.float32)
    masks = (Mask(0, 0, np.ones((1, 1), bool)),) * 3
    found = behind(Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), masks), (32, 60))
    np.testing.assert_allclose(found.scores, [0.9, 0.7])


def test_who_walks_behind_a_wall_is_stitched_and_counted(
    embedder: OnnxGaitEmbedder, seen: list, truth: TrackBoxes
) -> None:
    outcome = Outcome(truth).add(run(embedder, seen, WALL))
    assert [(s.track_id, s.continues) for s in outcome.stitches] == [(2, 1)]
    assert outcome.right() == [True]
    assert outcome.gained_secs() == pytest.approx([0.4], abs=0.05)
    switches = {r: figures(raw)["IDSW"] for r, raw in outcome.scores().items()}
    assert switches == dict(zip(RUNS, (1, 2, 0), strict=True))
    stranger = TrackBoxes(truth.frames, np.where(truth.frames < 100, 1, 2), truth.boxes_xywh_px)
    assert Outcome(stranger).add(run(embedder, seen, WALL)).right() == [False]


def test_a_walk_cut_in_two_is_compared_with_itself(
    embedder: OnnxGaitEmbedder, seen: list, truth: TrackBoxes
) -> None:
    tracks = same_walk.followed(run(embedder, seen, None), truth)
    span_secs = embedder.shape.span_secs
    same, other = same_walk.compare(list(tracks.values()), span_secs=span_secs, gap_secs=2)
    assert len(same) >= 2
    assert min(same) > 0.9
    assert other == []


def test_a_window_keeps_who_is_half_inside() -> None:
    boxes = np.array([[0, 0, 20, 40], [8, 0, 32, 40], [40, 10, 60, 50]], np.float32)
    kept, which = panning.cut(boxes, np.array([15, 5]), (60, 60))
    assert which.tolist() == [1, 2]
    np.testing.assert_allclose(kept, [[0, 0, 17, 35], [25, 5, 45, 45]])


def test_each_clip_is_scored_by_what_does_best_on_the_others(
    seen: list, truth: TrackBoxes, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [f.time_secs for f, _ in seen]
    detections = [found for _, found in seen]
    clips = [Clip(name, 25, times, detections, truth) for name in ("a", "b")]
    blind = Habits(start_score=1.0)
    found = scores_of({DEFAULTS: ours(), "blind": ours(blind), "good": ours()}, clips)
    assert left_out(found) == {name: found["good"][name] for name in ("a", "b")}
    assert capsys.readouterr().out == "without a: good\nwithout b: good\n"
