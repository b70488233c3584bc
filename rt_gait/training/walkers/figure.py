"""Figures: a dressed body with what it carries, as one mesh on one set of bones, and its poses.

A :class:`Figure` is the body's (dressed) mesh and its :class:`Part` objects joined. Parts may hang
from bones of their own, :class:`Follower`, which trail the skeleton: cloth swings, bags stay
upright. A walk put on a figure is a :class:`Loop`: one affine transform for every bone and frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .body.bodies import BodyMesh
from .gait.contact import joints
from .gait.motion import Gait
from .gait.rotations import hanging_turn
from .puppet import Puppet, few

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


#: Kinds of parts that do not count as the person: people who label pictures leave umbrellas out.
NOT_PERSON = ("umbrella", "shaft")


@dataclass(frozen=True)
class Follower:
    """A bone that hangs from the skeleton's ``bone`` at ``anchor`` (rest position, metres).

    It turns as that bone did ``lag_s`` seconds before. ``turn`` (0..1) is the share of the turn it
    takes beyond the heading: 0 hangs upright, 1 is rigid.
    """

    bone: str
    anchor: tuple[float, float, float]
    lag_s: float = 0.0
    turn: float = 1.0


@dataclass(frozen=True)
class Part:
    """A garment or a thing beyond the body's own surface.

    ``vertices`` (V, 3) metres in the body's rest pose, ``faces`` (F, 3) counter-clockwise from
    outside, ``weights`` (V, J + K) for the skeleton's J bones and then the K ``followers``, rows
    summing to 1; ``colour`` RGB in 0..1. ``kind`` names it (``skirt``, ``backpack``, ...).
    """

    kind: str
    vertices: Array
    faces: Ints
    weights: Array
    colour: tuple[float, float, float]
    followers: tuple[Follower, ...] = ()


@dataclass(frozen=True, eq=False)
class Figure:
    """Everything that is seen of somebody, at rest.

    ``vertices`` (V, 3), ``faces`` (F, 3), ``weights`` (V, J + K) of the joined mesh; ``part`` (V,)
    is 0 on the body and k on ``parts[k - 1]``; ``mesh`` is the body that wears it.
    """

    mesh: BodyMesh
    vertices: Array
    faces: Ints
    weights: Floats
    part: Ints
    parts: tuple[Part, ...] = ()

    @property
    def followers(self) -> tuple[Follower, ...]:
        """The bones after the skeleton's, in the order of ``weights``."""
        return tuple(f for p in self.parts for f in p.followers)

    @property
    def person(self) -> npt.NDArray[np.bool_]:
        """Which faces (F,) count as the person: all but those of an umbrella."""
        counts = np.array([True] + [p.kind not in NOT_PERSON for p in self.parts])
        return np.asarray(counts[self.part[self.faces[:, 0]]])

    @staticmethod
    def join(mesh: BodyMesh, dressed: Array, parts: tuple[Part, ...] = ()) -> Figure:
        """The body ``mesh`` with its ``dressed`` vertices (V, 3) and ``parts``."""
        bones, hung = len(mesh.bones), sum(len(p.followers) for p in parts)
        vertices, faces = [dressed], [mesh.faces]
        weights = [np.pad(mesh.weights, ((0, 0), (0, hung)))]
        first = bones
        for own in parts:
            last = first + len(own.followers)
            wide = np.zeros((len(own.vertices), bones + hung))
            wide[:, :bones] = own.weights[:, :bones]
            wide[:, first:last] = own.weights[:, bones:]
            faces.append(own.faces + sum(len(v) for v in vertices))
            vertices.append(own.vertices)
            weights.append(wide)
            first = last
        part = np.repeat(np.arange(len(vertices)), [len(v) for v in vertices])
        return Figure(
            mesh,
            np.concatenate(vertices),
            np.concatenate(faces),
            np.concatenate(weights).astype(np.float32),
            part,
            parts,
        )


@dataclass(frozen=True)
class Loop:
    """A looping walk of one figure along -y.

    ``transforms`` (T + 1, J + K, 3, 4) take rest positions to the walk's own ground frame, metres;
    the last row is the first one a ``stride`` (3,) further on, ``period_s`` seconds later.
    """

    figure: Figure
    transforms: Floats
    period_s: float
    stride: Array

    @staticmethod
    def of(figure: Figure, gait: Gait) -> Loop:
        """``gait`` on ``figure``."""
        mesh, turn = figure.mesh, gait.rotations
        at = joints(mesh, turn) + gait.root[:, None]
        rotations, shift = [turn], [at - np.einsum("tjab,jb->tja", turn, mesh.heads)]
        for follower in figure.followers:
            bone = mesh.bone(follower.bone)
            anchor = np.array(follower.anchor)
            held = turn[:, bone] @ anchor + shift[0][:, bone]
            own = _trail(turn[:, bone], follower, gait.period)
            rotations.append(own[:, None])
            shift.append((held - own @ anchor)[:, None])
        affine = np.concatenate(
            [np.concatenate(rotations, 1), np.concatenate(shift, 1)[..., None]], axis=-1
        )
        again = affine[:1].copy()
        again[..., 3] += gait.stride
        return Loop(
            figure,
            np.concatenate([affine, again]).astype(np.float32),
            gait.period,
            gait.stride,
        )

    @cached_property
    def puppet(self) -> Puppet:
        """The walk without what only pictures in colour need."""
        figure = self.figure
        bones, weights = few(figure.weights)
        return Puppet(
            figure.vertices.astype(np.float32),
            figure.faces.astype(np.int32),
            figure.person,
            bones,
            weights,
            self.transforms,
            self.period_s,
            self.stride,
        )


def _trail(turn: Array, follower: Follower, period_s: float) -> Array:
    """World rotations (T, 3, 3) of a follower of a bone that turns by ``turn`` (T, 3, 3)."""
    lag = round(follower.lag_s / period_s * len(turn))
    late = np.roll(turn, lag, axis=0)
    if follower.turn >= 1.0:
        return late
    return hanging_turn(late, follower.turn)
