"""A live run while a real Triton server is killed, frozen, overloaded or replaced."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import triton_server
from figures import Figures
from jsonschema import Draft202012Validator
from scripted import FRAME_HW, Person, ScriptedDetector, ScriptedSource, frame

from rt_gait.assembly import Server
from rt_gait.config import Settings
from rt_gait.detect.triton import TritonDetector
from rt_gait.errors import ExitCode, ModelError
from rt_gait.events import EventBuilder, EventLog, ModelRef, load_schema, read_events
from rt_gait.feed import Feed
from rt_gait.gait.embedder import PipelineEmbedder
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.monitoring.process import resident_bytes
from rt_gait.pipeline import Pipeline
from rt_gait.reasons import WindowLoss
from rt_gait.runner import Runner, RunReport
from rt_gait.serving.repository import load_info
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient
from rt_gait.track.sort import SortTracker
from rt_gait.types import FrameResult, UInt8Array, Window

PEOPLE = (
    Person(x_px=100, speed_px_per_sec=0),
    Person(x_px=220, speed_px_per_sec=0, girth=0.16),
)
FPS = 25.0


class Camera(ScriptedSource):
    """A live source of 25 frames a second."""

    def __init__(self, secs: float) -> None:
        super().__init__(round(secs * FPS), fps=FPS, live=True, pause=self._keep_time)
        self._begun_secs: float | None = None
        self._given = 0

    def _keep_time(self) -> None:
        now_secs = time.monotonic()
        self._begun_secs = self._begun_secs or now_secs
        time.sleep(max(self._begun_secs + self._given / FPS - now_secs, 0))
        self._given += 1


class Diary:
    """When frames were done, and when embeddings came."""

    name = "diary"
    path = None

    def __init__(self) -> None:
        self.frames_secs: list[float] = []
        self.embedded_secs: list[float] = []

    def write(self, result: FrameResult) -> None:
        self.frames_secs.append(time.monotonic())
        self.embedded_secs += [time.monotonic()] * len(result.embeddings)

    def close(self) -> None:
        pass

    def rate(self, from_secs: float, to_secs: float) -> float:
        return sum(from_secs <= t < to_secs for t in self.frames_secs) / (to_secs - from_secs)


def watch(
    embedder: PipelineEmbedder, log: Path, *, secs: float, script: Callable[[], None]
) -> tuple[RunReport, Diary]:
    """Run a camera while a script does things to the server."""
    nobody = Identifier(Templates.none(), Thresholds(known=0.9, candidate=0.8, margin=0))
    pipeline = Pipeline(
        detector=ScriptedDetector(PEOPLE),
        embedder=embedder,
        lanes=[Lane(embedder.info, tracker=SortTracker(), identifier=nobody)],
    )
    builder = EventBuilder(
        run_id="test", source_name="camera", frame_size_wh=FRAME_HW[::-1],
        model=ModelRef("whole", "0"), gallery_revision=None,
        utc_now=lambda: datetime.now(timezone.utc), live=True,
    )  # fmt: skip
    diary = Diary()
    acting = threading.Thread(target=script)
    acting.start()
    report = Runner(
        [Feed(Camera(secs), builder, [diary])], pipeline=pipeline, log=EventLog(log)
    ).run()
    acting.join()
    return report, diary


@pytest.mark.parametrize("away_secs", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_r10_killed_and_relaunched(
    models: Path, server: TritonServer, tmp_path: Path, figures: Figures, away_secs: int
) -> None:
    """Frames go on at full rate meanwhile; results are back within five seconds; it is told."""
    times: dict[str, float] = {}

    def script() -> None:
        time.sleep(3)
        times["killed"] = time.monotonic()
        server.kill()
        time.sleep(away_secs / 4)
        rss_before = resident_bytes() / 1e6
        time.sleep(away_secs * 3 / 4)
        times["grown_mb"] = resident_bytes() / 1e6 - rss_before
        server.start()
        times["back"] = time.monotonic()

    said: list[str] = []
    settings = Settings(triton=server.address, models_dir=models)
    embedder = Server(settings, live=True, tell=said.append).embedder(load_info(models, "whole"))
    report, diary = watch(embedder, tmp_path / "e.jsonl", secs=9.5 + away_secs, script=script)
    assert report.exit_code is ExitCode.OK
    assert said == [
        f"the server {server.address} does not answer; names wait; trying again",
        f"the server {server.address} answers again",
    ]
    before = diary.rate(times["killed"] - 1.5, times["killed"])
    during = diary.rate(times["killed"], times["killed"] + away_secs)
    assert not [t for t in diary.embedded_secs if times["killed"] + 0.5 < t < times["back"] - 1.0]
    first_back = min(t for t in diary.embedded_secs if t > times["killed"] + 0.5)
    what = f"Triton killed for {away_secs} s"
    figures.at_least("R10", f"{what}: frame rate kept", during / before, 0.9, "", slack=1.2)
    figures.at_most("R10", f"{what}: answers again after", first_back - times["back"], 5, "s")
    figures.at_most("R10", f"{what}: memory", times["grown_mb"], 10, "MB", slack=1)
    lost = report.counters.windows_lost
    assert lost["unavailable"] > 0
    assert lost["replaced"] > 0
    events = list(read_events(tmp_path / "e.jsonl"))
    validator = Draft202012Validator(load_schema())
    for event in events:
        validator.validate(event)
    assert events[-1]["data"]["counters"]["windows_lost"] == lost
    assert json.dumps(lost) in json.dumps(events[-1])


def test_r11_frozen_and_thawed(
    models: Path, server: TritonServer, client: TritonClient, tmp_path: Path, figures: Figures
) -> None:
    """Requests end by their deadline, then none are sent; no frame waits for any of them."""
    embedder = triton_server.live(client, models)
    opened: list[float] = []

    def script() -> None:
        time.sleep(2.5)
        os.kill(server.pid, signal.SIGSTOP)
        frozen_secs = time.monotonic()
        while not embedder._health.is_open and time.monotonic() < frozen_secs + 15:
            time.sleep(0.01)
        opened.append(time.monotonic() - frozen_secs)
        os.kill(server.pid, signal.SIGCONT)

    report, diary = watch(embedder, tmp_path / "e.jsonl", secs=11, script=script)
    assert embedder._health.is_open is False
    assert opened[0] > 1
    longest_ms = 1000 * float(np.diff(diary.frames_secs).max())
    figures.at_most("R11", "Triton frozen: taken to be away after", opened[0], 4, "s")
    # A step that waited for the server would take its deadline, a second.
    what = "Triton frozen: longest time between frames"
    figures.at_most("R11", what, longest_ms, 500, "ms", slack=1.8)
    assert diary.embedded_secs[-1] > diary.frames_secs[-1] - 2
    assert report.counters.windows_lost["unavailable"] > 0


def test_r12_overloaded(tmp_path: Path, figures: Figures) -> None:
    """A full queue is no outage: what it refuses is counted, and the newest windows go on."""
    models = triton_server.copy_models(tmp_path / "models", ["2d_int8_0"])
    policy = "dynamic_batching { default_queue_policy { max_queue_size: 2 } }"
    triton_server.edit_config(models, "2d_int8_0", r"dynamic_batching \{.*\}", policy)
    triton_server.edit_config(models, "2d_int8_0", "max_batch_size: 32", "max_batch_size: 1")
    triton_server.edit_config(models, "2d_int8_0", "(?m)^model_warmup.*batch_size: 8.*\n", "")
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (30, 64, 44)).astype(np.uint8)
    with triton_server.running(triton_server.new_server(models)) as server:
        clients = [triton_server.connect(server) for _ in range(3)]
        crowd = [triton_server.live(client, models, "2d_int8_0") for client in clients]
        due, found = 0, {i: [] for i in range(12)}
        begun_secs = time.monotonic()
        while (now_secs := time.monotonic()) < begun_secs + 4 or (
            not all(found.values()) and now_secs < begun_secs + 60  # on a machine that is busy
        ):
            for embedder in crowd:
                windows = [Window(i, 0.0, now_secs, pixels) for i in found]
                due += len(windows)
                for embedding in embedder.exchange(windows, found):
                    found[embedding.track_id].append(embedding.end_secs)
                assert not embedder._health.is_open
            time.sleep(0.02)
        for embedder in crowd:
            embedder.finish()
        for client in clients:
            client.close()
    lost = sum((embedder.lost for embedder in crowd), start=type(crowd[0].lost)())
    assert lost[WindowLoss.REJECTED] > 0
    assert lost[WindowLoss.REPLACED] > 0
    unanswered = sum(not times for times in found.values())
    figures.tell("R12", "Triton overloaded: windows rejected", lost[WindowLoss.REJECTED], "")
    figures.tell("R12", "Triton overloaded: windows answered", sum(map(len, found.values())), "")
    figures.exactly(
        "R12", "Triton overloaded: taken for an outage", lost[WindowLoss.UNAVAILABLE], 0
    )
    figures.exactly("R12", "Triton overloaded: tracks never answered", unanswered, 0)
    assert sum(map(len, found.values())) + sum(lost.values()) == due


def test_relaunched_with_another_version(
    models: Path, server: TritonServer, client: TritonClient
) -> None:
    """What another network says of people is not compared with this one's templates."""
    info = load_info(models, "whole")
    embedder = triton_server.live(client, models)
    pixels = np.zeros((30, 64, 44), np.uint8)
    server.kill()
    (models / "whole" / "1").rename(models / "whole" / "2")
    server.start()
    (models / "whole" / "2").rename(models / "whole" / "1")
    assert info.version == 1

    def run() -> None:
        for step in range(100):
            embedder.exchange([Window(1, 0.0, float(step), pixels)], [1])
            time.sleep(0.05)

    with pytest.raises(ModelError, match=r"version 2 of model 'whole' answers.* has version 1"):
        run()


def test_the_segmenter_is_killed_and_relaunched(tmp_path: Path) -> None:
    """Frames go on without people, and say so."""
    models = triton_server.copy_models(tmp_path / "models", ["person_seg"])
    image: UInt8Array = frame(0).image_bgr
    with triton_server.running(triton_server.new_server(models)) as server:
        said: list[str] = []
        settings = Settings(triton=server.address, detector="triton:person_seg", models_dir=models)
        there = Server(settings, live=True, tell=said.append)
        detector = there.detector(load_info(models, "person_seg"))
        assert isinstance(detector, TritonDetector)
        assert not detector.detect(image).missing
        server.kill()
        begun_secs = time.monotonic()
        found = [detector.detect(image) for _ in range(50)]
        assert all(f.missing and len(f) == 0 for f in found)
        assert time.monotonic() - begun_secs < 5
        triton_server.seconds_until(
            lambda: (detector.detect(image), detector._health.is_open)[1], at_most=5
        )
        server.start()
        triton_server.seconds_until(lambda: not detector.detect(image).missing, at_most=5)
        assert [line.partition(server.address)[2] for line in said] == [
            " does not answer; nobody is seen; trying again",
            " answers again",
        ]
