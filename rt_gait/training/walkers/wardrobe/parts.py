"""Closed meshes of garments and things, and how they hang on a body.

Every shape is a stack of rings of points: capped at both ends (:func:`solid`) or joined from the
last ring to the first (:func:`hollow`), so that every edge has two faces and nothing is seen from
inside. Shapes are wound outwards whatever the order of their points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh
from ..body.surface import volume
from ..figure import Follower, Part
from .outline import circle
from .palette import Colour

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shape:
    """``vertices`` (V, 3) metres and ``faces`` (F, 3), closed, counter-clockwise from outside."""

    vertices: Array
    faces: Ints

    def __add__(self, other: Shape) -> Shape:
        """Both shapes as one."""
        faces = np.concatenate([self.faces, other.faces + len(self.vertices)])
        return Shape(np.concatenate([self.vertices, other.vertices]), faces)


def _strips(count: int, around: int) -> Ints:
    """Faces between ``count`` + 1 successive rings of ``around`` points."""
    row, col = np.meshgrid(np.arange(count), np.arange(around), indexing="ij")
    a, b = row * around + col, row * around + (col + 1) % around
    c, d = a + around, b + around
    quads = np.stack([np.stack([a, b, d], -1), np.stack([a, d, c], -1)], -2)
    return quads.reshape(-1, 3).astype(np.int64)


def _outwards(vertices: Array, faces: Ints) -> Shape:
    if volume(vertices, faces) < 0.0:
        faces = faces[:, ::-1].copy()
    return Shape(vertices, faces)


def solid(rings: Array) -> Shape:
    """A stack of rings (R, N, 3) with a fan over either end."""
    count, around = rings.shape[:2]
    vertices = np.concatenate([rings.reshape(-1, 3), rings[[0, -1]].mean(axis=1)])
    i = np.arange(around)
    j = (i + 1) % around
    low, high = count * around, count * around + 1
    last = (count - 1) * around
    caps = [np.stack([j, i, np.full(around, low)], -1)]
    caps.append(np.stack([last + i, last + j, np.full(around, high)], -1))
    return _outwards(vertices, np.concatenate([_strips(count - 1, around), *caps]))


def hollow(rings: Array) -> Shape:
    """A stack of rings (R, N, 3) whose last is joined to the first: a shell or a hoop."""
    count, around = rings.shape[:2]
    faces = _strips(count, around) % (count * around)
    return _outwards(rings.reshape(-1, 3), faces)


def box(centre: Array, size: Array, round_: float = 4.0) -> Shape:
    """A box (``size`` (3,) metres) with rounded edges: a superellipsoid of exponent ``round_``."""
    level = np.linspace(-1.0, 1.0, 11)
    level = np.sign(level) * np.abs(level) ** 0.5 * 0.985
    reach = (1.0 - np.abs(level) ** round_) ** (1.0 / round_)
    way = circle(24)
    way = way / (np.abs(way) ** round_).sum(axis=1, keepdims=True) ** (1.0 / round_)
    flat = reach[:, None, None] * way
    rings = np.concatenate([flat, np.broadcast_to(level[:, None, None], (11, 24, 1))], -1)
    return solid(centre + rings * (size / 2.0))


def ball(centre: Array, size: Array) -> Shape:
    """An ellipsoid of diameters ``size`` (3,)."""
    return box(centre, size, 2.0)


def rod(
    path: Array, width: Array | float, closed: bool = False, flat: Array | None = None
) -> Shape:
    """A rod of ``width`` metres (a number, or (N,)) along the points ``path`` (N, 3).

    With ``flat`` (N, 3) it is a strap 4 mm thick along those directions and ``width`` across.
    """
    if closed:
        along = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        along = np.gradient(path, axis=0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    if flat is None:
        guide = np.eye(3)[int(np.abs(along).mean(axis=0).argmin())]
        up = np.cross(along, guide)
    else:
        up = flat - (flat * along).sum(axis=1, keepdims=True) * along
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    across = np.cross(along, up)
    half = np.broadcast_to(np.asarray(width, dtype=float) / 2.0, (len(path),))[:, None, None]
    thick = half if flat is None else np.full_like(half, 0.004)
    way = circle(8)[None, :, :, None]
    rings = path[:, None] + half * way[:, :, 0] * across[:, None]
    rings = rings + thick * way[:, :, 1] * up[:, None]
    return hollow(rings) if closed else solid(rings)


def rigid(mesh: BodyMesh, shares: dict[str, float], count: int, followers: int = 0) -> Array:
    """Weights (count, J + followers) with every point on the same bones."""
    weights = np.zeros((count, len(mesh.bones) + followers))
    for name, share in shares.items():
        weights[:, mesh.bone(name)] = share
    return weights


def hanging(mesh: BodyMesh, kind: str, shape: Shape, colour: Colour, follower: Follower) -> Part:
    """A thing that hangs wholly from one follower."""
    weights = rigid(mesh, {}, len(shape.vertices), 1)
    weights[:, -1] = 1.0
    return Part(kind, shape.vertices, shape.faces, weights, colour, (follower,))


def skinned(mesh: BodyMesh, kind: str, shape: Shape, colour: Colour, on: Flags) -> Part:
    """A thing that lies on the body: every point moves with the nearest vertex ``on`` (V,)."""
    from scipy.spatial import cKDTree

    index = np.flatnonzero(on)
    _, near = cKDTree(mesh.vertices[index]).query(shape.vertices)
    return Part(kind, shape.vertices, shape.faces, mesh.weights[index[near]], colour)
