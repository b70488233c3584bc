from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scripted import Person, ScriptedDetector, frame

from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.pipeline import STAGES, Pipeline
from rt_gait.reasons import Reason, Rejection, WindowLoss
from rt_gait.serving.repository import default_models_dir
from rt_gait.track.sort import SortTracker
from rt_gait.track.stitch import Stitcher
from rt_gait.types import Embedding, FrameResult, Identity, IdentityState, Window

THIN = Person(x_px=60, speed_px_per_sec=40, girth=0.08)
WIDE = Person(x_px=240, speed_px_per_sec=-30, girth=0.16)
THRESHOLDS = Thresholds(known=0.97, candidate=0.94, margin=0.01)


def build(
    *people: Person, templates: Templates | None = None, stitcher: Stitcher | None = None
) -> Pipeline:
    info = gait_model_info(default_models_dir(), "gei")
    return Pipeline(
        detector=ScriptedDetector(people),
        embedder=OnnxGaitEmbedder(info),
        lanes=[
            Lane(
                info,
                tracker=SortTracker(),
                identifier=Identifier(templates or Templates.none(), THRESHOLDS),
                stitcher=stitcher,
            )
        ],
    )


def templates_of(*people: Person) -> Templates:
    """Templates of each person walking alone; subjects are s_0, s_1, ..."""
    vectors, owners = [], []
    for owner, person in enumerate(people):
        pipeline = build(person)
        for i in range(75):
            for embedding in pipeline.step(frame(i)).embeddings:
                vectors.append(embedding.vector)
                owners.append(owner)
    names = tuple(f"s_{i}" for i in range(len(people)))
    return Templates(names, np.array(owners), np.stack(vectors))


def run(pipeline: Pipeline, count: int, *, fps: float = 25.0) -> list[FrameResult]:
    return [pipeline.step(frame(i, fps=fps)) for i in range(count)]


@pytest.mark.parametrize("fps", [10, 25, 50])
def test_two_people_are_told_apart_at_any_frame_rate(fps: float) -> None:
    templates = templates_of(THIN, WIDE)
    results = run(build(THIN, WIDE, templates=templates), int(2.4 * fps), fps=fps)
    last = {i.subject_id: i for i in results[-1].identities.values()}
    assert set(last) == {"s_0", "s_1"}
    assert all(i.state is IdentityState.KNOWN for i in last.values())


def test_a_stranger_is_unknown_and_starts_insufficient() -> None:
    results = run(build(WIDE, templates=templates_of(THIN)), 60)
    states = [r.identities[1].state for r in results if 1 in r.identities]
    assert states[0] is IdentityState.INSUFFICIENT
    assert states[-1] is IdentityState.UNKNOWN


def test_silhouettes_rejections_and_frames_add_up() -> None:
    leaving = Person(x_px=200, speed_px_per_sec=60)
    pipeline = build(leaving)
    results = run(pipeline, 50)
    summaries = [s for r in results for s in r.ended] + list(pipeline.finish())
    (summary,) = summaries
    assert summary.frames == summary.silhouettes + sum(summary.rejected.values())
    assert summary.rejected[Rejection.CUT_BY_FRAME.value] > 0
    assert summary.silhouettes == sum(len(r.silhouettes) for r in results)
    assert pipeline.finish() == ()


def test_a_new_epoch_ends_every_track_and_no_window_bridges_it() -> None:
    pipeline = build(THIN)
    for i in range(28):
        pipeline.step(frame(i))
    result = pipeline.step(frame(28, epoch=1))
    assert [s.track_id for s in result.ended] == [1]
    later = [pipeline.step(frame(i, epoch=1)) for i in range(29, 57)]
    assert not any(r.embeddings for r in later)
    assert {t.track_id for r in later for t in r.tracks} == {2}


def test_windows_that_fall_due_together_leave_in_one_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    embed = OnnxGaitEmbedder.embed

    def count(self: OnnxGaitEmbedder, windows: list[object]) -> object:
        sizes.append(len(windows))
        return embed(self, windows)  # type: ignore[arg-type]

    monkeypatch.setattr(OnnxGaitEmbedder, "embed", count)
    run(build(THIN, WIDE), 34)
    assert sizes == [2]


def test_every_stage_is_timed_with_the_clock_handed_in() -> None:
    ticks = iter(range(1000))
    info = gait_model_info(default_models_dir(), "gei")
    pipeline = Pipeline(
        detector=ScriptedDetector([THIN]),
        embedder=OnnxGaitEmbedder(info),
        lanes=[
            Lane(
                info,
                tracker=SortTracker(),
                identifier=Identifier(Templates.none(), THRESHOLDS),
            )
        ],
        clock=lambda: float(next(ticks)),
    )
    assert pipeline.step(frame(0)).stage_secs == dict.fromkeys(STAGES, 1.0)


