"""Anny's adults as a linear model in numpy: a mesh in a millisecond, without torch or Anny."""

from __future__ import annotations

import zlib
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from .anny_file import ANCHORS, LOCALS, make, model_file

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BodyMesh:
    """A body at rest, z up, facing -y, the soles at z = 0.

    ``vertices`` (V, 3) metres, ``faces`` (F, 3), ``heads`` (J, 3) joint positions in metres,
    ``parents`` (J,), ``weights`` (V, J) skinning weights, ``bones`` the J names.
    """

    vertices: Array
    faces: Ints
    heads: Array
    parents: list[int]
    weights: Array
    bones: list[str]

    def bone(self, name: str) -> int:
        """Index of the bone called ``name``."""
        return self.bones.index(name)

    @property
    def leg_length(self) -> float:
        """Thigh plus shank, mean of both sides, metres."""
        total = 0.0
        for side in "LR":
            chain = [
                self.heads[self.bone(f"{n}.{side}")] for n in ("upperleg01", "lowerleg01", "foot")
            ]
            total += float(np.linalg.norm(chain[1] - chain[0]))
            total += float(np.linalg.norm(chain[2] - chain[1]))
        return total / 2.0


class BodyModel:
    """Rest shapes of adults. ``shapes`` (K, (V + J) * 3) float32 metres, the mean first.

    ``anchors`` and ``locals`` are the parameters that are free, as in :data:`ANCHORS` and
    :data:`LOCALS`; ``corners`` (2 or 3, ..., R) weighs the shapes that follow the mean.
    """

    def __init__(self, path: Path) -> None:
        self.anchors, self.locals = dict(ANCHORS), LOCALS
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            self.shapes: Floats = file["shapes"] * file["scale"][:, None]
            self.corners: Floats = file["corners"]
            self.faces: Ints = file["faces"].astype(np.int64)
            self.parents = [int(p) for p in file["parents"]]
            self.bones = [str(b) for b in file["bones"]]
            index, weight = file["weight_index"].astype(np.int64), file["weight"]
        self.count = len(index)
        self.weights: Array = np.zeros((self.count, len(self.bones)))
        np.add.at(self.weights, (np.arange(self.count)[:, None], index), weight)
        self.weights /= self.weights.sum(axis=1, keepdims=True)

    def coefficients(self, phenotype: dict[str, float], local: dict[str, float]) -> Floats:
        """Weights (K,) of the shapes. Values missing from ``phenotype`` are 0.5 (age 2/3).

        ``phenotype`` as in :data:`ANCHORS`, beyond which shapes go on as between the last two
        (Anny's ``extrapolate_phenotypes``); ``local`` -1..1 by name of :data:`LOCALS`. ValueError
        for a name that is not free.
        """
        if unknown := set(phenotype) - set(self.anchors) | set(local) - set(self.locals):
            raise ValueError(
                f"unknown shape parameters {sorted(unknown)}; expected phenotype values "
                f"{sorted(self.anchors)} and local changes {sorted(self.locals)}"
            )
        table = self.corners
        for name, anchors in self.anchors.items():
            table = _between(table, 0, anchors, phenotype.get(name, max(0.5, anchors[0])))
        values = np.array([local.get(name, 0.0) for name in self.locals])
        both = np.stack([np.maximum(values, 0.0), np.maximum(-values, 0.0)], axis=1)
        return np.concatenate([[1.0], table, both.ravel()]).astype(np.float32)

    def fix(
        self, phenotype: dict[str, float], local: dict[str, float], free: frozenset[str]
    ) -> BodyModel:
        """The model with these values fixed, far quicker. ``free`` locals stay, others are 0.

        Values of ``phenotype`` and ``local`` that are ``free`` are left out.
        """
        model, table, axis, anchors = copy(self), self.corners, 0, {}
        for name, steps in self.anchors.items():
            if name in phenotype:
                table = _between(table, axis, steps, phenotype[name])
            else:
                anchors[name], axis = steps, axis + 1
        rank = table.shape[-1]
        still = self.coefficients({}, {k: v for k, v in local.items() if k not in free})
        still[1 : 1 + rank] = 0.0
        kept = [k for k, name in enumerate(self.locals) if name in free]
        ends = [1 + rank + 2 * k + sign for k in kept for sign in (0, 1)]
        table = table.reshape(-1, rank)
        model.shapes = np.concatenate(
            [still[None] @ self.shapes, table @ self.shapes[1 : 1 + rank], self.shapes[ends]]
        )
        model.corners = np.eye(len(table), dtype=np.float32).reshape(
            *(len(steps) for steps in anchors.values()), -1
        )
        model.anchors, model.locals = anchors, tuple(self.locals[k] for k in kept)
        return model

    def rest(self, coefficients: Floats) -> tuple[Array, Array]:
        """Vertices (V, 3) and joints (J, 3) at rest, metres, the lowest vertex at z = 0."""
        points = (coefficients @ self.shapes).astype(np.float64).reshape(-1, 3)
        points[:, 2] -= points[: self.count, 2].min()
        return points[: self.count], points[self.count :]

    def mesh(self, coefficients: Floats) -> BodyMesh:
        """The body of these ``coefficients``."""
        vertices, heads = self.rest(coefficients)
        return BodyMesh(vertices, self.faces, heads, self.parents, self.weights, self.bones)


def _between(table: Floats, axis: int, anchors: tuple[float, ...], value: float) -> Floats:
    """``table`` at ``value`` between (or beyond) the ``anchors`` of its ``axis``."""
    cell = int(np.clip(np.searchsorted(anchors, value) - 1, 0, len(anchors) - 2))
    part = np.float32((value - anchors[cell]) / (anchors[cell + 1] - anchors[cell]))
    return np.asarray(
        (1 - part) * table.take(cell, axis=axis) + part * table.take(cell + 1, axis=axis)
    )


@lru_cache(maxsize=1)
def body_model() -> BodyModel:
    """The model, read once a process; a damaged file is made again.

    ``ModelError`` names the file when it can be neither read nor made.
    """
    path = model_file()
    try:
        return BodyModel(path)
    except (BadZipFile, EOFError, KeyError, ValueError, zlib.error):
        make(path, f"{path} is damaged")
        return BodyModel(path)
