"""Limbs clear of the body and of each other: recorded limbs fit the recorded body, not a wider one.

Both functions turn limbs outwards by one angle for the whole loop, the least that is enough.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from .contact import joints
from .rotations import axis_rotation

Array = npt.NDArray[np.float64]

#: Largest turn outwards, radians.
_MOST = 0.7
_BIN = 0.02
#: Every so many frames are looked at.
_STEP = 3
#: Every so many vertices give the outline.
_SPARSE = 3
#: Least distance between the ankles, metres.
ANKLES = 0.055
_LEG = ("upperleg", "lowerleg")
_ARM = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")


def _outline(mesh: BodyMesh) -> tuple[float, Array]:
    """Half width, half depth and middle depth of hips, trunk and thighs by height.

    Returns the lowest height and (N, 3) metres for slices of 2 cm, relative to the root joint; a
    slice that holds nothing is zero.
    """
    parts = ("root", "pelvis", "spine", "upperleg", "lowerleg", "breast")
    own = [j for j, b in enumerate(mesh.bones) if b.startswith(parts)]
    member = np.isin(mesh.weights[::_SPARSE].argmax(axis=1), own)
    at = mesh.vertices[::_SPARSE][member] - mesh.heads[mesh.bone("root")]
    low = float(at[:, 2].min()) if len(at) else 0.0
    slot = ((at[:, 2] - low) / _BIN).astype(int)
    count = int(slot.max()) + 1 if len(at) else 1
    wide, front, back = np.zeros(count), np.zeros(count), np.zeros(count)
    np.maximum.at(wide, slot, np.abs(at[:, 0]))
    np.maximum.at(back, slot, at[:, 1])
    np.minimum.at(front, slot, at[:, 1])
    return low, np.stack([wide, (back - front) / 2.0, (back + front) / 2.0], axis=1)


def _knee(mesh: BodyMesh) -> float:
    """Distance from the middle of the left knee to its inner side at rest, metres."""
    knee = mesh.heads[mesh.bone("lowerleg01.L")]
    near = mesh.vertices[np.abs(mesh.vertices[:, 2] - knee[2]) < _BIN]
    inner = near[(near[:, 0] > 0.0) & (near[:, 0] < knee[0]), 0]
    return float(knee[0] - inner.min()) if len(inner) else 0.05


def part_legs(mesh: BodyMesh, rotations: Array) -> Array:
    """``rotations`` (T, J, 3, 3), not yet planted, with legs apart enough to pass each other.

    Knees come no nearer than 0.8 of their breadth (flesh gives way), ankles than ``ANKLES``.
    """
    at = joints(mesh, rotations[::_STEP])
    left, right = ([mesh.bone(f"{n}.{s}") for n in ("lowerleg01", "foot")] for s in "LR")
    hip = at[:, mesh.bone("upperleg01.L"), 2].mean()
    gap = (at[:, left, 0] - at[:, right, 0]).min(axis=0)
    drop = hip - at[:, left, 2].mean(axis=0)
    least = np.array([1.6 * _knee(mesh), ANKLES])
    angle = max(float(((least - gap) / 2.0 / drop).max()), 0.0)
    out = rotations.copy()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        own = [j for j, b in enumerate(mesh.bones) if b.startswith(_LEG) and b.endswith(side)]
        out[:, own] = axis_rotation(1, -sign * angle) @ out[:, own]
    return out


def clear_arms(mesh: BodyMesh, rotations: Array, margin: float = 0.01) -> Array:
    """``rotations`` (T, J, 3, 3) with each arm turned outwards until it clears the body.

    Elbow, forearm and hand stay ``margin`` metres outside the elliptic slices of the trunk and
    thighs at rest.
    """
    low, slices = _outline(mesh)
    if not slices.any():
        return rotations
    seen = rotations[::_STEP]
    at = joints(mesh, seen)
    pelvis = seen[:, mesh.bone("root")]
    out = rotations.copy()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        shoulder, elbow, wrist = (
            at[:, mesh.bone(f"{n}.{side}")] for n in ("upperarm01", "lowerarm01", "wrist")
        )
        fingers = [at[:, mesh.bone(f"finger{k}-{i}.{side}")] for k in (1, 2, 3, 5) for i in (1, 3)]
        points = [elbow + share * (wrist - elbow) for share in (0.1, 0.4, 0.7, 1.0)]
        arm = np.stack([*points, *fingers], axis=1) - shoulder[:, None]
        thick = np.array([0.045, 0.04, 0.035, 0.03] + [0.012] * len(fingers)) + margin
        angle = 0.0
        for _ in range(4):
            turned = arm @ axis_rotation(1, -sign * angle).T + shoulder[:, None]
            local = turned @ pelvis
            slot = np.clip(((local[..., 2] - low) / _BIN).astype(int), 0, len(slices) - 1)
            width, depth, middle = np.moveaxis(slices[slot], -1, 0)
            off = (local[..., 1] - middle) / (depth + thick)
            needed = (width + thick) * np.sqrt(np.maximum(1.0 - off**2, 0.0))
            missing = np.where(np.abs(off) < 1.0, needed - sign * local[..., 0], 0.0)
            drop = np.maximum(shoulder[:, None, 2] - turned[..., 2], 0.15)
            angle = min(angle + max(float((missing / drop).max()), 0.0), _MOST)
        turn = axis_rotation(1, -sign * angle)
        own = [j for j, b in enumerate(mesh.bones) if b.startswith(_ARM) and b.endswith(side)]
        out[:, own] = turn @ out[:, own]
    return out
