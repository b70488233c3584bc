"""Scenes drawn at random: a camera before a wall, and ways on which people cross.

Ways run in all directions, some of them curved, and come together in the picture, so that people
hide one another; while anybody is seen, nobody walks through the camera, the wall or others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError

from ..camera import Camera, draw_camera
from ..path import Path
from .backdrop import backdrop
from .render import Image
from .shading import Light

Array = npt.NDArray[np.float64]

#: Metres that people keep from each other, from the wall and from the camera.
APART, FROM_WALL, FROM_CAMERA = 0.7, 0.8, 1.6
#: Seconds between the moments at which ways are checked.
_STEP = 0.1
_TRIES = 2000


@dataclass(frozen=True)
class Stage:
    """An empty scene: ``wall`` metres away, walkers appear about ``distance`` metres away."""

    camera: Camera
    light: Light
    wall: float
    distance: float
    background: Image


@dataclass(frozen=True)
class Way:
    """Where somebody walks: along ``path`` from its first point at ``start`` until ``end`` s."""

    path: Path
    start: float
    end: float


def draw_stage(seed: int, size: tuple[int, int]) -> Stage:
    """A camera for pictures of ``size`` (width, height) pixels, a lamp, a floor and a wall."""
    rng = np.random.default_rng([seed, 11])
    camera, distance = draw_camera(rng, size)
    wall = distance * float(rng.uniform(1.25, 1.9)) + 2.0
    return Stage(camera, Light.draw(rng), wall, distance, backdrop(camera, seed, wall, scale=2))


@dataclass(frozen=True)
class _Walk:
    """A way moment by moment: ``places`` (T, 2) metres, ``seen`` (T,) in the picture.

    ``columns`` (T, 2) are the first and the last that the walker covers.
    """

    places: Array
    seen: npt.NDArray[np.bool_]
    columns: Array

    @staticmethod
    def of(camera: Camera, places: Array) -> _Walk:
        corners = np.array([[x, 0.0, z] for x in (-0.35, 0.35) for z in (0.0, 1.85)])
        points = np.pad(places, ((0, 0), (0, 1)))[:, None] + corners
        pixel, depth = camera.project(points)
        low, high = pixel.min(axis=1), pixel.max(axis=1)
        inside = (high > 0).all(axis=1) & (low < [camera.width_px, camera.tall_px]).all(axis=1)
        inside &= depth.min(axis=1) > 0.3
        return _Walk(places, inside, np.stack([low[:, 0], high[:, 0]], axis=1))

    def possible(self, stage: Stage, others: list[_Walk], seconds: float) -> bool:
        """Whether the walker is seen once, for long enough, and in nobody's way."""
        shown = np.flatnonzero(self.seen)
        if len(shown) * _STEP < min(3.0, 0.5 * seconds):
            return False
        if len(shown) != shown[-1] - shown[0] + 1:
            return False
        y = self.places[self.seen, 1]
        if y.max() > stage.wall - FROM_WALL or y.min() < FROM_CAMERA:
            return False
        gaps = [np.linalg.norm(self.places - o.places, axis=1)[self.seen].min() for o in others]
        return min(gaps, default=np.inf) >= APART

    def crosses(self, other: _Walk) -> bool:
        """Whether the two overlap in the picture at some moment."""
        last, first = (
            np.minimum(self.columns, other.columns),
            np.maximum(self.columns, other.columns),
        )
        return bool((self.seen & other.seen & (last[:, 1] > first[:, 0])).any())


def _draw_path(rng: np.random.Generator, stage: Stage, sector: float) -> Path:
    """A path through a point that is in the picture, heading about ``sector`` radians there."""
    camera = stage.camera
    y = stage.distance * float(rng.uniform(0.75, 1.2))
    x = float(rng.uniform(-0.3, 0.3)) * camera.width_px * y / camera.focal_px
    curvature = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.04, 0.25))
    if rng.random() < 0.5:
        curvature = 0.0
    return Path(x, y, sector + float(rng.uniform(-np.pi / 4, np.pi / 4)), curvature)


def draw_ways(seed: int, stage: Stage, speeds: list[float], seconds: float) -> list[Way]:
    """One way for each walker, by their ``speeds`` (m/s), in a clip of ``seconds``.

    ``UsageError`` when there is no room for so many.
    """
    rng = np.random.default_rng([seed, 12])
    times = np.arange(0.0, seconds + _STEP, _STEP)
    first = rng.uniform(0.0, 2.0 * np.pi)
    ways: list[Way] = []
    walks: list[_Walk] = []
    for k, speed in enumerate(speeds):
        found: tuple[Way, _Walk] | None = None
        for trial in range(_TRIES):
            # Opposite directions first, then across them.
            way = _draw_path(rng, stage, first + np.pi / 2 * (2 * (k % 2) + k // 2))
            passing = seconds * float(rng.uniform(0.25, 0.75))
            walk = _Walk.of(stage.camera, way.at(speed * (times - passing))[0])
            if not walk.possible(stage, walks, seconds):
                continue
            shown = np.flatnonzero(walk.seen)
            start = max(float(times[shown[0]]) - 0.3, 0.0)
            (x, y), heading = way.at(speed * (start - passing))
            path = Path(float(x), float(y), float(heading), way.curvature)
            found = Way(path, start, float(times[shown[-1]]) + 0.3), walk
            if not walks or trial > _TRIES // 2 or any(walk.crosses(w) for w in walks):
                break
        if found is None:
            raise UsageError(
                f"no room for {len(speeds)} walkers at a time; ask for fewer or for a longer clip"
            )
        ways.append(found[0])
        walks.append(found[1])
    return ways
