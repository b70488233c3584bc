"""Turns what happens in a run into events.

The log of a file has to come out the same every time, so nothing here but ``time`` depends on when
or how fast the run went, unless the source is live. People appear as pseudonyms only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from types import MappingProxyType
from typing import Any

from rt_gait.energy.result import Energy
from rt_gait.events import schema
from rt_gait.events.counters import Counters
from rt_gait.events.data import (
    ModelRef,
    Told,
    box,
    frame_data,
    identity_data,
    model_data,
    score,
    secs,
    stitch_data,
    summary_data,
)
from rt_gait.events.energy import energy_data
from rt_gait.events.envelope import Envelope
from rt_gait.events.live import LiveTimes
from rt_gait.events.names import public_settings, redact
from rt_gait.events.schema import Event
from rt_gait.types import FrameResult, Identity, IdentityState, Track, TrackSummary

STATS_EVERY_SECS = 10.0
_NOWHERE: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(kw_only=True)
class EventBuilder:
    """Makes the events of one source in a run, as lists of plain dicts.

    The events of a run are numbered from 0 without a gap.

    Raises:
        ValueError: ``run_id`` is not 1 to 64 letters, digits, dots, dashes or underscores.
    """

    run_id: str
    source_name: str
    """Any name, path or address of the source; only its public name is kept."""
    frame_size_wh: tuple[int, int]
    """Width and height in pixels at the start of the run."""
    model: ModelRef | None
    """None when nobody is being recognised."""
    gallery_revision: int | None
    """None without a gallery; set it again when the gallery is changed during a run."""
    utc_now: Callable[[], datetime]
    """Wall time, aware of its time zone."""
    live: bool = False
    """A live source: ``stats`` follow the clock of the run and say how fast it is."""
    energy: Callable[[], Energy] | None = None
    """Energy of the run so far; None where it is not measured: events then say nothing of it."""
    work: Callable[[], Counters] | None = None
    """What the energy was spent on: the counters of all sources; without, those of this one."""
    numbers: Iterator[int] = field(default_factory=count, repr=False)
    """0, 1, 2, ...; shared by the builders of all sources of a run."""
    counters: Counters = field(default_factory=Counters, init=False)
    """Totals of the run; :meth:`frame` updates them."""
    state: str | None = field(default=None, init=False)
    """Of the source, as :meth:`source_state` told it last; None before."""
    _told: dict[int, Told] = field(default_factory=dict, init=False, repr=False)
    _frame: dict[str, Any] = field(init=False, repr=False)
    _times: LiveTimes = field(default_factory=LiveTimes, init=False, repr=False)
    _stats_slot: int = field(default=0, init=False, repr=False)
    _stats_secs: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._envelope = Envelope(self.run_id, self.source_name, self.utc_now, self.numbers)
        self.source_name = self._envelope.source_name
        size = list(self.frame_size_wh)
        self._frame = {"index": 0, "epoch": 0, "media_time_secs": 0.0, "size_wh_px": size}

    def run_started(self, config: Mapping[str, Any], versions: Mapping[str, str]) -> list[Event]:
        """Return the first event of a run.

        Args:
            config: The settings in effect that are nobody's secret; paths are reduced to names.
            versions: Name of a program or library to its version.
        """
        data = {
            "source": self._source(),
            "frame_size_wh_px": list(self.frame_size_wh),
            "model": model_data(self.model, self.gallery_revision),
            "config": public_settings(config),
            "versions": dict(versions),
        }
        return [self._envelope.wrap(schema.RUN_STARTED, data)]

    def source_state(self, state: str, detail: str | None = None) -> list[Event]:
        """Return the event of a source that went on, away or to its end.

        Args:
            state: ``online``, ``reconnecting``, ``offline`` or ``ended``.
            detail: Why, in one line; addresses and paths in it are reduced to names.
        """
        self.state = state
        data = {"source": self._source(), "state": state, "detail": detail and redact(detail)}
        return [self._envelope.wrap(schema.SOURCE_STATE, data)]

    def output_failed(self, output: str, detail: str) -> list[Event]:
        """Count an output that was given up, and return the event of it.

        Args:
            output: What it is, such as ``recording``.
            detail: Why, in one line; paths in it are reduced to names.
        """
        self.counters.outputs_failed += 1
        return [
            self._envelope.wrap(schema.OUTPUT_FAILED, {"output": output, "detail": redact(detail)})
        ]

    def frame(
        self,
        result: FrameResult,
        *,
        age_secs: float | None = None,
        also_on: Mapping[str, Sequence[str]] = _NOWHERE,
    ) -> list[Event]:
        """Count a frame and return what changed in it.

        Tracks that began come first, then those that continue others, identities that changed,
        and tracks that ended.

        Args:
            result: All that is known after the frame.
            age_secs: Seconds from the capture of the frame to now; used for live sources only.
            also_on: Subjects that other sources see at this moment, and the names of those.
        """
        self.counters.update(result)
        if self.live:
            self._times.add(result.stage_secs, age_secs)
        self._frame = frame_data(result.frame)
        events: list[Event] = []
        for track in result.tracks:
            if track.track_id in result.started:
                events.append(self._track_started(track))
            elif track.track_id in self._told:
                self._told[track.track_id].box_xyxy_px = box(track.box_xyxy_px)
        for stitch in result.stitched:
            data = stitch_data(stitch)
            events.append(self._track_event(schema.TRACK_STITCHED, stitch.track_id, data))
        for track_id in sorted(result.identities):
            events += self._identity_changed(track_id, result.identities[track_id], also_on)
        return events + self.tracks_ended(result.ended)

    def tracks_ended(self, summaries: Iterable[TrackSummary]) -> list[Event]:
        """Return the events of tracks that end, in a frame or because the source does.

        An identity that changed with the last windows of a track is told before its end.
        """
        events: list[Event] = []
        for summary in summaries:
            events += self._identity_changed(summary.track_id, summary.identity)
            self._told.pop(summary.track_id, None)
            self.counters.end(summary)
            data = summary_data(summary)
            events.append(self._track_event(schema.TRACK_ENDED, summary.track_id, data))
        return events

    def stats(self, run_secs: float | None = None) -> list[Event]:
        """Return the counters if they are due, every ten seconds; ask after every frame.

        Args:
            run_secs: Seconds of monotonic time since the run began, for live sources; files go by
                media time and leave it out.

        Raises:
            ValueError: The source is live and ``run_secs`` is not given.
        """
        now = run_secs if self.live else self.counters.media_time_secs
        if now is None:
            raise ValueError("stats of a live source need run_secs, the monotonic time of the run")
        slot = int(now // STATS_EVERY_SECS)
        if slot == self._stats_slot:
            return []
        data: dict[str, Any] = {"counters": self.counters.snapshot()}
        if self.live:
            data |= self._times.take(now - self._stats_secs)
        data |= self._energy()
        self._stats_slot, self._stats_secs = slot, now
        return [self._envelope.wrap(schema.STATS, data)]

    def run_ended(self, reason: str, exit_code: int) -> list[Event]:
        """Return the last event of a run.

        Args:
            reason: Why, in one line, such as ``finished`` or the text of an error.
            exit_code: The exit code of the program.
        """
        sequence = next(self.numbers)
        totals = self.counters.as_dict() | {"events": sequence + 1}
        data = {"reason": redact(reason), "exit_code": int(exit_code), "counters": totals}
        return [self._envelope.wrap(schema.RUN_ENDED, data | self._energy(), number=sequence)]

    def _energy(self) -> dict[str, Any]:
        if self.energy is None:
            return {}
        return {"energy": energy_data(self.energy(), self.work() if self.work else self.counters)}

    def _track_started(self, track: Track) -> Event:
        told = self._told[track.track_id] = Told(box(track.box_xyxy_px))
        data = {
            "box_xyxy_px": told.box_xyxy_px,
            "first_media_time_secs": secs(track.first_time_secs),
            "score": score(track.score),
        }
        return self._track_event(schema.TRACK_STARTED, track.track_id, data)

    def _identity_changed(
        self, track_id: int, identity: Identity, also_on: Mapping[str, Sequence[str]] = _NOWHERE
    ) -> list[Event]:
        told = self._told.get(track_id)
        if told is None:
            return []
        before, told.identity = told.identity, identity
        if (identity.state, identity.subject_id) == (before.state, before.subject_id):
            return []
        self.counters.decisions += 1
        data: dict[str, Any] = {
            "box_xyxy_px": told.box_xyxy_px,
            "identity": identity_data(identity),
            "previous": {"state": before.state.value, "subject_id": before.subject_id},
            "model": model_data(self.model, self.gallery_revision),
        }
        others = also_on.get(identity.subject_id or "", ())
        if identity.state is IdentityState.KNOWN and others:
            data["also_on"] = list(others)
        return [self._track_event(schema.IDENTITY_CHANGED, track_id, data)]

    def _source(self) -> dict[str, Any]:
        return {"name": self.source_name, "live": self.live}

    def _track_event(self, kind: str, track_id: int, data: dict[str, Any]) -> Event:
        data = {"track_id": track_id, "frame": dict(self._frame)} | data
        return self._envelope.wrap(kind, data, track=track_id)
