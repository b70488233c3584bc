"""Finding out that a new track is somebody who was lost: by place, size and gait.

The tracker forgets who stays out of sight. A new track continues an ended one if the person could
have walked there, is as tall, neither left by the edge of the picture nor came in by it, and walks
alike: the old track's windows are taken for a template, and the similarity and the lead over every
other ended track are to reach what the gait model asks for before it names anybody. A wrong stitch
mixes two people, a missed one only gives somebody a second number, so that in doubt none is made.
Measured: docs/tracking.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np

from rt_gait.track.camera import moved
from rt_gait.types import Embedding, FloatArray, Stitch, Track

LONGEST_GAP_SECS = 5.0
"""Out of sight at most: long enough for what people walk behind. A choice, not a measurement."""
MOST_SPEED = 1.0
"""Heights a second, as the crow flies, over the gap: 19 of 20 walkers on vtest.avi keep to 0.7."""
MOST_GROWTH = 0.25
"""Of the log of the height: 19 of 20 walkers on vtest.avi keep to 0.22 over four seconds."""
EDGE = 0.1
"""Heights from the edge of the picture within which people come and go."""
WINDOWS_KEPT = 10
"""Of an ended track, as many as identities are made of."""
TRIES = 3
"""Windows of a new track after which it is nobody who was lost."""
_HEIGHTS_KEPT = 10


@dataclass
class Walk:
    """What is remembered of one track."""

    first_box: FloatArray
    first_secs: float
    last_box: FloatArray
    last_secs: float
    number: int
    first_heights: list[float] = field(default_factory=list)
    last_heights: deque[float] = field(default_factory=lambda: deque(maxlen=_HEIGHTS_KEPT))
    windows: deque[Embedding] = field(default_factory=lambda: deque(maxlen=WINDOWS_KEPT))
    tries: int = TRIES

    def see(self, box: FloatArray, time_secs: float) -> None:
        """Take in where it is in a frame."""
        self.last_box, self.last_secs = box, time_secs
        self.last_heights.append(_height(box))
        if len(self.first_heights) < _HEIGHTS_KEPT:
            self.first_heights.append(_height(box))


class Stitcher:
    """Remembers ended tracks, and compares new ones with them.

    Args:
        least_similarity: Cosine similarity in -1..1 from which two walks are one person's.
        margin: Lead over the walk that is next most alike.
    """

    def __init__(self, *, least_similarity: float, margin: float) -> None:
        self._least, self._margin = least_similarity, margin
        self._walks: dict[int, Walk] = {}
        self._ended: dict[int, Walk] = {}

    @property
    def numbers(self) -> dict[int, int]:
        """The number of the first track of everybody who goes on under another one."""
        return {i: w.number for i, w in self._walks.items() if w.number != i}

    def follow(
        self,
        tracks: Iterable[Track],
        time_secs: float,
        *,
        frame_hw: Sequence[int],
        motion: FloatArray | None = None,
    ) -> None:
        """Take the tracks of the next frame; those missing have ended.

        Args:
            tracks: Confirmed and lost ones.
            time_secs: Of the frame.
            frame_hw: Its height and width in pixels.
            motion: Of the camera since the last frame, [2, 3]; None if it stands still.
        """
        if motion is not None:
            for walk in (*self._walks.values(), *self._ended.values()):
                walk.first_box = moved(walk.first_box, motion)
                walk.last_box = moved(walk.last_box, motion)
        present = {t.track_id: t for t in tracks}
        for track_id in self._walks.keys() - present.keys():
            walk = self._walks.pop(track_id)
            if walk.windows and not _at_edge(walk.last_box, frame_hw):
                self._ended[track_id] = walk
        for track_id, track in present.items():
            box = track.box_xyxy_px
            if track_id not in self._walks:
                walk = Walk(box, track.first_time_secs, box, time_secs, track_id)
                walk.tries = 0 if _at_edge(box, frame_hw) else TRIES
                self._walks[track_id] = walk
            if track.detection is not None:
                self._walks[track_id].see(box, time_secs)
            if track.parted:
                self._walks[track_id].windows.clear()
        # A newcomer has as long to show a window as it may have been out of sight.
        horizon_secs = time_secs - 2 * LONGEST_GAP_SECS
        self._ended = {i: w for i, w in self._ended.items() if w.last_secs >= horizon_secs}

    def compare(self, embeddings: Iterable[Embedding]) -> list[tuple[Stitch, list[Embedding]]]:
        """Take windows of tracks in view; return who was found again, with the old windows."""
        found = []
        for embedding in sorted(embeddings, key=lambda e: e.track_id):
            walk = self._walks.get(embedding.track_id)
            if walk is None:
                continue
            walk.windows.append(embedding)
            if walk.tries:
                walk.tries -= 1
                found += self._find(embedding.track_id, walk)
        return found

    def reset(self) -> None:
        """Forget everybody, after a jump in time or a reconnect."""
        self._walks.clear()
        self._ended.clear()

    def _find(self, track_id: int, walk: Walk) -> list[tuple[Stitch, list[Embedding]]]:
        alike = sorted(
            ((similarity(old, walk), i) for i, old in self._ended.items() if reaches(old, walk)),
            reverse=True,
        )
        if not alike or alike[0][0] < self._least:
            return []
        if len(alike) > 1 and alike[0][0] - alike[1][0] < self._margin:
            return []
        score, old_id = alike[0]
        old = self._ended.pop(old_id)
        walk.number, walk.tries = old.number, 0
        stitch = Stitch(track_id, old_id, score, walk.first_secs - old.last_secs)
        return [(stitch, list(old.windows))]


def reaches(old: Walk, new: Walk) -> bool:
    """Whether somebody can have gone from the end of one walk to the start of another."""
    gap_secs = new.first_secs - old.last_secs
    if not 0 < gap_secs <= LONGEST_GAP_SECS:
        return False
    height = (_height(old.last_box) + _height(new.first_box)) / 2
    way = float(np.hypot(*(_foot(old.last_box) - _foot(new.first_box)))) / height
    growth = log(float(np.median(new.first_heights)) / float(np.median(old.last_heights)))
    return way <= MOST_SPEED * gap_secs and abs(growth) <= MOST_GROWTH


def similarity(old: Walk, new: Walk) -> float:
    """Return the cosine, -1..1, of the windows of a new walk to those of an old one together."""
    template = np.mean([e.vector for e in old.windows], axis=0)
    scores = [float(e.vector @ template) for e in new.windows]
    return float(np.mean(scores) / max(float(np.linalg.norm(template)), 1e-6))


def _height(box: FloatArray) -> float:
    return max(float(box[3] - box[1]), 1.0)


def _foot(box: FloatArray) -> FloatArray:
    foot: FloatArray = np.array([(box[0] + box[2]) / 2, box[3]], np.float32)
    return foot


def _at_edge(box: FloatArray, frame_hw: Sequence[int]) -> bool:
    near = EDGE * _height(box)
    height, width = frame_hw[:2]
    return bool(box[0] <= near or box[2] >= width - near or box[3] >= height - near)
