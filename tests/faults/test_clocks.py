"""Wall clocks that are set, and timestamps of recordings that make no sense."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import av
import numpy as np
import pytest
import scripted
from figures import Figures
from live_run import WALKERS, LiveRun, StampedDetector, new_pipeline
from rtsp_camera import RtspCamera
from scripted import Person

from rt_gait.events import read_events
from rt_gait.gait.silhouette import normalise
from rt_gait.gait.windows import WindowBuilder, WindowShape
from rt_gait.types import Frame, Silhouette, Window
from rt_gait.video.source import open_source

PROGRAM = Path(__file__).parents[1] / "fault_programs.py"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera(stamped=True) as started:
        yield started


def check_log(log: Path, figures: Figures, what: str, *, tracks: int) -> list[dict[str, object]]:
    """Note what a clock that is set has done to a run."""
    events = list(read_events(log))
    states = [e["data"]["state"] for e in events if "state" in e["data"]]
    figures.exactly("R18", f"{what}: stalls told", states.count("reconnecting"), 0)
    figures.exactly("R18", f"{what}: tracks of two people", tracks, len(WALKERS))
    assert [e["sequence"] for e in events] == list(range(len(events)))

    def negative(value: object, name: str = "") -> int:
        if isinstance(value, dict):
            return sum(negative(v, k) for k, v in value.items())
        if isinstance(value, list):
            return sum(negative(v, name) for v in value)
        is_time = name.endswith(("_secs", "_ms"))
        return int(is_time and isinstance(value, (int, float)) and value < 0)

    figures.exactly("R18", f"{what}: negative times", sum(map(negative, events)), 0)
    return events


def test_r18_a_wall_clock_that_is_set(
    tmp_path: Path, figures: Figures, camera: RtspCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rt_gait.events.build.STATS_EVERY_SECS", 0.3)
    shifts = itertools.cycle([timedelta(0), timedelta(hours=1), timedelta(hours=-1)])
    with open_source(video=None, camera=None, uri=camera.uri) as source:
        run = LiveRun(
            source, tmp_path / "e", pipeline=new_pipeline(StampedDetector()),
            utc_now=lambda: datetime.now(timezone.utc) + next(shifts),
        )  # fmt: skip
        with run:
            time.sleep(3)
    what = "wall clock of the events set by an hour, again and again"
    check_log(tmp_path / "e", figures, what, tracks=run.report.counters.tracks)


@pytest.mark.slow
@pytest.mark.skipif(not FAKETIME.exists(), reason="no libfaketime here: make faults")
def test_r18_the_wall_clock_of_a_whole_process_is_set(
    tmp_path: Path, figures: Figures, camera: RtspCamera
) -> None:
    """All libraries too, FFmpeg's network code among them."""
    shift, log = tmp_path / "shift", tmp_path / "e.jsonl"
    shift.write_text("+0\n")
    environment = os.environ | {
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(shift),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, PROGRAM, "live", camera.uri, log], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            assert process.stdout.readline() == "running\n"
            for hours in (1, -1, 0):
                time.sleep(2)
                shift.write_text(f"{hours:+d}h\n" if hours else "+0\n")
            time.sleep(2)
            process.stdin.write("\n")
            process.stdin.flush()
            frames, tracks, code = map(int, process.stdout.readline().split())
        finally:
            process.kill()
    assert code == 0
    assert frames > 10
    what = "wall clock of the process set by an hour, there and back"
    events = check_log(log, figures, what, tracks=tracks)
    times = [datetime.fromisoformat(str(e["time"]).replace("Z", "+00:00")) for e in events]
    assert max(times) - min(times) > timedelta(minutes=50), "the clock was not set"


PERSON = Person(x_px=160, speed_px_per_sec=0)


