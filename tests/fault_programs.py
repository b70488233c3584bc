"""Programs that fault tests start, to kill them, to bind them to one CPU, to change their clock.

python tests/fault_programs.py lossless CLIP LOG SEED
python tests/fault_programs.py writers          (a folder a line on standard input)
python tests/fault_programs.py galleries        (likewise)
python tests/fault_programs.py live URI LOG     (until a line on standard input)
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from live_run import WALKERS, LiveRun, StampedDetector, new_pipeline
from scripted import ScriptedDetector, ScriptedSource

from rt_gait.events import EventBuilder, EventLog, build
from rt_gait.feed import Feed
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.outputs.screen import Painter, Recording
from rt_gait.runner import Runner
from rt_gait.types import FrameResult
from rt_gait.video.source import open_source

KEY = TemplateKey("gei@1a2b3c4d", "person_seg@9f8e7d6c")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Stalls:
    """Waits at random, as a disk or a busy machine does."""

    name = "stalls"
    path = None

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def write(self, _result: FrameResult) -> None:
        if self._random.random() < 0.05:
            time.sleep(self._random.uniform(0, 0.02))

    def close(self) -> None:
        pass


def lossless(clip: str, log: str, seed: str) -> None:
    """Process a clip with stalls on both sides of the mailbox; the clock of the log is fixed."""
    stalls = Stalls(int(seed) + 1)
    with open_source(video=Path(clip), camera=None) as source:
        read = source.read

        def stalling() -> object:
            stalls.write(None)  # type: ignore[arg-type]
            return read()

        source.read = stalling  # type: ignore[method-assign,assignment]
        info = source.info
        builder = EventBuilder(
            run_id="lossless", source_name=info.name, frame_size_wh=(info.width_px, info.height_px),
            model=None, gallery_revision=None, utc_now=lambda: NOW,
        )  # fmt: skip
        report = Runner(
            [Feed(source, builder, [Stalls(int(seed))])],
            pipeline=new_pipeline(ScriptedDetector(WALKERS)),
            log=EventLog(Path(log)),
        ).run()
    print(report.counters.processed, report.counters.dropped, int(report.exit_code))


def writers() -> None:
    """For each folder fork a run that writes a log and a video there until it is killed."""

    def run(folder: Path) -> None:
        count = (folder / "count").open("wb", buffering=0)

        class Count:
            """Notes how many frames the video has been given."""

            name, path = "count", None
            frames = 0

            def write(self, _result: FrameResult) -> None:
                self.frames += 1
                os.pwrite(count.fileno(), b"%08d" % self.frames, 0)

            def close(self) -> None:
                pass

        builder = EventBuilder(
            run_id="killed", source_name="camera", frame_size_wh=(320, 240), model=None,
            gallery_revision=None, utc_now=lambda: datetime.now(timezone.utc),
        )  # fmt: skip
        recording = Recording(folder / "o.mp4", Painter({}))
        source = ScriptedSource(10**6, pause=lambda: time.sleep(0.002))
        Runner(
            [Feed(source, builder, [recording, Count()], builder.run_started({}, {}))],
            pipeline=new_pipeline(ScriptedDetector(WALKERS)),
            log=EventLog(folder / "e.jsonl"),
        ).run()

    _fork_each(run)


def galleries() -> None:
    """For each folder fork a program that changes a gallery there until it is killed."""

    def run(folder: Path) -> None:
        vectors = np.random.default_rng(0).standard_normal((50, 64))
        told = (folder / "count").open("wb", buffering=0)
        for turn in itertools.count():
            with Gallery.create_or_open(folder / "g") as gallery:
                for number in range(3):
                    gallery.enrol(name=f"turn {turn} person {number}", vectors=vectors, key=KEY)
                    os.pwrite(told.fileno(), b"%08d" % gallery.revision, 0)
                gallery.remove(f"turn {turn} person 1")
                os.pwrite(told.fileno(), b"%08d" % gallery.revision, 0)

    _fork_each(run)


def _fork_each(run: Callable[[Path], None]) -> None:
    """Everything is loaded by now, so that a new process costs milliseconds."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run(Path(line.rstrip("\n")))
            finally:
                os._exit(1)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


def live(uri: str, log: str) -> None:
    """Watch a stamped camera, tell of it often, and print how many frames there were."""
    build.STATS_EVERY_SECS = 0.3
    with open_source(video=None, camera=None, uri=uri) as source:
        run = LiveRun(source, Path(log), pipeline=new_pipeline(StampedDetector()))
        with run:
            print("running", flush=True)
            sys.stdin.readline()
    counters = run.report.counters
    print(counters.processed, counters.tracks, int(run.report.exit_code))


if __name__ == "__main__":
    known = {"lossless": lossless, "writers": writers, "galleries": galleries, "live": live}
    known[sys.argv[1]](*sys.argv[2:])
