"""The protocol of data sets of synthetic walkers (``rt_gait.training.walkers make``).

Everybody is enrolled with the first walk of the first session of the manifest (s0, trial 0), seen
by all its cameras. Probes are, in the *same clothes*, the other walks of that session; in *other
clothes*, all walks of the other sessions; and *all* of these. Directions of view are free in these
sets: no two cameras see a walk from the same side.

With *one gallery view*, each subject has a single reference: for a probe seen from direction v and
a difference d, of his gallery sequences the one seen from nearest to v + d, and once more with
v - d. How near that is depends on the number of cameras: with 8 within 22.5 degrees, and a little.
Rank-1 is the mean of both signs; an EER takes the comparisons of both together. Directions that
mirror one another are different.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rt_gait.detect.detector import input_scale
from rt_gait.errors import UsageError
from rt_gait.types import FloatArray

from .embedding import Embedded
from .resampling import Figure
from .searches import Scores, Side, blocks, subject_scores
from .sequences import Doubles, SequenceInfo
from .study import RANK_1, Condition, Mask, Study
from .verification import EER, Verification

SAME, OTHER, ALL = "same clothes", "other clothes", "all"
CROSS_VIEW, BY_VIEW = "cross-view rank-1", "view difference, one gallery view"
DIFFERENCES_DEG = (0, 45, 90, 135, 180)
ACROSS_FROM_DEG = 45
"""Cross-view rank-1 is the mean over the differences from here on."""
_WINDOWS = (1, 2)


def walker_info(row: Mapping[str, str]) -> SequenceInfo:
    """Return what a row of ``manifest.csv`` says, with the labels results are broken down by.

    Raises:
        KeyError: a column is missing.
        ValueError: a column that should be a number is none.
    """
    fps, height_px = float(row["fps"]), 1.7 * float(row["focal_px"]) / float(row["distance_m"])
    width_px, _, tall_px = row["frame_px"].partition("x")
    height_px *= float(input_scale(float(width_px), float(tall_px)))  # as the segmenter sees it
    tall = "48-80 px" if height_px < 80 else "80-140 px" if height_px <= 140 else "over 140 px"
    high = float(row["camera_height_m"]) >= 3
    labels = {
        "trial": row["trial"],
        "clothing": row["clothing"],
        "carrying": row["carrying"],
        "frames a second": f"{fps:g}",
        "height of the person": tall,
        "camera": "3 m up or more" if high else "below 3 m",
        "path": "curved" if float(row["curvature_1_m"]) else "straight",
    }
    return SequenceInfo(row["subject"], row["session"], float(row["view_deg"]), labels)


def evaluate_walkers(embedded: Embedded) -> tuple[Condition, ...]:
    """Return every figure of the protocol.

    Raises:
        UsageError: the set has no second walk of the first session and no other session.
    """
    study = Study(embedded)
    enrolment = study.about[0]
    first = np.array([a.session == enrolment.session for a in study.about])
    trial = np.array([a.labels["trial"] == enrolment.labels["trial"] for a in study.about])
    gallery = first & trial
    out: list[Condition] = []
    for name, probes in ((SAME, first & ~gallery), (OTHER, ~first), (ALL, ~gallery)):
        if probes.any() and not (name == ALL and len(out) < 2):
            out.append(_condition(study, name, probes, gallery))
    if not out:
        raise UsageError(
            "the data set has one walk of everybody: make it with 2 trials or sessions"
        )
    return tuple(out)


_LABELS = ("clothing", "carrying", "frames a second", "height of the person", "camera", "path")


def _condition(study: Study, name: str, probes: Mask, gallery: Mask) -> Condition:
    by = {label: study.labels(probes, label) for label in _LABELS}
    condition = study.condition(name, probes, gallery, by=by)
    windows = {str(most): _windows(study, probes, gallery, most) for most in _WINDOWS}
    windows["all"] = {m: condition.figures[m] for m in (RANK_1, EER)}
    condition = condition.joined({}, {"windows of the probe, at most": windows})
    if name == ALL:
        return condition
    across, views = _one_view(study, probes, gallery)
    return condition.joined({CROSS_VIEW: across}, {BY_VIEW: views})


def _windows(study: Study, probes: Mask, gallery: Mask, most: int) -> dict[str, Figure]:
    ours = study.side(probes, most)
    ours = ours.at(study.scored(len(ours)))
    return study.first_and_eer(subject_scores(ours, study.side(gallery), study.subjects))


def _one_view(
    study: Study, probes: Mask, gallery: Mask
) -> tuple[Figure, dict[str, dict[str, Figure]]]:
    """Return cross-view rank-1, and rank-1 and EER by view difference."""
    theirs = study.side(gallery)
    side = study.side(probes)
    scored = study.scored(len(side))
    side = side.at(scored)
    view_deg, gallery_deg = (
        np.array([study.about[k].view_deg for k in np.flatnonzero(m & study.acquired)], np.float64)
        for m in (probes, gallery)
    )
    nearest = _Nearest(theirs, gallery_deg, study.subjects)
    found: list[Doubles] = []
    by_view: dict[str, dict[str, Figure]] = {}
    for difference in DIFFERENCES_DEG:
        turns = (difference, -difference) if difference % 180 else (difference,)
        parts = [nearest.scores(side, view_deg[scored] + turn) for turn in turns]
        found.append(np.mean([p.first() for p in parts], axis=0))
        both = Scores(
            np.concatenate([p.subject for p in parts]), np.concatenate([p.values for p in parts])
        )
        by_view[f"{difference} degrees"] = {
            RANK_1: study.resampling.rate(side.subject, found[-1]),
            EER: Verification(both, study.resampling).equal_error_rate(),
        }
    far = [f for f, d in zip(found, DIFFERENCES_DEG, strict=True) if d >= ACROSS_FROM_DEG]
    across = study.resampling.rate(
        np.tile(side.subject, len(far)),
        np.concatenate(far),
        np.repeat(np.arange(len(far)), len(side)),
    )
    return across, by_view


class _Nearest:
    """The gallery by subject, to pick each one's sequence that is seen from nearest to a side."""

    def __init__(self, gallery: Side, view_deg: Doubles, subjects: int) -> None:
        self._vectors, self._subjects = gallery.vectors, subjects
        self._enrolled = np.unique(gallery.subject)
        wanted_deg = np.arange(3600)[:, None] / 10
        self._index = np.zeros((3600, len(self._enrolled)), np.int64)
        """Sequence of each subject for every tenth of a degree."""
        for column, subject in enumerate(self._enrolled):
            own = np.flatnonzero(gallery.subject == subject)
            apart = np.abs((view_deg[own] - wanted_deg + 180) % 360 - 180)
            self._index[:, column] = own[apart.argmin(axis=1)]

    def scores(self, probes: Side, wanted_deg: Doubles) -> Scores:
        """Return each probe's score against every subject's view nearest to ``wanted_deg`` [P]."""
        values = np.full((len(probes), self._subjects), np.nan, np.float32)
        tenth = np.round(10 * wanted_deg).astype(np.int64) % 3600
        for rows in blocks(len(probes), len(self._vectors)):
            similarity: FloatArray = probes.vectors[rows] @ self._vectors.T
            picked = np.take_along_axis(similarity, self._index[tenth[rows]], axis=1)
            values[np.ix_(rows, self._enrolled)] = np.clip(picked, -1, 1)
        return Scores(probes.subject, values)
