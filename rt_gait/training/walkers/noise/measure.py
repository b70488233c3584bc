"""Strengths of the noise that are measured directly: box errors, missed and merged frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from .model import NoiseModel
from .pairs import FPS, Passage, foreign

Array = npt.NDArray[np.float64]

#: A frame counts as merged when this share of the seen mask lies on a neighbour.
LEAST_MERGED = 0.03
#: Share of the noise's frames beside a neighbour that come out merged in that sense.
MERGED_SHOWS = 0.5


def _lag1(series: list[Array]) -> float:
    """Correlation from frame to frame of (T, ...) series about the mean of each."""
    centred = [s - np.nanmean(s, axis=0) for s in series if np.isfinite(s).any()]
    power = float(np.nanmean(np.concatenate([c**2 for c in centred])))
    both = np.concatenate([c[1:] * c[:-1] for c in centred])
    return float(np.nanmean(both)) / power if power > 0 else 0.0


def memory(correlation: float) -> float:
    """Seconds in which a ``correlation`` from frame to frame falls to 1/e."""
    return float(-1.0 / FPS / np.log(np.clip(correlation, 0.02, 0.98)))


def event_memory(rate: float, again: float) -> float:
    """Memory in seconds of a normal process that is high at ``rate``, ``again`` after a high."""
    if not 0 < rate < again:
        return memory(0.0)
    level = stats.norm.isf(rate)

    def excess(correlation: float) -> float:
        both = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
        return float(both.cdf([-level, -level])) / rate - again

    return memory(float(optimize.brentq(excess, -0.5, 0.999)))


def _events(series: list[Array]) -> tuple[float, float]:
    """Rate and :func:`event_memory` of (T,) series of 0 and 1."""
    rate = float(np.concatenate(series).mean())
    before = np.concatenate([s[:-1] for s in series]) > 0
    after = np.concatenate([s[1:] for s in series])
    again = float(after[before].mean()) if before.any() else 0.0
    return round(rate, 4), round(event_memory(rate, min(again, 0.95)), 3)


def measured(walks: list[Passage], model: NoiseModel) -> NoiseModel:
    """``model`` with the strengths that are measured, not searched."""
    boxes = [w.boxes * w.masks.height_px for w in walks]
    # The middle two thirds: a few boxes that swallow a neighbour would rule a plain sd.
    low, middle, high = np.nanpercentile(np.concatenate(boxes), [15.9, 50.0, 84.1])
    miss, miss_s = _events([1.0 - w.masks.found.astype(float) for w in walks])
    merge, merge_s = _events([(foreign(w) > LEAST_MERGED).astype(float) for w in walks])
    merge = min(round(merge / MERGED_SHOWS, 4), 0.5)
    return replace(
        model,
        box_bias_px=round(float(middle), 2),
        box_sd_px=round(float(high - low) / 2, 2),
        box_s=round(memory(_lag1(boxes)), 3),
        miss=miss,
        miss_s=miss_s,
        merge=merge,
        merge_s=merge_s,
    )
