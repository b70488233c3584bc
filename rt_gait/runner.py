"""Running a source through the pipeline: the capture thread, signals, the end.

Capture has a thread of its own, because a read from a stalled camera can block for half a minute
and signals reach only the main thread. Files hand every frame over; a live source hands over the
latest one, so that results are late by one frame at most, and counts the rest as dropped.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

from rt_gait.errors import ExitCode, OutputError, RtGaitError, StopRequested
from rt_gait.events.build import EventBuilder
from rt_gait.events.counters import Counters, losses_by_reason
from rt_gait.events.log import EventLog
from rt_gait.events.schema import Event
from rt_gait.outputs.output import Output
from rt_gait.pipeline import Pipeline
from rt_gait.types import Frame, FrameResult, IdentityState, TrackSummary
from rt_gait.video.mailbox import BoundedQueue, LatestSlot
from rt_gait.video.source import Source

_POLL_SECS = 0.1
_DRAIN_SECS = 5.0
"""Time a capture thread gets to notice the end; a camera that hangs longer is left behind."""


@dataclass(frozen=True)
class RunReport:
    """How a run ended."""

    exit_code: ExitCode
    reason: str
    """One line: ``finished``, ``stopped``, or what went wrong."""
    counters: Counters
    people: dict[str, int]
    """Tracks by the state of their identity when they ended."""
    recognised: frozenset[str]
    """Subjects that were known at the end of a track."""
    wall_secs: float


class Stop:
    """A wish to end the run, made by a signal, a key, or a full disk."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        """Ask the run to end after the current frame."""
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the run should end."""
        return self._event.is_set()


