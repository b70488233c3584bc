"""How far a run has come: a bar for files, a status line for cameras, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rt_gait.events.counters import Counters
from rt_gait.types import FrameResult
from rt_gait.video.source import SourceInfo

_PLAIN_EVERY_SECS = 10.0


class Progress:
    """Shows progress on standard error while used as a context manager."""

    def __init__(self, sources: Sequence[SourceInfo]) -> None:
        self._name = ", ".join(info.name for info in sources)
        counts = [None if info.live else info.frame_count for info in sources]
        known = [count for count in counts if count is not None]
        self._total = sum(known) if len(known) == len(counts) else None
        self._start_secs = self._last_line_secs = time.monotonic()
        self._bar = _make_bar(self._total) if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=self._total, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, _result: FrameResult, counters: Counters) -> None:
        """Show how far it is after one more frame."""
        people = counters.tracks_live
        if self._bar is not None:
            rate = counters.processed / max(time.monotonic() - self._start_secs, 1e-6)
            note = f"{rate:.1f} fps, {people} people, {counters.dropped} dropped"
            self._bar.update(self._task, completed=counters.processed, note=note)
            return
        now_secs = time.monotonic()
        if now_secs - self._last_line_secs < _PLAIN_EVERY_SECS:
            return
        self._last_line_secs = now_secs
        of_total = f" of {self._total}" if self._total else ""
        rate = counters.processed / (now_secs - self._start_secs)
        sys.stderr.write(
            f"{self._name}: frame {counters.processed}{of_total}, {rate:.1f} fps, "
            f"{people} people, {counters.dropped} dropped\n"
        )
        sys.stderr.flush()


def _make_bar(total: int | None):  # type: ignore[no-untyped-def]  # rich is imported late
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    name, note = TextColumn("{task.description}"), TextColumn("{task.fields[note]}")
    if total:
        columns = [name, BarColumn(), TaskProgressColumn(), note, TimeRemainingColumn()]
    else:
        columns = [SpinnerColumn(), name, TimeElapsedColumn(), note]
    return RichProgress(*columns, console=Console(stderr=True), transient=True)
