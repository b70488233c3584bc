"""Paths on the ground: straight lines and arcs, and walks bent along them.

A walk goes along -y in its own frame. To make it follow an arc, every point is moved to where its
own travelled distance lies on the arc, at its own distance to the side. A foot that stands still
in the walk's frame then stands still on the ground, which turning the whole body would not keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]


def bend(
    vertices: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    heading: torch.Tensor,
    curvature: torch.Tensor,
) -> torch.Tensor:
    """Walks (N, V, 3), metres along -y, bent along N arcs; torch or numpy, on any device.

    The origin of walk n comes to (``x``, ``y``) metres; ``heading`` radians turns -y about z there,
    and grows by ``curvature`` (1/m, positive to the walker's left) with every metre travelled.
    All four are (N,). To the inside of a turn things shrink by curvature times their distance to
    the side, so ``curvature`` should stay below 0.5.
    """
    library = namespace(vertices)
    side, along = vertices[..., 0], -vertices[..., 1]
    x, y, heading, curvature = (v[:, None] for v in (x, y, heading, curvature))
    turn = curvature * along
    chord = along * library.sinc(turn / (2.0 * np.pi))
    middle, end = heading + turn / 2.0, heading + turn
    east = x + chord * library.sin(middle) + side * library.cos(end)
    north = y - chord * library.cos(middle) + side * library.sin(end)
    return library.stack([east, north, vertices[..., 2]], -1)


def namespace(array: Any) -> Any:
    """The library of an array: numpy, or else torch."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


@dataclass(frozen=True)
class Path:
    """A walker's way: through (``x``, ``y``) metres, there with ``heading``, curved throughout.

    ``heading`` radians turns the direction -y (towards the camera) about z; ``curvature`` in 1/m is
    positive for a turn to the walker's left, 0 for a straight line.
    """

    x: float
    y: float
    heading: float
    curvature: float = 0.0

    def at(self, distance: npt.ArrayLike) -> tuple[Array, Array]:
        """Ground positions (..., 2) and headings (...) after ``distance`` (...) metres."""
        s = np.asarray(distance, dtype=np.float64)
        walked = np.stack([np.zeros(s.size), -s.ravel(), np.zeros(s.size)], -1)
        return self.bend(walked)[:, :2].reshape(*s.shape, 2), self.heading + self.curvature * s

    def bend(self, vertices: Array) -> Array:
        """One walk's points (V, 3) on this path; :func:`bend` for one."""
        place = (np.array([v]) for v in (self.x, self.y, self.heading, self.curvature))
        moved: Any = bend(vertices[None], *place)
        return np.asarray(moved[0])
