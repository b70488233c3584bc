"""Scoring tracks: HOTA, CLEAR MOT and IDF1, computed by TrackEval. Only this file uses it.

Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", International
Journal of Computer Vision 129, 2021; Bernardin & Stiefelhagen, "Evaluating Multiple Object
Tracking Performance: The CLEAR MOT Metrics", 2008; Ristani et al., "Performance Measures and a
Data Set for Multi-Target, Multi-Camera Tracking", 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from rt_gait.errors import UsageError
from rt_gait.track.mot import DoubleArray, IntArray, TrackBoxes

IOU_THRESHOLD = 0.5
"""From this IoU on a track can stand for a person, as in MOTChallenge."""

RATIOS = (
    "HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA",
    "MOTA", "MOTP", "CLR_Re", "CLR_Pr", "IDF1", "IDR", "IDP",
)  # fmt: skip
COUNTS = ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "Frag", "IDTP", "IDFP", "IDFN")
_SHORT = {"CLR_Re": "Rcll", "CLR_Pr": "Prcn", "CLR_TP": "TP", "CLR_FP": "FP", "CLR_FN": "FN"}

Raw: TypeAlias = dict[str, dict[str, Any]]
"""What TrackEval says of one sequence, by metric; what :func:`combine` adds up."""


def score(truth: TrackBoxes, tracks: TrackBoxes) -> Raw:
    """Score the tracks of one sequence against its ground truth.

    Raises:
        UsageError: TrackEval is not installed.
    """
    data = _pair(truth, tracks)
    return {name: metric.eval_sequence(data) for name, metric in _metrics().items()}


def combine(sequences: Mapping[str, Raw]) -> Raw:
    """Score several sequences as one: counts are added, HOTA's associations weighted by theirs."""
    return {
        name: metric.combine_sequences({key: raw[name] for key, raw in sequences.items()})
        for name, metric in _metrics().items()
    }


def figures(raw: Raw) -> dict[str, float]:
    """Return every figure under the name the literature has for it, ratios in percent."""
    every = {key: value for metric in raw.values() for key, value in metric.items()}
    ratios = {_SHORT.get(n, n): 100 * float(np.mean(every[n])) for n in RATIOS}
    return ratios | {_SHORT.get(n, n): int(every[n]) for n in COUNTS}


def _metrics() -> dict[str, Any]:
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise UsageError("scoring needs TrackEval: pip install 'rt-gait[bench]'") from error
    quiet = {"PRINT_CONFIG": False, "THRESHOLD": IOU_THRESHOLD}
    return {"hota": HOTA(), "clear": CLEAR(quiet), "identity": Identity(quiet)}


def _pair(truth: TrackBoxes, tracks: TrackBoxes) -> dict[str, Any]:
    """Lay tracks beside the ground truth, frame by frame, as TrackEval wants them.

    The boxes of a frame are ordered by position, so that neither the order of the lines nor the
    numbers used as ids can decide between matches that are equally good.
    """
    people, person_of = np.unique(truth.ids, return_inverse=True)
    labels, track_of = np.unique(tracks.ids, return_inverse=True)
    truth_rows, track_rows = rows_by_frame(truth), rows_by_frame(tracks)
    none = np.zeros(0, np.int64)
    frames = sorted(truth_rows.keys() | track_rows.keys())
    pairs = [(truth_rows.get(f, none), track_rows.get(f, none)) for f in frames]
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(people),
        "num_tracker_ids": len(labels),
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(tracks),
        "gt_ids": [person_of[g] for g, _ in pairs],
        "tracker_ids": [track_of[t] for _, t in pairs],
        "similarity_scores": [
            iou_xywh(truth.boxes_xywh_px[g], tracks.boxes_xywh_px[t]) for g, t in pairs
        ],
    }


def rows_by_frame(boxes: TrackBoxes) -> dict[int, IntArray]:
    """Return the rows of each frame that has boxes, ordered by their position."""
    if not len(boxes):
        return {}
    order = np.lexsort((*boxes.boxes_xywh_px.T[::-1], boxes.frames))
    frames, starts = np.unique(boxes.frames[order], return_index=True)
    return dict(zip(frames.tolist(), np.split(order, starts[1:]), strict=True))


def iou_xywh(a: DoubleArray, b: DoubleArray) -> DoubleArray:
    """Return the intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: [A, 4] float64, left, top, width, height.
        b: [B, 4] float64, the same.

    Returns:
        [A, B] float64 in 0..1; 0 where the two together have no area.
    """
    start = np.maximum(a[:, None, :2], b[None, :, :2])
    end = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.maximum(end - start, 0.0).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None, :] - shared
    iou: DoubleArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.minimum(iou, 1.0)
