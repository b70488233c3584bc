"""A camera's run on a disk that is really full: the recording is given up, the events go on."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from scripted import FRAME_HW, Person, ScriptedDetector, ScriptedSource

from rt_gait.errors import ExitCode
from rt_gait.events import Event, EventBuilder, EventLog, read_events
from rt_gait.events.patient import PatientLog
from rt_gait.feed import Feed
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.outputs.screen import Painter, Recording
from rt_gait.pipeline import Pipeline
from rt_gait.runner import Runner, RunReport
from rt_gait.serving.repository import default_models_dir
from rt_gait.stopping import Stop
from rt_gait.track.sort import SortTracker
from rt_gait.types import FrameResult


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of six megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    path = disk / f"full{time.monotonic_ns()}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    size = 65536
    while size:
        try:
            os.write(fd, bytes(size))
        except OSError:
            size //= 2
    os.close(fd)
    return path


class Script:
    """Does something at some frames, and ends the run at the last."""

    name = "script"
    path = None

    def __init__(self, stop: Stop, acts: dict[int, Callable[[], object]]) -> None:
        self._stop, self._acts = stop, acts
        self._frame = 0

    def write(self, _result: FrameResult) -> None:
        self._frame += 1
        if self._frame in self._acts:
            self._acts[self._frame]()
        if self._frame > max(self._acts) + 20:
            self._stop.request()

    def close(self) -> None:
        """Nothing to finish."""


def run(
    disk: Path, acts: dict[int, Callable[[], object]], said: list[str]
) -> tuple[RunReport, list[Event]]:
    info = gait_model_info(default_models_dir(), "gei")
    nobody = Identifier(Templates.none(), Thresholds(known=0.9, candidate=0.8, margin=0))
    pipeline = Pipeline(
        detector=ScriptedDetector([Person(x_px=60, speed_px_per_sec=10)]),
        embedder=OnnxGaitEmbedder(info),
        lanes=[Lane(info, tracker=SortTracker(), identifier=nobody)],
    )
    builder = EventBuilder(
        run_id="test", source_name="door", frame_size_wh=FRAME_HW[::-1], model=None,
        gallery_revision=None, utc_now=lambda: datetime.now(timezone.utc), live=True,
    )  # fmt: skip
    stop = Stop()
    source = ScriptedSource(10_000, live=True, pause=lambda: time.sleep(0.01))
    outputs = [Script(stop, acts), Recording(disk / "out.mp4", Painter({}))]
    log = PatientLog(EventLog(disk / "e.jsonl", reserve=True), said.append)
    report = Runner(
        [Feed(source, builder, outputs)], pipeline=pipeline, log=log, stop=stop, tell=said.append
    ).run()
    return report, list(read_events(disk / "e.jsonl"))


def test_the_recording_is_given_up_and_no_event_is_lost(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rt_gait.events.build.STATS_EVERY_SECS", 0.02)  # a kilobyte a frame
    said: list[str] = []
    report, events = run(disk, {20: lambda: fill(disk)}, said)
    assert (report.exit_code, report.reason) == (ExitCode.OK, "stopped")
    assert [event["sequence"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "io.rt-gait.run.ended.v1"
    (failed,) = (e["data"] for e in events if "output.failed" in e["type"])
    assert failed["output"] == "recording"
    (line,) = said
    assert line.startswith("error: ")
    assert "out.mp4" in line
    assert report.failed == {disk / "out.mp4"}
    assert not (disk / "e.jsonl.reserve").exists()


def test_events_that_were_lost_show_as_a_gap_when_there_is_room_again(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rt_gait.events.build.STATS_EVERY_SECS", 0.02)
    said: list[str] = []
    fillers: list[Path] = []

    def crowd() -> None:
        fillers.append(fill(disk))

    def clear() -> None:
        for path in fillers:
            path.unlink()

    acts = {10: crowd, 40: crowd, 60: crowd, 90: clear}
    report, events = run(disk, acts, said)
    assert report.exit_code is ExitCode.OK
    numbers = [event["sequence"] for event in events]
    lost = numbers[-1] + 1 - len(numbers)
    assert lost > 0
    assert events[-1]["type"] == "io.rt-gait.run.ended.v1"
    assert [line.partition(":")[0] for line in said[:2]] == ["error", "error"]
    # A short event may fit where a long one did not: then it is told more than once.
    ends = [
        re.fullmatch(r"warning: the event log goes on; (\d+) events were lost", s) for s in said
    ]
    assert ends[-1] is not None
    assert sum(int(end[1]) for end in ends if end) == lost
