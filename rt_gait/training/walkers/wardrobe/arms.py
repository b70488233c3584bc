"""Arms that do something: a hand in a pocket, at a phone, round a handle, by a loaded side.

A pose places the wrist in the frame of thorax or pelvis and says where the hand points; the elbow
follows from the lengths of arm and forearm. The arm still sways by a share of its own swing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from ..gait.contact import joints
from ..gait.motion import Gait, curl_fingers
from ..gait.rotations import exp, log

Array = npt.NDArray[np.float64]

POSES = ("hang", "beside", "pocket", "phone", "umbrella", "strap")


@dataclass(frozen=True)
class Pose:
    """Rest-frame target of one arm: ``wrist``, ``along`` the hand, ``palm`` and ``elbow`` (3,).

    ``frame`` is the bone it moves with, ``sway`` the share of the person's own swing that stays,
    ``curl`` how far the fingers close (radians, as in ``curl_fingers``).
    """

    wrist: Array
    along: Array
    palm: Array
    elbow: Array
    frame: str
    sway: float
    curl: float


def _unit(v: Array) -> Array:
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def _bones(mesh: BodyMesh, side: str) -> dict[str, Array]:
    """Rest positions of shoulder, elbow, wrist and middle knuckle of an arm."""
    names = {"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist"}
    names["knuckle"] = "finger3-1"
    return {k: mesh.heads[mesh.bone(f"{n}.{side}")] for k, n in names.items()}


def _hand(mesh: BodyMesh, side: str) -> tuple[Array, Array]:
    """Rest directions along the hand and out of its palm."""
    first, last = (mesh.heads[mesh.bone(f"finger{k}-1.{side}")] for k in (2, 5))
    at = _bones(mesh, side)
    along = at["knuckle"] - at["wrist"]
    palm = np.cross(last - first, along) * (1.0 if side == "L" else -1.0)
    return _unit(along), _unit(palm)


def pose(mesh: BodyMesh, side: str, name: str, room: float = 0.0) -> Pose:
    """The pose called ``name``, one of :data:`POSES`; ``room`` metres is kept clear of the body."""
    if name not in POSES:
        raise ValueError(f"unknown pose {name!r}: one of {', '.join(POSES)}")
    s = 1.0 if side == "L" else -1.0
    at = _bones(mesh, side)
    arm = float(np.linalg.norm(at["elbow"] - at["shoulder"]))
    arm += float(np.linalg.norm(at["wrist"] - at["elbow"]))
    hip = mesh.heads[mesh.bone(f"upperleg01.{side}")]
    trunk = [b.startswith(("root", "pelvis", "spine", "upperleg")) for b in mesh.bones]
    near = mesh.weights[:, np.array(trunk)].sum(axis=1) > 0.5
    near &= np.abs(mesh.vertices[:, 2] - hip[2]) < 0.1
    wide = float(np.abs(mesh.vertices[near, 0]).max()) if near.any() else abs(float(hip[0])) + 0.06

    def of(x: float, y: float, z: float) -> Array:
        return np.array([s * x, y, z])

    shoulder = at["shoulder"]
    aside = max(wide + room + 0.035 - abs(float(shoulder[0])), 0.02)
    drop = float(np.sqrt(max((0.985 * arm) ** 2 - aside**2, 0.25 * arm**2)))
    hanging = shoulder + of(aside, -0.03, -drop)
    back, down = of(0.25, 1.0, 0.0), of(0.5, 0.45, -1.0)
    inwards, low = of(-1.0, 0.1, 0.0), of(0.02, -0.12, -1.0)
    if name == "hang":
        return Pose(hanging, low, inwards, back, "spine01", 0.35, 0.75)
    if name == "beside":
        return Pose(hanging, low, inwards, back, "spine01", 0.7, 0.45)
    if name == "pocket":
        wrist = np.array([s * (wide + 0.5 * room - 0.005), hip[1] - 0.02, hip[2] + 0.10])
        return Pose(wrist, of(-0.22, -0.3, -0.95), of(-1.0, 0.3, 0.1), back, "root", 0.04, 0.15)
    if name == "phone":
        wrist = shoulder + of(-0.22 * arm, -0.52 * arm - room, -0.20 * arm)
        along, palm = of(-0.30, -0.25, 0.92), of(-0.25, 0.85, 0.45)
        return Pose(wrist, along, palm, down, "spine01", 0.05, 0.40)
    if name == "umbrella":
        wrist = shoulder + of(-0.02 * arm, -0.50 * arm - room, -0.28 * arm)
        return Pose(wrist, of(-0.35, -0.80, 0.45), inwards, down, "spine01", 0.06, 0.85)
    wrist = shoulder + of(-0.26 * arm, -0.24 * arm - room, -0.36 * arm)
    return Pose(wrist, of(-0.45, -0.15, 0.85), of(0.1, 1.0, 0.1), down, "spine01", 0.04, 0.75)


def _frame(first: Array, second: Array) -> Array:
    """Rotations (..., 3, 3) whose columns are ``first``, ``second`` squared to it, the third."""
    one = _unit(first)
    two = _unit(second - (second * one).sum(axis=-1, keepdims=True) * one)
    return np.stack([one, two, np.cross(one, two)], axis=-1)


def _reach(
    mesh: BodyMesh, side: str, shoulder: Array, wrist: Array, elbow: Array
) -> tuple[Array, Array]:
    """World rotations (T, 3, 3) of upper arm and forearm that bring the wrist to ``wrist`` (T, 3).

    ``shoulder`` (T, 3) is where the arm starts, ``elbow`` (T, 3) the way that it bends.
    """
    at = _bones(mesh, side)
    upper, fore = at["elbow"] - at["shoulder"], at["wrist"] - at["elbow"]
    a, b = float(np.linalg.norm(upper)), float(np.linalg.norm(fore))
    towards = wrist - shoulder
    far = np.clip(
        np.linalg.norm(towards, axis=-1, keepdims=True), abs(a - b) + 0.02, 0.998 * (a + b)
    )
    n = _unit(towards)
    p = _unit(elbow - (elbow * n).sum(axis=-1, keepdims=True) * n)
    ahead = (a * a - b * b + far**2) / (2.0 * far)
    joint = n * ahead + p * np.sqrt(np.maximum(a * a - ahead**2, 0.0))
    axis = np.cross(p, n)
    hinge = np.cross(upper, fore)
    one = _frame(joint, axis) @ _frame(upper, hinge).T
    two = _frame(n * far - joint, axis) @ _frame(fore, hinge).T
    return one, two


def _solve(
    mesh: BodyMesh, side: str, goal: Pose, frame: Array, reach: tuple[Array, Array]
) -> Array:
    """World rotations (T, 4, 3, 3) of upper arm, forearm, its twisted end, and the hand.

    ``frame`` (T, 3, 3) turns the pose's directions, ``reach`` is the shoulder and wrist (T, 3).
    """
    one, two = _reach(mesh, side, *reach, frame @ goal.elbow)
    hand = frame @ (_frame(goal.along, goal.palm) @ _frame(*_hand(mesh, side)).T)
    at = _bones(mesh, side)
    axis = _unit(two @ (at["wrist"] - at["elbow"]))
    turn = log(hand @ np.swapaxes(two, -1, -2))
    twist = (turn * axis).sum(axis=-1, keepdims=True) * axis
    return np.stack([one, two, exp(0.5 * twist) @ two, hand], axis=1)


def grip(mesh: BodyMesh, side: str, name: str) -> tuple[Array, Array]:
    """Rest position (3,) inside the closed hand and the hand's rotation (3, 3) in pose ``name``."""
    goal, at = pose(mesh, side, name), _bones(mesh, side)
    along, palm = _hand(mesh, side)
    eye = np.eye(3)[None]
    turns = _solve(mesh, side, goal, eye, (at["shoulder"][None], goal.wrist[None]))
    return at["knuckle"] + 0.022 * palm + 0.008 * along, turns[0, 3]


