"""HOTA: how well people are found (DetA) and kept apart over time (AssA), in one number.

Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", International
Journal of Computer Vision 129, 2021. The equations named below are the paper's; the matching
prefers pairs that go together over the whole sequence, as the authors' own evaluation does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rt_gait.bench.mot import DoubleArray, IntArray, PairedSequence

ALPHAS: DoubleArray = 0.05 * np.arange(1, 20, dtype=np.float64)
"""[19] float64: the localisation thresholds the paper averages over."""

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Hota:
    """Means over :data:`ALPHAS`, all in 0..1."""

    hota: float
    det_a: float
    """Detection accuracy, equation 14: TP / (TP + FN + FP)."""
    ass_a: float
    """Association accuracy, equation 15: mean over the TPs of TPA / (TPA + FNA + FPA)."""
    det_re: float
    det_pr: float
    ass_re: float
    ass_pr: float
    loc_a: float
    """Mean IoU of the matched pairs; 1 at an alpha that matches none."""


def hota(sequence: PairedSequence) -> Hota:
    """Score one sequence; without people or without tracks all is 0 but ``loc_a``."""
    people = np.zeros(sequence.people)
    tracks = np.zeros(sequence.tracks)
    for frame in sequence.frames:
        people[frame.truth] += 1
        tracks[frame.tracks] += 1
    affinity = _affinity(sequence, people, tracks)
    pairs, ious = [], []
    for frame in sequence.frames:
        score = affinity[np.ix_(frame.truth, frame.tracks)] * frame.iou
        rows, columns = linear_sum_assignment(score, maximize=True)
        pairs.append(np.stack((frame.truth[rows], frame.tracks[columns]), axis=1))
        ious.append(frame.iou[rows, columns])
    if not pairs:
        return Hota(0, 0, 0, 0, 0, 0, 0, 1)
    pair, iou = np.concatenate(pairs), np.concatenate(ious)
    curves = []
    for alpha in ALPHAS:
        hit = iou >= alpha - _EPSILON
        true = int(hit.sum())
        (person, track), together = _count_pairs(pair[hit])
        both = people[person] + tracks[track]
        det_a = true / max(1, sequence.truth_boxes + sequence.track_boxes - true)
        # Each of the `together` matches of a pair scores the same, hence the squares.
        ass_a = (together**2 / (both - together)).sum() / max(1, true)
        curves.append(
            (
                np.sqrt(det_a * ass_a),
                det_a,
                ass_a,
                true / max(1, sequence.truth_boxes),
                true / max(1, sequence.track_boxes),
                (together**2 / people[person]).sum() / max(1, true),
                (together**2 / tracks[track]).sum() / max(1, true),
                iou[hit].mean() if true else 1.0,
            )
        )
    return Hota(*np.mean(curves, axis=0).tolist())


def _affinity(sequence: PairedSequence, people: DoubleArray, tracks: DoubleArray) -> DoubleArray:
    """Return how well each person and track go together over the sequence, [people, tracks].

    The Jaccard index of the two, where a frame shared counts as much as their IoU stands out
    from their IoU with everything else there.
    """
    shared = np.zeros((sequence.people, sequence.tracks))
    for frame in sequence.frames:
        total = frame.iou.sum(axis=0) + frame.iou.sum(axis=1, keepdims=True) - frame.iou
        shared[np.ix_(frame.truth, frame.tracks)] += np.divide(
            frame.iou, total, out=np.zeros_like(total), where=total > _EPSILON
        )
    affinity: DoubleArray = shared / (people[:, None] + tracks - shared)
    return affinity


def _count_pairs(pairs: IntArray) -> tuple[IntArray, IntArray]:
    """Return the different rows of [K, 2] ``pairs``, as [2, D], and how often each occurs, [D]."""
    different, times = np.unique(pairs, axis=0, return_counts=True)
    return different.T, times
