"""Hair beyond a short cut, and hats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .bodies import BodyMesh
from .figure import Follower, Part
from .garments import FIELDS, fields
from .palette import Colour
from .parts import Shape, ball, circle, hanging, hollow, rigid, rod, sections, solid

Array = npt.NDArray[np.float64]

HAIR_STYLES = ("short", "long", "bun", "ponytail")
HATS = ("none", "cap", "woolly", "brimmed")


def _head(mesh: BodyMesh, dressed: Array) -> Array:
    """Points (P, 3) of the head with its hair."""
    return np.asarray(dressed[fields(mesh)[:, FIELDS.index("head")] > 0.8])


def _on_head(mesh: BodyMesh, kind: str, shape: Shape, colour: Colour) -> Part:
    weights = rigid(mesh, {"head": 1.0}, len(shape.vertices))
    return Part(kind, shape.vertices, shape.faces, weights, colour)


def hair(mesh: BodyMesh, dressed: Array, style: str, colour: Colour, length: float) -> list[Part]:
    """Long hair, a bun or a ponytail; nothing for short hair. ``length`` metres below the nape."""
    head = _head(mesh, dressed)
    if style == "short" or not len(head):
        return []
    eye = mesh.heads[mesh.bone("eye.L")]
    crown, back = head[:, 2].max(), head[:, 1].max()
    nape = mesh.heads[mesh.bone("neck03")]
    anchor = (0.0, float(back), float(eye[2]))
    if style == "bun":
        size = 0.07 + 0.1 * length
        centre = np.array([0.0, back + 0.25 * size, eye[2] + 0.35 * (crown - eye[2])])
        return [_on_head(mesh, "bun", ball(centre, np.array([size, size * 0.8, size])), colour)]
    if style == "ponytail":
        top = eye[2] + 0.03
        t = np.linspace(0.0, 1.0, 10)
        path = np.stack([0 * t, back - 0.012 + 0.05 * np.sqrt(t), top - length * t**1.3], -1)
        path[:, 1] += 0.02 * t
        width = 0.022 + 0.035 * np.sin(np.pi * np.clip(t + 0.12, 0, 1)) ** 0.7
        shape = rod(path, width)
        return [hanging(mesh, "ponytail", shape, colour, Follower("head", anchor, 0.09, 0.55))]
    low = float(nape[2]) - length
    heights = np.linspace(float(eye[2]) + 0.06, low, 12)
    half = np.abs(head[:, 0]).max()
    t = np.linspace(0.0, 1.0, 12)
    shoulder = dressed[np.abs(dressed[:, 0]) < 0.08]
    way = circle(20)
    rings = np.empty((12, 20, 3))
    for row, z in enumerate(heights):
        behind = shoulder[np.abs(shoulder[:, 2] - z) < 0.03, 1]
        rear = max(back - 0.035 * t[row], float(behind.max()) if len(behind) else back) + 0.014
        front = rear - 0.09 + 0.03 * t[row]
        wide = (half + 0.010) * (1.0 - 0.12 * t[row] ** 2)
        flat = np.sign(way) * np.abs(way) ** 0.8
        rings[row] = np.stack(
            [
                wide * flat[:, 0],
                (rear + front) / 2 + (rear - front) / 2 * flat[:, 1],
                0 * flat[:, 0],
            ],
            -1,
        )
        rings[row, :, 2] = z
    made = solid(rings)
    weights = rigid(mesh, {"head": 1.0}, len(made.vertices), 1)
    hang = np.clip((float(nape[2]) + 0.05 - made.vertices[:, 2]) / (length + 0.05), 0.0, 1.0)
    weights[:, mesh.bone("head")] = 1.0 - hang
    weights[:, mesh.bone("spine01")] = 0.6 * hang
    weights[:, -1] = 0.4 * hang
    follower = Follower("head", tuple(nape.tolist()), 0.08, 0.7)
    return [Part("long hair", made.vertices, made.faces, weights, colour, (follower,))]


def hat(mesh: BodyMesh, dressed: Array, kind: str, colour: Colour, brim: float) -> list[Part]:
    """A hat that sits on the head; ``brim`` is the width of its brim or visor, metres."""
    head = _head(mesh, dressed)
    if kind == "none" or not len(head):
        return []
    eye = mesh.heads[mesh.bone("eye.L")]
    tilt = 0.22 if kind != "brimmed" else 0.12
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
    heights = heights + spare * share + (0.03 if kind == "woolly" else 0.012) * share**3
    if kind == "brimmed":
        reach = np.maximum(reach, reach[0] * (0.9 + 0.0 * share)[:, None])
        heights = heights + 0.012 * share

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
        sink = 0.25 * (rim - reach[0])
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
