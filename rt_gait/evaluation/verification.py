"""Verification: is somebody who he claims to be? In terms of ISO/IEC 19795-1:2021.

A *mated* comparison is that of a probe with its own subject's references, a *non-mated* one that
with another subject's; every probe is compared with every enrolled subject. With a threshold T

    FMR(T)  = share of non-mated scores >= T
    FNMR(T) = share of mated scores < T
    FTA     = share of probes of enrolled subjects that gave no window
    FRR(T)  = FTA + (1 - FTA) * FNMR(T)
    EER     = the value at which FMR and FNMR meet
    FNMR at FMR x = FNMR at the lowest T with FMR(T) <= x

An x that is less than one non-mated comparison in all is left out: it cannot be measured.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .curves import (
    Histograms,
    Rates,
    counted,
    edges_of,
    equal_error_rate,
    exact_rates,
    rejects_at,
    trade_off,
)
from .resampling import Figure, Resampling
from .searches import Scores
from .sequences import Doubles

EER = "EER"
FALSE_MATCH_RATES = (0.01, 0.001)
DET_RATES = np.geomspace(1e-5, 1, 101)
"""False-match rates of the points of a DET curve."""


class Verification:
    """The comparisons of one set of probes, of which parts can be looked at."""

    def __init__(self, scores: Scores, resampling: Resampling) -> None:
        self._resampling, self._subject, self._values = resampling, scores.subject, scores.values
        own = np.zeros(scores.values.shape, np.bool_)
        own[np.arange(len(own)), scores.subject] = True
        compared = ~np.isnan(scores.values)
        self._mated, self._non_mated = compared & own, compared & ~own
        self._edges = edges_of(self._values[self._mated], self._values[self._non_mated])
        steps = np.searchsorted(self._edges, self._values, side="right")
        self._steps = steps.astype(np.uint16)

    def rates(self, rows: Any = slice(None)) -> Rates:
        """Return the exact rates of some probes (an index of [P]), all by default."""
        values = self._values[rows]
        return exact_rates(
            values[self._mated[rows]], values[self._non_mated[rows]], FALSE_MATCH_RATES
        )

    def equal_error_rate(self, rows: Any = slice(None)) -> Figure:
        """Return the EER of some probes (an index of [P])."""
        rates = self.rates(rows)
        value, at = equal_error_rate(rates)
        replicated, _ = equal_error_rate(self._replicated(rows))
        return self._figure(rows, value, replicated, rates.thresholds[at])

    def figures(self, lost: Figure) -> dict[str, Figure]:
        """Return every figure of all probes; ``lost`` is the FTA."""
        out = {EER: self.equal_error_rate()}
        exact, replicated = self.rates(), self._replicated(slice(None))
        for limit in FALSE_MATCH_RATES:
            if self._non_mated.sum() * limit < 1:
                continue
            value, at = rejects_at(exact, limit)
            figure = self._figure(
                slice(None), value, rejects_at(replicated, limit)[0], exact.thresholds[at]
            )
            out[f"FNMR at FMR {percent(limit)}"] = figure
            out[f"FRR at FMR {percent(limit)}"] = replace(
                figure,
                value=lost.value + (1 - lost.value) * figure.value,
                replicates=lost.replicates + (1 - lost.replicates) * figure.replicates,
                trials=lost.trials,
                subjects=lost.subjects,
            )
        return out

    def det(self) -> Doubles:
        """Return FNMR at each of :data:`DET_RATES`; NaN below one non-mated comparison in all."""
        measured = self._non_mated.sum() * DET_RATES >= 1
        return np.where(measured, trade_off(self.rates(), DET_RATES), np.nan)

    def _replicated(self, rows: Any) -> Rates:
        subject = np.broadcast_to(self._subject[:, None], self._steps.shape)[rows]
        sides = (
            counted(
                subject[chosen[rows]],
                self._steps[rows][chosen[rows]],
                self._resampling.weights.shape[1],
                len(self._edges) + 1,
            )
            for chosen in (self._mated, self._non_mated)
        )
        return Histograms(self._edges, *sides).replicated(self._resampling)

    def _figure(self, rows: Any, value: Doubles, replicates: Doubles, threshold: Doubles) -> Figure:
        mated: npt.NDArray[np.bool_] = self._mated[rows].any(axis=1)
        return Figure(
            float(value),
            replicates,
            int(mated.sum()),
            len(np.unique(self._subject[rows][mated])),
            float(threshold),
        )


def percent(share: float) -> str:
    """Return a share in words: 0.001 is ``0.1%``."""
    return f"{100 * share:g}%"
