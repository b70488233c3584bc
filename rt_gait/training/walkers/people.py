"""Training pictures of people with instance labels (Ultralytics segmentation polygons)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from .backdrop import backdrop
from .bodies import anny_rig, draw_body
from .camera import Camera
from .garments import draw_outfit
from .mocap import MocapArchive
from .motion import Gait, retarget
from .render import Figure
from .scene import Scene, Truth, Walker
from .shading import Light

#: Instances with fewer visible pixels than this are not labelled.
LEAST_PIXELS = 30


def draw_camera(rng: np.random.Generator) -> Camera:
    """A camera 640 pixels wide or tall, 0.9 to 4 m high, ordinary lenses."""
    width, height = [(640, 360), (640, 480), (640, 480), (480, 640), (640, 640)][rng.integers(5)]
    focal = float(rng.uniform(0.75, 1.7)) * max(width, height)
    tall = float(rng.uniform(0.9, 4.0))
    look = float(rng.uniform(6.0, 14.0))
    pitch = float(np.arctan2(tall - 0.9, look) + rng.normal() * 0.03)
    return Camera(width, height, focal, tall, pitch)


def polygon(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """One outline (N, 2) in pixels of a mask (H, W); parts are joined by thin bridges."""
    import cv2

    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = [cv2.approxPolyDP(c, 0.6, True)[:, 0].astype(float) + 0.5 for c in found if len(c) >= 8]
    parts = [p for p in parts if len(p) >= 3]
    if not parts:
        return np.zeros((0, 2))
    parts.sort(key=len, reverse=True)
    outline = parts[0]
    for part in parts[1:]:
        gaps = np.linalg.norm(outline[:, None] - part[None], axis=2)
        i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
        loop = np.concatenate([part[j:], part[: j + 1]])
        outline = np.concatenate([outline[: i + 1], loop, outline[i:]])
    return outline


def label_lines(truth: list[Truth]) -> list[str]:
    """Label lines of one picture: class 0 and the outline, normalised to 0..1."""
    lines = []
    for item in truth:
        if int(item.mask.sum()) < LEAST_PIXELS:
            continue
        outline = polygon(item.mask)
        if len(outline) >= 3:
            h, w = item.mask.shape
            values = np.clip(outline / [w, h], 0.0, 1.0).ravel()
            lines.append("0 " + " ".join(f"{v:.5f}" for v in values))
    return lines


def _crowd(
    rng: np.random.Generator, camera: Camera, pool: list[tuple[Figure, list[Gait]]], wall: float
) -> tuple[Walker, ...]:
    walkers: list[Walker] = []
    wanted = int(rng.choice([0, 1, 2, 3, 4, 5, 6], p=[0.03, 0.15, 0.22, 0.22, 0.18, 0.12, 0.08]))
    first = 1.7 * camera.focal / rng.uniform(60, 300)
    for _ in range(60):
        if len(walkers) >= wanted:
            break
        tall = float(np.exp(rng.uniform(np.log(42), np.log(300))))
        y = float(np.clip(1.7 * camera.focal / tall, 2.5, wall - 0.6))
        if walkers and rng.random() < 0.55:
            y = float(np.clip(first + rng.normal() * 0.9, 2.5, wall - 0.6))
        x = float(rng.uniform(-0.53, 0.53)) * camera.width * y / camera.focal
        if walkers and rng.random() < 0.45:
            near = walkers[rng.integers(len(walkers))]
            x = near.x * y / near.y + float(rng.normal()) * 0.45
        if any(np.hypot(x - w.x, y - w.y) < 0.55 for w in walkers):
            continue
        figure, gaits = pool[rng.integers(len(pool))]
        if any(w.figure is figure for w in walkers):
            continue
        heading = float(rng.uniform(-np.pi, np.pi))
        if rng.random() < 0.5:
            heading = float(rng.choice([-np.pi / 2, np.pi / 2]) + rng.normal() * 0.15)
        walkers.append(
            Walker(
                len(walkers) + 1,
                None,
                figure,
                gaits[rng.integers(len(gaits))],
                x,
                y,
                heading,
                phase=float(rng.uniform(0, 2)),
            )
        )
    return tuple(walkers)


def make_people(
    archive: MocapArchive, out: Path, count: int, seed: int, *, bodies: int = 40, scenes: int = 32
) -> int:
    """Write ``count`` pictures and labels under ``out``; the number of labelled people."""
    import cv2

    rng = np.random.default_rng([seed, 5])
    for name in ("images", "labels"):
        (out / name).mkdir(parents=True, exist_ok=True)
    trials = sorted(t for group in archive.trials().values() for t in group)
    rig, pool = anny_rig(), []
    for k in range(bodies):
        body = draw_body(seed * 1000 + k)
        mesh = rig.mesh(body)
        chosen = [trials[i] for i in rng.choice(len(trials), 2, replace=False)]
        outfit = draw_outfit(seed * 1000 + k, body)
        pool.append((Figure(mesh, outfit), [retarget(archive.walk(t), mesh) for t in chosen]))
    stages: list[tuple[Camera, float, npt.NDArray[np.float32]]] = []
    people = 0
    for k in range(count):
        if len(stages) < scenes:
            camera, wall = draw_camera(rng), float(rng.uniform(7.0, 22.0))
            stages.append((camera, wall, backdrop(camera, seed * 1000 + k, wall, scale=2)))
        camera, wall, background = stages[k % scenes]
        picture = background[:, ::-1] if rng.random() < 0.5 else background
        gain = rng.uniform(0.65, 1.25)
        scene = Scene(
            camera,
            Light.draw(rng),
            np.clip(picture * np.float32(gain), 0, 1),
            _crowd(rng, camera, pool, wall),
            float(rng.choice([0.0, 0.008, 0.02])),
            float(rng.uniform(0.002, 0.025)),
        )
        frame, truth = scene.frame(0.0, rng)
        lines = label_lines(truth)
        people += len(lines)
        stem = f"walkers_{seed:02d}_{k:05d}"
        quality = int(rng.integers(70, 96))
        cv2.imwrite(
            str(out / "images" / f"{stem}.jpg"),
            np.ascontiguousarray(frame[:, :, ::-1]),
            [cv2.IMWRITE_JPEG_QUALITY, quality],
        )
        (out / "labels" / f"{stem}.txt").write_text("".join(line + "\n" for line in lines))
    return people
