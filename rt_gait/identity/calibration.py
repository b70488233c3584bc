"""From scores of people known to be enrolled, or not, to thresholds and probabilities.

A *search* is one track compared with the whole gallery; its score is the best that it ever reaches
while its windows come in, since a name shown once has been shown. Of strangers' searches

    FPIR(T) = share that reach T                                            (ISO/IEC 19795-1:2021)

``known`` is the lowest score at which FPIR on new strangers is expected to be no higher than asked.
Where strangers are too few to see so rare an event, their scores are taken to be normal, with the
margin that so few want, and the result says so. People, not tracks, are drawn anew for intervals:
tracks of one person are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError

Doubles = npt.NDArray[np.float64]

CANDIDATES = 10
"""``candidate`` is set for so many times the FPIR of ``known``, at most :data:`MOST_CANDIDATES`."""
MOST_CANDIDATES = 0.3
SEEN_AT_LEAST = 3
"""Strangers expected above a threshold before it is called a promise."""
LEAST_STRANGERS = 5
DOUBT = 0.01
"""Odds that some hundred people gave tell nothing of rarer errors: nobody is ever certain."""
REPLICATES = 1000
_SEED = 19795


@dataclass(frozen=True, slots=True)
class Odds:
    """Log odds that the best subject is right, linear in the score; even odds beforehand."""

    slope: float
    offset: float

    def probability(self, score: float) -> float:
        """Return the probability to 4 decimals, never nearer to 0 or 1 than :data:`DOUBT`."""
        log_odds = min(max(self.slope * score + self.offset, -30.0), 30.0)
        return round(min(max(1 / (1 + exp(-log_odds)), DOUBT), 1 - DOUBT), 4)


@dataclass(frozen=True, slots=True)
class Search:
    """One track against the gallery."""

    person: str
    """Whose track it is, enrolled or not; tracks of one person are drawn together."""
    score: float
    """Highest fused score of anybody, with the own subject out of the running for a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was found; kept in the gallery."""

    known: float
    candidate: float
    fpir: float
    """Asked for, 0..1."""
    fpir_low: float
    """95% interval of the FPIR at ``known``, over people."""
    fpir_high: float
    subjects: int
    """Enrolled then: with more, strangers find somebody alike more often."""
    strangers: int
    """People behind it."""
    odds: Odds | None
    """None without searches of enrolled people."""


def calibrate(
    strangers: Sequence[Search], genuine: Sequence[Search], *, fpir: float, subjects: int
) -> Calibration:
    """Choose thresholds.

    Args:
        strangers: searches of people who are not enrolled.
        genuine: searches of enrolled people in which the own subject came first.
        fpir: share of strangers' tracks that may be taken for somebody enrolled, above 0 and
            below 0.5.
        subjects: enrolled.

    Raises:
        UsageError: fewer than five strangers, or the FPIR is out of range.
    """
    if not 0 < fpir < 0.5:
        raise UsageError(f"the FPIR to aim at must be above 0 and below 0.5, got {fpir:g}")
    people = sorted({s.person for s in strangers})
    if len(people) < LEAST_STRANGERS:
        raise UsageError(
            f"calibration needs {LEAST_STRANGERS} people who are not enrolled, got {len(people)}; "
            "film more, or use --walkers"
        )
    scores = np.array([s.score for s in strangers])
    owner = np.searchsorted(people, [s.person for s in strangers])
    known = _up(threshold(scores, fpir, len(people)))
    lax = min(CANDIDATES * fpir, MOST_CANDIDATES)
    candidate = min(_up(threshold(scores, max(lax, fpir), len(people))), known)
    tracks = np.bincount(owner)
    low, high = share_interval(np.bincount(owner[scores >= known], minlength=len(people)), tracks)
    return Calibration(
        known=known,
        candidate=candidate,
        fpir=fpir,
        fpir_low=low,
        fpir_high=high,
        subjects=subjects,
        strangers=len(people),
        odds=odds(np.array([s.score for s in genuine]), scores) if genuine else None,
    )


def threshold(scores: Doubles, fpir: float, people: int) -> float:
    """Return a score that new strangers reach with probability ``fpir``, over all such samples.

    With k = floor(fpir (people + 1)) of at least 1 it is the k-th highest, which holds whatever the
    scores are distributed like (order statistics of exchangeable samples). With fewer people it is
    the upper end of the prediction interval of a normal distribution, with Student's t, which is
    the wider the fewer they are.

    Args:
        scores: [N] of searches.
        fpir: 0..1.
        people: behind the searches, at least 2.
    """
    told = np.floor(fpir * (people + 1) + 1e-9) / people
    if told > 0:
        rank = max(int(told * len(scores) + 1e-9), 1)
        return float(np.sort(scores)[-rank])
    from scipy.special import stdtrit

    reach = float(stdtrit(people - 1, 1 - fpir)) * (1 + 1 / people) ** 0.5
    return float(scores.mean() + reach * scores.std() * (people / (people - 1)) ** 0.5)


def share_interval(
    hits: npt.NDArray[np.int64], trials: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Return the 95% interval of hits / trials, both [P] of so many people, who are drawn anew.

    An end that is 0 or 1 for want of errors is moved to 3 / P away, since so many people may have
    come without one (the rule of three: Hanley & Lippman-Hand, JAMA 249, 1983).
    """
    people = len(trials)
    weights = np.random.default_rng(_SEED).multinomial(
        people, np.full(people, 1 / people), size=REPLICATES
    )
    low, high = np.percentile((weights @ hits) / np.maximum(weights @ trials, 1), (2.5, 97.5))
    spare = min(3 / people, 1.0)
    return float(min(low, 1 - spare)), float(max(high, spare))


def odds(genuine: Doubles, strangers: Doubles) -> Odds:
    """Fit the odds by logistic regression, both kinds given the same weight.

    After Platt (Advances in Large Margin Classifiers, 1999), with his targets, which keep the fit
    finite where the two kinds do not overlap.
    """
    score = np.concatenate([genuine, strangers])
    target = np.concatenate(
        [
            np.full(len(genuine), 1 - 1 / (len(genuine) + 2)),
            np.full(len(strangers), 1 / (len(strangers) + 2)),
        ]
    )
    weight = np.concatenate(
        [np.full(len(genuine), 0.5 / len(genuine)), np.full(len(strangers), 0.5 / len(strangers))]
    )
    design = np.stack([score, np.ones(len(score))], axis=1)
    found = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (weight * (target - chance))
        curve = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve + 1e-6 * np.eye(2), gradient)
        found += step
        if np.abs(step).max() < 1e-8:
            break
    return Odds(float(found[0]), float(found[1]))


def warning(calibration: Calibration) -> str | None:
    """Return what must be told where there is too little data to promise the FPIR."""
    if calibration.strangers * calibration.fpir >= SEEN_AT_LEAST:
        return None
    wanted = int(-(-SEEN_AT_LEAST // calibration.fpir))
    return (
        f"{calibration.strangers} strangers are too few to promise an FPIR of "
        f"{calibration.fpir:.2%}: the truth may be {calibration.fpir_high:.1%}; it takes about "
        f"{wanted} strangers to see that far"
    )


def _up(score: float) -> float:
    return float(min(max(np.ceil(score * 1000) / 1000, -1.0), 1.0))
