"""Several walkers before one camera: straight paths, crossings, and the truth about every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .camera import Camera
from .motion import Gait
from .render import Figure, Image, View, compose, finish, layer
from .rotations import axis_rotation
from .shading import Light

Array = npt.NDArray[np.float64]

#: Headings (radians about z, from walking towards the camera) of walks across the picture.
TO_RIGHT, TO_LEFT = np.pi / 2.0, -np.pi / 2.0


@dataclass(frozen=True)
class Walker:
    """A figure on a straight path.

    At ``start`` seconds the walker is over (``x``, ``y``) metres and heads ``heading`` radians;
    ``phase`` seconds shifts the gait cycle. ``name`` is None for somebody who is not enrolled.
    The walker exists from ``start`` to ``end``.
    """

    ident: int
    name: str | None
    figure: Figure
    gait: Gait
    x: float
    y: float
    heading: float
    start: float = 0.0
    end: float = np.inf
    phase: float = 0.0

    def origin(self) -> Array:
        """World offset (3,) of the gait's own path."""
        _, root = self.gait.at(self.phase)
        moved = axis_rotation(2, self.heading) @ (root * [1.0, 1.0, 0.0])
        return np.asarray(np.array([self.x, self.y, 0.0]) - moved)

    def posed(self, time: float, exposure: float, samples: int) -> list[tuple[Array, Array]]:
        """Vertices and normals at ``samples`` moments of an exposure (seconds) about ``time``."""
        count, origin = (samples if exposure > 0 else 1), self.origin()
        steps = (np.arange(count) + 0.5) / count - 0.5
        moments = time - self.start + self.phase + exposure * steps
        return [self.figure.pose(self.gait, float(t), self.heading, origin) for t in moments]


@dataclass(frozen=True)
class Truth:
    """One walker in one frame.

    ``box`` (x1, y1, x2, y2) pixels around the whole walker within the picture, ``visible`` share
    of its pixels not hidden by others, ``cut`` by the picture's edge. ``mask`` (H, W) bool holds
    the visible pixels.
    """

    ident: int
    name: str | None
    box: tuple[float, float, float, float]
    visible: float
    cut: bool
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """Camera, light, background (H, W, 3) and walkers."""

    camera: Camera
    light: Light
    background: Image
    walkers: tuple[Walker, ...]
    exposure: float = 0.010
    noise: float = 0.008

    def frame(
        self, time: float, rng: np.random.Generator, samples: int = 3
    ) -> tuple[npt.NDArray[np.uint8], list[Truth]]:
        """The picture (H, W, 3) uint8 RGB at ``time`` seconds and who is in it."""
        present, layers, view = [], [], View(self.camera, self.light)
        for walker in self.walkers:
            if walker.start <= time <= walker.end:
                present.append(walker)
                posed = walker.posed(time, self.exposure, samples)
                layers.append(layer(walker.figure, posed, view))
        picture, whole, visible = compose(self.background, layers)
        truth = []
        for walker, full, seen in zip(present, whole, visible, strict=True):
            rows, columns = np.nonzero(full > 0.5)
            if len(rows) < 12:
                continue
            box = (
                float(columns.min()),
                float(rows.min()),
                float(columns.max() + 1),
                float(rows.max() + 1),
            )
            h, w = full.shape
            cut = box[0] <= 0 or box[1] <= 0 or box[2] >= w or box[3] >= h
            mask = seen > 0.5
            share = float(mask.sum()) / len(rows)
            truth.append(Truth(walker.ident, walker.name, box, share, cut, mask))
        return finish(picture, rng, self.noise), truth

    def frames(
        self, seconds: float, fps: float, seed: int
    ) -> Iterator[tuple[npt.NDArray[np.uint8], list[Truth]]]:
        """Frames of a clip, in order."""
        rng = np.random.default_rng([seed, 4])
        for k in range(round(seconds * fps)):
            yield self.frame(k / fps, rng)
