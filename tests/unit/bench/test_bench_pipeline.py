"""Whole runs over crowds and a video: everybody is seen, and the times add up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from rt_gait.bench.pipeline.crowd import (
    CrowdSource,
    ScriptedCrowd,
    crowd_pipeline,
    random_templates,
)
from rt_gait.bench.pipeline.measure import run
from rt_gait.bench.pipeline.watch import AsCamera, Watch, percentiles
from rt_gait.bench.results.file import read
from rt_gait.bench.results.tables import STAGES as TOLD
from rt_gait.cli.app import app
from rt_gait.errors import SourceOpenError, UsageError
from rt_gait.gait.embedder import Waited
from rt_gait.gait.windows import WindowShape
from rt_gait.identity.matching import Templates
from rt_gait.pipeline import STAGES
from rt_gait.serving.repository import default_models_dir, load_info
from rt_gait.types import Embedding, Window


class FixedEmbedder(Waited):
    """One and the same vector for everybody."""

    info = load_info(default_models_dir(), "gei")
    shape = WindowShape(30, 25.0, 0.4)
    slow_s = 0.0

    def embed(self, windows: Sequence[Window]) -> list[Embedding]:
        time.sleep(self.slow_s)
        vector = np.array([1, 0, 0, 0], np.float32)
        return [Embedding(w.track_id, w.end_secs, vector) for w in windows]


@pytest.mark.parametrize("people", [1, 20])
def test_everybody_is_seen_in_every_frame(people: int) -> None:
    watch, pipeline = Watch(), crowd_pipeline(FixedEmbedder(), random_templates(4), people)
    counters = run(CrowdSource(120), pipeline, watch).counters
    assert counters.processed == 120
    assert counters.silhouettes >= people * 115  # tracks are confirmed after some frames
    assert counters.windows >= people * 8  # a stride is 10 frames, the first comes after 30
    assert len(watch.waits_s) == people
    stages = watch.stage_times()
    assert tuple(stages) == (*STAGES, "step", "overhead")
    for stage in stages.values():
        assert 0 <= stage["p50_ms"] <= stage["p95_ms"]
    assert stages["overhead"]["p50_ms"] <= stages["step"]["p50_ms"]


def test_the_stages_that_are_told_are_those_of_the_pipeline() -> None:
    assert TOLD == STAGES


def test_a_recording_played_as_a_camera_drops_what_comes_too_late() -> None:
    embedder = FixedEmbedder()
    embedder.slow_s = 0.25
    camera = AsCamera(CrowdSource(50))
    watch = Watch(camera)
    begun_s = time.monotonic()
    counters = run(camera, crowd_pipeline(embedder, Templates.none(), 1), watch).counters
    assert time.monotonic() - begun_s > 49 / 25  # as long as it would take to film
    assert counters.captured == 50
    assert counters.dropped > 0
    assert counters.processed == len(watch.ages_s) == 50 - counters.dropped
    assert max(watch.ages_s) >= 0.25
    assert min(watch.ages_s) >= 0


def test_warm_up_is_left_out_of_long_runs_only() -> None:
    watch = Watch()
    slow, quick = dict.fromkeys(STAGES, 1.0), dict.fromkeys(STAGES, 0.001)
    watch.stages += [slow] * 50 + [quick] * 50
    assert watch.stage_times()["step"]["p95_ms"] == pytest.approx(5)
    assert watch.spread() == pytest.approx(0)
    watch.stages = [slow] * 2
    assert watch.stage_times()["step"]["p50_ms"] == pytest.approx(5000)
    assert watch.spread() is None
    assert percentiles([]) == {"p50_ms": None, "p95_ms": None}


def test_the_script_repeats_itself() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    one, other = ScriptedCrowd(3), ScriptedCrowd(3)
    for _ in range(3):
        a, b = one.detect(image), other.detect(image)
        assert np.array_equal(a.boxes_xyxy_px, b.boxes_xyxy_px)
        assert all(
            np.array_equal(p.pixels, q.pixels) for p, q in zip(a.masks, b.masks, strict=True)
        )


def bench(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", "pipeline", *map(str, arguments)])


def test_a_video_and_a_crowd_are_kept_as_points(tmp_path: Path) -> None:
    asked = ["--people", "2", "--secs", "2", "--model", "gei", "--energy-meter", "none"]
    done = bench(*asked, "--out", tmp_path)
    assert done.exit_code == 0, done.exception
    result = read(tmp_path / "pipeline-gei-in-process.json")
    assert result.complete
    (point,) = result.points
    assert (point["what"], point["frames"]) == ("crowd of 2", 50)
    live = point["live"]
    assert live["captured"] == 50
    assert live["latency"]["p50_ms"] <= live["latency"]["p95_ms"]
    assert point["energy"]["mj_per_decision"] is None
    assert point["peak_mib"] > 50
    assert "| crowd of 2 |" in done.stdout


def at_work(process_id: int) -> list[Path]:
    """Return the processes that a process has spawned and that have begun to import."""
    folder = Path(f"/proc/{process_id}/task/{process_id}")
    children = [Path("/proc", child) for child in (folder / "children").read_text().split()]
    return [
        child
        for child in children
        if b"spawn_main" in (child / "cmdline").read_bytes()
        and int((child / "statm").read_text().split()[1]) > 10_000  # pages
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_bench_that_is_ended_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    words = [
        sys.executable,
        "-m",
        "rt_gait",
        "bench",
        "pipeline",
        "--people",
        "1",
        "--model",
        "gei",
    ]
    words += ["--secs", "600", "--energy-meter", "none", "--out", str(tmp_path)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 60
    while not (measuring := at_work(process.pid)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert measuring
    assert not measuring[0].exists()
    kept = read(tmp_path / "pipeline-gei-in-process.json")
    assert (kept.complete, kept.note) == (False, "broke off: KeyboardInterrupt")


def test_bad_requests_are_one_line(tmp_path: Path) -> None:
    for people, told in (("0", "from 1 on"), ("21", "1 to 20"), ("a", "from 1 on")):
        error = bench("--people", people).exception
        assert isinstance(error, UsageError)
        assert told in str(error)
    assert isinstance(bench("--video", tmp_path / "none.mp4").exception, SourceOpenError)
    assert isinstance(bench("--model", "nonesuch").exception, UsageError)
