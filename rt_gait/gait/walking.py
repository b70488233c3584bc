"""Whether the person in a window walks: legs that swing at the pace of walking.

Adults take about 1.4 to 2.4 steps a second. So each pixel of the lower body is followed through the
window, its mean and its drift are taken out, and what is left at those paces is held against the
pixels that the legs cover. Somebody who stands, turns or shifts from foot to foot leaves little;
gait networks would make something of such windows all the same, and it means nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from rt_gait.types import FloatArray, Window

LEAST_SWING = 0.2
"""A window below is of somebody who does not walk: figures in docs/identity.md."""
FULL_SWING = 0.6
"""From here on windows are worth the same: of 64 synthetic people, six windows in ten."""
_LEGS_FROM = 0.625
"""Share of the height above the legs, knees included."""
_PACES_HZ = (1.4, 1.9, 2.4)


def swing(window: Window) -> float:
    """Return the swing of the legs in a window of silhouettes, from 0 to about 1.

    Walkers have 0.3 to 0.9, less when they come straight towards the camera.
    """
    first = round(_LEGS_FROM * window.pixels.shape[1])
    legs = window.pixels[:, first:].reshape(len(window.pixels), -1).astype(np.float32) / 255
    covered = float(legs.sum()) / len(legs)
    span_secs = window.end_secs - window.start_secs
    if not covered or span_secs <= 0:
        return 0.0
    paced = _paces(len(legs), span_secs).T @ legs
    return float(np.sqrt((paced**2).sum(axis=0) / len(legs)).sum()) / covered


def judged(window: Window) -> Window | None:
    """Return the window with its quality, None where the person does not walk.

    Legs that hardly swing, as of people who come straight towards the camera, tell less. Windows of
    flow are not judged.
    """
    if window.pixels.dtype != np.uint8:
        return window
    found = swing(window)
    return replace(window, quality=quality(found)) if found >= LEAST_SWING else None


def quality(swing_found: float) -> float:
    """Return what a window with such a swing of the legs is worth, up to 1."""
    return min(max(swing_found, LEAST_SWING) / FULL_SWING, 1.0)


@lru_cache(maxsize=16)
def _paces(frames: int, span_secs: float) -> FloatArray:
    """Orthonormal columns [T, K] that span the paces of walking, free of mean and drift."""
    time_secs = np.linspace(0.0, span_secs, frames)
    angles = 2 * np.pi * np.outer(time_secs, _PACES_HZ)
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    drift, _ = np.linalg.qr(np.stack([np.ones(frames), time_secs - time_secs.mean()], axis=1))
    basis, _ = np.linalg.qr(waves - drift @ (drift.T @ waves))
    return np.asarray(basis, np.float32)
