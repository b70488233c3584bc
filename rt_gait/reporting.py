"""What a run tells: events to the log, results to the outputs, lines to the user.

In a run over recordings the first thing that cannot be written ends the run, so that no result is
incomplete without notice. A run over cameras goes on: what cannot be written is given up alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rt_gait.errors import OutputError
from rt_gait.events.patient import Log
from rt_gait.events.schema import Event
from rt_gait.feed import Feed
from rt_gait.outputs.output import Output, same_disk
from rt_gait.stopping import Stop
from rt_gait.types import FrameResult, IdentityState, TrackSummary


class Reporter:
    """Tells of some sources, all live or none.

    Args:
        feeds: The sources.
        log: Where events go, if anywhere.
        stop: Asked to end the run when nobody reads the log any more.
        tell: Takes a line for the user.
    """

    def __init__(
        self, feeds: Sequence[Feed], *, log: Log | None, stop: Stop, tell: Callable[[str], None]
    ) -> None:
        self.people: Counter[str] = Counter()
        """Ended tracks by the state of their identity."""
        self.recognised: set[str] = set()
        """Subjects that were known at the end of a track."""
        self.failed: set[Path] = set()
        """Outputs that were given up."""
        self._feeds = feeds
        self._live = feeds[0].live
        self._log = log
        self._stop = stop
        self._tell = tell

    def emit(self, events: Sequence[Event]) -> None:
        """Log events.

        Raises:
            OutputError: they cannot be written.
        """
        if self._log is None or not events:
            return
        self._log.write(events)
        if self._log.reader_gone:
            self._stop.request()
        if self._live and self._log.on_reserve is not None:
            self._leave_room(self._log.on_reserve)

    def begin(self) -> None:
        """Tell that the run begins, and which sources are there."""
        for feed in self._feeds:
            self.emit(feed.opening)
        for feed in self._feeds:
            if feed.source.info.width_px:
                self.state(feed, "online")

    def state(self, feed: Feed, state: str, detail: str | None = None) -> None:
        """Tell that a source is there, away, or over."""
        self.emit(feed.builder.source_state(state, detail))

    def change(self, feed: Feed, state: str, detail: str | None) -> None:
        """Tell that a camera went away, or is back."""
        self.state(feed, state, detail)
        self._tell(f"warning: {feed.name} is {state}" + (f": {detail}" if detail else ""))

    def result(
        self, feed: Feed, result: FrameResult, *, age_secs: float | None, run_secs: float | None
    ) -> None:
        """Tell what is new in a frame, and hand it to the outputs.

        Args:
            feed: Its source.
            result: What is known after it.
            age_secs: Since its capture, of a camera.
            run_secs: Since the run began, of a camera.

        Raises:
            OutputError: something cannot be written, of a recording.
        """
        if feed.builder.state is None:
            self.state(feed, "online")
        self._count(result.ended)
        self.emit(feed.builder.frame(result, age_secs=age_secs, also_on=self._also_on(feed)))
        self.emit(feed.builder.stats(run_secs))
        for output in [*feed.outputs]:
            try:
                output.write(result)
            except OutputError as error:
                if not self._live:
                    raise
                self._give_up(feed, output, error)

    def ended(self, feed: Feed, summaries: Sequence[TrackSummary]) -> None:
        """Tell that tracks ended with nothing seen."""
        feed.known = frozenset()
        self._count(summaries)
        self.emit(feed.builder.tracks_ended(summaries))

    def close(self, feed: Feed) -> None:
        """Finish the outputs.

        Raises:
            OutputError: one cannot be finished, of a recording; the others are.
        """
        problem: OutputError | None = None
        for output in [*feed.outputs]:
            try:
                output.close()
            except OutputError as error:
                problem = problem or error
                if self._live:
                    self._give_up(feed, output, error)
        if problem is not None and not self._live:
            raise problem

    def _also_on(self, feed: Feed) -> dict[str, list[str]]:
        """Return who is seen by other sources at this moment, and by which."""
        others: dict[str, list[str]] = {}
        for other in self._feeds:
            for subject_id in other.known if other is not feed else ():
                others.setdefault(subject_id, []).append(other.name)
        return others

    def _count(self, ended: Sequence[TrackSummary]) -> None:
        for summary in ended:
            self.people[summary.identity.state.value] += 1
            if summary.identity.state is IdentityState.KNOWN and summary.identity.subject_id:
                self.recognised.add(summary.identity.subject_id)

    def _give_up(self, feed: Feed, output: Output, error: OutputError) -> None:
        """Go on without an output."""
        feed.outputs.remove(output)
        with suppress(OutputError):
            output.close()
        if output.path is not None:
            self.failed.add(output.path)
        self._tell(f"error: {error}; the run goes on without it")
        self.emit(feed.builder.output_failed(output.name, str(error)))
        if self._log is None and not any(other.outputs for other in self._feeds):
            self._stop.request()  # nobody would see what it does

    def _leave_room(self, log: Path) -> None:
        """Leave what there is of a full disk to the event log."""
        for feed in self._feeds:
            for output in [*feed.outputs]:
                if output.path is not None and same_disk(output.path, log):
                    why = f"the disk is full, and what is left is for the events: {output.path}"
                    self._give_up(feed, output, OutputError(why))
