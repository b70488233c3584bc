"""One point of the pipeline bench: a video or a crowd, once as fast as it goes, once as a camera.

Both are whole runs: the runner, its capture thread, events and counters, without a log or a
picture on a screen. Each point has a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rt_gait.assembly import Server, assemble
from rt_gait.bench.pipeline.crowd import RATE_HZ, CrowdSource, crowd_pipeline, random_templates
from rt_gait.bench.pipeline.watch import AsCamera, Watch, percentiles
from rt_gait.config import Settings, load_settings
from rt_gait.energy.find import find_meter
from rt_gait.energy.result import Energy
from rt_gait.energy.sampler import IDLE_S, Sampler
from rt_gait.errors import DamagedInputError, ExitCode, ModelError, RtGaitError
from rt_gait.events.build import EventBuilder
from rt_gait.events.counters import Counters
from rt_gait.events.energy import costs_mj
from rt_gait.feed import Feed
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.pipeline import Pipeline
from rt_gait.runner import Runner, RunReport
from rt_gait.stopping import first_signal_interrupts
from rt_gait.video.source import Source, open_source


@dataclass(frozen=True)
class Subject:
    """What is shown to the pipeline: the video of the settings, or a crowd."""

    config: Path | None
    flags: Mapping[str, Any]
    """Settings of the run, gathered again in the process that runs it."""
    people: int | None
    """In the crowd; None for the video."""
    secs: float
    """Of the crowd."""

    @property
    def settings(self) -> Settings:
        """Gather them."""
        return load_settings(self.config, **self.flags)

    @property
    def name(self) -> str:
        """In words."""
        if self.people is None:
            video = self.settings.video
            return "" if video is None else video.name
        return f"crowd of {self.people}"

    def source(self) -> Source:
        """Open it."""
        if self.people is None:
            settings = self.settings
            return open_source(video=settings.video, camera=None, frame_rate=settings.fps)
        return CrowdSource(round(self.secs * RATE_HZ))

    def pipeline(self, *, live: bool) -> Pipeline:
        """Put together what it is shown to."""
        settings = self.settings
        if self.people is None:
            return assemble(settings, live=live).pipeline
        info = gait_model_info(settings.models_dir, settings.model)
        templates = random_templates(info.outputs[0].dims[-1])
        if settings.triton is None:
            return crowd_pipeline(OnnxGaitEmbedder(info), templates, self.people)
        return crowd_pipeline(Server(settings, live=live).embedder(info), templates, self.people)


def measure(subject: Subject, meter_name: str) -> dict[str, Any]:
    """Measure one point, in a process of its own, which a signal to this one ends as well.

    Raises:
        RtGaitError: the run cannot begin, or breaks off.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_report, args=(there, subject, meter_name))
    with first_signal_interrupts(), here:
        process.start()
        there.close()  # or the end of the process would go unnoticed
        try:
            told: dict[str, Any] | RtGaitError = here.recv()
        except EOFError:
            raise ModelError("the process that measured has died") from None
        finally:
            process.kill()
            process.join()
    if isinstance(told, RtGaitError):
        raise told
    return told


def _report(pipe: Connection, subject: Subject, meter_name: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this process ends it
    try:
        pipe.send(measure_here(subject, meter_name))
    except RtGaitError as error:
        pipe.send(error)


def measure_here(subject: Subject, meter_name: str) -> dict[str, Any]:
    """Measure one point, in this process."""
    fast = Watch()
    with subject.source() as source:
        report = run(source, subject.pipeline(live=False), fast)
    counters = report.counters
    # Linux counts in KiB, macOS in bytes.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    point: dict[str, Any] = {
        "what": subject.name,
        "people": subject.people,
        "frames": counters.processed,
        "frames_per_sec": counters.processed / report.wall_secs,
        "silhouettes": counters.silhouettes,
        "windows": counters.windows,
        "stages": fast.stage_times(),
        "spread": fast.spread(),
        "peak_mib": peak_mib,
        "unstable": "",
    }
    point["live"], point["energy"] = _live(subject, meter_name)
    return point


def _live(subject: Subject, meter_name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run it at its own pace; how late it is, and what it costs."""
    with ExitStack() as stack:
        meter = stack.enter_context(closing(find_meter(meter_name)))
        sampler = stack.enter_context(Sampler(meter))
        if meter.rails:
            sampler.measure_idle(IDLE_S)
        pipeline = subject.pipeline(live=True)
        camera = stack.enter_context(AsCamera(subject.source()))
        watch = Watch(camera)
        report = run(camera, pipeline, watch, sampler.restart)
        energy = sampler.energy()
    counters = report.counters
    told = {
        "captured": counters.captured,
        "dropped": counters.dropped,
        "windows_lost": sum(counters.windows_lost.values()),
        "decisions": counters.decisions,
        "latency": percentiles([1000 * age for age in watch.ages_s]),
        "time_to_identity": {
            **percentiles([1000 * wait for wait in watch.waits_s]),
            "tracks": len(watch.waits_s),
        },
        "stages": watch.stage_times(),
    }
    return told, _cost(energy, counters)


def _cost(energy: Energy, counters: Counters) -> dict[str, Any]:
    above = costs_mj(energy, counters, above_idle=True)
    names = ("meter", "total", "mean_w", "idle_w", "coverage", "note")
    return {
        **costs_mj(energy, counters),
        "above_idle": above,
        **{name: getattr(energy, name) for name in names},
    }


def run(
    source: Source, pipeline: Pipeline, watch: Watch, begin: Callable[[], None] = lambda: None
) -> RunReport:
    """Run to the end.

    Raises:
        ModelError: a server went away.
        DamagedInputError: the video broke off.
    """
    builder = EventBuilder(
        run_id="bench",
        source_name=source.info.name,
        frame_size_wh=(source.info.width_px, source.info.height_px),
        model=None,
        gallery_revision=None,
        utc_now=lambda: datetime.now(timezone.utc),
        live=source.info.live,
    )
    begin()
    report = Runner([Feed(source, builder)], pipeline=pipeline, on_frame=watch.frame).run()
    if report.exit_code is ExitCode.MODEL:
        raise ModelError(report.reason)
    if report.exit_code is ExitCode.INTERRUPTED or report.reason == "stopped":
        raise KeyboardInterrupt
    if report.exit_code is not ExitCode.OK or not watch.stages:
        raise DamagedInputError(f"the run broke off: {report.reason}")
    return report
