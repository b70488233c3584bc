"""One model's embeddings under a protocol: conditions, and every figure of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from .embedding import Embedded
from .open_set import open_set
from .resampling import Figure, Resampling
from .searches import Scores, Side, search
from .sequences import Doubles, Ints
from .verification import EER, Verification

RANK_1, RANK_5, MAP, MINP, FTA = "rank-1", "rank-5", "mAP", "mINP", "FTA"
MOST_SCORES = 20_000_000
"""Scores of probes against subjects that verification and open-set search look at."""

Mask = npt.NDArray[np.bool_]
Breakdowns = Mapping[str, Mapping[str, Mapping[str, Figure]]]
"""What results are broken down by, group, measure."""
Groups = Mapping[str, Sequence[str]]
"""What to break down by, and the group of each of P probes; empty text is no group."""


@dataclass(frozen=True, eq=False)
class Condition:
    """What was measured with one kind of probes."""

    name: str
    counts: Mapping[str, int]
    figures: Mapping[str, Figure]
    """Measure to figure."""
    groups: Breakdowns = field(default_factory=dict)
    det: Doubles | None = None
    """FNMR at each of ``verification.DET_RATES``."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""

    def joined(self, figures: Mapping[str, Figure], groups: Breakdowns) -> Condition:
        """Return the same with further figures and groups."""
        return replace(self, figures={**self.figures, **figures}, groups={**self.groups, **groups})


class Study:
    """The sequences of a set, their subjects numbered in the order they come in."""

    def __init__(self, embedded: Embedded) -> None:
        self.about = embedded.about
        self.acquired = embedded.acquired
        self.embedded = embedded
        numbers: dict[str, int] = {}
        views: dict[str, int] = {}
        self.subject = np.array(
            [numbers.setdefault(a.subject, len(numbers)) for a in self.about], np.int64
        )
        self.view = np.array(
            [
                views.setdefault(a.labels["view"], len(views)) if "view" in a.labels else -1
                for a in self.about
            ],
            np.int64,
        )
        self.views = tuple(views)
        self.subjects = len(numbers)
        self.resampling = Resampling.of(self.subjects)
        self._vectors = embedded.vectors()

    def side(self, chosen: Mask, most_windows: int | None = None) -> Side:
        """Return the acquired sequences among the ``chosen`` [S]."""
        vectors = self._vectors if most_windows is None else self.embedded.vectors(most_windows)
        kept = chosen & self.acquired
        return Side(vectors[kept], self.subject[kept], self.view[kept])

    def labels(self, chosen: Mask, name: str) -> list[str]:
        """Return a label of the acquired sequences among the ``chosen`` [S], or empty text."""
        return [self.about[k].labels.get(name, "") for k in np.flatnonzero(chosen & self.acquired)]

    def condition(
        self,
        name: str,
        probes: Mask,
        gallery: Mask,
        *,
        by: Groups | None = None,
        exclude_same_view: bool = False,
    ) -> Condition:
        """Measure everything with ``probes`` [S] against all sequences of ``gallery`` [S].

        Probes without a window count in FTA and FRR, in nothing else.

        Args:
            name: of the condition.
            probes: which sequences are searched with.
            gallery: which sequences are enrolled.
            by: groups of the acquired probes; a breakdown into fewer than two is left out.
            exclude_same_view: as in ``searches.search``.
        """
        ours, theirs = self.side(probes), self.side(gallery)
        scored = self.scored(len(ours))
        ranks, scores = search(
            ours, theirs, scored, self.subjects, exclude_same_view=exclude_same_view
        )
        verification = Verification(scores, self.resampling)
        lost = self.lost(probes, gallery)
        figures = {
            RANK_1: self.resampling.rate(ours.subject, ranks.within(1)),
            RANK_5: self.resampling.rate(ours.subject, ranks.within(5)),
            MAP: self.resampling.rate(ours.subject, ranks.average_precision),
            MINP: self.resampling.rate(ours.subject, ranks.inverse_negative_penalty),
            FTA: lost,
        }
        searched, left_out = open_set(scores, self.resampling)
        if len(scored) < len(ours):
            left_out.append(
                f"verification and open set: {len(scored)} of {len(ours)} probes, drawn at random"
            )

        def measured(rows: Ints) -> dict[str, Figure]:
            return {
                RANK_1: self.resampling.rate(ours.subject[rows], ranks.within(1)[rows]),
                EER: verification.equal_error_rate(np.isin(scored, rows)),
            }

        members = {what: grouped(group) for what, group in (by or {}).items()}
        return Condition(
            name,
            self._counts(probes, gallery),
            {**figures, **verification.figures(lost), **searched},
            {
                what: {which: measured(rows) for which, rows in parts.items()}
                for what, parts in members.items()
                if len(parts) > 1
            },
            verification.det(),
            tuple(left_out),
        )

    def first_and_eer(self, scores: Scores) -> dict[str, Figure]:
        """Return rank-1 and EER of scores alone."""
        return {
            RANK_1: self.resampling.rate(scores.subject, scores.first()),
            EER: Verification(scores, self.resampling).equal_error_rate(),
        }

    def scored(self, probes: int) -> Ints:
        """Return which of so many probes are scored against all subjects, drawn where too many."""
        most = max(MOST_SCORES // max(self.subjects, 1), 1)
        if probes <= most:
            return np.arange(probes)
        return np.sort(np.random.default_rng(0).choice(probes, most, replace=False))

    def lost(self, probes: Mask, gallery: Mask) -> Figure:
        """Return the failure-to-acquire rate: probes of enrolled subjects without a window."""
        enrolled = np.isin(self.subject, self.subject[gallery & self.acquired])
        asked = probes & enrolled
        return self.resampling.rate(self.subject[asked], (~self.acquired[asked]).astype(np.float64))

    def _counts(self, probes: Mask, gallery: Mask) -> dict[str, int]:
        wanted = np.unique(self.subject[gallery])
        enrolled = np.unique(self.subject[gallery & self.acquired])
        strangers = probes & self.acquired & ~np.isin(self.subject, enrolled)
        return {
            "subjects to enrol": len(wanted),
            "subjects not enrolled (no window)": len(wanted) - len(enrolled),
            "gallery sequences": int(gallery.sum()),
            "gallery sequences without a window": int((gallery & ~self.acquired).sum()),
            "probe subjects": len(np.unique(self.subject[probes])),
            "probes": int(probes.sum()),
            "probes without a window": int((probes & ~self.acquired).sum()),
            "probes of nobody enrolled": int(strangers.sum()),
        }


def grouped(group: Sequence[str]) -> dict[str, Ints]:
    """Return the members of each group, groups in the order of the number they begin with."""
    names = np.asarray(group, dtype=str)
    return {n: np.flatnonzero(names == n) for n in sorted(set(group), key=_number) if n}


def _number(name: str) -> tuple[float, str]:
    try:
        return float(name.partition(" ")[0].partition("-")[0]), name
    except ValueError:
        return np.inf, name
