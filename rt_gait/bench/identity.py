"""IDF1: for how much of the time each person has one and the same track.

Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking",
ECCV Workshops 2016. One track is given to each person for the whole sequence, so that as many
boxes as possible agree; the paper minimises the boxes that do not agree, which is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rt_gait.bench.clear import IOU_THRESHOLD
from rt_gait.bench.mot import PairedSequence


@dataclass(frozen=True, slots=True)
class IdentityScore:
    """Ratios in 0..1 and the counts behind them."""

    idf1: float
    """IDTP / (IDTP + IDFP / 2 + IDFN / 2)."""
    recall: float
    precision: float
    true_positives: int
    false_negatives: int
    false_positives: int


def identity(sequence: PairedSequence) -> IdentityScore:
    """Score one sequence; without people or without tracks the ratios are 0."""
    agree = np.zeros((sequence.people, sequence.tracks), np.int64)
    for frame in sequence.frames:
        agree[np.ix_(frame.truth, frame.tracks)] += frame.iou >= IOU_THRESHOLD
    rows, columns = linear_sum_assignment(agree, maximize=True)
    same = int(agree[rows, columns].sum())
    boxes = sequence.truth_boxes + sequence.track_boxes
    return IdentityScore(
        idf1=2 * same / boxes if boxes else 0.0,
        recall=same / max(1, sequence.truth_boxes),
        precision=same / max(1, sequence.track_boxes),
        true_positives=same,
        false_negatives=sequence.truth_boxes - same,
        false_positives=sequence.track_boxes - same,
    )
