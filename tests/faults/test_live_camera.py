"""A live run over a real RTSP camera that is too fast, frozen, killed or replaced by another."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from figures import Figures
from live_run import WALKERS, Diary, LiveRun, StampedDetector, new_pipeline
from rtsp_camera import RtspCamera
from scripted import FRAME_HW, ScriptedDetector, frame
from triton_server import seconds_until

from rt_gait.errors import ExitCode, SourceLostError, SourceOpenError
from rt_gait.monitoring.process import open_files, resident_bytes
from rt_gait.types import Frame
from rt_gait.video.live import BACKOFF_SECS, JITTER, LiveSource
from rt_gait.video.source import BaseSource, Source, SourceInfo, open_source

FIRST_WAIT_SECS = BACKOFF_SECS[0] * (1 + JITTER)


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera(stamped=True) as started:
        yield started


def network(camera: RtspCamera) -> Source:
    return open_source(video=None, camera=None, uri=camera.uri)


@pytest.mark.parametrize("secs", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_r1_a_slow_consumer_sees_the_present(tmp_path: Path, figures: Figures, secs: int) -> None:
    detector, diary = StampedDetector(), Diary(every_secs=0.1)
    camera = RtspCamera(size=(640, 480), stamped=True)
    with camera, network(camera) as source:
        run = LiveRun(source, tmp_path / "e", pipeline=new_pipeline(detector), outputs=[diary])
        with run:
            time.sleep(2)
            rss_before, begun_secs = resident_bytes() / 1e6, time.monotonic()
            del detector.ages_secs[:]
            time.sleep(secs)
            grown_mb, lasted_secs = (
                resident_bytes() / 1e6 - rss_before,
                time.monotonic() - begun_secs,
            )
            seen = len(detector.ages_secs)
    ages_ms = 1000 * np.array(detector.ages_secs[:seen])
    counters = run.report.counters
    under = f"consumer of 10 fps, camera of 25, {secs} s"
    figures.tell("R1", f"{under}: rate", seen / lasted_secs, "fps")
    figures.at_most("R1", f"{under}: age p95", float(np.percentile(ages_ms, 95)), 150, "ms")
    figures.at_most("R1", f"{under}: age max", float(ages_ms.max()), 500, "ms")
    figures.at_most("R1", f"{under}: memory", grown_mb, 20, "MB", slack=1)
    assert counters.processed + counters.dropped == counters.captured
    assert counters.dropped > counters.processed, "the camera was not faster than the consumer"
    assert counters.captured > 0.8 * 25 * lasted_secs


def test_r3_a_frozen_camera(tmp_path: Path, figures: Figures, camera: RtspCamera) -> None:
    diary = Diary()
    with network(camera) as source:
        run = LiveRun(
            source, tmp_path / "e", pipeline=new_pipeline(StampedDetector()), outputs=[diary]
        )
        with run:
            time.sleep(2)
            frozen_secs = time.monotonic()
            camera.send(signal.SIGSTOP)
            offline_secs = run.when("reconnecting") - frozen_secs
            time.sleep(0.5)
            camera.send(signal.SIGCONT)
            thawed_secs = time.monotonic()
            back_secs = run.when("online", since_secs=thawed_secs) - thawed_secs
            time.sleep(2)
    figures.at_most("R3", "frozen camera: told as lost after", offline_secs, 7, "s", slack=1.5)
    figures.at_most("R3", "frozen camera: frames again after the thaw", back_secs, 5, "s")
    before, after = ([f for f in diary.frames if f.epoch == epoch] for epoch in (0, 1))
    assert before + after == diary.frames
    windows = [e for f in after for e in f.embeddings]
    first_secs = after[0].time_secs
    assert any(f.embeddings for f in before) and windows, "nobody was embedded"
    span_secs = 29 / 25  # of a window of 30 frames
    reaching_over = sum(w.end_secs - span_secs < first_secs - 1e-6 for w in windows)
    figures.exactly("R3", "frozen camera: windows with frames from both sides", reaching_over, 0)
    tracks = [{t.track_id for f in half for t in f.tracks} for half in (before, after)]
    assert not tracks[0] & tracks[1]


@pytest.mark.parametrize("cycles", [1, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.timeout(400)
def test_r4_killed_and_restarted(
    tmp_path: Path, figures: Figures, camera: RtspCamera, cycles: int
) -> None:
    offline, back, marks = [], [], []
    with network(camera) as source:
        run = LiveRun(source, tmp_path / "e", pipeline=new_pipeline(StampedDetector()))
        with run:
            for _ in range(cycles + 1):
                time.sleep(1)
                seconds_until(lambda: threading.active_count() <= 4, at_most=10)
                marks.append((threading.active_count(), open_files(), resident_bytes() / 1e6))
                killed_secs = time.monotonic()
                camera.kill()
                offline.append(run.when("reconnecting", since_secs=killed_secs) - killed_secs)
                camera.start()
                started_secs = time.monotonic()
                back.append(run.when("online", since_secs=killed_secs) - started_secs)
            time.sleep(1)
    after = f"{cycles} kills of the camera"
    figures.at_most("R4", f"{after}: told as lost after, worst", max(offline), 1, "s")
    # It may have been tried once while the camera still started.
    limit_secs = 3 * FIRST_WAIT_SECS + 3
    figures.at_most("R4", f"{after}: back after, worst", max(back), limit_secs, "s")
    threads, fds, rss = (last - first for first, last in zip(marks[1], marks[-1], strict=True))
    figures.exactly("R4", f"{after}: threads", threads, 0, "more")
    figures.at_most("R4", f"{after}: descriptors", fds, 2, "more", slack=1)
    figures.at_most("R4", f"{after}: memory", rss, 15, "MB", slack=1)
    assert source.reconnects == cycles + 1


def test_r5_another_size_after_a_reconnect(tmp_path: Path, figures: Figures) -> None:
    diary, camera = Diary(), RtspCamera(stamped=True, login="ann:s3cret")
    with camera, network(camera) as source:
        run = LiveRun(
            source, tmp_path / "e", pipeline=new_pipeline(StampedDetector()), outputs=[diary]
        )
        with run:
            time.sleep(2)
            camera.kill()
            camera.size = (640, 360)
            camera.start()
            seconds_until(lambda: diary.frames[-1].epoch == 1, at_most=15)
            time.sleep(2)
    assert {f.epoch: f.size_hw for f in diary.frames} == {0: (240, 320), 1: (360, 640)}
    assert all(any(f.tracks for f in diary.frames if f.epoch == epoch) for epoch in (0, 1))
    outside = 0
    for seen in diary.frames:
        height, width = seen.size_hw
        boxes = np.array([t.box_xyxy_px for t in seen.tracks if t.detection is not None])
        if len(boxes):
            outside += int((boxes < 0).any() or (boxes > (width, height, width, height)).any())
    figures.exactly("R5", "another size after a reconnect: frames with a box outside", outside, 0)
    assert run.report.exit_code is ExitCode.OK
    states = [e["data"]["state"] for e in run.events if "state" in e["data"]]
    assert states == ["online", "reconnecting", "online", "ended"]
    assert "s3cret" not in (tmp_path / "e").read_text()


class Unplugged(BaseSource):
    """A camera of this machine that is pulled out after some frames."""

    def __init__(self, frames: int) -> None:
        super().__init__(SourceInfo("camera0", True, *FRAME_HW[::-1], Fraction(25), None))
        self._left = self._frames = frames

    def read(self) -> Frame | None:
        if not self._left:
            raise SourceLostError("the camera is gone (No such device)")
        time.sleep(0.04)
        self._left -= 1
        return frame(self._frames - self._left - 1)

    def close(self) -> None:
        self._left = 0


def test_r7_an_unplugged_camera(tmp_path: Path, figures: Figures) -> None:
    """A source stands in for the device: containers have no kernel module for cameras."""
    plugged, diary = threading.Event(), Diary()
    plugged.set()

    def plug_in() -> Source:
        if not plugged.is_set():
            raise SourceOpenError("no camera 0")
        return Unplugged(60)

    detector = ScriptedDetector(WALKERS)
    with LiveSource(plug_in) as source:
        run = LiveRun(source, tmp_path / "e", pipeline=new_pipeline(detector), outputs=[diary])
        with run:
            seconds_until(lambda: len(diary.frames) > 30, at_most=20)
            plugged.clear()
            lost_secs = run.when("reconnecting")
            last_secs = diary.frames[-1].at_secs
            time.sleep(3)
            plugged.set()
            plugged_secs = time.monotonic()
            back_secs = run.when("online", since_secs=lost_secs) - plugged_secs
            seconds_until(lambda: diary.frames[-1].epoch == 1, at_most=20)
    figures.at_most("R7", "unplugged camera: told as lost after", lost_secs - last_secs, 7, "s")
    figures.at_most("R7", "unplugged camera: back after it is plugged in", back_secs, 5, "s")
    assert run.report.exit_code is ExitCode.OK
    assert [f.epoch for f in diary.frames] == sorted(f.epoch for f in diary.frames)
