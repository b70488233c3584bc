"""Gait cycles apart from the wearer: Fourier series of joint rotations, and putting them on bodies.

A cycle starts at the left heel strike. Bones are those of the recordings, in a frame that walks
along -y: trunk, head, upper arms, thighs and feet turn relative to that frame, clavicles, forearms
and shanks relative to their parent. A rotation is the model's reference rotation of the bone times
the exponential of a vector; each component is a constant and HARMONICS pairs (cosine, sine).

A cycle is one vector of SIZE numbers: (bones, 3, TERMS) radians; root (3, TERMS - 1) in leg
lengths, the departure of the pelvis from steady travel; then SCALARS: log of stride over cadence
(both dimensionless), phase of the right heel strike, stance shares of the left and right foot.
Lengths are in leg lengths (thigh plus shank) and times in sqrt(leg length / g): dynamic similarity
(Alexander, Physiol. Rev. 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from .clearance import clear_arms, part_legs
from .contact import plant
from .mocap import FRAME_RATE
from .motion import Gait, alignment, curl_fingers, foot_heading, recorded_name
from .rotations import axis_rotation, exp

Array = npt.NDArray[np.float64]

GRAVITY = 9.81
HARMONICS = 6
TERMS = 1 + 2 * HARMONICS
FRAMES = 72

_AXIAL = ("root", "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head")
_PAIRED = ("clavicle", "humerus", "radius", "femur", "tibia", "foot")
BONES = (*_AXIAL, *("l" + n for n in _PAIRED), *("r" + n for n in _PAIRED))
_PARENT = {"clavicle": "thorax", "radius": "humerus", "tibia": "femur"}
#: Position in BONES of each bone's fellow on the other side.
SWAPPED = [
    BONES.index({"l": "r", "r": "l"}[b[0]] + b[1:] if b[1:] in _PAIRED else b) for b in BONES
]
SCALARS = ("walk_ratio", "strike", "left_stance", "right_stance")
_ANGLES = len(BONES) * 3 * TERMS
_ROOT = 3 * (TERMS - 1)
SIZE = _ANGLES + _ROOT + len(SCALARS)

#: Rest directions of the limbs that every cycle refers to: legs 20 degrees apart from the vertical,
#: arms level, as in the recorded skeletons.
REST = {
    side + name: np.array([sign * x, 0.0, z])
    for side, sign in (("l", 1.0), ("r", -1.0))
    for name, x, z in (
        ("femur", np.sin(np.radians(20.0)), -np.cos(np.radians(20.0))),
        ("tibia", np.sin(np.radians(20.0)), -np.cos(np.radians(20.0))),
        ("humerus", 1.0, 0.0),
        ("radius", 1.0, 0.0),
    )
}

#: Share of the leg length by which the pelvis is carried higher than level soles ask for: knees are
#: then as straight as published at heel strike (Perry & Burnfield, Gait Analysis, 2010).
HIGHER = 0.008


def parent(bone: str) -> str | None:
    """The bone that ``bone`` turns relative to; None for the walking frame."""
    name = _PARENT.get(bone[1:])
    return name if name in (None, "thorax") else bone[0] + name


def unpack(vector: Array) -> tuple[Array, Array, Array]:
    """Views of a cycle's ``vector``: angles (bones, 3, TERMS), root (3, TERMS - 1), scalars."""
    angles = vector[:_ANGLES].reshape(len(BONES), 3, TERMS)
    root = vector[_ANGLES : _ANGLES + _ROOT].reshape(3, TERMS - 1)
    return angles, root, vector[_ANGLES + _ROOT :]


def waves(phase: Array) -> Array:
    """Values (TERMS, T) of the constant, cosines and sines at ``phase`` (T,) in cycles."""
    turn = 2.0 * np.pi * np.arange(1, HARMONICS + 1)[:, None] * phase
    pairs = np.stack([np.cos(turn), np.sin(turn)], axis=1).reshape(2 * HARMONICS, len(phase))
    return np.concatenate([np.ones((1, len(phase))), pairs])


