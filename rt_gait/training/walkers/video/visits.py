"""One person filmed on several days, alone: walking by, or standing about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..body.bodies import anny_rig, draw_body
from ..figure import Loop
from ..gait.cycles import put_on
from ..gait.walking import WalkingModel
from ..path import Path
from ..wardrobe.session import draw_session, dress_figure, hold
from .render import Look
from .scene import Scene, Walker
from .staging import draw_stage, draw_ways

Array = npt.NDArray[np.float64]

#: Moments of a walk that are tried for the one at which the feet are nearest to one another.
_MOMENTS = 24


@dataclass(frozen=True)
class Stander(Walker):
    """Somebody who stands: a walk held at ``rest`` seconds, swayed by ``sway`` seconds of it.

    ``turn`` radians are turned to either side; sway and turn go as sines of ``rate_hz``.
    """

    rest: float = 0.0
    sway: float = 0.0
    turn: float = 0.0
    rate_hz: float = 0.3

    def posed(self, time: float, exposure: float) -> Array:
        """Vertices (2, V, 3) when an exposure (seconds) about ``time`` begins and ends."""
        import torch

        moments = time + self.phase + exposure * np.array([-0.5, 0.5])
        wave = np.sin(2 * np.pi * self.rate_hz * moments)
        at = torch.from_numpy(self.rest + self.sway * wave)
        vertices = self.loop.puppet.vertices(at).numpy().astype(np.float64)
        vertices[..., 1] -= self.rest / self.loop.period_s * self.loop.stride[1]
        ways = [
            Path(self.path.x, self.path.y, self.path.heading + self.turn * float(w)) for w in wave
        ]
        return np.stack([way.bend(v) for way, v in zip(ways, vertices, strict=True)])


def feet_together(loop: Loop) -> float:
    """Seconds into a walk at which its feet are nearest to one another."""
    import torch

    times = np.arange(_MOMENTS) / _MOMENTS * loop.period_s
    posed = loop.puppet.vertices(torch.from_numpy(times)).numpy()
    spread = [float(np.ptp(v[v[:, 2] < 0.12, 1])) for v in posed]
    return float(times[int(np.argmin(spread))])


def draw_visit(seed: int, number: int, day: int, trial: int) -> tuple[Look, Loop]:
    """Person ``number`` as dressed on ``day``, on one walk.

    Day 0 is one of ordinary clothes and empty hands; on others anything is worn and carried.
    """
    own = [seed, number]
    rng = np.random.default_rng([*own, 16])
    body_seed, style_seed = (int(s) for s in rng.integers(2**31, size=2))
    wear, mood_seed = (
        int(s) for s in np.random.default_rng([*own, 17, day]).integers(2**31, size=2)
    )
    mood, fatigue = np.random.default_rng(mood_seed).normal(0.0, (0.35, 0.25))
    body, model = draw_body(body_seed), WalkingModel.load()
    mesh, style = anny_rig().mesh(body), model.style(style_seed)
    worn = draw_session(wear, body, *(("normal", "none") if day == 0 else (None, None)))
    figure = dress_figure(mesh, worn)
    walk = int(np.random.default_rng([*own, 18, trial]).integers(2**31))
    cycle = model.trial(
        style,
        walk,
        mood=float(np.clip(mood, -1.0, 1.0)),
        fatigue=float(np.clip(abs(fatigue), 0.0, 1.0)),
    )
    return Look.of(figure, worn), Loop.of(figure, hold(put_on(cycle, mesh), mesh, worn))


def draw_scene(
    seed: int,
    number: int,
    day: int,
    trial: int,
    *,
    size: tuple[int, int],
    seconds: float,
    still: bool = False,
) -> tuple[Scene, float]:
    """A scene of ``seconds`` with one person, and the direction of view, degrees.

    Scene, light and way belong to ``trial`` alone: no two are before one camera. ``still`` people
    stand where a walker would pass.
    """
    look, loop = draw_visit(seed, number, day, trial)
    rng = np.random.default_rng([seed, trial, 19])
    stage = draw_stage(int(rng.integers(2**31)), size)
    speed = float(np.linalg.norm(loop.stride[:2])) / loop.period_s
    way = draw_ways(int(rng.integers(2**31)), stage, [speed], seconds)[0]
    phase = float(rng.uniform(0.0, loop.period_s))
    place, heading = way.path.at(speed * (way.end - way.start) / 2.0)
    walker = Walker(1, None, look, loop, way.path, way.start, way.end, phase)
    if still:
        walker = Stander(
            *(1, None, look, loop),
            Path(float(place[0]), float(place[1]), float(rng.uniform(-np.pi, np.pi))),
            phase=phase,
            rest=feet_together(loop),
            sway=loop.period_s * float(rng.choice([0.01, 0.03, 0.12])),
            turn=float(rng.choice([0.0, 0.3, 1.2])),
            rate_hz=float(rng.uniform(0.15, 0.4)),
        )
    scene = Scene(
        stage.camera,
        stage.light,
        stage.background,
        (walker,),
        stage.wall,
        exposure=float(rng.uniform(0.002, 0.016)),
        noise=float(rng.uniform(0.003, 0.015)),
    )
    return scene, float(np.degrees(heading + np.arctan2(place[0], place[1])) % 360.0)
