"""The reasons that are given with a claim."""

from __future__ import annotations

from enum import Enum


class Reason(str, Enum):
    """Why somebody is not known."""

    FEW_WINDOWS = "few_windows"
    """Insufficient: too few windows of walking so far."""
    NOT_WALKING = "not_walking"
    """Insufficient: there were windows, and the person stood or turned in them."""
    SUSPECTED_SWAP = "suspected_swap"
    """Insufficient: it may have become another person, and has not been seen walking since."""
    EMPTY_GALLERY = "empty_gallery"
    """Unknown: nobody is enrolled."""
    NOBODY_CLOSE = "nobody_close"
    """Unknown: nobody enrolled reaches the candidate's threshold."""
    SEEN_ELSEWHERE = "seen_elsewhere"
    """Unknown: the closest subject is another person in this frame, who is closer."""
    SCORE_LOW = "score_low"
    """Candidate: below the threshold of the known."""
    TWO_CLOSE = "two_close"
    """Candidate: another subject is as close."""
