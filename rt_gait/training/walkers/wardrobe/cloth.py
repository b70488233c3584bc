"""Cloth that hangs round both legs: skirts, dresses and the tails of coats.

A tube from the hips to the hem. Its points follow the thigh (below the knee the shank) of their
side, partly as it was a moment ago, so that the cloth is carried along and swings after.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from ..figure import Follower, Part
from .garments import Measures, Outfit
from .outline import circle, sections
from .palette import Colour
from .parts import hollow

Array = npt.NDArray[np.float64]

#: Seconds by which the swinging share of the cloth trails the leg.
LAG_S = 0.08
#: Largest swinging share, at the hem.
SWING = 0.3
#: How far cloth below the knee follows the shank rather than the thigh.
SHANK = 0.5
#: Extra room before and behind the legs at the hem, metres.
ROOM = 0.04
#: Thickness of the cloth, metres.
THICKNESS = 0.004


def _step(x: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(x, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _trunk(mesh: BodyMesh, z: Array) -> Array:
    """Weights (V, J) of points at rest heights ``z``, shared by the bones of the trunk."""
    names = ("root", "spine04", "spine03", "spine02", "spine01")
    heights = [float(mesh.heads[mesh.bone(n)][2]) for n in names]
    weights = np.zeros((len(z), len(mesh.bones)))
    for k, name in enumerate(names):
        weights[:, mesh.bone(name)] = np.interp(z, heights, np.eye(len(names))[k])
    return weights


def _weights(mesh: BodyMesh, points: Array, hem: float, m: Measures) -> tuple[Array, list[str]]:
    """Weights (V, J + K) of the points of a tube and the bones that its K followers trail."""
    bones, z = len(mesh.bones), points[:, 2]
    thigh = _step((m.hip + 0.10 - z) / 0.24)
    shank = SHANK * _step((m.knee + 0.02 - z) / 0.20)
    swing = SWING * np.clip((m.hip - z) / max(m.hip - hem, 0.05), 0.0, 1.0)
    between = 0.33 + 0.2 * np.clip((z - m.hip) / 0.2 + 1.0, 0.0, 1.0)
    left = _step(0.5 + points[:, 0] / between)
    joints = ("upperleg01", "lowerleg01") if hem < m.knee else ("upperleg01",)
    names = [f"{n}.{s}" for n in joints for s in "LR"]
    weights = np.zeros((len(points), bones + len(names)))
    weights[:, :bones] = (1.0 - thigh)[:, None] * _trunk(mesh, z)
    for k, name in enumerate(names):
        share = thigh * (left if name.endswith("L") else 1.0 - left)
        if len(joints) > 1:
            share = share * (shank if name.startswith("lower") else 1.0 - shank)
        weights[:, mesh.bone(name)] += share * (1.0 - swing)
        weights[:, bones + k] = share * swing
    return weights, names


def tube(
    mesh: BodyMesh, dressed: Array, kind: str, colour: Colour, shape: tuple[float, float, Array]
) -> Part:
    """Cloth round both legs of the ``dressed`` body (V, 3).

    ``shape`` is the height of its top and of its hem, metres, and how far the cloth stands off at
    evenly spaced heights from one to the other.
    """
    m = Measures.of(mesh)
    top, hem, off = shape
    heights = np.linspace(top, hem, max(8, round((top - hem) / 0.035)))
    limbs = [j for j, b in enumerate(mesh.bones) if b.startswith(("root", "pelvis", "spine"))]
    limbs += [j for j, b in enumerate(mesh.bones) if b.startswith(("upperleg", "lowerleg"))]
    body = mesh.weights[:, limbs].sum(axis=1) > 0.5
    points = dressed[body]
    centre = np.array([0.0, float(mesh.heads[mesh.bone("upperleg01.L")][1])])
    way = circle(64)
    reach = sections(points, heights, way, centre)
    reach = 0.5 * reach + 0.25 * (np.roll(reach, 1, axis=1) + np.roll(reach, -1, axis=1))
    reach = np.maximum.accumulate(reach, axis=0)
    depth = np.linspace(0.0, 1.0, len(heights))
    stand = np.interp(depth, np.linspace(0.0, 1.0, len(off)), off)
    below = np.arctan2(way[:, 1], way[:, 0]) * 9.0
    wave = 0.10 * stand[:, None] * depth[:, None] * np.sin(below)
    room = ROOM * depth * np.clip((m.hip - hem) / 0.35, 0.0, 1.0)
    outer = reach + stand[:, None] + wave + room[:, None] * np.abs(way[:, 1])
    inner = np.maximum(outer - THICKNESS, 0.5 * outer)
    radii = np.concatenate([outer, inner[::-1]])
    levels = np.concatenate([heights, heights[::-1]])
    rings = np.empty((len(radii), len(way), 3))
    rings[..., :2] = centre + radii[..., None] * way
    rings[..., 2] = levels[:, None]
    made = hollow(rings)
    weights, names = _weights(mesh, made.vertices, hem, m)
    followers = tuple(
        Follower(name, tuple(mesh.heads[mesh.bone(name)].tolist()), LAG_S) for name in names
    )
    return Part(kind, made.vertices, made.faces, weights, colour, followers)


def cloth_parts(mesh: BodyMesh, dressed: Array, outfit: Outfit) -> tuple[Part, ...]:
    """The tubes that ``outfit`` needs: a skirt, the tail of a coat."""
    m, out = Measures.of(mesh), []
    skirt, coat = outfit.skirt, outfit.coat
    if skirt is not None:
        top = m.waist - outfit.hem + 0.03
        off = np.array([0.004, 0.012, 0.4 * skirt.flare, 0.75 * skirt.flare, skirt.flare])
        out.append(tube(mesh, dressed, "skirt", skirt.colour, (top, m.leg(skirt.hem), off)))
    if coat is not None:
        flare, thick = 0.05 * coat.hem, coat.thickness
        off = np.array([-0.006, 0.004, 0.006, 0.5 * flare, 0.8 * flare, flare])
        off += thick * np.array([0.0, 0.1, 0.3, 0.4, 0.5, 0.5])
        shape = (m.waist + 0.06, m.leg(coat.hem), off)
        out.append(tube(mesh, dressed, "coat", coat.colour, shape))
    return tuple(out)