@dataclass(frozen=True)
class Cycle:
    """One trial of one person: ``vector`` (SIZE,), dimensionless ``speed`` (v / sqrt(g leg)).

    ``reference`` (bones, 3, 3) are the rotations that the vector's angles depart from.
    """

    vector: Array
    speed: float
    reference: Array

    @property
    def stride(self) -> float:
        """Stride length in leg lengths."""
        return float(np.sqrt(self.speed * np.exp(self.vector[_ANGLES + _ROOT])))

    @property
    def contact(self) -> tuple[float, float, float]:
        """Phase of the right heel strike, stance shares of the left and the right foot."""
        strike, left, right = (float(v) for v in self.vector[_ANGLES + _ROOT + 1 :])
        return strike, left, right

    def rotations(self, phase: Array) -> Array:
        """World rotations (T, bones, 3, 3) at ``phase`` (T,) in cycles, for REST limbs."""
        angles = np.moveaxis(unpack(self.vector)[0] @ waves(phase), -1, 0)
        out = self.reference @ exp(angles)
        for k, bone in enumerate(BONES):
            above = parent(bone)
            if above is not None:
                out[:, k] = out[:, BONES.index(above)] @ out[:, k]
        return out

    def root(self, phase: Array) -> Array:
        """Departure (T, 3) of the pelvis from steady travel, leg lengths."""
        return np.asarray((unpack(self.vector)[1] @ waves(phase)[1:]).T)


def put_on(cycle: Cycle, mesh: BodyMesh) -> Gait:
    """``cycle`` on the body ``mesh``: one gait cycle of FRAMES frames, feet planted."""
    phase = np.arange(FRAMES) / FRAMES
    align = alignment(mesh, REST)
    for side in "lr":
        align[side + "foot"] = axis_rotation(2, -foot_heading(mesh, side))
    turns = cycle.rotations(phase) @ np.stack([align.get(b, np.eye(3)) for b in BONES])
    rotations = turns[:, [BONES.index(recorded_name(b)) for b in mesh.bones]]
    rotations = part_legs(mesh, curl_fingers(mesh, rotations))
    leg = mesh.leg_length
    stride = np.array([0.0, -cycle.stride * leg, 0.0])
    period = cycle.stride / cycle.speed * float(np.sqrt(leg / GRAVITY))
    path = cycle.root(np.append(phase, 1.0)) * leg
    path += np.append(phase, 1.0)[:, None] * stride
    strike, left, right = cycle.contact
    stance = np.stack([phase < left, (phase - strike) % 1.0 < right], axis=1)
    rate = FRAMES / (FRAME_RATE * period)
    rotations, root = plant(mesh, rotations, path, stance, rate=rate, higher=HIGHER * leg)
    return Gait(clear_arms(mesh, rotations), root, stride, period, 1, stance)


def mirror(vector: Array) -> Array:
    """The cycle (SIZE,) with left and right swapped, again from the left heel strike."""
    angles, root, scalars = unpack(vector)
    ratio, strike, left, right = scalars
    turned = angles[SWAPPED] * np.array([1.0, -1.0, -1.0])[:, None]
    moved = root * np.array([-1.0, 1.0, 1.0])[:, None]
    angle = 2.0 * np.pi * strike * np.arange(1, HARMONICS + 1)
    out = []
    for series in (turned[..., 1:], moved):
        a, b = series[..., ::2], series[..., 1::2]
        cosine, sine = np.cos(angle), np.sin(angle)
        pair = np.stack([a * cosine + b * sine, b * cosine - a * sine], axis=-1)
        out.append(pair.reshape(series.shape))
    turned = np.concatenate([turned[..., :1], out[0]], axis=-1)
    scalars = np.array([ratio, 1.0 - strike, right, left])
    return np.concatenate([turned.ravel(), out[1].ravel(), scalars])