def film(path: Path, pts: Sequence[int | None], codec: str = "ffv1") -> None:
    """Write a recording whose pictures have these timestamps, in frames of 25 Hz."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = scripted.FRAME_HW
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for index, ticks in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(scripted.frame(index).image_bgr, format="bgr24")
            frame.pts = index
            for packet in stream.encode(frame):
                packet.pts = packet.dts = ticks
                container.mux(packet)


def walk(clip: Path, filmed: Sequence[int]) -> tuple[list[Frame], list[Window]]:
    """Read a recording and cut the windows of a walker, as a run does.

    ``filmed`` is when the pictures were taken, in frames of 25 Hz.
    """
    windows: list[Window] = []
    builder = WindowBuilder(WindowShape(frames=30, cadence_hz=25, stride_secs=0.4))
    with open_source(video=clip, camera=None) as source:
        frames = list(iter(source.read, None))
    for frame, before, ticks in zip(frames, [frames[0], *frames], filmed, strict=False):
        if frame.epoch != before.epoch:
            builder.reset()
        builder.tick(frame.time_secs)
        mask = PERSON.mask(ticks / 25)
        pixels = None if mask is None else normalise(mask, frame.image_bgr.shape[1])
        assert pixels is not None
        silhouette = Silhouette(1, frame.index, frame.time_secs, np.zeros(4, np.float32), pixels)
        windows += builder.add(silhouette)
    return frames, windows


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean overlap of the silhouettes of two windows, 0 to 1."""
    a, b = a > 127, b > 127
    return float(((a & b).sum(axis=(1, 2)) / (a | b).sum(axis=(1, 2))).mean())


def test_r19_dropped_frames_change_a_window_little(tmp_path: Path, figures: Figures) -> None:
    """Every third frame is missing: steps go by time; by index they would run away."""
    kept = [n for n in range(100) if n % 3 != 2]
    whole, thin = tmp_path / "whole.mkv", tmp_path / "thin.mkv"
    film(whole, range(100))
    film(thin, kept)
    _, expected = walk(whole, range(100))
    _, found = walk(thin, kept)
    assert [w.end_secs for w in found] == pytest.approx([w.end_secs for w in expected], abs=1e-3)
    by_time = [likeness(a.pixels, b.pixels) for a, b in zip(expected, found, strict=True)]
    film(thin, range(len(kept)))
    _, by_index = walk(thin, kept)
    figures.at_least("R19", "every 3rd frame missing: overlap of windows", min(by_time), 0.9, "")
    away = likeness(expected[0].pixels, by_index[0].pixels)
    figures.tell("R19", "every 3rd frame missing: overlap if steps went by index", away, "")
    assert away < min(by_time)


KINDS: dict[str, tuple[str, list[Sequence[int | None]]]] = {
    "missing": ("nut", [[n if n % 4 else None for n in range(1, 101)]]),
    "repeated": ("mkv", [[n - n % 2 for n in range(100)]]),
    "jumping 10 s": ("nut", [[n + 250 * (n >= 50) for n in range(100)]]),
    "jumping back": ("ts", [range(50), range(10, 60)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_r19_odd_timestamps(tmp_path: Path, figures: Figures, kind: str) -> None:
    suffix, parts = KINDS[kind]
    clip, part = tmp_path / f"clip.{suffix}", tmp_path / f"part.{suffix}"
    with clip.open("wb") as whole:
        for pts in parts:
            film(part, pts, "mpeg2video" if suffix == "ts" else "ffv1")
            whole.write(part.read_bytes())
    frames, windows = walk(clip, range(100))
    assert len(frames) >= 98  # two are lost where one transport stream is cut to the other
    assert [f.time_secs for f in frames] == sorted(f.time_secs for f in frames)
    assert frames[-1].epoch == kind.startswith("jumping")
    jumps = [b.time_secs for a, b in itertools.pairwise(frames) if a.epoch != b.epoch]
    over = sum(w.start_secs < jump - 1e-6 < w.end_secs for w in windows for jump in jumps)
    figures.exactly("R19", f"timestamps {kind}: windows over a jump", over, 0)
    assert windows
