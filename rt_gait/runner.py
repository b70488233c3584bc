"""Running sources through the pipeline: whose turn it is, and the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rt_gait.errors import ExitCode, OutputError, RtGaitError, StopRequested
from rt_gait.events.counters import Counters, losses_by_reason, total
from rt_gait.events.patient import Log
from rt_gait.feed import Feed
from rt_gait.pipeline import Pipeline
from rt_gait.reporting import Reporter
from rt_gait.stopping import Stop, stop_on_signals
from rt_gait.types import Frame, FrameResult

_POLL_SECS = 0.1
_DRAIN_SECS = 5.0
"""Time capture threads get together to notice the end; a camera that hangs is left behind."""


@dataclass(frozen=True)
class RunReport:
    """How a run ended."""

    exit_code: ExitCode
    reason: str
    """One line: ``finished``, ``stopped``, or what went wrong."""
    counters: Counters
    """Of all sources together."""
    people: dict[str, int]
    """Tracks by the state of their identity when they ended."""
    recognised: frozenset[str]
    """Subjects that were known at the end of a track."""
    failed: frozenset[Path]
    """Outputs that were given up."""
    wall_secs: float


class Runner:
    """One run over one or several sources. It closes them and the outputs, whatever happens.

    Args:
        feeds: The sources, in the order of the pipeline's lanes; all live, or none.
        pipeline: What is done with their frames.
        log: Where events go, if anywhere.
        on_frame: Called after each frame, with the counters of all sources, to show progress.
        tick: Called in every turn of the main loop, several times a second.
        stop: Shared with whoever may end the run.
        tell: Takes a line for the user while a run over cameras goes on.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        *,
        pipeline: Pipeline,
        log: Log | None = None,
        on_frame: Callable[[FrameResult, Counters], None] | None = None,
        tick: Callable[[], None] = lambda: None,
        stop: Stop | None = None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._feeds = feeds
        self._pipeline = pipeline
        self._log = log
        self._on_frame = on_frame
        self._tick = tick
        self._stop = stop or Stop()
        self._live = feeds[0].live
        self._report = Reporter(feeds, log=log, stop=self._stop, tell=tell)
        self._news = threading.Event()
        self._finished: set[int] = set()

    def run(self) -> RunReport:
        """Process the sources to their end, or until stopped; bad input ends in the exit code.

        Raises:
            Exception: a defect of rt-gait itself, after everything has been closed.
        """
        start_secs = time.monotonic()
        for feed in self._feeds:
            feed.start(self._stop, self._news)
        code, reason = ExitCode.INTERNAL, "internal error"
        with stop_on_signals(self._stop):
            try:
                code, reason = self._consume(start_secs)
            finally:
                code, reason = self._end(code, reason)
        return RunReport(
            exit_code=code,
            reason=reason,
            counters=self._totals(),
            people=dict(self._report.people),
            recognised=frozenset(self._report.recognised),
            failed=frozenset(self._report.failed),
            wall_secs=time.monotonic() - start_secs,
        )

    def _consume(self, start_secs: float) -> tuple[ExitCode, str]:
        try:
            self._report.begin()
            while not self._stop.requested and len(self._finished) < len(self._feeds):
                self._tick()
                frames = self._due()
                for place in range(len(self._feeds)):
                    self._tell_changes(place)
                if frames:
                    self._process(frames, start_secs)
        except RtGaitError as error:
            return error.exit_code, str(error)
        except StopRequested:
            pass  # in the middle of a wait
        if self._stop.requested:
            return (ExitCode.OK if self._live else ExitCode.INTERRUPTED), "stopped"
        return self._outcome()

    def _outcome(self) -> tuple[ExitCode, str]:
        """Return how the sources ended: the first that did not end well has the word."""
        for feed in self._feeds:
            if feed.error is not None:
                name = f"{feed.name}: " if len(self._feeds) > 1 else ""
                return feed.error.exit_code, f"{name}{feed.error}"
        return ExitCode.OK, "finished"

    def _due(self) -> dict[int, Frame]:
        """Return the frames whose turn it is; none after a short wait in vain.

        A camera has its turn whenever it gives something. Recordings are played side by side: the
        frames of the earliest time come first, and none before it is known which those are.
        """
        self._news.clear()
        heads = {i: head for i, feed in enumerate(self._feeds) if (head := feed.peek())}
        over = {i for i, feed in enumerate(self._feeds) if feed.over}
        for place in sorted(over - self._finished):
            self._finish(place)
        if not self._live and heads:
            complete = len(heads) + len(over) == len(self._feeds)
            first_secs = min(head.time_secs for head in heads.values())
            heads = {i: h for i, h in heads.items() if complete and h.time_secs <= first_secs}
        for place in heads:
            self._feeds[place].take()
        if not heads and len(over) < len(self._feeds):
            self._news.wait(_POLL_SECS)
        return heads

    def _process(self, frames: Mapping[int, Frame], start_secs: float) -> None:
        results = self._pipeline.step_all(frames)
        now_secs = time.monotonic()
        for place, result in results.items():
            self._feeds[place].note(result)
            self._count(place)
        for place, result in results.items():
            feed, age_secs = self._feeds[place], None
            if result.frame.arrived_secs is not None:  # a camera's own clock drifts from ours
                age_secs = now_secs - result.frame.arrived_secs
            run_secs = now_secs - start_secs if self._live else None
            self._report.result(feed, result, age_secs=age_secs, run_secs=run_secs)
            if self._on_frame is not None:
                self._on_frame(result, self._totals())

    def _tell_changes(self, place: int) -> None:
        """Tell that a camera went away, and with it everybody in view, or came back."""
        feed = self._feeds[place]
        for change in feed.source.take_changes():
            self._report.change(feed, change.state, change.detail)
            if change.state != "online":
                self._report.ended(feed, self._pipeline.end_tracks(place))

    def _finish(self, place: int) -> None:
        """Tell the end of a source, and of everybody in view."""
        self._finished.add(place)
        feed = self._feeds[place]
        if not feed.reading:
            feed.source.close()
        feed.count_all()
        self._report.ended(feed, self._pipeline.end_tracks(place))
        lost = feed.error is not None and feed.error.exit_code is ExitCode.SOURCE_LOST
        state, detail = ("offline", str(feed.error)) if lost else ("ended", None)
        self._report.state(feed, state, detail)

    def _end(self, code: ExitCode, reason: str) -> tuple[ExitCode, str]:
        """Close everything and tell the end; the first thing that goes wrong is the reason."""
        for feed in self._feeds:
            feed.interrupt()
        end_secs = time.monotonic() + _DRAIN_SECS
        for feed in self._feeds:
            feed.join(max(end_secs - time.monotonic(), 0))
        left = [place for place in range(len(self._feeds)) if place not in self._finished]
        steps: list[Callable[[], object]] = [self._pipeline.finish]
        steps[:0] = [partial(self._finish, place) for place in left]
        steps[:0] = [partial(self._report.close, feed) for feed in self._feeds]
        for step in steps:
            code, reason = _try(step, code, reason)
        for place, feed in enumerate(self._feeds):
            self._count(place)
            feed.count_all()
            code, reason = _try(partial(self._tell_end, feed, code, reason), code, reason)
        return _try(self._log.close, code, reason) if self._log is not None else (code, reason)

    def _tell_end(self, feed: Feed, code: ExitCode, reason: str) -> None:
        self._report.emit(feed.builder.run_ended(reason, code))

    def _count(self, place: int) -> None:
        feed = self._feeds[place]
        feed.count()
        lost = self._pipeline.windows_lost(place)
        feed.builder.counters.windows_lost = losses_by_reason(lost)

    def _totals(self) -> Counters:
        return total([feed.builder.counters for feed in self._feeds])


def _try(step: Callable[[], object], code: ExitCode, reason: str) -> tuple[ExitCode, str]:
    """Take one step of the end; an output that cannot be finished never prevents the rest."""
    try:
        step()
    except OutputError as error:
        if code is ExitCode.OK:
            return error.exit_code, str(error)
    return code, reason
