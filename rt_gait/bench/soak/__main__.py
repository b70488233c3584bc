"""A long live run of ten walkers, watched for whatever grows.

    python -m rt_gait.bench.soak [--minutes 30] [--model gei]

People are drawn and detected by a script; all the rest is a real live run: the camera's thread, the
tracker, the gait model, a gallery of 100, a rotating event log and an annotated video. About 170
people a minute pass by. The camera's connection breaks every three minutes and comes back.
Prints a line a minute, then how much each figure moved after the first fifth of the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from rt_gait.assembly import stitcher
from rt_gait.bench.pipeline.crowd import random_templates
from rt_gait.bench.soak.passers import PassersCamera, PassersDetector
from rt_gait.bench.soak.watch import MEMORY_WARM_UP_SHARE, Sample, Watch, slope_per_10_min
from rt_gait.errors import RtGaitError, UsageError
from rt_gait.events.build import EventBuilder
from rt_gait.events.counters import Counters
from rt_gait.events.log import EventLog
from rt_gait.events.rotation import Rotation
from rt_gait.feed import Feed
from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.outputs.screen import Painter, Recording
from rt_gait.pipeline import Pipeline
from rt_gait.runner import Runner, RunReport
from rt_gait.serving.repository import default_models_dir
from rt_gait.stopping import Stop
from rt_gait.track.sort import SortTracker
from rt_gait.types import FrameResult
from rt_gait.video.live import LiveSource

CONNECTION_SECS = 180.0
_LOG_BYTES = 1_000_000
_HEAD = "  min  RSS MB  threads  fds  entries  tracks  births  dropped  age p95/max ms"


@dataclass(frozen=True)
class Soaked:
    """How a soak went."""

    report: RunReport
    samples: list[Sample]
    settled: list[Sample]
    """After the warm-up."""
    late: list[Sample]
    """After that of the memory."""
    reconnects: int

    def lines(self) -> list[str]:
        """Return how much each figure moved after the warm-up."""
        first, last = self.settled[0].at_secs / 60, self.settled[-1].at_secs / 60
        lines = [f"from minute {first:.0f} to {last:.0f}:  least  greatest  slope per 10 min"]
        for name in ("rss_mb", "threads", "descriptors", "entries", "tracks", "age_p95_ms"):
            values = [getattr(sample, name) for sample in self.settled]
            slope = slope_per_10_min(self.settled, name)
            lines.append(f"  {name:<12} {min(values):>12.1f} {max(values):>9.1f} {slope:>+9.2f}")
        memory = slope_per_10_min(self.late, "rss_mb")
        lines.append(
            f"  rss_mb from minute {self.late[0].at_secs / 60:.0f}: {memory:+.2f} per 10 min"
        )
        counters = self.report.counters
        worst_ms = max(sample.age_max_ms for sample in self.samples)
        lines.append(
            f"{counters.tracks} track births, {counters.processed} frames processed of "
            f"{counters.captured}, {self.reconnects} reconnects, oldest frame {worst_ms:.0f} ms"
        )
        return lines


def soak(
    *, minutes: float, model: str, folder: Path, connection_secs: float = CONNECTION_SECS
) -> Soaked:
    """Run for some minutes; print a line for each.

    Args:
        minutes: > 0.
        model: A gait model of the repository.
        folder: Where the event log and the video go.
        connection_secs: After which the camera's connection breaks.

    Raises:
        UsageError: no minutes, or a model there is not.
        OutputError: the folder is full.
    """
    if not minutes > 0:
        raise UsageError(f"a soak takes more than 0 minutes, got {minutes}")
    info = gait_model_info(default_models_dir(), model)
    embedder = OnnxGaitEmbedder(info)
    identifier = Identifier(
        random_templates(info.outputs[0].dims[-1]),
        Thresholds(known=0.9, candidate=0.8, margin=0.02),
    )
    lane = Lane(info, tracker=SortTracker(), identifier=identifier, stitcher=stitcher(info))
    pipeline = Pipeline(detector=PassersDetector(), embedder=embedder, lanes=[lane])
    source = LiveSource(lambda: PassersCamera(connection_secs))
    source.wait_until_open()
    builder = EventBuilder(
        run_id="soak",
        source_name=source.info.name,
        frame_size_wh=(source.info.width_px, source.info.height_px),
        model=None,
        gallery_revision=None,
        utc_now=lambda: datetime.now(timezone.utc),
        live=True,
    )
    stop = Stop()
    every_secs = min(minutes * 60 / 20, 10.0)
    watch = Watch((pipeline, builder), every_secs, tell=_tell)

    def note(result: FrameResult, counters: Counters) -> None:
        watch.frame(result, counters)
        if watch.samples and watch.samples[-1].at_secs >= minutes * 60 - every_secs / 2:
            stop.request()

    print(_HEAD, flush=True)
    recording = Recording(folder / "soak.mp4", Painter({}))
    report = Runner(
        [Feed(source, builder, [recording])],
        pipeline=pipeline,
        log=EventLog(folder / "events.jsonl", rotation=Rotation(max_bytes=_LOG_BYTES)),
        on_frame=note,
        stop=stop,
    ).run()
    late = watch.settled(MEMORY_WARM_UP_SHARE)
    return Soaked(report, watch.samples, watch.settled(), late, source.reconnects)


def _tell(sample: Sample) -> None:
    if sample.at_secs % 60 < 10:
        print(
            f"{sample.at_secs / 60:5.1f} {sample.rss_mb:7.1f} {sample.threads:8d} "
            f"{sample.descriptors:4d} {sample.entries:8d} {sample.tracks:7d} {sample.births:7d} "
            f"{sample.dropped:8d}  {sample.age_p95_ms:6.1f} {sample.age_max_ms:6.1f}",
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--model", default="gei", help="gait model of the repository")
    asked = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="rt-gait-soak-") as folder:
            soaked = soak(minutes=asked.minutes, model=asked.model, folder=Path(folder))
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print("\n".join(soaked.lines()))
    return int(soaked.report.exit_code)


if __name__ == "__main__":
    sys.exit(main())
