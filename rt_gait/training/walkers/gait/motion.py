"""Walks: one recorded walk, cut to whole cycles, made periodic and put on a body.

Every body bone follows one recorded bone: its world rotation is the recorded rotation from rest
times a constant that first turns the body's rest pose into the recorded skeleton's. Feet are
calibrated so that a recorded flat foot is a flat sole. The root follows the recorded path scaled
to the leg length, and the legs are solved so that bearing soles neither slide nor sink.
Time is scaled by the square root of leg length (dynamic similarity: Alexander, Physiol. Rev. 1989).
Asymmetry and posture are the recorded person's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from .contact import plant, recorded_stance
from .mocap import Walk
from .rotations import axis_rotation, between, exp, log, orthonormal

Array = npt.NDArray[np.float64]

_SPINE = {
    "spine05": "lowerback",
    "spine04": "lowerback",
    "spine03": "upperback",
    "spine02": "thorax",
    "spine01": "thorax",
    "neck01": "lowerneck",
    "neck02": "lowerneck",
    "neck03": "upperneck",
    "head": "head",
    "root": "root",
    "pelvis.L": "root",
    "pelvis.R": "root",
}
_LIMB = {
    "upperleg": "femur",
    "lowerleg": "tibia",
    "foot": "foot",
    "upperarm": "humerus",
    "lowerarm": "radius",
    "clavicle": "clavicle",
    "shoulder": "clavicle",
}

#: Mean upward pitch, degrees, of neck and head bones over the recorded people: the head markers'
#: frame, not a posture. It is taken out; what differs between people stays.
CARRIAGE = {"lowerneck": 11.0, "upperneck": -7.0, "head": -17.0}


@dataclass(frozen=True)
class Gait:
    """A looping walk of one body, travelling along -y.

    ``rotations`` (T, J, 3, 3) world rotations from rest and ``root`` (T, 3) metres describe one
    loop of ``period`` seconds holding ``cycles`` gait cycles; each loop advances ``stride`` (3,)
    metres. ``contact`` (T, 2) says whether the left and the right foot bear.
    """

    rotations: Array
    root: Array
    stride: Array
    period: float
    cycles: int
    contact: npt.NDArray[np.bool_]

    @property
    def speed(self) -> float:
        """Walking speed, metres a second."""
        return float(np.linalg.norm(self.stride[:2])) / self.period

    @property
    def cadence(self) -> float:
        """Steps a minute."""
        return 120.0 * self.cycles / self.period


def recorded_name(bone: str) -> str:
    """Name of the recorded bone that drives a body bone."""
    if bone in _SPINE:
        return _SPINE[bone]
    if bone.startswith("eye"):
        return "head"
    side = bone[-1].lower()
    for prefix, recorded in _LIMB.items():
        if bone.startswith(prefix):
            return side + recorded
    return side + ("foot" if bone.startswith("toe") else "radius")


def cut(walk: Walk) -> tuple[int, int, int]:
    """First frame, length in frames and number of cycles (1 or 2) of the best loop in a walk."""
    names = [
        "root",
        "lfemur",
        "rfemur",
        "ltibia",
        "rtibia",
        "lfoot",
        "rfoot",
        "lhumerus",
        "rhumerus",
        "lradius",
        "rradius",
        "thorax",
    ]
    pose = np.concatenate([walk.rotations[n].reshape(-1, 9) for n in names], axis=1)
    state = np.concatenate([pose[1:-1], (pose[2:] - pose[:-2]) * walk.fps / 16.0], axis=1)
    count = len(state)

    def best(periods: range) -> tuple[float, int, int]:
        found = (np.inf, 0, 0)
        for period in periods:
            if count - period < 3:
                break
            errors = ((state[period:] - state[:-period]) ** 2).sum(axis=1)
            first = int(errors.argmin())
            found = min(found, (float(errors[first]), first + 1, period))
        return found

    one = best(range(int(0.85 * walk.fps), int(1.5 * walk.fps)))
    if not np.isfinite(one[0]):
        raise ValueError(f"{walk.name}: shorter than one gait cycle")
    two = best(range(int(1.9 * one[2]), int(2.1 * one[2])))
    return (two[1], two[2], 2) if two[0] <= 2.5 * one[0] + 1e-9 else (one[1], one[2], 1)


def periodic(rotations: Array) -> Array:
    """Loop (T, 3, 3) from T + 1 rotations whose last should equal the first: error spread out."""
    count = len(rotations) - 1
    drift = log(rotations[0].T @ rotations[-1])
    ramp = (np.arange(count) / count - 0.5)[:, None]
    return np.asarray(rotations[:-1] @ exp(-ramp * drift))


def alignment(mesh: BodyMesh, rest: dict[str, Array]) -> dict[str, Array]:
    """Constant rotations that turn the body's rest limbs onto ``rest`` directions (3,) by bone."""
    out: dict[str, Array] = {}
    for side in "LR":
        for upper, lower, end, first, second in (
            ("upperleg", "lowerleg", "foot", "femur", "tibia"),
            ("upperarm", "lowerarm", "wrist", "humerus", "radius"),
        ):
            chain = [
                mesh.heads[mesh.bone(n)]
                for n in (f"{upper}01.{side}", f"{lower}01.{side}", f"{end}.{side}")
            ]
            one = between(chain[1] - chain[0], rest[side.lower() + first])
            two = between(one @ (chain[2] - chain[1]), rest[side.lower() + second])
            out[side.lower() + first], out[side.lower() + second] = one, two @ one
    return out


