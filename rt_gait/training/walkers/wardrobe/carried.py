"""What people carry: backpacks, bags, umbrellas, phones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from ..figure import Follower, Part
from ..gait.rotations import exp, hanging_turn
from .arms import grip, pose
from .garments import Measures
from .outline import circle
from .palette import Colour
from .parts import Shape, box, hanging, hollow, rigid, rod, skinned

Array = npt.NDArray[np.float64]

#: What may be carried and the label of each.
LOADS = {
    "none": "none",
    "pocket": "pocket",
    "phone": "phone",
    "umbrella": "umbrella",
    "backpack": "backpack",
    "handbag": "bag",
    "shopping bag": "bag",
    "shoulder bag": "bag",
}


@dataclass(frozen=True)
class Load:
    """A thing carried on ``side`` (L or R): ``size`` is width, depth and height, metres.

    A bag's width lies along the walk; an umbrella's width is its canopy's diameter.
    """

    kind: str
    side: str
    size: tuple[float, float, float]
    colour: Colour
    gripped: bool = False


def _torso(mesh: BodyMesh) -> npt.NDArray[np.bool_]:
    """Vertices of trunk and neck."""
    own = [b.startswith(("root", "pelvis", "spine", "clavicle", "shoulder")) for b in mesh.bones]
    return np.asarray(mesh.weights[:, np.array(own)].sum(axis=1) > 0.5)


def _darker(colour: Colour) -> Colour:
    r, g, b = colour
    return 0.6 * r, 0.6 * g, 0.6 * b


def _round(points: Array, centre: Array, count: int) -> Array:
    """Taut outline of points (P, 2) about ``centre``: (count, 2), evenly spaced in angle.

    It bridges hollows like a strap, but stays within 15 mm of what lies under it.
    """
    way = circle(count)
    flat = (points - centre) @ way.T
    cosine = way @ way.T
    taut = np.where(cosine > 0.1, flat.max(axis=0) / np.maximum(cosine, 0.1), np.inf).min(axis=1)
    far = np.linalg.norm(points - centre, axis=1)
    near = np.where(flat > 0.98 * far[:, None], far[:, None], 0.0).max(axis=0)
    radius = np.where(near > 0.0, np.minimum(taut, near + 0.015), taut)
    for _ in range(3):
        radius = 0.5 * radius + 0.25 * (np.roll(radius, 1) + np.roll(radius, -1))
    return np.asarray(centre + radius[:, None] * way)


def _band(points: Array, upper: Array, lower: Array, width: float) -> Shape:
    """A strap round the trunk's ``points`` (P, 3) through ``upper`` and ``lower`` (x, z)."""
    length = float(np.linalg.norm(upper - lower))
    along = (upper - lower) / length
    flat = points[:, [0, 2]] - lower
    near = np.abs(flat @ np.array([-along[1], along[0]])) < 0.03
    near &= (flat @ along > -0.02) & (flat @ along < length + 0.05)
    plane = np.column_stack([flat[near] @ along, points[near, 1]])
    middle = np.array([0.5 * length, float(np.median(plane[:, 1]))])
    ring = _round(np.vstack([plane, [[0.0, middle[1]]]]), middle, 64)
    outwards = ring - middle
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    ring = ring + 0.009 * outwards

    def world(values: Array) -> Array:
        return np.column_stack([values[:, 0] * along[0], values[:, 1], values[:, 0] * along[1]])

    path = world(ring) + np.array([lower[0], 0.0, lower[1]])
    return rod(path, width, True, world(outwards))


def _backpack(mesh: BodyMesh, dressed: Array, load: Load) -> list[Part]:
    torso = _torso(mesh)
    points = dressed[torso]
    width, depth, height = load.size
    arm = mesh.heads[mesh.bone("upperarm01.L")]
    top, low = float(arm[2]) - 0.01, float(arm[2]) - 0.01 - height
    near = points[(points[:, 2] > low) & (points[:, 2] < top) & (np.abs(points[:, 0]) < 0.1)]
    back = float(np.quantile(near[:, 1], 0.97))
    centre = np.array([0.0, back + depth / 2.0 - 0.012, (low + top) / 2.0])
    pack = box(centre, np.array([width, depth, height]), 3.2)
    pocket = box(
        centre + np.array([0.0, 0.5 * depth, -0.2 * height]),
        np.array([0.72 * width, 0.35 * depth, 0.45 * height]),
        3.2,
    )
    made = pack + pocket
    weights = rigid(mesh, {}, len(made.vertices))
    high = np.clip((made.vertices[:, 2] - low) / height, 0.0, 1.0)
    weights[:, mesh.bone("spine01")] = 0.3 + 0.7 * high
    weights[:, mesh.bone("spine03")] = 0.7 - 0.7 * high
    out = [Part("backpack", made.vertices, made.faces, weights, load.colour)]
    end = max(low + 0.06, float(arm[2]) - 0.36)
    beside = points[np.abs(points[:, 2] - end) < 0.03]
    side = float(np.abs(beside[:, 0]).max()) if len(beside) else float(arm[0])
    for sign in (1.0, -1.0):
        upper = np.array([sign * 0.52 * arm[0], arm[2] + 0.03])
        strap = _band(points, upper, np.array([sign * 0.97 * side, end]), 0.05)
        out.append(skinned(mesh, "strap", strap, _darker(load.colour), torso))
    return out