def place(gait: Gait, mesh: BodyMesh, side: str, goal: Pose) -> Gait:
    """``gait`` with the arm of ``side`` in pose ``goal``; everything else as it was."""
    turns = gait.rotations
    at = joints(mesh, turns)
    base = mesh.bone(goal.frame)
    frame, heads = turns[:, base], mesh.heads
    shoulder = at[:, mesh.bone(f"upperarm01.{side}")]
    own = at[:, mesh.bone(f"wrist.{side}")] - shoulder
    wrist = at[:, base] + frame @ (goal.wrist - heads[base])
    wrist = wrist + goal.sway * (own - own.mean(axis=0))
    solved = _solve(mesh, side, goal, frame, (shoulder, wrist))
    out = turns.copy()
    stages = (("upperarm",), ("lowerarm01",), ("lowerarm02",), ("wrist", "metacarpal", "finger"))
    for k, starts in enumerate(stages):
        own_bones = [
            j for j, b in enumerate(mesh.bones) if b.startswith(starts) and b.endswith(side)
        ]
        out[:, own_bones] = solved[:, [k]]
    closed = curl_fingers(mesh, out, goal.curl)
    fingers = [j for j, b in enumerate(mesh.bones) if b.startswith("finger") and b.endswith(side)]
    out[:, fingers] = closed[:, fingers]
    return replace(gait, rotations=out)
