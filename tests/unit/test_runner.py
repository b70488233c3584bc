from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from scripted import FRAME_HW, Person, ScriptedDetector, ScriptedSource

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
from rt_gait.types import FrameResult

PEOPLE = (
    Person(x_px=60, speed_px_per_sec=40),
    Person(x_px=240, speed_px_per_sec=-30, girth=0.16, to_secs=2.0),
)


class Recorder:
    """An output that remembers, and fails when told to."""

    name = "recorder"
    path = None

    def __init__(self, *, fail_at: int | None = None, slow_secs: float = 0.0) -> None:
        self.indices: list[int] = []
        self.closed = 0
        self._fail_at, self._slow_secs = fail_at, slow_secs

    def write(self, result: FrameResult) -> None:
        if result.frame.index == self._fail_at:
            raise OutputError("the disk is full")
        time.sleep(self._slow_secs)
        self.indices.append(result.frame.index)

    def close(self) -> None:
        self.closed += 1


def start(
    source: ScriptedSource,
    log: Path | None = None,
    outputs: list[Output] | None = None,
    **options: Any,
) -> RunReport:
    info = gait_model_info(default_models_dir(), "gei")
    identifier = Identifier(Templates.none(), Thresholds(known=0.9, candidate=0.8, margin=0))
    pipeline = Pipeline(
        detector=ScriptedDetector(PEOPLE),
        embedder=OnnxGaitEmbedder(info),
        lanes=[Lane(info, tracker=SortTracker(), identifier=identifier)],
    )
    builder = EventBuilder(
        run_id="test",
        source_name=source.info.name,
        frame_size_wh=FRAME_HW[::-1],
        model=ModelRef("gei", "0"),
        gallery_revision=None,
        utc_now=lambda: datetime.now(timezone.utc),
        live=source.info.live,
    )
    return Runner(
        [Feed(source, builder, outputs or [])],
        pipeline=pipeline,
        log=EventLog(log) if log else None,
        **options,
    ).run()


def test_a_file_is_processed_whole_and_everything_is_closed_once(tmp_path: Path) -> None:
    source, recorder = ScriptedSource(120), Recorder()
    report = start(source, tmp_path / "e.jsonl", outputs=[recorder])
    assert (report.exit_code, report.reason) == (ExitCode.OK, "finished")
    assert recorder.indices == list(range(120))
    assert (source.closed, recorder.closed) == (1, 1)
    assert report.people == {"unknown": 2}
    kinds = [e["type"].split(".", 2)[2] for e in read_events(tmp_path / "e.jsonl")]
    assert kinds[0] == "source.state.v1"
    assert kinds[-1] == "run.ended.v1"
    assert kinds.count("track.started.v1") == kinds.count("track.ended.v1") == 2


def test_the_log_of_a_file_is_the_same_at_any_speed(tmp_path: Path) -> None:
    logs = []
    for name, slow_secs, pause in (("a", 0.0, None), ("b", 0.002, lambda: time.sleep(0.001))):
        path = tmp_path / name
        start(ScriptedSource(300, pause=pause), path, outputs=[Recorder(slow_secs=slow_secs)])
        logs.append([json.dumps(e) for e in normalise(read_events(path))])
    assert logs[0] == logs[1]


@pytest.mark.parametrize("live", [False, True])
def test_processed_and_dropped_make_up_captured(live: bool) -> None:
    source = ScriptedSource(200, live=live, pause=lambda: time.sleep(0.0005))
    recorder = Recorder(slow_secs=0.003)
    counters = start(source, outputs=[recorder]).counters
    assert counters.captured == 200
    assert counters.processed == len(recorder.indices)
    assert counters.processed + counters.dropped == counters.captured
    assert (counters.dropped > 0) is live
    assert recorder.indices == sorted(recorder.indices)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DamagedInputError("broken at frame 50"), ExitCode.DAMAGED_INPUT),
        (SourceLostError("unplugged"), ExitCode.SOURCE_LOST),
    ],
)
def test_a_source_that_breaks_leaves_what_came_before(
    tmp_path: Path, error: Exception, code: ExitCode
) -> None:
    recorder = Recorder()
    report = start(ScriptedSource(50, error=error), tmp_path / "e", outputs=[recorder])
    assert (report.exit_code, report.reason) == (code, str(error))
    assert len(recorder.indices) == 50
    last = list(read_events(tmp_path / "e"))[-1]["data"]
    assert (last["exit_code"], last["reason"]) == (code, str(error))


def test_a_defect_is_raised_after_everything_is_closed(tmp_path: Path) -> None:
    source, recorder = ScriptedSource(5, error=ZeroDivisionError("defect")), Recorder()
    with pytest.raises(ZeroDivisionError):
        start(source, tmp_path / "e", outputs=[recorder])
    assert (source.closed, recorder.closed) == (1, 1)
    assert list(read_events(tmp_path / "e"))[-1]["data"]["exit_code"] == ExitCode.INTERNAL


def test_an_output_that_fails_ends_the_run_and_keeps_the_log(tmp_path: Path) -> None:
    report = start(ScriptedSource(100), tmp_path / "e", outputs=[Recorder(fail_at=30)])
    assert (report.exit_code, report.reason) == (ExitCode.OUTPUT, "the disk is full")
    ended = list(read_events(tmp_path / "e"))[-1]["data"]
    frames = ended["counters"]["frames"]
    assert frames["processed"] == 31
    assert frames["processed"] + frames["dropped"] == frames["captured"]


@pytest.mark.parametrize(("live", "code"), [(False, ExitCode.INTERRUPTED), (True, ExitCode.OK)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order(live: bool, code: ExitCode, number: int) -> None:
    recorder = Recorder()
    source = ScriptedSource(100_000, live=live, pause=lambda: time.sleep(0.001))
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    report = start(source, outputs=[recorder])
    assert (report.exit_code, report.reason) == (code, "stopped")
    counters = report.counters
    assert counters.processed + counters.dropped == counters.captured
    assert (source.closed, recorder.closed) == (1, 1)


def test_a_camera_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rt_gait.runner._DRAIN_SECS", 0.2)
    hang = threading.Event()
    stop = Stop()
    source = ScriptedSource(10, live=True, pause=lambda: hang.wait(20))
    threading.Timer(0.2, stop.request).start()
    begun_secs = time.monotonic()
    report = start(source, stop=stop)
    hang.set()
    assert report.exit_code is ExitCode.OK
    assert time.monotonic() - begun_secs < 10
    assert source.closed == 0, "a source is never closed under the thread that reads it"


def test_a_live_run_tells_its_speed_in_valid_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rt_gait.events.build.STATS_EVERY_SECS", 0.2)
    source = ScriptedSource(60, fps=50, live=True, pause=lambda: time.sleep(0.02))
    start(source, tmp_path / "e", outputs=[Recorder(slow_secs=0.01)])
    events = list(read_events(tmp_path / "e"))
    validator = Draft202012Validator(load_schema())
    for event in events:
        validator.validate(event)
    stats = [e["data"] for e in events if ".stats." in e["type"]]
    assert stats
    assert all(s["frames_per_second"] > 0 for s in stats)
