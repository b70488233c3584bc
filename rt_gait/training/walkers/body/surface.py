"""Surfaces: the volume within a closed mesh, and its normals."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
T = TypeVar("T", np.float32, np.float64)


def volume(vertices: Array, faces: Ints) -> float:
    """Cubic metres within a closed mesh, positive when counter-clockwise from outside."""
    axes = np.ascontiguousarray(vertices.T)
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (axes[:, faces[:, k]] for k in range(3))
    cross = (ay * bz - az * by) * cx + (az * bx - ax * bz) * cy + (ax * by - ay * bx) * cz
    return float(cross.sum()) / 6.0


def touching(count: int, faces: Ints) -> Any:
    """Sparse matrix (count, F): 1 where a vertex is a corner of a face."""
    from scipy.sparse import csr_matrix

    ones, number = np.ones(faces.size, np.float32), np.repeat(np.arange(len(faces)), 3)
    return csr_matrix((ones, (faces.ravel(), number)), shape=(count, len(faces)))


def normals(vertices: npt.NDArray[T], faces: Ints, touch: Any) -> npt.NDArray[T]:
    """Unit vertex normals (V, 3), area-weighted; ``touch`` is :func:`touching` of the mesh."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    out = touch @ np.cross(b - a, c - a)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))