class Runner:
    """One run over one source. It closes the source and the outputs, whatever happens.

    Args:
        source: Where frames come from.
        pipeline: What is done with them.
        builder: Makes the events and keeps the counters.
        log: Where events go, if anywhere.
        opening: Events to write first.
        outputs: What else is written.
        on_frame: Called after each frame, to show progress.
        tick: Called in every turn of the main loop, several times a second.
        stop: Shared with whoever may end the run.
    """

    def __init__(  # noqa: PLR0913 - the parts of a run
        self,
        *,
        source: Source,
        pipeline: Pipeline,
        builder: EventBuilder,
        log: EventLog | None = None,
        opening: Sequence[Event] = (),
        outputs: Sequence[Output] = (),
        on_frame: Callable[[FrameResult, Counters], None] | None = None,
        tick: Callable[[], None] = lambda: None,
        stop: Stop | None = None,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._builder = builder
        self._log = log
        self._opening = opening
        self._outputs = outputs
        self._on_frame = on_frame
        self._tick = tick
        self._stop = stop or Stop()
        self._live = source.info.live
        self._mailbox: BoundedQueue | LatestSlot = LatestSlot() if self._live else BoundedQueue()
        self._people: Counter[str] = Counter()
        self._recognised: set[str] = set()

    def run(self) -> RunReport:
        """Process the source to its end, or until stopped; bad input ends in the exit code.

        Raises:
            Exception: a defect of rt-gait itself, after everything has been closed.
        """
        start_secs = time.monotonic()
        capture = threading.Thread(target=self._capture, name="capture", daemon=True)
        capture.start()
        code, reason = ExitCode.INTERNAL, "internal error"
        with _signals(self._stop):
            try:
                code, reason = self._consume(start_secs)
            finally:
                self._mailbox.stop()
                self._source.interrupt()
                capture.join(_DRAIN_SECS)
                code, reason = self._end(code, reason, still_reading=capture.is_alive())
        return RunReport(
            exit_code=code,
            reason=reason,
            counters=self._builder.counters,
            people=dict(self._people),
            recognised=frozenset(self._recognised),
            wall_secs=time.monotonic() - start_secs,
        )

    def _capture(self) -> None:
        error: Exception | None = None
        try:
            while not self._stop.requested:
                frame = self._source.read()
                if frame is None:
                    break
                if self._live:
                    frame = replace(frame, arrived_secs=time.monotonic())
                if not self._mailbox.put(frame):
                    break
        except Exception as caught:  # handed to the main thread, which raises or reports it
            error = caught
        self._mailbox.close(error)

    def _consume(self, start_secs: float) -> tuple[ExitCode, str]:
        try:
            self._emit(self._opening)
            self._emit(self._builder.source_state("online"))
            while not self._stop.requested:
                self._tick()
                try:
                    frame = self._mailbox.get(_POLL_SECS)
                except TimeoutError:
                    self._tell_changes()
                    continue
                self._tell_changes()
                if frame is None:
                    return ExitCode.OK, "finished"
                self._process(frame, start_secs)
        except RtGaitError as error:
            return error.exit_code, str(error)
        except StopRequested:
            pass  # in the middle of a wait
        return (ExitCode.OK if self._live else ExitCode.INTERRUPTED), "stopped"

    def _tell_changes(self) -> None:
        """Tell that the camera went away or came back."""
        for change in self._source.take_changes():
            self._emit(self._builder.source_state(change.state, change.detail))

    def _process(self, frame: Frame, start_secs: float) -> None:
        result = self._pipeline.step(frame)
        self._count_people(result.ended)
        self._builder.counters.dropped = self._mailbox.dropped
        self._note_losses()
        now_secs = time.monotonic()
        age_secs = None
        if frame.arrived_secs is not None:  # a camera's own clock drifts from ours over weeks
            age_secs = now_secs - frame.arrived_secs
        self._emit(self._builder.frame(result, age_secs=age_secs))
        self._emit(self._builder.stats(now_secs - start_secs if self._live else None))
        for output in self._outputs:
            output.write(result)
        if self._on_frame is not None:
            self._on_frame(result, self._builder.counters)

    def _end(self, code: ExitCode, reason: str, *, still_reading: bool) -> tuple[ExitCode, str]:
        """Close everything and tell the end; the first thing that goes wrong is the reason."""
        counters = self._builder.counters
        counters.dropped = self._mailbox.captured - counters.processed
        counters.decode_errors = self._source.decode_errors
        ended = self._pipeline.finish()
        self._note_losses()
        self._count_people(ended)
        closing = [output.close for output in self._outputs]
        if not still_reading:
            closing.append(self._source.close)
        closing.append(lambda: self._emit(self._builder.tracks_ended(ended)))
        for close in closing:
            code, reason = _try(close, code, reason)

        def tell_end() -> None:
            lost = code is ExitCode.SOURCE_LOST
            state, detail = ("offline", reason) if lost else ("ended", None)
            self._emit(self._builder.source_state(state, detail))
            self._emit(self._builder.run_ended(reason, code))

        code, reason = _try(tell_end, code, reason)
        return _try(self._log.close, code, reason) if self._log is not None else (code, reason)

    def _note_losses(self) -> None:
        self._builder.counters.windows_lost = losses_by_reason(self._pipeline.windows_lost)

    def _count_people(self, ended: Sequence[TrackSummary]) -> None:
        for summary in ended:
            self._people[summary.identity.state.value] += 1
            if summary.identity.state is IdentityState.KNOWN and summary.identity.subject_id:
                self._recognised.add(summary.identity.subject_id)

    def _emit(self, events: Sequence[Event]) -> None:
        if self._log is not None and events:
            self._log.write(events)
            if self._log.reader_gone:
                self._stop.request()


def _try(step: Callable[[], None], code: ExitCode, reason: str) -> tuple[ExitCode, str]:
    """Take one step of the end; an output that cannot be finished never prevents the rest."""
    try:
        step()
    except OutputError as error:
        if code is ExitCode.OK:
            return error.exit_code, str(error)
    return code, reason


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a wish to stop; the second ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            os._exit(ExitCode.INTERRUPTED)
        stop.request()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