def test_no_window_reaches_over_the_parting_of_two_who_may_have_been_swapped() -> None:
    pipeline = build(
        Person(x_px=60, speed_px_per_sec=60, girth=0.08),
        Person(x_px=260, speed_px_per_sec=-60, girth=0.2),
    )
    results = run(pipeline, 100)
    parted = {t.track_id: r.frame.time_secs for r in results for t in r.tracks if t.parted}
    assert set(parted) == {1, 2}
    after = [
        (embedding.end_secs - 29 / 25, parted[embedding.track_id])
        for result in results
        for embedding in result.embeddings
        if embedding.end_secs > parted[embedding.track_id]
    ]
    assert after
    assert all(start_secs >= parted_secs for start_secs, parted_secs in after)


@pytest.mark.parametrize("girth", [0.08, 0.16], ids=["the same person", "somebody else"])
def test_who_comes_back_by_gait_goes_on_with_the_evidence_and_the_number(girth: float) -> None:
    pipeline = build(
        Person(x_px=80, speed_px_per_sec=20, girth=0.08, to_secs=2),
        Person(x_px=80, speed_px_per_sec=20, girth=girth, from_secs=4.4),
        templates=templates_of(THIN, WIDE),
        stitcher=Stitcher(least_similarity=0.97, margin=0.01),
    )
    results = run(pipeline, 150)
    first = next(r for r in results if any(e.track_id == 2 for e in r.embeddings))
    if girth == THIN.girth:
        (stitch,) = (s for r in results for s in r.stitched)
        assert (stitch.track_id, stitch.continues) == (2, 1)
        assert first.stitched == (stitch,)
        assert first.identities[2].state is IdentityState.KNOWN
        assert first.identities[2].windows > 2
        assert results[-1].numbers == {2: 1}
    else:
        assert not any(r.stitched for r in results)
        assert first.identities[2].state is IdentityState.INSUFFICIENT
        assert results[-1].numbers == {}


def test_who_stands_is_not_named_and_the_reason_is_told() -> None:
    stands = replace(THIN, speed_px_per_sec=0, stands=True)
    pipeline = build(stands, templates=templates_of(THIN, WIDE))
    last = run(pipeline, 75)[-1].identities[1]
    assert (last.state, last.reason) == (IdentityState.INSUFFICIENT, Reason.NOT_WALKING)
    (summary,) = pipeline.finish()
    assert summary.windows_not_walking > 2
    assert summary.known_after_secs is None


def test_the_time_to_a_name_is_told() -> None:
    pipeline = build(THIN, templates=templates_of(THIN, WIDE))
    results = run(pipeline, 75)
    first = next(r for r in results if r.identities.get(1, Identity()).subject_id is not None)
    (summary,) = pipeline.finish()
    assert summary.known_after_secs == pytest.approx(first.frame.time_secs, abs=0.05)
    assert summary.known_after_secs >= 1.6


class _Later:
    """A gait model that answers a step late, and loses a window of each track."""

    def __init__(self, real: OnnxGaitEmbedder) -> None:
        self.info, self.shape, self._real = real.info, real.shape, real
        self._held: list[Window] = []
        self._lost: list[tuple[int, WindowLoss]] = []

    def exchange(self, windows: Sequence[Window], alive: Collection[int]) -> list[Embedding]:
        ready, self._held = self._held, list(windows)
        self._lost += [(w.track_id, WindowLoss.REPLACED) for w in windows]
        return self._real.embed([w for w in ready if w.track_id in alive]) if ready else []

    def take_lost(self) -> list[tuple[int, WindowLoss]]:
        lost, self._lost = self._lost, []
        return lost

    def finish(self) -> None:
        self._lost += [(w.track_id, WindowLoss.LATE) for w in self._held]


def test_late_answers_and_losses_reach_the_lane_that_they_belong_to() -> None:
    info = gait_model_info(default_models_dir(), "gei")
    pipeline = Pipeline(
        detector=ScriptedDetector([THIN]),
        embedder=_Later(OnnxGaitEmbedder(info)),
        lanes=[
            Lane(
                info,
                tracker=SortTracker(first_id=k + 1, id_step=2),
                identifier=Identifier(Templates.none(), THRESHOLDS),
            )
            for k in range(2)
        ],
    )
    came: list[list[Embedding]] = [[], []]
    due = 0
    for i in range(75):
        frames = {0: frame(i)} if i % 5 else {0: frame(i), 1: frame(i)}  # another, slower camera
        for place, result in pipeline.step_all(frames).items():
            came[place] += result.embeddings
    pipeline.end_tracks(1)
    pipeline.finish()
    lost = [pipeline.windows_lost(k) for k in range(2)]
    for place in range(2):
        assert {e.track_id for e in came[place]} <= {place + 1}
        due = lost[place][WindowLoss.REPLACED]
        assert due == len(came[place]) + lost[place][WindowLoss.LATE]
    assert len(came[0]) > 1
