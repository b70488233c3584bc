"""Serving, and being served, as a user does it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import triton_server
from command import SAMPLES, rt_gait
from figures import Figures
from test_main_job import cut

from rt_gait.events import normalise, read_events
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.gait.windows import cut_windows
from rt_gait.outputs.silhouettes import read_dump
from rt_gait.serving.server.process import TritonServer
from rt_gait.serving.triton import TritonClient
from rt_gait.types import Window


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    return cut(SAMPLES / "crossing.mp4", path, first_secs=4.0)


def run(clip: Path, name: str, *more: str) -> list[dict[str, Any]]:
    done = rt_gait(
        "--video", clip, "--gallery", SAMPLES / "people.gallery", "--headless",
        "--events", f"{name}.jsonl", "--dump-silhouettes", name, *more, cwd=clip.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(normalise(read_events(clip.parent / f"{name}.jsonl")))


@pytest.mark.timeout(600)  # two whole runs, of a minute each where others use the machine
def test_the_same_video_gives_the_same_events(
    clip: Path, triton: TritonServer, triton_client: TritonClient, triton_models: Path
) -> None:
    here = run(clip, "here")
    there = run(clip, "there", "--triton", triton.address, "--detector", "triton:person_seg")
    told = [events[0]["data"]["config"] for events in (here, there)]
    assert [c.pop("triton") for c in told] == [None, triton.address]
    assert [c.pop("detector") for c in told] == ["person_seg", "triton:person_seg"]
    assert here == there
    assert sum(e["type"].endswith("identity.changed.v1") for e in here) > 1

    info = gait_model_info(triton_models, "gait3d")
    near = OnnxGaitEmbedder(info)
    far = triton_server.patient(triton_client, triton_models, "gait3d")
    tracks = [read_dump(path) for path in sorted((clip.parent / "there").glob("*.npz"))]
    windows = [window for track in tracks for window in cut_windows(track, near.shape)]
    assert len(windows) > 5
    for a, b in zip(near.embed(windows), far.embed(windows), strict=True):
        np.testing.assert_allclose(a.vector, b.vector, atol=1e-4)


def test_the_streaming_network_is_served_too(
    triton_client: TritonClient, triton_models: Path
) -> None:
    near = OnnxGaitEmbedder(gait_model_info(triton_models, "stream2d"))
    far = triton_server.patient(triton_client, triton_models, "stream2d")
    pixels = np.random.default_rng(2).integers(0, 256, (60, 64, 44)).astype(np.uint8)
    windows = [Window(1, 0.0, float(i), pixels[i : i + 30]) for i in range(0, 30, 10)]
    for a, b in zip(near.embed(windows), far.embed(windows), strict=True):
        np.testing.assert_allclose(a.vector, b.vector, atol=1e-4)


def test_r9_no_server_at_the_start(figures: Figures) -> None:
    begun_secs = time.monotonic()
    done = rt_gait("--video", SAMPLES / "crossing.mp4", "--headless", "--triton", "127.0.0.1:9")
    assert done.returncode == 4
    figures.at_most("R9", "no Triton: exit 4 after", time.monotonic() - begun_secs, 12, "s")
    assert "grpc://127.0.0.1:9" in done.stderr
    assert "rt-gait serve" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_served_segmenter_needs_a_server() -> None:
    done = rt_gait(
        "--video", SAMPLES / "crossing.mp4", "--headless", "--detector", "triton:person_seg"
    )
    assert done.returncode == 2
    assert "add --triton HOST:PORT" in done.stderr


def shared_memory() -> set[Path]:
    return set(Path("/dev/shm").glob("rt-gait-triton-*"))


def serve_command(folder: Path) -> tuple[list[str], int]:
    """Serving ``gei`` on free ports; and that of gRPC."""
    models = triton_server.copy_models(folder / "models", ["gei"])
    ports = triton_server.new_server(models).ports
    command = [
        sys.executable, "-m", "rt_gait", "serve", "--models", str(models),
        "--venv", str(triton_server.VENV), "--grpc-port", str(ports.grpc),
        "--http-port", str(ports.http), "--metrics-port", str(ports.metrics),
    ]  # fmt: skip
    return command, ports.grpc


def processes_of(folder: Path) -> list[str]:
    """What runs over the models of a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"--model-repository={folder}" in line or f"{folder}/models" in line:
                found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_and_stop(tmp_path: Path, number: int) -> None:
    """It says when it is ready, ends with 0, and leaves no process and no shared memory."""
    command, port = serve_command(tmp_path)
    before = shared_memory()
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    ) as serving:
        assert serving.stderr is not None
        lines = [serving.stderr.readline(), serving.stderr.readline()]
        assert lines[1].startswith(f"ready: rt-gait --triton 127.0.0.1:{port}")
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (second.returncode, "cannot be used" in second.stderr) == (2, True)
        regions = shared_memory() - before
        assert regions
        serving.send_signal(number)
        assert serving.stderr.read() == "stopped\n"
        assert serving.wait(20) == 0
    assert not regions & shared_memory()
    assert not processes_of(tmp_path)
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_a_server_does_not_outlive_serve_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends by itself, with the processes of its models, its memory and its folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command, port = serve_command(tmp_path)
    before = shared_memory()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        assert serving.stderr.readline().startswith("starting")
        assert serving.stderr.readline().startswith("ready")
        regions = shared_memory() - before
        (work,) = tmp_path.glob("rt-gait-triton-*")
        assert regions
        assert len(processes_of(tmp_path)) >= 2
        serving.kill()
    triton_server.seconds_until(lambda: not processes_of(tmp_path), at_most=25)
    assert not regions & shared_memory()
    assert not work.exists()
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_a_model_that_cannot_be_loaded_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    models = triton_server.copy_models(tmp_path / "models", ["gei"])
    (models / "gei" / "1" / "model.onnx").write_bytes(b"no model")
    ports = triton_server.new_server(models).ports
    done = rt_gait(
        "serve", "--models", models, "--venv", triton_server.VENV, "--grpc-port", ports.grpc,
        "--http-port", ports.http, "--metrics-port", ports.metrics,
    )  # fmt: skip
    assert done.returncode == 4
    assert "gei" in done.stderr
    assert "Traceback" not in done.stderr
