"""SIGTERM to the real program while it is well, and while what it waits for is not."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from figures import Figures
from rtsp_camera import RtspCamera
from triton_server import copy_models, new_server, running, seconds_until, write_whole

from rt_gait.errors import ExitCode
from rt_gait.events import read_events
from rt_gait.stopping import DEADLINE_SECS

GRACE_SECS = 25.0
LIGHT = ("--model", "gei")


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera(size=(320, 240)) as started:
        yield started


@contextmanager
def program(
    camera: RtspCamera,
    log: Path | str,
    *arguments: object,
    stdout: int = subprocess.DEVNULL,
    **environment: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a live run in a session of its own; leave it killed."""
    command = [sys.executable, "-m", "rt_gait", "--rtsp", camera.uri, "--headless"]
    command += ["--events", str(log), *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True,
        env=os.environ | environment,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for_frames(process: subprocess.Popen[bytes], log: Path, *others: Path) -> None:
    """Wait until the run has begun and has had time for some frames."""

    def begun() -> bool:
        assert process.poll() is None, process.stderr.read()
        return log.exists() and b'"online"' in log.read_bytes()

    seconds_until(begun, at_most=60)
    seconds_until(lambda: all(o.exists() for o in others), at_most=30)
    time.sleep(1)


def stop(process: subprocess.Popen[bytes]) -> float:
    """Send SIGTERM; return the seconds until the end."""
    assert not shared_memory(process.pid)
    begun_secs = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(GRACE_SECS)
    return time.monotonic() - begun_secs


def shared_memory(pid: int) -> list[str]:
    """Return what would be left in /dev/shm; a region that a server knows has no name there."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line for line in maps if "/dev/shm/" in line and not line.endswith("(deleted)")]


def left_behind(session: int) -> list[str]:
    """Return the processes of a session that still live."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        state, _parent, _group, its_session = rest.split()[:4]
        if int(its_session) == session and state != "Z":
            found.append(name)
    return found


def ended(log: Path) -> dict[str, object]:
    last = list(read_events(log))[-1]
    assert last["type"] == "io.rt-gait.run.ended.v1"
    return last["data"]


def test_r17_while_all_is_well(tmp_path: Path, figures: Figures, camera: RtspCamera) -> None:
    log, video = tmp_path / "e.jsonl", tmp_path / "o.mp4"
    with program(camera, log, *LIGHT, "--save", video) as process:
        wait_for_frames(process, log, video)
        took_secs = stop(process)
    assert process.returncode == 0
    assert (ended(log)["reason"], ended(log)["exit_code"]) == ("stopped", 0)
    assert left_behind(process.pid) == []
    figures.at_most("R17", "SIGTERM while all is well", took_secs, 3, "s")


@pytest.mark.parametrize("frozen_secs", [0.5, pytest.param(7.0, marks=pytest.mark.slow)])
def test_r17_while_the_camera_is_frozen(
    tmp_path: Path, figures: Figures, camera: RtspCamera, frozen_secs: float
) -> None:
    log = tmp_path / "e.jsonl"
    with program(camera, log, *LIGHT) as process:
        wait_for_frames(process, log)
        camera.send(signal.SIGSTOP)
        time.sleep(frozen_secs)
        took_secs = stop(process)
    assert process.returncode == 0
    assert ended(log)["exit_code"] == 0
    assert left_behind(process.pid) == []
    what = f"SIGTERM with the camera frozen for {frozen_secs:g} s"
    figures.at_most("R17", what, took_secs, 5, "s")


def test_r17_while_triton_is_frozen(tmp_path: Path, figures: Figures, camera: RtspCamera) -> None:
    models = write_whole(copy_models(tmp_path / "models", ["person_seg"]))
    options = ("--model", "whole", "--detector", "triton:person_seg")
    log = tmp_path / "e.jsonl"
    with running(new_server(models)) as server:
        there = {"RT_GAIT_TRITON": server.address, "RT_GAIT_MODELS_DIR": str(models)}
        with program(camera, log, *options, **there) as process:
            wait_for_frames(process, log)
            os.kill(server.pid, signal.SIGSTOP)
            time.sleep(0.5)
            took_secs = stop(process)
        os.kill(server.pid, signal.SIGCONT)
    assert process.returncode == 0
    assert ended(log)["exit_code"] == 0
    assert left_behind(process.pid) == []
    figures.at_most("R17", "SIGTERM with Triton frozen", took_secs, 5, "s")


@pytest.mark.parametrize(
    ("signals", "what", "secs"),
    [(1, "SIGTERM", DEADLINE_SECS + 1), (2, "the second signal", 0.5)],
    ids=["one", "two"],
)
def test_r17_while_nobody_reads_the_events(
    figures: Figures, camera: RtspCamera, signals: int, what: str, secs: float
) -> None:
    """Whoever should read standard output has stopped: the pipe is full."""
    reading, writing = os.pipe()
    os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)))
    with program(camera, "-", *LIGHT, stdout=writing) as process:
        os.close(writing)
        seconds_until(
            lambda: "pipe" in (Path(f"/proc/{process.pid}/wchan").read_text()), at_most=60
        )
        for _ in range(signals):
            time.sleep(0.5)
            begun_secs = time.monotonic()
            process.send_signal(signal.SIGTERM)
        process.wait(GRACE_SECS)
        took_secs = time.monotonic() - begun_secs
        told = process.stderr.read()
    os.close(reading)
    assert process.returncode == ExitCode.INTERRUPTED
    assert (b"an output blocks" in told) == (signals == 1)
    figures.at_most("R17", f"{what}, with an output that blocks", took_secs, secs, "s")
