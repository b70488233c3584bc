"""SORT (Bewley et al., 2016) in time instead of frames, with a memory for people out of sight.

Differences from the original, each for a reason seen on PETS09-S2L1 and TUD-Campus: lost people
are remembered for seconds, since one frame of memory breaks a track at every crossing; weak
detections may continue a track but never start one (Zhang et al., ByteTrack, 2022); the boxes of
lost tracks are widened with time before the overlap is taken (Yang et al., C-BIoU, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rt_gait.track.association import grow, iou, match
from rt_gait.track.kalman import BoxFilter
from rt_gait.types import Detections, FloatArray, Track, TrackState

START_SCORE = 0.6
"""A detection scored lower never starts a track. From .5 to .6, person_seg gains 4 points of
precision on TUD-Campus; PETS09-S2L1 stays as it is."""
LEAST_IOU = 0.2
CONFIRM_HITS = 3
"""Sightings in a row before a track counts as a person, as in SORT."""
MEMORY_SECS = 2.0
"""How long a person out of sight is remembered; walkers pass one another within about a second."""
WIDEN_PER_SEC = 0.3
"""Growth of a lost track's box on each side, as a share of its size: the doubt about its place."""
WIDEN_MOST = 0.3
MOST_TRACKS = 64
"""A crowd beyond this is not followed: time and memory stay bounded."""


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


class SortTracker:
    """Kalman prediction, one assignment, and the life of tracks."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._last_id = 0
        self._time_secs: float | None = None

    def reset(self) -> None:
        """Forget every track; ids are not used again."""
        self._entries, self._time_secs = [], None

    def update(self, detections: Detections, *, time_secs: float) -> tuple[Track, ...]:
        """Take the detections of the next frame; return confirmed and lost tracks by id."""
        dt_secs = 0.0 if self._time_secs is None else max(time_secs - self._time_secs, 0.0)
        self._time_secs = time_secs
        for entry in self._entries:
            entry.box, entry.detection = entry.filter.predict(dt_secs), None

        pairs = self._pair(detections, time_secs)
        for row, column in pairs:
            self._see(self._entries[row], detections, column, time_secs)
        self._entries = [e for e in self._entries if self._alive(e, time_secs)]
        self._start(detections, {column for _, column in pairs}, time_secs)
        confirmed = [e for e in self._entries if e.track_id is not None]
        return tuple(_public(e, detections) for e in sorted(confirmed, key=_by_id))

    def _pair(self, detections: Detections, time_secs: float) -> list[tuple[int, int]]:
        if not self._entries or not len(detections):
            return []
        lost_secs = np.array([time_secs - e.last_seen_secs for e in self._entries], np.float32)
        share = (lost_secs * WIDEN_PER_SEC).clip(0, WIDEN_MOST)
        boxes = np.stack([e.box for e in self._entries])
        similarity = iou(grow(boxes, share), detections.boxes_xyxy_px)
        # A tentative track may be a false alarm: it must not live on weak detections.
        tentative = np.array([e.track_id is None for e in self._entries])
        similarity[np.ix_(tentative, detections.scores < START_SCORE)] = 0
        return match(similarity, LEAST_IOU)

    def _see(self, entry: _Entry, detections: Detections, column: int, time_secs: float) -> None:
        entry.box, entry.detection = detections.boxes_xyxy_px[column], column
        entry.filter.update(entry.box)
        entry.last_seen_secs = time_secs
        entry.hits += 1
        if entry.track_id is None and entry.hits >= CONFIRM_HITS:
            self._last_id += 1
            entry.track_id = self._last_id

    def _alive(self, entry: _Entry, time_secs: float) -> bool:
        if entry.track_id is None:
            return entry.detection is not None
        return time_secs - entry.last_seen_secs <= MEMORY_SECS

    def _start(self, detections: Detections, taken: set[int], time_secs: float) -> None:
        for i, score in enumerate(detections.scores):
            if i in taken or score < START_SCORE or len(self._entries) >= MOST_TRACKS:
                continue
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
    )
