"""Two kinds of error against one another over all thresholds, exact and resampled.

A comparison or search whose claim is true is *mated*, any other *non-mated*; both are scored, and
accepted from a threshold T on. The two error rates are

    false accepts(T) = share of non-mated scores >= T     FMR, or FPIR in open-set search
    false rejects(T) = share of mated scores < T          FNMR, or FNIR

(ISO/IEC 19795-1:2021). Verification and open-set search differ only in what is scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rt_gait.types import FloatArray

from .resampling import Resampling
from .sequences import Doubles, Ints

_EDGES = 512
"""Thresholds taken from each side for the replicates."""


class Rates(NamedTuple):
    """Error rates at K thresholds that rise along the last axis, from -inf to +inf."""

    thresholds: Doubles
    """[K] float64."""
    false_accept: Doubles
    """[..., K] from 1 down to 0; NaN without non-mated scores."""
    false_reject: Doubles
    """[..., K] from 0 up to 1; NaN without mated scores."""


def exact_rates(mated: FloatArray, non_mated: FloatArray, limits: tuple[float, ...] = ()) -> Rates:
    """Return the rates at every corner of the curve; -inf is a score that no threshold accepts.

    Between two mated scores only false accepts change, so mated scores, and thresholds just above
    them, are all the corners there are. For each of ``limits`` the lowest threshold with no more
    false accepts is added.
    """
    mated, non_mated = np.sort(mated), np.sort(non_mated)
    picked = [mated, np.nextafter(mated, np.float32(np.inf))]
    if non_mated.size:
        allowed = [int(limit * non_mated.size + 1e-9) for limit in limits]
        last_refused = non_mated[[-1 - k for k in allowed if k < non_mated.size]]
        picked.append(np.nextafter(last_refused, np.float32(np.inf)))
    corners = np.unique(np.concatenate(picked))
    thresholds = np.concatenate([[-np.inf], corners[np.isfinite(corners)], [np.inf]])
    passed, rejects = (
        np.searchsorted(side, thresholds.astype(np.float32)) for side in (non_mated, mated)
    )
    return Rates(
        thresholds,
        _share(len(non_mated) - passed, np.int64(len(non_mated))),
        _share(rejects, np.int64(len(mated))),
    )


def equal_error_rate(rates: Rates) -> tuple[Doubles, Ints]:
    """Return where the two rates meet, [...], and the index of the first threshold from there on.

    NaN where a side has no scores.
    Between two thresholds both rates are taken to be straight lines, as a DET plot draws them.
    """
    gap = rates.false_reject - rates.false_accept
    after = np.argmax(gap >= 0, axis=-1)
    at = np.stack([np.maximum(after - 1, 0), after], axis=-1)
    (gap_0, gap_1), (low, high) = (
        np.moveaxis(np.take_along_axis(side, at, axis=-1), -1, 0)
        for side in (gap, rates.false_accept)
    )
    step = gap_1 - gap_0
    share = np.divide(-gap_0, step, out=np.ones_like(step), where=step > 0)
    return np.where(np.isnan(gap[..., 0]), np.nan, low + share * (high - low)), after


def rejects_at(rates: Rates, limit: float) -> tuple[Doubles, Ints]:
    """Return the false-reject rate, [...], at the lowest threshold with false accepts <= limit.

    And the index of that threshold. Nothing is interpolated: the point can be chosen in use.
    """
    at = np.argmax(rates.false_accept <= limit, axis=-1)
    rejects = np.take_along_axis(rates.false_reject, at[..., None], axis=-1)[..., 0]
    unknown = np.isnan(rates.false_accept[..., 0])
    return np.where(unknown, np.nan, rejects), at


def trade_off(rates: Rates, false_accept: Doubles) -> Doubles:
    """Return the least false-reject rate at each false-accept rate [M], for a DET plot."""
    return np.array([rejects_at(rates, limit)[0] for limit in false_accept])


@dataclass(frozen=True, eq=False)
class Histograms:
    """Scores by probe subject and step between thresholds, so that replicates are a product."""

    edges: FloatArray
    """[K] thresholds, rising; step k holds scores from edge k - 1 on and below edge k."""
    mated: FloatArray
    """[S, K + 1] float32 counts."""
    non_mated: FloatArray
    """[S, K + 1]."""

    def replicated(self, resampling: Resampling) -> Rates:
        """Return the rates [R, K + 2] of resampled subjects."""
        rejects, passed = (
            np.insert(np.cumsum(resampling.weights @ side, axis=1, dtype=np.float64), 0, 0, axis=1)
            for side in (self.mated, self.non_mated)
        )
        thresholds = np.concatenate([[-np.inf], self.edges, [np.inf]])
        accepts = _share(passed[:, -1:] - passed, passed[:, -1:])
        return Rates(thresholds, accepts, _share(rejects, rejects[:, -1:]))


def edges_of(mated: FloatArray, non_mated: FloatArray) -> FloatArray:
    """Return thresholds that resolve both sides: mated scores evenly, the non-mated to the top.

    Steps hold at most 0.2% of the mated scores. The shares of non-mated scores above two
    neighbours differ by at most 2.8% of themselves, down to one in a million.
    """
    picked = [np.zeros(0, np.float32)]
    if mated.size:
        evenly = np.linspace(0, mated.size - 1, _EDGES)
        at = np.sort(mated)[evenly.astype(np.int64)]
        picked += [at, np.nextafter(at, np.float32(np.inf))]
    if non_mated.size:
        from_top = np.geomspace(1e-6, 1, _EDGES) * non_mated.size
        picked.append(np.sort(non_mated)[-np.ceil(from_top).astype(np.int64)])
        picked.append(np.nextafter(non_mated.max(keepdims=True), np.float32(np.inf)))
    edges = np.unique(np.concatenate(picked))
    return np.asarray(edges[np.isfinite(edges)], dtype=np.float32)


def counted(subject: Ints, step: Ints, subjects: int, steps: int) -> FloatArray:
    """Return how often each pair occurs: [subjects, steps] float32."""
    size = subjects * steps
    return np.bincount(subject * steps + step, minlength=size).reshape(subjects, steps).astype("f4")


def _share(part: Doubles | Ints, whole: Doubles | np.int64) -> Doubles:
    whole = np.broadcast_to(np.asarray(whole, dtype=np.float64), part.shape)
    out: Doubles = np.full(part.shape, np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole > 0))
