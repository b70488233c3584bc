"""Sheets to look at: bodies, gait cycles, clothes and things carried, segmentation noise.

    python -m rt_gait.training.walkers.data.sheets --out DIR

What a person should see: two trials of one walker alike, two walkers different, clothes that hang
right from every side, and noise that looks like a segmenter's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import OutputError
from rt_gait.outputs.output import check_folder

from ..body.bodies import anny_rig, draw_body
from ..camera import Camera
from ..command import Parser, command, whole
from ..figure import Loop
from ..gait.cycles import put_on
from ..gait.walking import WalkingModel
from ..noise.model import NoiseModel
from ..silhouettes.sequences import crops, segmented
from ..silhouettes.takes import Takes, laboratory_takes
from ..video.render import Look, compose, finish, layer
from ..video.samples import LIGHT
from ..wardrobe.session import CARRYING, CLOTHING, draw_session, dress_figure, hold
from .filming import Shot, film
from .population import Population, SessionPlan, free_sessions

Picture = npt.NDArray[np.uint8]

_CAMERA = Camera(120, 220, 820.0, 1.2, 0.03)
_PLAIN = SessionPlan("plain", 2, 0, ("normal",), ("none",))


def portraits(
    body_seed: int, session_seed: int, turns_deg: tuple[float, ...], **fixed: str
) -> list[Picture]:
    """One walker in colour from several sides, (220, 120, 3) uint8 RGB, after the heel strike."""
    import torch

    body = draw_body(body_seed)
    session = draw_session(session_seed, body, **fixed)
    mesh, model = anny_rig().mesh(body), WalkingModel.load()
    gait = hold(put_on(model.trial(model.style(body_seed), 1), mesh), mesh, session)
    loop = Loop.of(dress_figure(mesh, session), gait)
    at = torch.tensor([0.08 * loop.period_s], dtype=torch.float64)
    vertices, look = (
        loop.puppet.vertices(at)[0].numpy().astype(float),
        Look.of(loop.figure, session),
    )
    return [_draw(look, vertices, turn) for turn in turns_deg]


def _draw(look: Look, vertices: Any, turn_deg: float) -> Picture:
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = vertices.copy()
    middle = (seen[:, :2].min(axis=0) + seen[:, :2].max(axis=0)) / 2.0
    seen[:, :2] = (seen[:, :2] - middle) @ turn.T + [0.0, 8.3]
    ground = np.full((_CAMERA.tall_px, _CAMERA.width_px, 3), 0.80, np.float32)
    picture, _, _ = compose(ground, [layer(look, np.stack([seen, seen]), _CAMERA, LIGHT)])
    return finish(picture, np.random.default_rng(0), 0.0)


def bodies(count: int = 20) -> Picture:
    """``count`` people in tight clothes, front and side."""
    tiles = [
        np.hstack(portraits(k, k, (0.0, 90.0), clothing="tight", carrying="none"))
        for k in range(count)
    ]
    return _grid(tiles, 5)


def wardrobe() -> Picture:
    """Everything that can be worn or carried, from five sides."""
    rows = [{"clothing": c, "carrying": "none"} for c in CLOTHING]
    rows += [{"clothing": "normal", "carrying": c} for c in CARRYING[1:]]
    tiles = [
        tile
        for k, fixed in enumerate(rows)
        for tile in portraits(7 + 2 * (k % 3), 3 * k, (0.0, 55.0, 90.0, 180.0, 250.0), **fixed)
    ]
    return _grid(tiles, 10)


def cycles(people: int = 5) -> Picture:
    """Silhouettes of ``people``, a block each: eight views down, a gait cycle along."""
    views = np.linspace(0.0, 315.0, 8)
    blocks = []
    for number in range(people):
        walk = Population(1, (_PLAIN,)).recordings("test", number)[0]
        takes = laboratory_takes(np.random.default_rng(0), views, 8)
        pictures, _ = film([Shot.of(walk, _phased(takes, walk.loop.period_s))], None, "cpu")
        blocks.append(np.vstack([np.hstack(list(row)) for row in pictures]))
    return np.hstack([np.pad(b, ((0, 0), (0, 6)), constant_values=128) for b in blocks])


def trials(people: int = 6) -> Picture:
    """Two trials of each of ``people`` from the side, one below the other."""
    rows = []
    for number in range(people):
        for walk in Population(1, (_PLAIN,)).recordings("test", number):
            takes = laboratory_takes(np.random.default_rng(0), np.array([90.0]), 16)
            pictures, _ = film([Shot.of(walk, _phased(takes, walk.loop.period_s))], None, "cpu")
            rows.append(np.hstack(list(pictures[0])))
    return np.vstack(rows)


def noise(people: int = 4) -> Picture:
    """True masks above what the segmenter would see of them."""
    rows = []
    for number in range(people):
        walk = Population(2, free_sessions(2, 1)).recordings("test", number)[1]
        takes = laboratory_takes(
            np.random.default_rng(number), np.array([30.0 + 60.0 * number]), 10
        )
        true = crops(walk.loop.puppet, takes, "cpu")
        seen, _ = segmented(true, takes, NoiseModel(), walk.seed)
        rows.append(np.vstack([np.hstack(list(m.masks[0].numpy() * 255)) for m in (true, seen)]))
    return _stack(rows)


def _phased(takes: Takes, period_s: float) -> Takes:
    """The same views at even phases of one gait cycle."""
    count = takes.times_s.shape[1]
    steps = np.arange(count) / count * period_s
    return replace(takes, times_s=np.tile(steps, (len(takes.times_s), 1)))


def _stack(pictures: list[Any]) -> Picture:
    """Pictures below one another, filled up with black to the widest."""
    wide = max(p.shape[1] for p in pictures)
    room = [((0, 0), (0, wide - p.shape[1]), *((0, 0),) * (p.ndim - 2)) for p in pictures]
    return np.vstack([np.pad(p, r) for p, r in zip(pictures, room, strict=True)])


def _grid(tiles: list[Any], columns: int) -> Picture:
    """Tiles of one size in rows of ``columns``."""
    return _stack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])


@command
def main(argv: list[str] | None = None) -> int:
    """Write the sheets; 0 on success."""
    import cv2

    parser = Parser(
        prog="python -m rt_gait.training.walkers.data.sheets",
        description="Sheets of bodies, gaits, clothes and noise",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there already")
    options = parser.parse_args(argv)
    check_folder(options.out, overwrite=options.overwrite)
    options.out.mkdir(exist_ok=True)
    for name, draw in (
        ("bodies", bodies),
        ("wardrobe", wardrobe),
        ("cycles", cycles),
        ("trials", trials),
        ("noise", noise),
    ):
        picture = draw()
        path = options.out / (f"{name}.jpg" if picture.ndim == 3 else f"{name}.png")
        with whole(path) as part:
            if not cv2.imwrite(str(part), picture[..., ::-1] if picture.ndim == 3 else picture):
                raise OutputError(f"the sheet could not be written: {path}")
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
