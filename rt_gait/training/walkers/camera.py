"""A pinhole camera above the ground plane.

World: x to the right of the picture, y away from the camera, z up, metres; the camera stands at
(0, 0, ``height_m``), pitched down by ``pitch`` radians.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .path import namespace

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]


def project(
    points: torch.Tensor,
    focal: torch.Tensor,
    height: torch.Tensor,
    pitch: torch.Tensor,
    centre: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels (N, V, 2) and depths (N, V), metres, of points (N, V, 3) seen by N cameras.

    ``focal`` (N,) pixels, ``height`` (N,) metres, ``pitch`` (N,) radians, ``centre`` (N, 2) pixels;
    torch or numpy, on any device. Depths below a millimetre count as a millimetre.
    """
    library = namespace(points)
    focal, height, pitch = focal[:, None], height[:, None], pitch[:, None]
    c, s = library.cos(pitch), library.sin(pitch)
    x, y, z = points[..., 0], points[..., 1], points[..., 2] - height
    depth = (c * y - s * z).clip(min=1e-3)
    column = centre[:, :1] + focal * x / depth
    row = centre[:, 1:] - focal * (s * y + c * z) / depth
    return library.stack([column, row], -1), depth


@dataclass(frozen=True)
class Camera:
    """Size of the picture and focal length in pixels, height above the ground in metres.

    ``pitch`` in radians is positive when it looks down.
    """

    width_px: int
    tall_px: int
    focal_px: float
    height_m: float
    pitch: float

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixel positions (..., 2) and depths (...) of world points (..., 3)."""
        serves_both: Any = project
        one = (np.array([v]) for v in (self.focal_px, self.height_m, self.pitch))
        centre = np.array([[self.width_px / 2.0, self.tall_px / 2.0]])
        pixel, depth = serves_both(points.reshape(1, -1, 3), *one, centre)
        shape = points.shape[:-1]
        return np.asarray(pixel).reshape(*shape, 2), np.asarray(depth).reshape(shape)

    def rays(self, scale: int = 1) -> Array:
        """Unnormalised world directions (H * scale, W * scale, 3) of the pixel centres."""
        column = (np.arange(self.width_px * scale) + 0.5) / scale - self.width_px / 2.0
        row = (np.arange(self.tall_px * scale) + 0.5) / scale - self.tall_px / 2.0
        x, down = np.meshgrid(column / self.focal_px, row / self.focal_px)
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        return np.stack([x, c - s * down, -s - c * down], axis=-1)

    def cast_shadow(self, points: Array, light: Array, wall: float = np.inf) -> Array:
        """Where points (..., 3) throw shadows: on the ground, or on a wall at y = ``wall``.

        ``light`` (3,) is the way the light goes, downwards.
        """
        reach = -points[..., 2:3] / light[2]
        if light[1] > 0:
            reach = np.minimum(reach, np.maximum(wall - points[..., 1:2], 0.0) / light[1])
        return np.asarray(points + reach * light)


def draw_camera(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Camera, float]:
    """A camera 1 to 6 m high with a wide to long lens, and the distance it looks at, metres.

    ``size`` (width, height) is the picture's in pixels. At that distance people fill 0.16 to 0.5
    of the picture's height; nobody is looked at more steeply than about 27 degrees.
    """
    width, tall = size
    focal = float(np.exp(rng.uniform(np.log(0.7), np.log(1.9)))) * max(size)
    share = float(np.exp(rng.uniform(np.log(0.16), np.log(0.5))))
    distance = float(np.clip(1.7 * focal / (share * tall), 4.5, 22.0))
    high = rng.random() < 0.35
    height = float(rng.uniform(3.0, 6.0) if high else rng.uniform(1.0, 3.0))
    height = min(height, 0.9 + 0.5 * distance)
    pitch = float(np.arctan2(height - 0.9, distance) + rng.normal() * 0.02)
    return Camera(width, tall, focal, height, pitch), distance
