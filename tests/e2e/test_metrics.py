"""``--metrics`` beside a file: what it tells, who may ask, and that the results stay the same."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path

import pytest
from command import SAMPLES, rt_gait
from prometheus_text import parse
from rtsp_camera import free_port
from test_main_job import cut
from watched import PATIENCE_SECS, WatchedRun, until

from rt_gait.events import normalise, read_events
from rt_gait.identity.gallery import Gallery

SLOW_CLIENTS = 30


def events(path: Path) -> list[str]:
    return [json.dumps(event) for event in normalise(read_events(path))]


@pytest.mark.timeout(400)
def test_clients_that_never_finish_change_nothing(tmp_path: Path) -> None:
    clip = cut(SAMPLES / "crossing.mp4", tmp_path / "end.mp4", first_secs=14.5)
    plain = rt_gait("--video", clip, "--model", "gei", "--headless", "--events", tmp_path / "plain")
    assert plain.returncode == 0, plain.stderr
    arguments = ("--video", clip, "--model", "gei", "--events", "watched")
    with WatchedRun(*arguments, folder=tmp_path) as run, contextlib.ExitStack() as stack:
        until(lambda: run.ask("/healthz")[0] == 200)
        for _ in range(SLOW_CLIENTS):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", run.port), 10))
            slow.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        until(run.ready)
        assert run.metrics().value("rt_gait_frames_processed_total", source=clip.name) > 0
        assert run.wait() == 0, run.stderr
    assert len(events(tmp_path / "plain")) > 3
    assert events(tmp_path / "watched") == events(tmp_path / "plain")


@pytest.mark.timeout(400)
def test_who_was_recognised_is_counted_and_not_told(tmp_path: Path) -> None:
    clip = cut(SAMPLES / "crossing.mp4", tmp_path / "middle.mp4", first_secs=6.0)
    gallery = SAMPLES / "people.gallery"
    with Gallery.open(gallery, read_only=True) as opened:
        people = [text for p in opened.subjects() for text in (p.name, p.subject_id)]
    known = 0.0
    with WatchedRun("--video", clip, "--gallery", gallery, folder=tmp_path) as run:
        until(run.ready, 2 * PATIENCE_SECS)
        while run.process.poll() is None:
            status, text = run.ask("/metrics")
            if status == 200:
                found = parse(text)
                now = found.value("rt_gait_identities", source=clip.name, state="known")
                known = max(known, now)
            time.sleep(0.1)
        assert run.wait() == 0, run.stderr
        assert "recognised: " in run.stderr
    assert known >= 1
    assert len(people) >= 8
    assert not [text for text in people if text in run.told]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("taken", "cannot be had (Address already in use)"),
        ("0.0.0.0:9464", "set RT_GAIT_METRICS_TOKEN"),
        ("9464", ":PORT or HOST:PORT"),
        ("203.0.113.1:9464", "set RT_GAIT_METRICS_TOKEN"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_before_anything_is_opened(
    where: str, said: str, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = f":{other.getsockname()[1]}" if where == "taken" else where
        done = rt_gait("--video", "no-such.mp4", "--metrics", where, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_setting_may_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RT_GAIT_METRICS", f":{free_port()}")
    done = rt_gait("--video", tmp_path / "none.mp4")
    assert done.stderr.startswith("metrics: http://127.0.0.1:")
    assert done.returncode == 3
