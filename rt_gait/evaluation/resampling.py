"""95% intervals by bootstrap: subjects are drawn anew, with everything that is known of them.

Searches of one person are not independent, so it is people that are resampled (Bolle, Ratha &
Pankanti, Computer Vision and Image Understanding 93, 2004: the subsets bootstrap). Whoever is
enrolled stays: the intervals say how the figure would vary with other probe subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rt_gait.types import FloatArray

from .sequences import Doubles, Ints

REPLICATES = 1000
_SEED = 2021


@dataclass(frozen=True, eq=False)
class Figure:
    """A share or a rate, 0 to 1, and how it varies with who is tested."""

    value: float
    """NaN where nothing was compared."""
    replicates: Doubles
    """[R] the same of resampled subjects; NaN where a replicate drew nobody who was compared."""
    trials: int
    """Searches or comparisons behind it."""
    subjects: int
    """Probe subjects behind it."""
    threshold: float | None = None
    """Similarity of the operating point, -1 to 1, where the figure has one."""

    @property
    def interval(self) -> tuple[float, float]:
        """95% percentile interval; NaN where fewer than two subjects are behind the figure.

        An interval without width means that no error, or nothing but errors, was seen: with n
        subjects the truth may by the rule of three still be about 3 / n away.
        """
        known = self.replicates[~np.isnan(self.replicates)]
        if self.subjects < 2 or not known.size:
            return np.nan, np.nan
        low, high = np.percentile(known, (2.5, 97.5))
        return float(low), float(high)

    def less(self, other: Figure) -> Figure:
        """Return this less another model's figure, paired: both saw the same resampled subjects.

        Raises:
            ValueError: they were not measured on as many trials of as many subjects.
        """
        if (self.trials, self.subjects) != (other.trials, other.subjects):
            raise ValueError("a paired difference needs the same probes on both sides")
        return Figure(
            self.value - other.value,
            self.replicates - other.replicates,
            self.trials,
            self.subjects,
        )


@dataclass(frozen=True, eq=False)
class Resampling:
    """How often each of S subjects is drawn in each of R replicates."""

    weights: FloatArray
    """[R, S] float32 of whole numbers, rows sum to S. Equal for equal R and S: so pairs pair."""

    @staticmethod
    def of(subjects: int, replicates: int = REPLICATES) -> Resampling:
        """Draw the replicates, always the same ones."""
        rng = np.random.default_rng(_SEED)
        shares = np.full(max(subjects, 1), 1 / max(subjects, 1))
        drawn = rng.multinomial(subjects, shares, size=replicates)
        return Resampling(drawn[:, :subjects].astype(np.float32))

    def rate(self, subject: Ints, value: Doubles, cell: Ints | None = None) -> Figure:
        """Return the mean of ``value`` over trials, or the mean over cells of the cells' means.

        Args:
            subject: [P] probe subject of each trial, below S.
            value: [P] outcome of each trial; NaN is no trial.
            cell: [P] from 0, when the figure is a mean of means; a cell without trials is left
                out, in a replicate too.
        """
        known = ~np.isnan(value)
        subject, value = subject[known], value[known]
        cell = np.zeros(len(value), np.int64) if cell is None else cell[known]
        shape = (self.weights.shape[1], int(cell.max(initial=0)) + 1)
        place, size = np.ravel_multi_index((subject, cell), shape), shape[0] * shape[1]
        sums = np.bincount(place, value, size).reshape(shape)
        counts = np.bincount(place, minlength=size).reshape(shape)
        return Figure(
            float(mean_of_shares(sums.sum(0), counts.sum(0))),
            mean_of_shares(
                self.weights @ sums.astype(np.float32), self.weights @ counts.astype(np.float32)
            ),
            len(value),
            len(np.unique(subject)),
        )


def mean_of_shares(sums: Doubles | FloatArray, counts: Ints | FloatArray) -> Doubles:
    """Return the mean over the last axis of ``sums / counts``, where there are counts; or NaN."""
    some = counts > 0
    shares = np.divide(sums, counts, out=np.zeros(sums.shape), where=some)
    cells = some.sum(axis=-1)
    total: Doubles = np.asarray(shares.sum(axis=-1), dtype=np.float64)
    out: Doubles = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, cells, out=out, where=cells > 0))