def foot_heading(mesh: BodyMesh, side: str) -> float:
    """Angle, radians about z, by which the body's own foot at rest points away from -y."""
    toe = mesh.heads[mesh.bone(f"toe3-1.{side.upper()}")]
    own = toe - mesh.heads[mesh.bone(f"foot.{side.upper()}")]
    return float(np.arctan2(own[0], -own[1]))


def flat_foot(walk: Walk, side: str) -> Array:
    """Constant rotation before the recorded one: a foot flat along -y lies as the recorded rests.

    The frames where the recorded foot rests give its flat pose.
    """
    rotations = walk.rotations[side + "foot"]
    direction = rotations @ walk.rest_direction[side + "foot"]
    turn = np.linalg.norm(np.gradient(rotations.reshape(-1, 9), axis=0), axis=1)
    tilt = np.abs(direction[:, 2] - np.median(direction[:, 2]))
    still = turn <= np.quantile(turn, 0.35)
    still &= tilt <= np.quantile(tilt[still], 0.8)
    heading = np.arctan2(direction[still, 0], -direction[still, 1])
    return orthonormal(
        (np.swapaxes(rotations[still], 1, 2) @ axis_rotation(2, heading)).mean(axis=0)
    )


def curl_fingers(mesh: BodyMesh, rotations: Array, angle: float = 0.45) -> Array:
    """Fingers closed and bent as in a hand that hangs: ``angle`` radians a joint."""
    out = rotations.copy()
    for side in "LR":
        wrist = mesh.heads[mesh.bone(f"wrist.{side}")]
        knuckle = {k: mesh.heads[mesh.bone(f"finger{k}-1.{side}")] for k in (2, 3, 4, 5)}
        across = knuckle[5] - knuckle[2]
        across /= np.linalg.norm(across)
        along = knuckle[3] - wrist
        palm = np.cross(along, across) * (1.0 if side == "L" else -1.0)
        thumb = mesh.heads[mesh.bone(f"finger1-3.{side}")] - wrist
        sign = 1.0 if float(palm @ (thumb - along)) > 0 else -1.0
        hinge = np.cross(along, palm * sign)
        hinge /= np.linalg.norm(hinge)
        bend = exp(hinge * angle * np.array([[1.0], [1.6], [2.2]]))
        for k in (2, 3, 4, 5):
            tip, base = mesh.heads[mesh.bone(f"finger{k}-3.{side}")], knuckle[k]
            spread = between(tip - base, tip - base - 0.8 * float((tip - base) @ across) * across)
            bones = [mesh.bone(f"finger{k}-{joint}.{side}") for joint in (1, 2, 3)]
            out[:, bones] = rotations[:, None, mesh.bone(f"wrist.{side}")] @ (bend @ spread)
    return out


def retarget(walk: Walk, mesh: BodyMesh, pace: float = 1.0) -> Gait:
    """The recorded ``walk`` on ``mesh`` as a loop, ``pace`` times as fast as recorded."""
    first, length, cycles = cut(walk)
    window = slice(first, first + length + 1)
    travel = walk.root[first + length] - walk.root[first]
    face = axis_rotation(2, -np.arctan2(travel[0], -travel[1]))
    align = alignment(mesh, walk.rest_direction)
    for side in "lr":
        flat = axis_rotation(2, -foot_heading(mesh, side))
        align[side + "foot"] = flat_foot(walk, side) @ flat
    align |= {n: axis_rotation(0, np.radians(a)) for n, a in CARRIAGE.items()}
    loops = {
        name: face @ periodic(rotations[window]) @ align.get(name, np.eye(3))
        for name, rotations in walk.rotations.items()
    }
    rotations = np.stack([loops[recorded_name(b)] for b in mesh.bones], axis=1)
    rotations = curl_fingers(mesh, rotations)
    scale = mesh.leg_length / walk.leg_length
    period = length / walk.fps * float(np.sqrt(scale)) / pace
    path = (walk.root[window] - walk.root[first]) @ face.T * scale
    stance = recorded_stance(walk, window)
    rotations, root = plant(mesh, rotations, path, stance)
    return Gait(rotations, root, np.array([0.0, path[-1, 1], 0.0]), period, cycles, stance)
