"""Probes compared with a gallery: ranks of sequences, and scores of subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rt_gait.types import FloatArray

from .sequences import Doubles, Ints

_BLOCK = 16_000_000
"""Similarities held at once."""


@dataclass(frozen=True, eq=False)
class Side:
    """The N sequences of a gallery, or of its probes."""

    vectors: FloatArray
    """[N, D] float32, rows of L2 norm 1."""
    subject: Ints
    """[N], below S, the number of subjects that are known of."""
    view: Ints
    """[N] number of the view's name, or -1 where it has none."""

    def __len__(self) -> int:
        return len(self.subject)

    def at(self, chosen: Ints | npt.NDArray[np.bool_]) -> Side:
        """Return some of the sequences."""
        return Side(self.vectors[chosen], self.subject[chosen], self.view[chosen])


@dataclass(frozen=True, eq=False)
class Scores:
    """P probes and their similarity to each of S subjects."""

    subject: Ints
    """[P] whose probe it is."""
    values: FloatArray
    """[P, S] cosine in -1..1; NaN where the subject has no reference for this probe."""

    @property
    def own(self) -> FloatArray:
        """[P] similarity to the probe's own subject; NaN where there is no reference."""
        return np.asarray(self.values[np.arange(len(self.subject)), self.subject])

    def among(self, enrolled: Ints) -> Scores:
        """Return the scores of the ``enrolled`` alone; every probe must be of one of them."""
        column = np.full(self.values.shape[1], -1, np.int64)
        column[enrolled] = np.arange(len(enrolled))
        return Scores(column[self.subject], self.values[:, enrolled])

    def first(self) -> Doubles:
        """[P] 1 where the own subject beats all others, 0 where not, NaN without a reference."""
        own = self.own
        with np.errstate(invalid="ignore"):
            rivals = (self.values >= own[:, None]).sum(axis=1)
        return np.where(np.isnan(own), np.nan, (rivals == 1).astype(np.float64))


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where each of P probes finds its mates, the gallery's sequences of the same subject.

    Among sequences of equal similarity mates come last: a network that gives one vector to
    everybody recognises nobody. All are NaN where a probe has no mate.
    """

    first: Doubles
    """[P] rank of the best mate, from 1."""
    average_precision: Doubles
    """[P] mean over mates i = 1..M, best first, of i / rank of i."""
    inverse_negative_penalty: Doubles
    """[P] M / rank of the worst mate (Ye et al., IEEE TPAMI 44(6), 2022)."""

    def within(self, rank: int) -> Doubles:
        """[P] 1 where a mate is among the first ``rank`` sequences, 0 where not."""
        return np.where(np.isnan(self.first), np.nan, (self.first <= rank).astype(np.float64))


def search(
    probes: Side, gallery: Side, scored: Ints, subjects: int, *, exclude_same_view: bool = False
) -> tuple[Ranks, Scores]:
    """Compare every probe with every sequence of the gallery.

    A subject's score is that of his most similar sequence, as in ``rt_gait.identity``.

    Args:
        probes: P sequences.
        gallery: G sequences.
        scored: probes, in rising order, whose scores are wanted.
        subjects: S.
        exclude_same_view: leave out a probe's mates of its own view, as OpenGait's cross-view
            evaluation does; other subjects keep theirs.

    Returns:
        The ranks of all probes, and the scores of those asked for.
    """
    table = _Table.of(gallery, len(scored), subjects)
    ranks = np.full((3, len(probes)), np.nan)
    for rows in blocks(len(probes), len(gallery)):
        block = probes.at(rows)
        similarity = block.vectors @ table.gallery.vectors.T
        mates = block.subject[:, None] == table.gallery.subject
        if exclude_same_view:
            left_out = mates & (block.view[:, None] == table.gallery.view)
            similarity[left_out] = -np.inf
            mates &= ~left_out
        wanted = np.isin(rows, scored)
        table.put(np.searchsorted(scored, rows[wanted]), similarity[wanted])
        for row, near, own in zip(rows, similarity, mates, strict=True):
            ranks[:, row] = _ranked(near, own)
    return Ranks(*ranks), Scores(probes.subject[scored], table.values)


def subject_scores(probes: Side, gallery: Side, subjects: int) -> Scores:
    """Return the scores alone, of all probes, as :func:`search` does."""
    table = _Table.of(gallery, len(probes), subjects)
    for rows in blocks(len(probes), len(gallery)):
        table.put(rows, probes.vectors[rows] @ table.gallery.vectors.T)
    return Scores(probes.subject, table.values)


@dataclass(frozen=True, eq=False)
class _Table:
    """Scores [P, S] being filled from similarities to the sequences of a gallery."""

    gallery: Side
    """Sorted by subject."""
    values: FloatArray
    _enrolled: Ints
    _starts: Ints

    @staticmethod
    def of(gallery: Side, probes: int, subjects: int) -> _Table:
        gallery = gallery.at(np.argsort(gallery.subject, kind="stable"))
        enrolled, starts = np.unique(gallery.subject, return_index=True)
        values = np.full((probes, subjects), np.nan, np.float32)
        return _Table(gallery, values, enrolled, starts)

    def put(self, rows: Ints, similarity: FloatArray) -> None:
        """Set some rows; a similarity of -inf is none."""
        best = np.maximum.reduceat(similarity, self._starts, axis=1).clip(max=1)
        best[np.isneginf(best)] = np.nan
        self.values[np.ix_(rows, self._enrolled)] = best


def _ranked(similarity: FloatArray, mates: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return rank of the best mate, average precision, inverse negative penalty of one probe."""
    own = np.sort(similarity[mates])[::-1]
    if not own.size:
        return np.nan, np.nan, np.nan
    others = np.sort(similarity[~mates])
    place = np.arange(1, len(own) + 1)
    rank = place + len(others) - np.searchsorted(others, own)
    return float(rank[0]), float((place / rank).mean()), float(len(own) / rank[-1])


def view_grid(probes: Side, gallery: Side, views: int) -> Doubles:
    """Return whether each probe finds its subject among the gallery's sequences of each view.

    Returns:
        [P, views] 1 or 0; NaN for the probe's own view. A subject without a sequence of that view
        is not found, as OpenGait counts.
    """
    found = np.full((len(probes), views), np.nan)
    for view in range(views):
        side = gallery.at(gallery.view == view)
        for rows in blocks(len(probes), len(side)):
            block = probes.at(rows)
            similarity = block.vectors @ side.vectors.T
            mates = block.subject[:, None] == side.subject
            own, others = (
                np.where(chosen, similarity, -np.inf).max(axis=1, initial=-np.inf)
                for chosen in (mates, ~mates)
            )
            found[rows, view] = np.where(block.view == view, np.nan, own > others)
    return found


def blocks(rows: int, columns: int) -> Iterator[Ints]:
    """Give the numbers of ``rows`` in parts whose product with ``columns`` fits in memory."""
    size = max(_BLOCK // max(columns, 1), 1)
    for first in range(0, rows, size):
        yield np.arange(first, min(first + size, rows))
