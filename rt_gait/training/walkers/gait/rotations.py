"""Small rotation helpers on arrays of 3x3 matrices (float64, column-vector convention)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def axis_rotation(axis: int, angle: npt.ArrayLike) -> Array:
    """Rotations (..., 3, 3) by ``angle`` radians (...) about coordinate axis 0, 1 or 2."""
    a = np.asarray(angle, dtype=np.float64)
    out = np.zeros((*a.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1.0
    out[..., i, i] = out[..., j, j] = np.cos(a)
    out[..., j, i] = np.sin(a)
    out[..., i, j] = -np.sin(a)
    return out


def exp(vector: Array) -> Array:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) (Rodrigues' formula)."""
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    unit = vector / np.maximum(angle[..., 0], 1e-12)
    k = np.zeros((*vector.shape[:-1], 3, 3))
    k[..., 0, 1], k[..., 0, 2], k[..., 1, 2] = -unit[..., 2], unit[..., 1], -unit[..., 0]
    k = k - np.swapaxes(k, -1, -2)
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1.0 - np.cos(angle)) * (k @ k))


def log(rotation: Array) -> Array:
    """Rotation vectors (..., 3) of rotation matrices (..., 3, 3), angles below pi."""
    skew = rotation - np.swapaxes(rotation, -1, -2)
    axis = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], axis=-1) / 2.0
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    cosine = (np.trace(rotation, axis1=-2, axis2=-1)[..., None] - 1.0) / 2.0
    angle = np.arctan2(sine, cosine)
    return np.where(sine > 1e-9, axis / np.maximum(sine, 1e-12) * angle, axis)


def between(a: Array, b: Array) -> Array:
    """The smallest rotation (3, 3) that turns direction ``a`` (3,) onto direction ``b`` (3,)."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    scale = 1.0 / (math.hypot(ax, ay, az) * math.hypot(bx, by, bz))
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    if math.hypot(x, y, z) * scale < 1e-9:
        return np.eye(3)
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) * scale
    return np.eye(3) + k + k @ k / (1.0 + (ax * bx + ay * by + az * bz) * scale)


def orthonormal(matrix: Array) -> Array:
    """Nearest rotations (..., 3, 3) to matrices (..., 3, 3), for instance averages of rotations."""
    u, _, vt = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(u @ vt))
    u = u.copy()
    u[..., :, 2] *= sign[..., None]
    return np.asarray(u @ vt)


def hanging_turn(rotation: Array, share: float) -> Array:
    """Rotations (..., 3, 3) of what hangs from something turned by ``rotation`` (..., 3, 3).

    It takes the heading, and ``share`` (0..1) of the turn beyond that.
    """
    ahead = rotation @ np.array([0.0, -1.0, 0.0])
    heading = axis_rotation(2, np.arctan2(ahead[..., 0], -ahead[..., 1]))
    return np.asarray(heading @ exp(share * log(np.swapaxes(heading, -1, -2) @ rotation)))
