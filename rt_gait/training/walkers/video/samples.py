"""The sample clips: a crossing of six walkers, and one enrolment clip for each who is enrolled."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rt_gait.outputs.output import check_folder

from ..body.bodies import BodyMesh, anny_rig, draw_body
from ..camera import Camera
from ..command import whole
from ..figure import Loop
from ..gait.mocap import MocapArchive
from ..gait.motion import retarget
from ..path import Path as Way
from ..wardrobe.garments import draw_outfit
from ..wardrobe.session import Session, dress_figure
from .backdrop import backdrop
from .cast import CAST, Role
from .clips import record
from .render import Look
from .scene import TO_LEFT, TO_RIGHT, Scene, Walker
from .shading import Light

FPS = 25
SECONDS = 16.8
CAMERA = Camera(960, 540, 968.0, 2.0, float(np.radians(6.0)))
ENROL_CAMERA = replace(CAMERA, height_m=1.9, pitch=float(np.radians(5.6)))
LIGHT = Light(np.array([-0.50, -0.55, 0.67]) / np.linalg.norm([-0.50, -0.55, 0.67]))
BACKDROP_SEED = 55
#: Names of the clips.
CLIPS = ("crossing", *(f"enrol_{r.name}" for r in CAST if r.enrol_trial))
#: Metres outside the picture's edge where a walker starts and ends.
MARGIN = 0.75


@dataclass(frozen=True)
class Passage:
    """One walk across the picture: ``depth`` metres away from ``start`` seconds on."""

    trial: str
    depth: float
    start: float
    rightwards: bool
    pace: float = 1.0
    phase: float = 0.0


class Company:
    """Figures of the cast, made once."""

    def __init__(self, archive: MocapArchive) -> None:
        self.archive = archive
        self._made: dict[int, tuple[BodyMesh, Look]] = {}

    def look(self, role: Role) -> tuple[BodyMesh, Look]:
        """Mesh and dressed figure of a role."""
        if role.seed not in self._made:
            body = draw_body(role.seed, role.sex, **role.build)
            mesh = anny_rig().mesh(body)
            worn = Session.plain(replace(draw_outfit(role.seed, body), leg=0.0, **role.wear))
            self._made[role.seed] = mesh, Look.of(dress_figure(mesh, worn), worn)
        return self._made[role.seed]

    def walker(self, role: Role, ident: int, camera: Camera, passage: Passage) -> Walker:
        """A role crossing the whole picture."""
        mesh, look = self.look(role)
        gait = retarget(self.archive.walk(passage.trial), mesh, passage.pace)
        edge = camera.width_px / 2.0 / camera.focal_px * passage.depth + MARGIN
        way = Way(
            -edge if passage.rightwards else edge,
            passage.depth,
            TO_RIGHT if passage.rightwards else TO_LEFT,
        )
        end = passage.start + 2.0 * edge / gait.speed
        loop = Loop.of(look.figure, gait)
        return Walker(ident, role.name, look, loop, way, passage.start, end, passage.phase)


def crossing(company: Company) -> tuple[Scene, float]:
    """The crossing scene and its length in seconds."""
    walkers = tuple(
        company.walker(
            r, k + 1, CAMERA, Passage(r.trial, r.depth, r.start, r.rightwards, 1.0, 0.37 * k)
        )
        for k, r in enumerate(CAST)
    )
    return Scene(CAMERA, LIGHT, backdrop(CAMERA, BACKDROP_SEED), walkers, noise=0.006), SECONDS


def enrolment(company: Company, role: Role) -> tuple[Scene, float]:
    """One walker alone, to the right and back, from another recording; and its length."""
    trial = role.enrol_trial or role.trial
    rng = np.random.default_rng([role.seed, 6])
    paces, phases = rng.uniform(0.96, 1.04, 2), rng.uniform(0.0, 1.0, 2)
    there = Passage(trial, 8.0, 0.0, True, float(paces[0]), float(phases[0]))
    out = company.walker(role, 1, ENROL_CAMERA, there)
    again = Passage(trial, 8.0, out.end + 0.2, False, float(paces[1]), float(phases[1]))
    back = company.walker(role, 1, ENROL_CAMERA, again)
    background = backdrop(ENROL_CAMERA, BACKDROP_SEED)
    return Scene(ENROL_CAMERA, LIGHT, background, (out, back), noise=0.006), back.end


def make_samples(
    archive: MocapArchive,
    out: Path,
    only: Collection[str] = CLIPS,
    *,
    masks: bool = False,
    overwrite: bool = False,
) -> Iterator[Path]:
    """Write the clips and ``crossing_truth.json`` to ``out``, yielding the paths.

    ``only`` names the clips to write; ``masks`` adds ``CLIP_masks.npz`` (:func:`.clips.record`).

    Raises:
        OutputError: The folder cannot be written, or holds something and ``overwrite`` is not set.
        UsageError: The archive lacks a walk.
    """
    check_folder(out, overwrite=overwrite)
    out.mkdir(exist_ok=True)
    company = Company(archive)
    plans = {"crossing": partial(crossing, company)}
    plans |= {f"enrol_{r.name}": partial(enrolment, company, r) for r in CAST if r.enrol_trial}
    for clip in (name for name in CLIPS if name in only):
        scene, seconds = plans[clip]()
        path, held = out / f"{clip}.mp4", out / f"{clip}_masks.npz" if masks else None
        with ExitStack() as files:
            part = files.enter_context(whole(held)) if held else None
            video = files.enter_context(whole(path))
            records = record(scene, seconds, FPS, video, seed=BACKDROP_SEED, masks=part)
        yield path
        if held:
            yield held
        if clip == "crossing":
            size = [scene.camera.width_px, scene.camera.tall_px]
            document = {"fps": FPS, "size_px": size, "frames": records}
            target = out / "crossing_truth.json"
            with whole(target) as text:
                text.write_text(json.dumps(document, separators=(",", ":")) + "\n")
            yield target
