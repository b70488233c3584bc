"""Three real RTSP cameras in one run, and what becomes of the others when one is lost."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from rtsp_camera import RtspCamera, free_port
from scripted import FRAME_HW, Person, ScriptedDetector, ScriptedSource

from rt_gait.assembly import Server
from rt_gait.config import Settings
from rt_gait.detect.detector import OneByOne
from rt_gait.errors import ExitCode, SourceOpenError
from rt_gait.events import Event, EventBuilder, EventLog, ModelRef, read_events
from rt_gait.feed import Feed
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.pipeline import Pipeline
from rt_gait.runner import Runner, RunReport
from rt_gait.serving.repository import default_models_dir, load_info
from rt_gait.serving.server.process import TritonServer
from rt_gait.stopping import Stop
from rt_gait.track.sort import SortTracker
from rt_gait.types import Detections, FrameResult, Mask, UInt8Array
from rt_gait.video.several import open_several

LOGIN = "ann:s3cret"
WALKER = Person(x_px=100, speed_px_per_sec=0)


class Somebody(OneByOne):
    """A detector that sees one person in the middle of every picture."""

    key = "somebody@0"

    def detect(self, image_bgr: UInt8Array) -> Detections:
        height, width = image_bgr.shape[:2]
        x, y, w, h = width // 2 - height // 8, height // 4, height // 4, height // 2
        mask = Mask(x, y, np.ones((h, w), np.bool_))
        box = np.array([[x, y, x + w, y + h]], np.float32)
        return Detections(box, np.array([0.9], np.float32), (mask,))


class Diary:
    """When frames were done."""

    name = "diary"
    path = None

    def __init__(self) -> None:
        self.results: list[FrameResult] = []
        self.times_secs: list[float] = []

    def write(self, result: FrameResult) -> None:
        self.results.append(result)
        self.times_secs.append(time.monotonic())

    def close(self) -> None:
        """Nothing to finish."""


def watch(
    places: dict[str, str], log: Path, script: Callable[[dict[str, Diary]], None]
) -> tuple[RunReport, dict[str, Diary], list[Event], float]:
    """Run over cameras until a script ends; with the time at which it began to open them."""
    begun_secs = time.monotonic()
    sources = open_several(places)
    info = gait_model_info(default_models_dir(), "gei")
    limits = Thresholds(known=0.9, candidate=0.8, margin=0)
    pipeline = Pipeline(
        detector=Somebody(),
        embedder=OnnxGaitEmbedder(info),
        lanes=[
            Lane(
                info,
                tracker=SortTracker(first_id=k + 1, id_step=len(sources)),
                identifier=Identifier(Templates.none(), limits),
            )
            for k in range(len(sources))
        ],
    )
    numbers = itertools.count()
    diaries = {name: Diary() for name in places}
    feeds = [
        Feed(
            source,
            EventBuilder(
                run_id="test",
                source_name=name,
                frame_size_wh=(source.info.width_px, source.info.height_px),
                model=ModelRef("gei", "0"),
                gallery_revision=None,
                utc_now=lambda: datetime.now(timezone.utc),
                live=True,
                numbers=numbers,
            ),
            [diaries[name]],
        )
        for name, source in zip(places, sources, strict=True)
    ]
    stop = Stop()

    def act() -> None:
        try:
            script(diaries)
        finally:
            stop.request()

    acting = threading.Thread(target=act)
    acting.start()
    report = Runner(feeds, pipeline=pipeline, log=EventLog(log), stop=stop).run()
    acting.join()
    return report, diaries, list(read_events(log)), begun_secs


def states(events: list[Event], name: str) -> list[str]:
    return [
        e["data"]["state"]
        for e in events
        if "source.state" in e["type"] and e["source"].endswith(f":{name}")
    ]


def until(true: Callable[[], bool], at_most_secs: float = 40.0) -> float:
    """Wait, and return for how long."""
    begun_secs = time.monotonic()
    while not true():
        assert time.monotonic() - begun_secs < at_most_secs
        time.sleep(0.02)
    return time.monotonic() - begun_secs


def test_one_of_three_is_dead_at_the_start_and_another_dies(tmp_path: Path) -> None:
    """R6: the others give frames within 3 s, and the dead ones come back when they can."""
    dead = RtspCamera()
    with RtspCamera(login=LOGIN) as one, RtspCamera(size=(640, 360)) as other:
        figures: dict[str, float] = {}

        def script(diaries: dict[str, Diary]) -> None:
            until(lambda: bool(diaries["one"].results and diaries["other"].results))
            time.sleep(2)
            assert not diaries["dead"].results
            dead.start()
            figures["back"] = until(lambda: bool(diaries["dead"].results))
            other.kill()
            time.sleep(3)
            given = len(diaries["other"].results)
            other.start()
            until(lambda: len(diaries["other"].results) > given + 5)

        try:
            places = {"one": one.uri, "dead": dead.uri, "other": other.uri}
            report, diaries, events, begun = watch(places, tmp_path / "e.jsonl", script)
        finally:
            dead.kill()
    for name in ("one", "other"):
        figures[name] = diaries[name].times_secs[0] - begun
    figures["pause"] = float(np.diff(diaries["one"].times_secs).max())
    assert report.exit_code is ExitCode.OK
    assert figures["one"] < 6
    assert figures["other"] < 6
    assert figures["pause"] < 2, "a camera that dies holds up no other"
    assert states(events, "one") == ["online", "ended"]
    assert states(events, "dead") == ["reconnecting", "online", "ended"]
    assert states(events, "other") == ["online", "reconnecting", "online", "ended"]
    assert report.counters.reconnects == 1
    kinds = [e["type"].split(".", 2)[2] for e in events if e["source"].endswith(":other")]
    _, lost, back, _ = (i for i, kind in enumerate(kinds) if kind == "source.state.v1")
    assert "track.ended.v1" in kinds[lost:back], "who was in view is gone with the camera"
    ids = {n: {i for r in d.results for i in r.identities} for n, d in diaries.items()}
    assert [min(ids[name]) for name in places] == [1, 2, 3]
    assert not (ids["one"] & ids["other"])
    text = (tmp_path / "e.jsonl").read_text()
    assert "s3cret" not in text
    assert "ann:" not in text


def test_a_run_of_which_no_camera_is_there_does_not_begin() -> None:
    places = {name: f"rtsp://{LOGIN}@127.0.0.1:{free_port()}/live" for name in ("a", "b")}
    with pytest.raises(SourceOpenError, match="Connection refused") as caught:
        open_several(places)
    assert "s3cret" not in str(caught.value)
    assert not [t for t in threading.enumerate() if t.name == "camera" and not t.daemon]


def test_a_frozen_camera_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """R17, with another camera that is well."""
    stopped: list[float] = []
    with RtspCamera() as one, RtspCamera() as frozen:

        def script(diaries: dict[str, Diary]) -> None:
            until(lambda: all(d.results for d in diaries.values()))
            frozen.send(signal.SIGSTOP)
            time.sleep(1)
            stopped.append(time.monotonic())

        report, _, events, _ = watch(
            {"one": one.uri, "frozen": frozen.uri}, tmp_path / "e.jsonl", script
        )
        took_secs = time.monotonic() - stopped[0]
        frozen.send(signal.SIGCONT)
    assert report.exit_code is ExitCode.OK
    assert took_secs < 8
    assert [e["type"] for e in events[-2:]] == ["io.rt-gait.run.ended.v1"] * 2


def test_a_frozen_server_does_not_hold_up_the_end_of_several(
    models: Path, server: TritonServer
) -> None:
    """R17: one gait model on a server, two cameras, and the server stops answering."""
    embedder = Server(Settings(triton=server.address, models_dir=models), live=True).embedder(
        load_info(models, "whole")
    )
    stop, begun = Stop(), time.monotonic()
    nobody = Thresholds(known=0.9, candidate=0.8, margin=0)
    lanes = [
        Lane(
            embedder.info,
            tracker=SortTracker(first_id=k + 1, id_step=2),
            identifier=Identifier(Templates.none(), nobody),
        )
        for k in range(2)
    ]
    feeds = [
        Feed(
            ScriptedSource(100_000, live=True, pause=lambda: time.sleep(0.04)),
            EventBuilder(
                run_id="test",
                source_name=name,
                frame_size_wh=FRAME_HW[::-1],
                model=None,
                gallery_revision=None,
                utc_now=lambda: datetime.now(timezone.utc),
                live=True,
            ),
            [Diary()],
        )
        for name in ("a", "b")
    ]
    wishes: list[float] = []

    def script() -> None:
        until(lambda: all(feed.builder.counters.windows for feed in feeds), 60)
        os.kill(server.pid, signal.SIGSTOP)
        time.sleep(3)
        wishes.append(time.monotonic())
        stop.request()

    acting = threading.Thread(target=script)
    acting.start()
    pipeline = Pipeline(detector=ScriptedDetector([WALKER]), embedder=embedder, lanes=lanes)
    report = Runner(feeds, pipeline=pipeline, stop=stop).run()
    took_secs = time.monotonic() - wishes[0]
    acting.join()
    os.kill(server.pid, signal.SIGCONT)
    assert report.exit_code is ExitCode.OK
    assert took_secs < 8, f"it took {took_secs:.1f} s, {time.monotonic() - begun:.0f} s in all"
    for feed in feeds:
        assert sum(feed.builder.counters.windows_lost.values()) > 0, "each has losses of its own"
