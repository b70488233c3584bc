"""Mood, fatigue and arm swing as small changes to a gait cycle.

The sizes are set by hand. The directions follow published observations: happy walkers are faster,
swing their arms more and bounce; sad ones are slower, slumped, sway sideways and swing their arms
less (Michalak et al., Psychosom Med 2009;71:580; Roether et al., J Vision 2009;9(6):15).
Fatigue is a slower, stooped and more swaying walk: an assumption.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .cycles import BONES, unpack

Array = npt.NDArray[np.float64]

#: Radians of forward lean for a change of one in (mood, fatigue).
_LEAN = {
    "upperback": (-0.03, 0.03),
    "thorax": (-0.05, 0.05),
    "lowerneck": (-0.06, 0.06),
    "upperneck": (-0.07, 0.07),
    "head": (-0.08, 0.07),
}
#: Change of the log of arm swing, of sideways sway, of bounce and of speed for the same.
_SWING = (0.25, -0.10)
_SWAY = (-0.15, 0.20)
_BOUNCE = (0.20, -0.10)
_SPEED = (0.07, -0.06)


def colour(vector: Array, mood: float, fatigue: float, arm_swing: float) -> tuple[Array, float]:
    """The cycle ``vector`` (SIZE,) changed, and the change of the log of speed.

    ``mood`` -1 (sad) to 1 (happy), ``fatigue`` 0 to 1, ``arm_swing`` a factor 0 to 2; anything
    else is a ``ValueError``.
    """
    if not (-1.0 <= mood <= 1.0 and 0.0 <= fatigue <= 1.0 and 0.0 <= arm_swing <= 2.0):
        raise ValueError("mood lies in -1 to 1, fatigue in 0 to 1, arm_swing in 0 to 2")
    state = np.array([mood, fatigue])
    out = vector.copy()
    angles, root, _ = unpack(out)
    for bone, lean in _LEAN.items():
        angles[BONES.index(bone), 0, 0] += float(state @ lean)
    for bone in ("lhumerus", "rhumerus", "lradius", "rradius"):
        angles[BONES.index(bone), :, 1:] *= arm_swing * np.exp(state @ _SWING)
    root[0] *= np.exp(state @ _SWAY)
    root[2] *= np.exp(state @ _BOUNCE)
    return out, float(state @ _SPEED)
