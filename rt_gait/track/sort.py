"""SORT (Bewley et al., 2016) in time instead of frames, with a memory for people out of sight.

Differences from the original: lost people are remembered for seconds, but no longer than they had
been known; clear detections choose their tracks first, faint ones continue what is left and never
start anything (Zhang et al., ByteTrack, 2022); the boxes of lost tracks are widened with time
before the overlap is taken (Yang et al., C-BIoU, 2023); tracks that come so near one another that
they may be swapped say so when they part. What else was tried, and what each is
worth: docs/tracking.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from rt_gait.track.association import grow, likeness, match
from rt_gait.track.kalman import BoxFilter
from rt_gait.types import Detections, FloatArray, Track, TrackState

CONFIRM_HITS = 3
"""Sightings in a row before a track counts as a person, as in SORT ..."""
MOST_TRACKS = 64
"""A crowd beyond this is not followed: time and memory stay bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a tracker behaves."""

    start_score: float = 0.7
    """A detection scored lower never starts a track."""
    clear_score: float = 0.6
    """Detections scored lower only get the tracks that clearer ones have left."""
    least_likeness: float = 0.2
    """Of a track's box and a detection's, to be the same person."""
    confirm_secs: float = 0.1
    """... and the time that these sightings span at least."""
    memory_secs: float = 2.0
    """How long a person out of sight is remembered; walkers pass one another within about a
    second. Nobody is remembered for longer than they had been seen."""
    widen_per_sec: float = 0.2
    """Growth of a lost track's box on each side, as a share of its size: the doubt about its
    place."""
    widen_most: float = 0.3


@dataclass
class _Entry:
    """A track as the tracker keeps it."""

    filter: BoxFilter
    first_time_secs: float
    last_seen_secs: float
    box: FloatArray
    hits: int = 1
    track_id: int | None = None
    detection: int | None = None
    mixed: bool = False
    """So near another that the two may have been taken for one another."""
    parted: bool = False


class SortTracker:
    """Kalman prediction, two assignments, and the life of tracks.

    Args:
        habits: What it goes by.
        first_id: Of the tracks, in the order of their confirmation.
        id_step: From one id to the next: more than 1 where several trackers share the numbers.
    """

    def __init__(
        self, habits: Habits | None = None, *, first_id: int = 1, id_step: int = 1
    ) -> None:
        self._habits = habits or Habits()
        self._entries: list[_Entry] = []
        self._ids = count(first_id, id_step)
        self._time_secs: float | None = None

    def reset(self) -> None:
        """Forget every track; ids are not used again."""
        self._entries, self._time_secs = [], None

    def update(
        self, detections: Detections, *, time_secs: float, motion: FloatArray | None = None
    ) -> tuple[Track, ...]:
        """Take the detections of the next frame; return confirmed and lost tracks by id."""
        dt_secs = 0.0 if self._time_secs is None else max(time_secs - self._time_secs, 0.0)
        self._time_secs = time_secs
        for entry in self._entries:
            if motion is not None:
                entry.filter.move(motion)
            entry.box, entry.detection = entry.filter.predict(dt_secs), None

        pairs = self._pair(detections, time_secs)
        for row, column in pairs:
            self._see(self._entries[row], detections, column, time_secs)
        self._entries = [e for e in self._entries if self._alive(e, time_secs)]
        self._start(detections, {column for _, column in pairs}, time_secs)
        confirmed = [e for e in self._entries if e.track_id is not None]
        self._note_partings(confirmed)
        return tuple(_public(e, detections) for e in sorted(confirmed, key=_by_id))

    def _pair(self, detections: Detections, time_secs: float) -> list[tuple[int, int]]:
        if not self._entries or not len(detections):
            return []
        habits = self._habits
        lost_secs = np.array([time_secs - e.last_seen_secs for e in self._entries], np.float32)
        share = (lost_secs * habits.widen_per_sec).clip(0, habits.widen_most)
        boxes = np.stack([e.box for e in self._entries])
        alike = likeness(grow(boxes, share), detections.boxes_xyxy_px)
        clear = detections.scores >= habits.clear_score
        # A tentative track may be a false alarm: it must not live on faint detections.
        tentative = np.array([e.track_id is None for e in self._entries])
        alike[np.ix_(tentative, ~clear)] = 0
        first = match(np.where(clear, alike, 0), habits.least_likeness)
        alike[[row for row, _ in first]] = 0
        return first + match(np.where(clear, 0, alike), habits.least_likeness)

    def _see(self, entry: _Entry, detections: Detections, column: int, time_secs: float) -> None:
        entry.box, entry.detection = detections.boxes_xyxy_px[column], column
        entry.filter.update(entry.box)
        entry.last_seen_secs = time_secs
        entry.hits += 1
        long_enough = time_secs - entry.first_time_secs >= self._habits.confirm_secs - 1e-6
        if entry.track_id is None and entry.hits >= CONFIRM_HITS and long_enough:
            entry.track_id = next(self._ids)

    def _alive(self, entry: _Entry, time_secs: float) -> bool:
        if entry.track_id is None:
            return entry.detection is not None
        known_secs = entry.last_seen_secs - entry.first_time_secs
        return time_secs - entry.last_seen_secs <= min(self._habits.memory_secs, known_secs)

    def _note_partings(self, confirmed: list[_Entry]) -> None:
        """Tell who may have been swapped: two tracks that alike could have got either person."""
        if not confirmed:
            return
        boxes = np.stack([e.box for e in confirmed])
        alike = likeness(boxes, boxes)
        np.fill_diagonal(alike, 0)
        mixed = alike.max(axis=1) >= self._habits.least_likeness
        for entry, now in zip(confirmed, mixed.tolist(), strict=True):
            entry.parted = entry.mixed and not now and entry.detection is not None
            entry.mixed = now or (entry.mixed and not entry.parted)

    def _start(self, detections: Detections, taken: set[int], time_secs: float) -> None:
        for i, score in enumerate(detections.scores):
            if len(self._entries) >= MOST_TRACKS:
                return
            if i not in taken and score >= self._habits.start_score:
                box = detections.boxes_xyxy_px[i]
                self._entries.append(_Entry(BoxFilter(box), time_secs, time_secs, box, detection=i))


def _by_id(entry: _Entry) -> int:
    return entry.track_id or 0


def _public(entry: _Entry, detections: Detections) -> Track:
    seen = entry.detection is not None
    return Track(
        track_id=_by_id(entry),
        state=TrackState.CONFIRMED if seen else TrackState.LOST,
        box_xyxy_px=entry.box,
        score=float(detections.scores[entry.detection]) if entry.detection is not None else 0.0,
        detection=entry.detection,
        first_time_secs=entry.first_time_secs,
        parted=entry.parted,
    )
