"""One source of a run, the thread that reads it, and where its results go.

Capture has a thread of its own, because a read from a stalled camera can block for half a minute
and signals reach only the main thread. Files hand every frame over; a live source hands over the
latest one, so that results are late by one frame at most, and counts the rest as dropped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rt_gait.errors import RtGaitError
from rt_gait.events.build import EventBuilder
from rt_gait.events.schema import Event
from rt_gait.outputs.output import Output
from rt_gait.stopping import Stop
from rt_gait.types import Frame, FrameResult, IdentityState
from rt_gait.video.mailbox import BoundedQueue, LatestSlot
from rt_gait.video.source import Source


@dataclass(eq=False)
class Feed:
    """A source and what is done with it. The run that it is given to closes source and outputs."""

    source: Source
    builder: EventBuilder
    """Makes its events and keeps its counters."""
    outputs: list[Output] = field(default_factory=list)
    """What else is written; those that failed are taken out."""
    opening: Sequence[Event] = ()
    """Events to write first."""
    known: frozenset[str] = field(default=frozenset(), init=False)
    """Subjects recognised in its last frame."""
    over: bool = field(default=False, init=False)
    """Whether no frame will follow."""
    error: RtGaitError | None = field(default=None, init=False)
    """Why it is over, where that is not its end."""

    def __post_init__(self) -> None:
        self.live = self.source.info.live
        self.mailbox: BoundedQueue | LatestSlot = LatestSlot() if self.live else BoundedQueue()
        self._head: Frame | None = None
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """What its events call it."""
        return self.builder.source_name

    @property
    def reading(self) -> bool:
        """Whether the thread goes on: the source is not to be closed under it."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, stop: Stop, news: threading.Event) -> None:
        """Begin to read; ``news`` is set whenever there is something to :meth:`peek` at."""
        arguments = (stop, news)
        self._thread = threading.Thread(
            target=self._read, args=arguments, name="capture", daemon=True
        )
        self._thread.start()

    def peek(self) -> Frame | None:
        """Return the frame whose turn it is, None while there is none; look at ``over`` then.

        Raises:
            Exception: a defect of the source. What a source may meet is kept in ``error``.
        """
        if self._head is None and not self.over:
            try:
                self._head = self.mailbox.get(0)
                self.over = self._head is None
            except TimeoutError:
                pass
            except RtGaitError as error:
                self.over, self.error = True, error
        return self._head

    def take(self) -> None:
        """Let the next frame have its turn."""
        self._head = None

    def interrupt(self) -> None:
        """Have the thread end soon."""
        self.mailbox.stop()
        self.source.interrupt()

    def join(self, limit_secs: float) -> None:
        """Wait for the thread to end; a camera that hangs longer is left behind."""
        if self._thread is not None:
            self._thread.join(limit_secs)

    def note(self, result: FrameResult) -> None:
        """Remember who is recognised in a frame."""
        self.known = frozenset(
            identity.subject_id
            for track in result.tracks
            if track.detection is not None
            and (identity := result.identities[track.track_id]).state is IdentityState.KNOWN
            and identity.subject_id is not None
        )

    def count(self) -> None:
        """Bring up to date the counters that the source and its mailbox keep."""
        counters = self.builder.counters
        counters.dropped = self.mailbox.dropped
        counters.reconnects = self.source.reconnects
        counters.decode_errors = self.source.decode_errors

    def count_all(self) -> None:
        """Do the same at the end, when what waits will not be processed any more."""
        self.count()
        counters = self.builder.counters
        counters.dropped = self.mailbox.captured - counters.processed

    def _read(self, stop: Stop, news: threading.Event) -> None:
        error: Exception | None = None
        try:
            while not stop.requested:
                frame = self.source.read()
                if frame is None:
                    break
                if self.live:
                    frame = replace(frame, arrived_secs=time.monotonic())
                if not self.mailbox.put(frame):
                    break
                news.set()
        except Exception as caught:  # handed to the main thread, which raises or reports it
            error = caught
        self.mailbox.close(error)
        news.set()
