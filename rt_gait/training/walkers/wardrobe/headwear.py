"""Hair beyond a short cut, and hats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from ..figure import Follower, Part
from .outline import circle, sections
from .palette import Colour
from .parts import Shape, ball, hanging, hollow, rigid, rod, solid

Array = npt.NDArray[np.float64]

HATS = ("none", "cap", "woolly", "brimmed")


def _head(mesh: BodyMesh, dressed: Array) -> Array:
    """Points (P, 3) of the head with its hair."""
    own = [j for j, b in enumerate(mesh.bones) if b.startswith(("head", "eye", "neck03"))]
    return np.asarray(dressed[mesh.weights[:, own].sum(axis=1) > 0.8])


def _on_head(mesh: BodyMesh, kind: str, shape: Shape, colour: Colour) -> Part:
    weights = rigid(mesh, {"head": 1.0}, len(shape.vertices))
    return Part(kind, shape.vertices, shape.faces, weights, colour)


def _bun(head: Array, eye: float, colour: Colour, mesh: BodyMesh, length: float) -> Part:
    size = 0.07 + 0.1 * length
    high = eye + 0.35 * (float(head[:, 2].max()) - eye)
    centre = np.array([0.0, float(head[:, 1].max()) + 0.25 * size, high])
    return _on_head(mesh, "bun", ball(centre, np.array([size, size * 0.8, size])), colour)


def _ponytail(head: Array, eye: float, colour: Colour, mesh: BodyMesh, length: float) -> Part:
    back, t = float(head[:, 1].max()), np.linspace(0.0, 1.0, 10)
    lift = 0.02 * t + 0.05 * np.sqrt(t)
    path = np.stack([0 * t, back - 0.012 + lift, eye + 0.03 - length * t**1.3], -1)
    width = 0.022 + 0.035 * np.sin(np.pi * np.clip(t + 0.12, 0.0, 1.0)) ** 0.7
    follower = Follower("head", (0.0, back, eye), 0.09, 0.55)
    return hanging(mesh, "ponytail", rod(path, width), colour, follower)


def _long(head: Array, dressed: Array, colour: Colour, mesh: BodyMesh, drop: Array) -> Part:
    """Hair over the back and sides of the head from ``drop[0]`` below the crown.

    It ends ``drop[1]`` below the nape.
    """
    crown, rows, length = float(head[:, 2].max()) - drop[0], 18, float(drop[1])
    nape = mesh.heads[mesh.bone("neck03")]
    low = float(nape[2]) - length
    share = np.sin(np.linspace(0.0, 0.5 * np.pi, rows)[::-1])
    heights = crown - 0.004 + (low - crown) * (1.0 - share)
    middle = np.array([0.0, (float(head[:, 1].min()) + float(head[:, 1].max())) / 2.0 + 0.02])
    way = circle(28)
    reach = np.maximum.accumulate(sections(head, heights, way, middle), axis=0)
    full = np.clip((crown - heights) / (crown - low), 0.0, 1.0)[:, None]
    reach = (reach + np.minimum(0.003 + 0.1 * full, 0.012)) * (1.0 - 0.15 * full)
    reach[0] *= 0.6
    flat = reach[..., None] * way
    flat[..., 1] = np.maximum(flat[..., 1], -0.004 - 0.02 * (1.0 - full))
    trunk = dressed[np.abs(dressed[:, 0]) < 0.08]
    for row, z in enumerate(heights):
        behind = trunk[np.abs(trunk[:, 2] - z) < 0.03, 1]
        if z < nape[2] and len(behind):
            short = float(behind.max()) + 0.012 - middle[1] - float(flat[row, :, 1].max())
            flat[row, :, 1] += max(short, 0.0)
    rings = np.concatenate(
        [middle + flat, np.broadcast_to(heights[:, None, None], (rows, 28, 1))], -1
    )
    made = solid(rings)
    weights = rigid(mesh, {}, len(made.vertices), 1)
    hang = np.clip((float(nape[2]) + 0.03 - made.vertices[:, 2]) / (length + 0.03), 0.0, 1.0)
    weights[:, mesh.bone("head")] = 1.0 - hang
    weights[:, mesh.bone("spine01")] = 0.6 * hang
    weights[:, -1] = 0.4 * hang
    follower = Follower("head", (float(nape[0]), float(nape[1]), float(nape[2])), 0.08, 0.7)
    return Part("long hair", made.vertices, made.faces, weights, colour, (follower,))


def hair(
    mesh: BodyMesh, dressed: Array, style: str, colour: Colour, length: float, *, hatted: bool
) -> list[Part]:
    """Long hair, a bun or a ponytail; nothing for short hair, nor for a bun that a hat hides.

    ``length`` metres below the nape.
    """
    head = _head(mesh, dressed)
    eye = float(mesh.heads[mesh.bone("eye.L")][2])
    if style == "long":
        hidden = float(head[:, 2].max()) - eye - 0.035 if hatted else 0.0
        return [_long(head, dressed, colour, mesh, np.array([hidden, length]))]
    if style == "bun" and not hatted:
        return [_bun(head, eye, colour, mesh, length)]
    if style == "ponytail":
        return [_ponytail(head, eye, colour, mesh, 0.12 + length)]
    return []


def hat(mesh: BodyMesh, dressed: Array, kind: str, colour: Colour, brim: float) -> list[Part]:
    """A hat that sits on the head; ``brim`` is the width of its brim or visor, metres."""
    head = _head(mesh, dressed)
    if kind == "none":
        return []
    eye = mesh.heads[mesh.bone("eye.L")]
    tilt = 0.18 if kind != "brimmed" else 0.06
    middle = np.array([0.0, (head[:, 1].min() + head[:, 1].max()) / 2.0])
    tipped = head.copy()
    tipped[:, 2] += tilt * (head[:, 1] - middle[1])
    low, top = float(eye[2]) + (0.025 if kind == "woolly" else 0.04), tipped[:, 2].max()
    spare = 0.014 if kind == "woolly" else 0.008
    share = np.sin(np.linspace(0.0, 0.5 * np.pi, 9))
    share[-1] = 0.985
    heights = low + (top - low) * share
    way = circle(32)
    reach = sections(tipped, heights, way, middle) + spare
    reach[-1] *= 0.6
    heights = heights + spare * share + 0.012 * share**3
    if kind == "brimmed":
        crown = reach[0] * (1.0 - 0.28 * share**3)[:, None]
        reach[:-1] = np.maximum(reach, crown)[:-1]

    def tip(rings: Array) -> Array:
        rings[..., 2] -= tilt * (rings[..., 1] - middle[1])
        return rings

    rings = np.empty((len(heights), len(way), 3))
    rings[..., :2] = middle + reach[..., None] * way
    rings[..., 2] = heights[:, None]
    shape = solid(tip(rings))
    rim = reach[0]
    if kind == "cap":
        rim = np.where(way[:, 1] < -0.25, rim + brim * np.clip(-way[:, 1] * 1.35 - 0.3, 0, 1), rim)
    if kind == "brimmed":
        rim = rim + brim
    if kind != "woolly":
        sink = (0.45 if kind == "cap" else 0.2) * (rim - reach[0])
        rows = [(reach[0] - 0.01, 0.004), (rim, 0.002 - sink), (rim, -0.002 - sink)]
        rows.append((reach[0] - 0.01, -0.003))
        edge = np.empty((4, len(way), 3))
        for k, (radius, lift) in enumerate(rows):
            edge[k, :, :2] = middle + radius[:, None] * way
            edge[k, :, 2] = heights[0] + lift
        shape = shape + hollow(tip(edge))
    if kind == "woolly" and brim > 0.07:
        peak = np.array([middle[0], middle[1], shape.vertices[:, 2].max() + 0.02])
        shape = shape + ball(peak, np.full(3, 0.06))
    return [_on_head(mesh, kind, shape, colour)]
