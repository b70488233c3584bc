"""What Prometheus, a container and systemd see of a run whose camera or disk fails."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rtsp_camera import RtspCamera, free_port
from watched import WatchedRun, until

LOGIN = "ann:s3cret"


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera(login=LOGIN, fps=10) as started:
        yield started


@pytest.mark.timeout(300)
def test_a_camera_that_goes_away_shows_and_stops_nothing(
    camera: RtspCamera, tmp_path: Path
) -> None:
    arguments = ("--model", "gei", "--events", "events.jsonl")
    with WatchedRun(*arguments, folder=tmp_path, RT_GAIT_RTSP=camera.uri) as run:
        until(run.ready)
        name = f"127.0.0.1:{camera.port}"
        found = run.metrics()
        assert found.value("rt_gait_source_state", source=name, state="online") == 1
        assert run.pings(4) >= 2
        camera.kill()
        away_secs = until(lambda: not run.ready())
        assert run.reason() == f"{name}: reconnecting"
        assert run.metrics().value("rt_gait_source_state", source=name, state="reconnecting") == 1
        assert run.ask("/healthz")[0] == 200
        assert run.pings(4) >= 2, "a camera that is away is no reason to restart"
        camera.start()
        back_secs = until(run.ready)
        until(lambda: run.metrics().value("rt_gait_source_reconnects_total", source=name) == 1)
        last = run.metrics()
        counts = [
            last.value(f"rt_gait_frames_{what}_total", source=name, **labels)
            for what, labels in (
                ("captured", {}), ("processed", {}), ("dropped", {"reason": "replaced"}),
            )
        ]  # fmt: skip
        assert counts[0] == counts[1] + counts[2] > 0
        timed = last.value("rt_gait_frame_age_seconds_count", source=name)
        assert 0 < timed <= counts[1]
        assert run.stop() == 0, run.stderr
        assert "s3cret" not in run.told + run.stderr
    sys.stdout.write(
        f"\nnot ready {away_secs:.1f} s after the camera died, "
        f"ready {back_secs:.1f} s after it came back\n"
    )


@pytest.mark.timeout(300)
def test_one_camera_of_two_is_enough_and_the_other_is_told_of(
    camera: RtspCamera, tmp_path: Path
) -> None:
    nobody = f"rtsp://{LOGIN}@127.0.0.1:{free_port()}/live"
    arguments = ("--model", "gei", "--events", "events.jsonl")
    sources = f"gate={camera.uri} yard={nobody}"
    with WatchedRun(*arguments, folder=tmp_path, RT_GAIT_SOURCE=sources) as run:
        until(run.ready)
        found = run.metrics()
        assert found.value("rt_gait_source_state", source="gate", state="online") == 1
        assert found.value("rt_gait_source_state", source="yard", state="reconnecting") == 1
        assert found.value("rt_gait_frames_processed_total", source="yard") == 0
        assert found.value("rt_gait_events_written_total") >= 2
        assert json.loads(run.ask("/readyz")[1])["sources"]["yard"]["state"] == "reconnecting"
        camera.kill()
        until(lambda: not run.ready())
        assert run.reason() == "gate: reconnecting; yard: reconnecting"
        assert run.ask("/healthz")[0] == 200
        assert run.stop() == 0, run.stderr
        assert "s3cret" not in run.told + run.stderr


@pytest.mark.timeout(300)
def test_a_main_loop_that_hangs_is_not_hidden(camera: RtspCamera, tmp_path: Path) -> None:
    """The reader of the events stops reading: the next event waits for it for ever."""
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    arguments = ("--model", "gei", "--events", pipe, "--overwrite")
    with WatchedRun(*arguments, folder=tmp_path, RT_GAIT_RTSP=camera.uri) as run:
        until(run.ready)
        _fill(reader)
        stuck_secs = until(lambda: not run.ready())
        assert "no frame for 1" in run.reason()
        assert run.pings(3) == 0, "systemd would have restarted it"
        assert run.ask("/metrics")[0] == 200
        os.read(reader, 1 << 20)
        until(run.ready)
        assert run.pings(4) >= 2
        os.read(reader, 1 << 20)
        assert run.stop() == 0, run.stderr
    os.close(reader)
    sys.stdout.write(f"\nnot ready {stuck_secs:.1f} s after the reader stopped\n")


def _fill(pipe: int) -> None:
    for size in (4096, 1):
        try:
            while True:
                os.write(pipe, b"\n" * size)
        except BlockingIOError:
            pass
