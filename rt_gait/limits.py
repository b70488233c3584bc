"""From which similarity somebody is known in a run: the user's word, the gallery's, the model's."""

from __future__ import annotations

from rt_gait.config import Settings
from rt_gait.gait.embedder import is_untrained
from rt_gait.identity.calibration import Calibration, Odds
from rt_gait.identity.matching import Templates
from rt_gait.identity.thresholds import Thresholds
from rt_gait.serving.repository import ModelInfo


def thresholds(
    settings: Settings, info: ModelInfo, found: Calibration | None = None
) -> Thresholds | None:
    """Return the user's thresholds, or the gallery's, or the model's; an untrained one has none.

    Args:
        settings: What the user wants.
        info: The gait model.
        found: What calibration of the gallery found.

    Raises:
        UsageError: they contradict one another.
        ModelError: the model has none.
    """
    if is_untrained(info) and not thresholds_given(settings):
        return None

    def pick(parameter: str, *chosen: float | None) -> float:
        given = next((c for c in chosen if c is not None), None)
        return info.number(parameter) if given is None else given

    found_known, found_candidate, unasked = (
        (found.known, found.candidate, 0.0) if found else (None, None, None)
    )
    known = pick("known_score", settings.known_score, found_known)
    candidate = pick("candidate_score", settings.candidate_score, found_candidate)
    return Thresholds(
        known=known,
        # One of the two given by flag may cross the other of a calibration.
        candidate=candidate if settings.candidate_score is not None else min(candidate, known),
        margin=pick("margin", settings.margin, None if "margin" in info.parameters else unasked),
        odds=(found and found.odds) or _odds(info),
    )


def _odds(info: ModelInfo) -> Odds | None:
    """Return the odds that a model came with."""
    if "odds_slope" not in info.parameters:
        return None
    return Odds(info.number("odds_slope"), info.number("odds_offset"))


def outgrown(found: Calibration | None, templates: Templates) -> str | None:
    """Return the warning that a gallery has grown since it was calibrated."""
    if found is None or len(templates) <= found.subjects:
        return None
    return (
        f"the gallery was calibrated with {found.subjects} people and holds {len(templates)}: "
        "strangers are taken for somebody more often than was asked; run rt-gait calibrate again"
    )


def thresholds_given(settings: Settings) -> bool:
    """Return whether the user said all of them."""
    return None not in (settings.known_score, settings.candidate_score, settings.margin)
