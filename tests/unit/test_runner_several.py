"""One run over several sources: whose turn it is, who fails alone, and who is seen twice."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from scripted import FRAME_HW, Person, ScriptedDetector, ScriptedSource, frame

from rt_gait.errors import DamagedInputError, ExitCode, OutputError, SourceLostError
from rt_gait.events import EventBuilder, EventLog, ModelRef, load_schema, normalise, read_events
from rt_gait.feed import Feed
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.outputs.output import Output
from rt_gait.pipeline import Pipeline
from rt_gait.runner import Runner, RunReport
from rt_gait.serving.repository import default_models_dir
from rt_gait.stopping import Stop
from rt_gait.track.sort import SortTracker
from rt_gait.types import Detections, FrameResult, UInt8Array
from rt_gait.video.live import LiveSource
from rt_gait.video.source import Source

WALKER = Person(x_px=60, speed_px_per_sec=40)


class Counting(ScriptedDetector):
    """Notes how many pictures come at once."""

    def __init__(self, people: Sequence[Person]) -> None:
        super().__init__(people)
        self.batches: list[int] = []

    def detect_all(self, images_bgr: Sequence[UInt8Array]) -> list[Detections]:
        self.batches.append(len(images_bgr))
        return super().detect_all(images_bgr)


class Diary:
    """Remembers frames, with whatever else asks to be done at each."""

    name = "diary"
    path = None

    def __init__(self, at_frame: Callable[[int], None] = lambda _index: None) -> None:
        self.results: list[FrameResult] = []
        self.closed = 0
        self._at_frame = at_frame

    def write(self, result: FrameResult) -> None:
        self._at_frame(result.frame.index)
        self.results.append(result)

    def close(self) -> None:
        self.closed += 1


def templates() -> Templates:
    """The walker, enrolled."""
    pipeline = make_pipeline(1)
    found = [e.vector for i in range(60) for e in pipeline.step(frame(i)).embeddings]
    return Templates(("s_0",), *_owned(found))


def _owned(vectors: list[Any]) -> tuple[Any, Any]:
    import numpy as np

    return np.zeros(len(vectors), np.int64), np.stack(vectors)


def make_pipeline(
    sources: int, *, enrolled: Templates | None = None, detector: ScriptedDetector | None = None
) -> Pipeline:
    info = gait_model_info(default_models_dir(), "gei")
    limits = Thresholds(known=0.9, candidate=0.8, margin=0)
    return Pipeline(
        detector=detector or ScriptedDetector([WALKER]),
        embedder=OnnxGaitEmbedder(info),
        lanes=[
            Lane(
                info,
                tracker=SortTracker(first_id=k + 1, id_step=sources),
                identifier=Identifier(enrolled or Templates.none(), limits),
            )
            for k in range(sources)
        ],
    )


def start(
    sources: dict[str, Source],
    log: Path,
    *,
    outputs: dict[str, list[Output]] | None = None,
    pipeline: Pipeline | None = None,
    **options: Any,
) -> tuple[RunReport, list[dict[str, Any]]]:
    """Run, and return the report with the events, all valid and numbered without a gap."""
    numbers = itertools.count()
    feeds = [
        Feed(
            source,
            EventBuilder(
                run_id="test", source_name=name, frame_size_wh=FRAME_HW[::-1],
                model=ModelRef("gei", "0"), gallery_revision=None, numbers=numbers,
                utc_now=lambda: datetime.now(timezone.utc), live=source.info.live,
            ),
            (outputs or {}).get(name, []),
        )
        for name, source in sources.items()
    ]  # fmt: skip
    report = Runner(
        feeds, pipeline=pipeline or make_pipeline(len(feeds)), log=EventLog(log), **options
    ).run()
    events = list(read_events(log))
    validator = Draft202012Validator(load_schema())
    for event in events:
        validator.validate(event)
    assert [event["sequence"] for event in events] == list(range(len(events)))
    return report, events


def of(events: list[dict[str, Any]], kind: str, source: str = "") -> list[dict[str, Any]]:
    return [
        event["data"]
        for event in events
        if kind in event["type"] and event["source"].endswith(source)
    ]


def test_recordings_are_played_side_by_side_and_lose_nothing(tmp_path: Path) -> None:
    logs = []
    for run in range(2):
        detector, order = Counting([WALKER]), []
        diaries = {name: Diary() for name in ("a", "b")}
        report, events = start(
            {
                "a": ScriptedSource(60, fps=25, pause=partial(time.sleep, 0.001 * run)),
                "b": ScriptedSource(30, fps=10),
            },
            tmp_path / f"{run}",
            outputs={name: [diary] for name, diary in diaries.items()},
            pipeline=make_pipeline(2, detector=detector),
            on_frame=lambda result, _counters: order.append(result.frame.time_secs),  # noqa: B023
        )
        assert (report.exit_code, report.reason) == (ExitCode.OK, "finished")
        assert order == sorted(order)
        assert [len(diary.results) for diary in diaries.values()] == [60, 30]
        assert sum(detector.batches) == report.counters.processed == 90
        assert set(detector.batches) == {1, 2}, "frames of one moment are one batch"
        logs.append([json.dumps(event) for event in normalise(events)])
    assert logs[0] == logs[1]
    ids = {name: {d["track_id"] for d in of(events, "track.started", name)} for name in ("a", "b")}
    assert ids == {"a": {1}, "b": {2}}
    assert len(of(events, "run.ended")) == 2


def test_windows_of_all_sources_leave_in_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    embed = OnnxGaitEmbedder.embed

    def count(self: OnnxGaitEmbedder, windows: list[Any]) -> Any:
        sizes.append(len(windows))
        return embed(self, windows)

    monkeypatch.setattr(OnnxGaitEmbedder, "embed", count)
    start({name: ScriptedSource(40) for name in ("a", "b", "c")}, tmp_path / "e")
    assert sizes
    assert set(sizes) == {3}


def test_a_broken_recording_does_not_end_the_others(tmp_path: Path) -> None:
    broken = ScriptedSource(20, error=DamagedInputError("broken off"))
    sound = Diary()
    report, events = start(
        {"a": broken, "b": ScriptedSource(50)}, tmp_path / "e", outputs={"b": [sound]}
    )
    assert (report.exit_code, report.reason) == (ExitCode.DAMAGED_INPUT, "a: broken off")
    assert len(sound.results) == 50
    assert sound.closed == broken.closed == 1
    ended = {n: d["counters"]["frames"] for n in "ab" for d in of(events, "run.ended", n)}
    assert {n: frames["processed"] for n, frames in ended.items()} == {"a": 20, "b": 50}


def test_somebody_whom_two_sources_see_at_once_is_told(tmp_path: Path) -> None:
    report, events = start(
        {"door": ScriptedSource(60), "hall": ScriptedSource(60)},
        tmp_path / "e",
        pipeline=make_pipeline(2, enrolled=templates()),
    )
    assert report.recognised == {"s_0"}
    first = of(events, "identity.changed")
    assert [d.get("also_on") for d in first if d["identity"]["state"] == "known"] == [
        ["hall"],
        ["door"],
    ]
    alone = start({"door": ScriptedSource(60)}, tmp_path / "f", pipeline=make_pipeline(1))[1]
    assert not any("also_on" in d for d in of(alone, "identity.changed"))


def live(count: int = 100_000, **options: Any) -> ScriptedSource:
    return ScriptedSource(count, live=True, pause=lambda: time.sleep(0.01), **options)


def test_an_output_of_a_camera_fails_alone(tmp_path: Path) -> None:
    stop, said = Stop(), []

    def full(index: int) -> None:
        if index >= 5:
            raise OutputError("the disk is full: /home/ann/out.mp4")

    def enough(index: int) -> None:
        if index >= 30:
            stop.request()

    failing, other = Diary(full), Diary(enough)
    report, events = start(
        {"a": live(), "b": live()},
        tmp_path / "e",
        outputs={"a": [failing, Diary()], "b": [other]},
        stop=stop,
        tell=said.append,
    )
    assert (report.exit_code, report.reason) == (ExitCode.OK, "stopped")
    assert failing.closed == other.closed == 1
    assert said == ["error: the disk is full: /home/ann/out.mp4; the run goes on without it"]
    assert of(events, "output.failed") == [
        {"run_id": "test", "output": "diary", "detail": "the disk is full: out.mp4"}
    ]
    failed = {n: d["counters"]["outputs_failed"] for n in "ab" for d in of(events, "run.ended", n)}
    assert failed == {"a": 1, "b": 0}
    assert report.counters.processed + report.counters.dropped == report.counters.captured


def test_a_run_that_nobody_sees_any_more_ends() -> None:
    def closed(_index: int) -> None:
        raise OutputError("the window was closed")

    source = live()
    builder = EventBuilder(
        run_id="test", source_name="a", frame_size_wh=FRAME_HW[::-1], model=None,
        gallery_revision=None, utc_now=lambda: datetime.now(timezone.utc), live=True,
    )  # fmt: skip
    feed = Feed(source, builder, [Diary(closed)])
    assert Runner([feed], pipeline=make_pipeline(1)).run().exit_code is ExitCode.OK


class Connections:
    """Cameras of a script: each time it connects, the next one is there, or fails."""

    def __init__(self, *turns: ScriptedSource | Exception) -> None:
        self._turns = iter(turns)
        self.times_secs: list[float] = []

    def __call__(self) -> Any:
        self.times_secs.append(time.monotonic())
        turn = next(self._turns)
        if isinstance(turn, Exception):
            raise turn
        return turn


def test_who_was_in_view_is_gone_with_the_camera(tmp_path: Path) -> None:
    """The end of tracks is told at the loss, and not when the camera is back a second later."""
    stop = Stop()

    def enough(index: int) -> None:
        if index >= 60:
            stop.request()

    connections = Connections(live(40, error=SourceLostError("unplugged")), live())
    other = Diary()
    report, events = start(
        {"a": LiveSource(connections, name="a"), "b": live()},
        tmp_path / "e",
        outputs={"a": [Diary(enough)], "b": [other]},
        stop=stop,
    )
    assert report.counters.reconnects == 1
    told = [e for e in events if e["source"].endswith(":a")]
    kinds = [e["type"].split(".", 2)[2] for e in told]
    states = [e["data"]["state"] for e in told if "source.state" in e["type"]]
    assert states == ["online", "reconnecting", "online", "ended"]
    _, lost, back, _ = (i for i, kind in enumerate(kinds) if kind == "source.state.v1")
    assert "track.ended.v1" in kinds[lost:back]
    assert of(events, "run.ended", ":a")[0]["counters"]["reconnects"] == 1
    assert of(events, "run.ended", ":b")[0]["counters"]["reconnects"] == 0
    arrived_secs = [r.frame.arrived_secs or 0.0 for r in other.results]
    gaps = [after - before for before, after in itertools.pairwise(arrived_secs)]
    assert max(gaps) < 0.9, "it does not wait for the one that is away"


def test_a_camera_that_is_dead_at_the_start_is_told_once_and_tried_again(tmp_path: Path) -> None:
    stop = Stop()
    dead = SourceLostError("nobody there")
    connections = Connections(dead, dead, live())
    report, events = start(
        {"a": LiveSource(connections, name="a"), "b": live()},
        tmp_path / "e",
        outputs={"a": [Diary(lambda _index: stop.request())]},
        stop=stop,
    )
    assert report.exit_code is ExitCode.OK
    states = [d["state"] for d in of(events, "source.state", ":a")]
    assert states == ["reconnecting", "online", "ended"]
    assert of(events, "source.state", ":b")[0]["state"] == "online"
    first, second = (b - a for a, b in itertools.pairwise(connections.times_secs))
    assert first == pytest.approx(1, abs=0.7)
    assert second == pytest.approx(2, abs=0.9)


def test_every_capture_thread_gets_the_wish_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rt_gait.runner._DRAIN_SECS", 0.3)
    hang, stop = threading.Event(), Stop()
    threading.Timer(0.3, stop.request).start()
    sources = [ScriptedSource(9, live=True, pause=lambda: hang.wait(20)) for _ in range(3)]
    feeds = [
        Feed(
            source,
            EventBuilder(
                run_id="test", source_name="a", frame_size_wh=FRAME_HW[::-1], model=None,
                gallery_revision=None, utc_now=lambda: datetime.now(timezone.utc), live=True,
            ),
        )
        for source in sources
    ]  # fmt: skip
    begun_secs = time.monotonic()
    report = Runner(feeds, pipeline=make_pipeline(3), stop=stop).run()
    took_secs = time.monotonic() - begun_secs
    hang.set()
    assert report.exit_code is ExitCode.OK
    assert took_secs < 5, "the limit is for all of them together"
    assert [source.closed for source in sources] == [0, 0, 0]
