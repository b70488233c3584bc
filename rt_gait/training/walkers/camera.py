"""A pinhole camera above the ground plane.

World: x to the right of the picture, y away from the camera, z up, metres; the camera stands at
(0, 0, height), pitched down by ``pitch`` radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """``focal`` in pixels, ``pitch`` in radians (positive looks down), ``height`` in metres."""

    width: int
    height_px: int
    focal: float
    height: float
    pitch: float

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixel positions (..., 2) and depths (...) of world points (..., 3)."""
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        x, y, z = points[..., 0], points[..., 1], points[..., 2] - self.height
        depth = np.maximum(c * y - s * z, 1e-3)
        down = -(s * y + c * z)
        column = self.width / 2.0 + self.focal * x / depth
        row = self.height_px / 2.0 + self.focal * down / depth
        return np.stack([column, row], axis=-1), depth

    def rays(self, scale: int = 1) -> Array:
        """Unnormalised world directions (H * scale, W * scale, 3) of the pixel centres."""
        column = (np.arange(self.width * scale) + 0.5) / scale - self.width / 2.0
        row = (np.arange(self.height_px * scale) + 0.5) / scale - self.height_px / 2.0
        x, down = np.meshgrid(column / self.focal, row / self.focal)
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        return np.stack([x, c - s * down, -s - c * down], axis=-1)

    def ground_shadow(self, points: Array, light: Array) -> Array:
        """World points (..., 3) thrown onto the ground along ``light`` (3,), which points down."""
        return np.asarray(points - points[..., 2:3] / light[2] * light)
