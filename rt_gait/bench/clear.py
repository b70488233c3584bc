"""CLEAR MOT: misses, false positives and identity switches counted frame by frame (MOTA).

Bernardin & Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics", EURASIP Journal on Image and Video Processing, 2008; fragmentations after Li, Huang &
Nevatia, "Learning to Associate: HybridBoosted Multi-Target Tracker for Crowded Scene", CVPR 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rt_gait.bench.mot import IntArray, PairedFrame, PairedSequence

IOU_THRESHOLD = 0.5
"""From this IoU on a track can stand for a person, as in MOTChallenge."""

_KEEP = 1000.0
"""Weight of a pair that was matched in the frame before: no sum of IoUs outweighs it."""
_NOBODY = -1
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Clear:
    """Counts over one sequence, and the ratios made of them."""

    mota: float
    """1 less misses, false positives and switches per true box: at most 1, no lower bound."""
    motp: float
    """Mean IoU of the matched pairs, 0..1; 0 without any."""
    recall: float
    precision: float
    true_positives: int
    false_negatives: int
    false_positives: int
    id_switches: int
    """Times a person was matched to another track than the last time, however long ago."""
    fragmentations: int
    """Times a person was found again after a frame in which it was not."""


def clear(sequence: PairedSequence) -> Clear:
    """Score one sequence; without people or without tracks MOTA is 0.

    A pair of the frame before is kept while it still overlaps enough; the rest are matched for
    the largest sum of IoUs. A frame in which there are no people at all, or no tracks at all,
    does not count as "the frame before": TrackEval does it so.
    """
    last = np.full(sequence.people, _NOBODY)  # the track of the last match, however long ago
    before = np.full(sequence.people, _NOBODY)  # ... of the frame before; nobody if not matched
    starts = np.zeros(sequence.people, np.int64)
    matches = switches = 0
    iou_sum = 0.0
    for frame in sequence.frames:
        if not frame.iou.size:
            continue
        rows, columns = _match(frame, before[frame.truth])
        people, tracks = frame.truth[rows], frame.tracks[columns]
        matches += len(rows)
        iou_sum += float(frame.iou[rows, columns].sum())
        switches += int(((last[people] != _NOBODY) & (last[people] != tracks)).sum())
        starts[people] += before[people] == _NOBODY
        last[people] = tracks
        before[:] = _NOBODY
        before[people] = tracks

    extra = sequence.track_boxes - matches
    return Clear(
        mota=(matches - extra - switches) / sequence.truth_boxes if sequence.truth_boxes else 0.0,
        motp=iou_sum / max(1, matches),
        recall=matches / max(1, sequence.truth_boxes),
        precision=matches / max(1, sequence.track_boxes),
        true_positives=matches,
        false_negatives=sequence.truth_boxes - matches,
        false_positives=extra,
        id_switches=switches,
        fragmentations=int(np.maximum(starts - 1, 0).sum()),
    )


def _match(frame: PairedFrame, before: IntArray) -> tuple[IntArray, IntArray]:
    """Return rows and columns of the pairs, given the [G] tracks of the frame before."""
    close = frame.iou >= IOU_THRESHOLD - _EPSILON
    kept = frame.tracks == before[:, None]
    weight = np.where(close, frame.iou + _KEEP * kept, 0.0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    real = close[rows, columns]
    return rows[real], columns[real]
