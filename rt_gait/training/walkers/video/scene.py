"""Several walkers before one camera: their ways, crossings, and the truth about every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..camera import Camera
from ..figure import Loop
from ..path import Path
from .render import Image, Look, compose, finish, layer
from .shading import Light

Array = npt.NDArray[np.float64]

#: Headings (radians about z, from walking towards the camera) of walks across the picture.
TO_RIGHT, TO_LEFT = np.pi / 2.0, -np.pi / 2.0


@dataclass(frozen=True)
class Walker:
    """Somebody on a path.

    At ``start`` seconds the walker is at the path's first point; ``phase`` seconds shifts the gait
    cycle. ``name`` is None for somebody who is not enrolled. The walker exists from ``start`` to
    ``end``.
    """

    ident: int
    name: str | None
    look: Look
    loop: Loop
    path: Path
    start: float = 0.0
    end: float = np.inf
    phase: float = 0.0

    def posed(self, time: float, exposure: float) -> Array:
        """Vertices (2, V, 3) when an exposure (seconds) about ``time`` begins and ends."""
        import torch

        moments = time - self.start + self.phase + exposure * torch.tensor([-0.5, 0.5])
        vertices = self.loop.puppet.vertices(moments.double()).numpy().astype(np.float64)
        vertices[..., 1] -= self.phase / self.loop.period_s * self.loop.stride[1]
        return np.stack([self.path.bend(v) for v in vertices])


@dataclass(frozen=True)
class Truth:
    """One walker in one frame.

    ``box`` (x1, y1, x2, y2) pixels around the whole walker within the picture, an umbrella left
    out; ``visible`` share of its pixels not hidden by others; ``cut`` by the picture's edge.
    ``mask`` (H, W) bool holds the visible pixels.
    """

    ident: int
    name: str | None
    box: tuple[float, float, float, float]
    visible: float
    cut: bool
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """Camera, light, background (H, W, 3) with a wall ``wall`` metres away, and walkers.

    ``exposure`` seconds blurs what moves; ``noise`` is the sensor's (:func:`.render.finish`).
    """

    camera: Camera
    light: Light
    background: Image
    walkers: tuple[Walker, ...]
    wall: float = 14.0
    exposure: float = 0.010
    noise: float = 0.008

    def frame(
        self, time: float, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], list[Truth]]:
        """The picture (H, W, 3) uint8 RGB at ``time`` seconds and who is in it."""
        present, layers = [], []
        for walker in self.walkers:
            if walker.start <= time <= walker.end:
                present.append(walker)
                posed = walker.posed(time, self.exposure)
                layers.append(layer(walker.look, posed, self.camera, self.light, self.wall))
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
