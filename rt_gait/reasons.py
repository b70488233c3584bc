"""The reasons that are given: for what is not claimed, and for what was left out."""

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


class Rejection(str, Enum):
    """Why a person seen in a frame gave no silhouette."""

    CUT_BY_FRAME = "cut_by_frame"
    TOO_SMALL = "too_small"
    MERGED = "merged"
    FRAGMENTED = "fragmented"
    LOW_SCORE = "low_score"


class WindowLoss(str, Enum):
    """Why a window of a live source was not embedded by a server."""

    REPLACED = "replaced"
    """A newer one of the same track came before it could be sent."""
    REJECTED = "rejected"
    """The server was well and refused it, as it does when its queue is full."""
    TIMED_OUT = "timed_out"
    """The server was well, and not in time."""
    UNAVAILABLE = "unavailable"
    """The server was away."""
    LATE = "late"
    """Its track, or the run, had ended by then."""