def _shoulder_bag(mesh: BodyMesh, dressed: Array, load: Load) -> list[Part]:
    sign = 1.0 if load.side == "L" else -1.0
    torso = _torso(mesh)
    points, m = dressed[torso], Measures.of(mesh)
    width, depth, height = load.size
    low = points[np.abs(points[:, 2] - m.hip) < 0.05]
    hip = np.array([sign * (np.abs(low[:, 0]).max() + 0.012), m.hip + 0.02])
    arm = mesh.heads[mesh.bone("upperarm01.L")]
    shoulder = np.array([-sign * 0.52 * arm[0], arm[2] + 0.05])
    strap = _band(points, shoulder, hip, 0.035)
    anchor = np.array([hip[0], float(np.median(low[:, 1])), hip[1]])
    centre = anchor + np.array([sign * (depth / 2.0 + 0.004), 0.0, 0.02 - height / 2.0])
    bag = box(centre, np.array([depth, width, height]))
    hung = Follower("root", (float(anchor[0]), float(anchor[1]), float(anchor[2])), 0.08, 0.5)
    return [
        hanging(mesh, "shoulder bag", bag, load.colour, hung),
        skinned(mesh, "strap", strap, _darker(load.colour), torso),
    ]


def _in_hand(mesh: BodyMesh, load: Load) -> list[Part]:
    """A bag that hangs from the hand by its handles."""
    at, hand = grip(mesh, load.side, "hang")
    turn = hanging_turn(hand, 0.0).T
    width, depth, height = load.size
    drop = 0.13 if load.kind == "handbag" else 0.16
    angle = np.linspace(0.0, np.pi, 13)
    local = np.stack([0 * angle, 0.27 * width * np.cos(angle), drop * (np.sin(angle) ** 0.7)], -1)
    handle = rod(local - [0.0, 0.0, drop], 0.014)
    bag = box(
        np.array([0.0, 0.0, -drop - height / 2.0 + 0.02]), np.array([depth, width, height]), 6.0
    )
    hung = Follower(f"wrist.{load.side}", tuple(at.tolist()), 0.06, 0.0)
    out = []
    for kind, shape, colour in (
        (load.kind, bag, load.colour),
        ("handle", handle, _darker(load.colour)),
    ):
        placed = type(shape)(at + shape.vertices @ turn.T, shape.faces)
        out.append(hanging(mesh, kind, placed, colour, hung))
    return out


def _upright(up: Array, face: Array) -> Array:
    """Rotation (3, 3) of a slab: z along ``up``, y along ``face`` as far as that allows."""
    z = up / np.linalg.norm(up)
    y = face - (face @ z) * z
    y /= np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], axis=1)


def _phone(mesh: BodyMesh, load: Load) -> list[Part]:
    at, hand = grip(mesh, load.side, "phone")
    goal = pose(mesh, load.side, "phone")
    turn = hand.T @ _upright(goal.along, goal.palm)
    slab = box(np.zeros(3), np.array([0.072, 0.009, 0.15]), 8.0)
    weights = rigid(mesh, {f"wrist.{load.side}": 1.0}, len(slab.vertices))
    return [Part("phone", at + slab.vertices @ turn.T, slab.faces, weights, (0.06, 0.06, 0.07))]


def _umbrella(mesh: BodyMesh, dressed: Array, load: Load) -> list[Part]:
    at, hand = grip(mesh, load.side, "umbrella")
    s = 1.0 if load.side == "L" else -1.0
    turn = hanging_turn(hand, 0.12).T @ exp(np.array([-0.18, -0.09 * s, 0.0]))
    held = pose(mesh, load.side, "umbrella").wrist[2] + 0.05
    radius, rise = load.size[0] / 2.0, load.size[1]
    length = float(dressed[:, 2].max()) - held + rise + load.size[2]
    t = np.linspace(0.02, 1.0, 9)
    ribs = 1.0 - 0.07 * (0.5 - 0.5 * np.cos(8 * 2 * np.pi * np.arange(48) / 48))
    rings = np.empty((18, 48, 3))
    for k, s in enumerate(np.concatenate([t, t[::-1]])):
        rings[k, :, :2] = radius * s * (1.0 + (ribs - 1.0) * s)[:, None] * circle(48)
        rings[k, :, 2] = length - rise * s**2 - (0.003 if k >= 9 else 0.0)
    canopy = hollow(rings)
    shaft = rod(np.array([[0.0, 0.0, z] for z in (-0.12, 0.0, 0.5 * length, length + 0.05)]), 0.014)
    handle = rod(np.array([[0.0, 0.0, z] for z in (-0.13, -0.07, 0.0)]), 0.028)
    hung = Follower(f"wrist.{load.side}", tuple(at.tolist()), 0.03, 0.12)
    out = []
    for kind, shape, colour in (
        ("umbrella", canopy, load.colour),
        ("shaft", shaft + handle, (0.15, 0.15, 0.16)),
    ):
        placed = type(shape)(at + shape.vertices @ turn.T, shape.faces)
        out.append(hanging(mesh, kind, placed, colour, hung))
    return out


def carried_parts(mesh: BodyMesh, dressed: Array, load: Load) -> tuple[Part, ...]:
    """The meshes of ``load`` on the ``dressed`` body (V, 3)."""
    if load.kind == "backpack":
        return tuple(_backpack(mesh, dressed, load))
    if load.kind == "shoulder bag":
        return tuple(_shoulder_bag(mesh, dressed, load))
    if load.kind in ("handbag", "shopping bag"):
        return tuple(_in_hand(mesh, load))
    if load.kind == "phone":
        return tuple(_phone(mesh, load))
    if load.kind == "umbrella":
        return tuple(_umbrella(mesh, dressed, load))
    return ()
