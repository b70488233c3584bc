"""Tells an event log to a person: one line for each thing that happened, and a summary.

Works on the log of a run that was killed, and on any log that keeps to the schema, later versions
with more fields and unknown types of events included.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from rt_gait.errors import DamagedInputError
from rt_gait.events import schema
from rt_gait.events.read import EventReader
from rt_gait.events.schema import Event

_STATES = ("known", "candidate", "unknown", "insufficient")


def timeline(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a timeline, each run with its summary at the end.

    Times are media time, ``mm:ss.s`` or ``h:mm:ss.s``. Characters that a terminal would act upon
    are shown as ``?``.

    Raises:
        DamagedInputError: An event lacks what its type must have; says which.
    """
    for line in _lines(events):
        yield "".join(char if char.isprintable() else "?" for char in line)


def _lines(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    run: _Run | None = None
    for number, event in enumerate(events, start=1):
        try:
            run_id = event["data"].get("run_id", run.run_id if run else "")
            if run is None or run.run_id != run_id:
                yield from run.summary() if run else ()
                run = _Run(run_id)
            line = run.tell(event)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DamagedInputError(
                f"event {number} of the log does not keep to the schema ({error!r}); check it with "
                "the schema that rt-gait carries"
            ) from error
        if line:
            yield line
    if run:
        yield from run.summary()
    else:
        yield "no events"
    if isinstance(events, EventReader) and events.torn_lines:
        yield "the last line of the log is torn and was left out"


@dataclass
class _Run:
    """What has been heard of one run."""

    run_id: str
    end: tuple[str, int] | None = None
    media_times_secs: dict[str, float] = field(default_factory=dict)
    """By source, as of the latest of its events."""
    states: dict[int, str] = field(default_factory=dict)
    """Track to the last state told."""
    subjects: dict[int, str | None] = field(default_factory=dict)
    counters: dict[str, Event] = field(default_factory=dict)
    """By source, as last told."""
    energy: str | None = None

    def tell(self, event: Mapping[str, Any]) -> str | None:
        """Take in an event and return its line; None if it has none."""
        data: Event = event["data"]
        source = unquote(event.get("source", "").rpartition(":")[2])
        self.media_times_secs.setdefault(source, 0.0)
        if "frame" in data:
            self._at(source, data["frame"]["media_time_secs"])
        if "counters" in data:
            self._at(source, data["counters"]["media_time_secs"])
            self.counters[source] = data["counters"]
        teller = _TELLERS.get(event["type"])
        text = teller(self, data) if teller else None
        if text and len(self.media_times_secs) > 1:
            text = f"{source}: {text}"
        return f"{clock(self.media_times_secs[source])}  {text}" if text else None

    def summary(self) -> Iterator[str]:
        """Yield how the run ended, its duration, people and frames."""
        duration = clock(max(self.media_times_secs.values(), default=0.0))
        if self.end is None:
            yield f"the run did not end: its log stops at {duration}"
        else:
            yield "run ended: {} (exit {})".format(*self.end)
        yield f"duration {duration}"
        counts = Counter(self.states.values())
        subjects = {
            self.subjects[track] for track, state in self.states.items() if state == "known"
        }
        by_state = ", ".join(f"{counts[state]} {state}" for state in _STATES)
        known = f" ({len(subjects)} subject{'s' * (len(subjects) != 1)})" if subjects else ""
        yield f"tracks {len(self.states)}: {by_state}{known}"
        frames, lost = self._sums("frames"), self._sums("windows_lost")
        if frames:
            # Without a server no frame is undetected and no window lost, and nothing need be said.
            yield "frames " + _counts({n: c for n, c in frames.items() if c or n != "undetected"})
        if any(lost.values()):
            yield "windows lost: " + _counts(lost)
        if self.energy:
            yield self.energy

    def run_started(self, data: Event) -> str:
        width, height = data["frame_size_wh_px"]
        model = data["model"]
        name = f"{model['name']} version {model['version']}" if model else "no gait model"
        size = f"{width}x{height}" if width else "no picture yet"
        return f"run {data['run_id']}: {data['source']['name']}, {size}, {name}"

    def run_ended(self, data: Event) -> None:
        self.end = (data["reason"], data["exit_code"])
        if "energy" in data:
            self.energy = _energy(data["energy"])

    def source_state(self, data: Event) -> str:
        return f"source {data['state']}" + (f": {data['detail']}" if data["detail"] else "")

    def output_failed(self, data: Event) -> str:
        return f"{data['output']} given up: {data['detail']}"

    def track_started(self, data: Event) -> str:
        self.states[data["track_id"]] = "insufficient"
        return f"track {data['track_id']}  appears"

    def track_stitched(self, data: Event) -> str:
        likeness = f"{data['similarity']:.2f} alike"
        return (
            f"track {data['track_id']}  is track {data['continues']} again, "
            f"{likeness}, after {data['gap_secs']:.1f} s"
        )

    def identity_changed(self, data: Event) -> str:
        others = ", ".join(data.get("also_on", ()))
        at_once = f", at the same time on {others}" if others else ""
        return f"track {data['track_id']}  {self._claim(data)}{at_once}"

    def track_ended(self, data: Event) -> str:
        claim = self._claim(data)
        return f"track {data['track_id']}  gone after {data['duration_secs']:.1f} s, {claim}"

    def _claim(self, data: Event) -> str:
        identity = data["identity"]
        self.states[data["track_id"]] = identity["state"]
        self.subjects[data["track_id"]] = identity["subject_id"]
        evidence = [] if identity["score"] is None else [f"{identity['score']:.2f}"]
        if identity["margin"] is not None:
            evidence.append(f"margin {identity['margin']:.2f}")
        evidence.append(f"{identity['windows']} window{'s' * (identity['windows'] != 1)}")
        who = f" {identity['subject_id']}" if identity["subject_id"] else ""
        return f"{identity['state']}{who} ({', '.join(evidence)})"

    def _at(self, source: str, media_time_secs: float) -> None:
        if not math.isfinite(media_time_secs):
            raise ValueError(f"media time {media_time_secs}")
        self.media_times_secs[source] = max(self.media_times_secs[source], media_time_secs)

    def _sums(self, of: str) -> dict[str, int]:
        """Return counters summed over the sources."""
        sums: dict[str, int] = {}
        for counters in self.counters.values():
            for name, count in counters.get(of, {}).items():
                sums[name] = sums.get(name, 0) + count
        return sums


_TELLERS: dict[str, Callable[[_Run, Event], str | None]] = {
    schema.RUN_STARTED: _Run.run_started,
    schema.RUN_ENDED: _Run.run_ended,
    schema.SOURCE_STATE: _Run.source_state,
    schema.OUTPUT_FAILED: _Run.output_failed,
    schema.TRACK_STARTED: _Run.track_started,
    schema.TRACK_STITCHED: _Run.track_stitched,
    schema.IDENTITY_CHANGED: _Run.identity_changed,
    schema.TRACK_ENDED: _Run.track_ended,
}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _energy(data: Mapping[str, Any]) -> str:
    if data["energy_j"] is None:
        return f"energy: {data['note']}"
    frame = "" if data["mj_per_frame"] is None else f", {data['mj_per_frame']:.1f} mJ a frame"
    note = f"; {data['note']}" if data["note"] else ""
    return f"energy {data['energy_j']:.2f} J by {data['meter']} ({data['total']}){frame}{note}"


def clock(secs: float) -> str:
    """Return a time in seconds as ``mm:ss.s``, or ``h:mm:ss.s`` from an hour on."""
    tenths = abs(round(secs * 10))
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = ("-" if secs < 0 else "") + (f"{hours}:" if hours else "")
    return f"{start}{minutes:02d}:{rest // 10:02d}.{rest % 10}"
