"""A live run in a thread of its own: real frames, scripted people, and what it tells, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from rtsp_camera import stamp_secs
from scripted import Person, ScriptedDetector

from rt_gait.events import EventBuilder, EventLog
from rt_gait.feed import Feed
from rt_gait.gait.embedder import OnnxGaitEmbedder, PipelineEmbedder, gait_model_info
from rt_gait.identity.fusion import Identifier
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.lane import Lane
from rt_gait.outputs.output import Output
from rt_gait.pipeline import Pipeline
from rt_gait.runner import Runner, RunReport
from rt_gait.serving.repository import default_models_dir
from rt_gait.stopping import Stop
from rt_gait.track.sort import SortTracker
from rt_gait.types import Embedding, FrameResult, Track, UInt8Array
from rt_gait.video.source import Source

WALKERS = (
    Person(x_px=100, speed_px_per_sec=0),
    Person(x_px=230, speed_px_per_sec=0, girth=0.16),
)


class StampedDetector(ScriptedDetector):
    """Reads the time that a stamped camera filmed, and notes how old each picture is."""

    def __init__(self, people: Sequence[Person] = WALKERS) -> None:
        super().__init__(people)
        self.ages_secs: list[float] = []
        self._begun_secs: float | None = None

    def read_time(self, image_bgr: UInt8Array) -> float:
        filmed_secs = stamp_secs(image_bgr)
        self.ages_secs.append(time.monotonic() - filmed_secs)
        self._begun_secs = self._begun_secs or filmed_secs
        return filmed_secs - self._begun_secs


class Seen(NamedTuple):
    """What is noted of a frame; without its picture, which is large."""

    at_secs: float
    epoch: int
    time_secs: float
    size_hw: tuple[int, int]
    tracks: tuple[Track, ...]
    embeddings: tuple[Embedding, ...]


class Diary:
    """An output that notes each frame, and may hold the run up to a rate."""

    name = "diary"
    path = None

    def __init__(self, *, every_secs: float = 0.0) -> None:
        self.frames: list[Seen] = []
        self._every_secs = every_secs

    def write(self, result: FrameResult) -> None:
        before_secs = self.frames[-1].at_secs if self.frames else 0.0
        time.sleep(max(before_secs + self._every_secs - time.monotonic(), 0.0))
        frame = result.frame
        self.frames.append(
            Seen(
                time.monotonic(), frame.epoch, frame.time_secs, frame.image_bgr.shape[:2],
                result.tracks, result.embeddings,
            )
        )  # fmt: skip

    def close(self) -> None:
        pass


class _TellingLog(EventLog):
    """An event log that also remembers when each event came."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.told: list[tuple[float, Mapping[str, Any]]] = []

    def write(self, events: Iterable[Mapping[str, Any]]) -> None:
        events = list(events)
        super().write(events)
        self.told += [(time.monotonic(), event) for event in events]


def new_pipeline(detector: ScriptedDetector, embedder: PipelineEmbedder | None = None) -> Pipeline:
    """A whole pipeline; the gait energy image in-process, and nobody enrolled."""
    embedder = embedder or OnnxGaitEmbedder(gait_model_info(default_models_dir(), "gei"))
    nobody = Identifier(Templates.none(), Thresholds(known=0.9, candidate=0.8, margin=0))
    lane = Lane(embedder.info, tracker=SortTracker(), identifier=nobody)
    return Pipeline(detector=detector, embedder=embedder, lanes=[lane])


class LiveRun:
    """Runs while it is entered."""

    def __init__(
        self,
        source: Source,
        log: Path,
        *,
        pipeline: Pipeline,
        outputs: Sequence[Output] = (),
        utc_now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._log = _TellingLog(log)
        self.stop = Stop()
        info = source.info
        builder = EventBuilder(
            run_id="live", source_name=info.name, frame_size_wh=(info.width_px, info.height_px),
            model=None, gallery_revision=None, utc_now=utc_now, live=True,
        )  # fmt: skip
        feed = Feed(source, builder, list(outputs))
        self._runner = Runner([feed], pipeline=pipeline, log=self._log, stop=self.stop)
        self._thread = threading.Thread(target=self._run)
        self._report: RunReport | None = None

    def _run(self) -> None:
        self._report = self._runner.run()

    @property
    def report(self) -> RunReport:
        """How the run ended, once it has been left."""
        assert self._report is not None, "the run broke"
        return self._report

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """All that was told so far."""
        return [event for _, event in self._log.told]

    def when(self, state: str, *, since_secs: float = 0.0, at_most: float = 30.0) -> float:
        """Wait for the source to be in a state; return the monotonic time that it was told."""
        deadline = time.monotonic() + at_most
        while time.monotonic() < deadline:
            for secs, event in list(self._log.told):
                if secs >= since_secs and event["data"].get("state") == state:
                    return secs
            assert self._thread.is_alive(), "the run has ended"
            time.sleep(0.005)
        raise AssertionError(f"the source was not {state} within {at_most} s")

    def __enter__(self) -> LiveRun:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.request()
        self._thread.join(30)
        assert not self._thread.is_alive()
