"""Training pictures of people with instance labels (Ultralytics segmentation polygons)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rt_gait.errors import OutputError

from ..camera import Camera
from ..command import check_new_folder, whole
from ..path import Path as Way
from .company import Person, draw_person
from .scene import Scene, Truth, Walker
from .shading import Light
from .staging import Stage, draw_stage

#: Instances with fewer visible pixels than this are not labelled.
LEAST_PIXELS = 30
#: Picture sizes (width, height), pixels.
SIZES = ((640, 360), (640, 480), (640, 480), (480, 640), (640, 640))


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
    rng: np.random.Generator, camera: Camera, pool: list[Person], wall: float
) -> tuple[Walker, ...]:
    """Up to six people standing anywhere in the picture, often close together."""
    walkers: list[Walker] = []
    wanted = int(rng.choice([0, 1, 2, 3, 4, 5, 6], p=[0.03, 0.15, 0.22, 0.22, 0.18, 0.12, 0.08]))
    first = 1.7 * camera.focal_px / rng.uniform(60, 300)
    for _ in range(60):
        if len(walkers) >= wanted:
            break
        tall = float(np.exp(rng.uniform(np.log(42), np.log(300))))
        y = float(np.clip(1.7 * camera.focal_px / tall, 2.5, wall - 0.6))
        if walkers and rng.random() < 0.55:
            y = float(np.clip(first + rng.normal() * 0.9, 2.5, wall - 0.6))
        x = float(rng.uniform(-0.53, 0.53)) * camera.width_px * y / camera.focal_px
        if walkers and rng.random() < 0.45:
            near = walkers[rng.integers(len(walkers))]
            x = near.path.x * y / near.path.y + float(rng.normal()) * 0.45
        if any(np.hypot(x - w.path.x, y - w.path.y) < 0.55 for w in walkers):
            continue
        person = pool[rng.integers(len(pool))]
        if any(w.look is person.look for w in walkers):
            continue
        heading = float(rng.uniform(-np.pi, np.pi))
        if rng.random() < 0.5:
            heading = float(rng.choice([-np.pi / 2, np.pi / 2]) + rng.normal() * 0.15)
        loop = person.loops[rng.integers(len(person.loops))]
        phase, way = float(rng.uniform(0, 2)), Way(x, y, heading)
        walkers.append(Walker(len(walkers) + 1, None, person.look, loop, way, phase=phase))
    return tuple(walkers)


def make_people(out: Path, count: int, seed: int, *, bodies: int = 40, scenes: int = 32) -> int:
    """Write ``count`` pictures and labels under ``out``; the number of labelled people.

    They show ``bodies`` people before ``scenes`` backgrounds. ``out`` is a new or empty folder.

    Raises:
        OutputError: The folder holds something already, or cannot be written.
    """
    import cv2

    check_new_folder(out)
    rng = np.random.default_rng([seed, 5])
    for name in ("images", "labels"):
        (out / name).mkdir(parents=True, exist_ok=True)
    pool = [draw_person(seed * 1000 + k, trials=2) for k in range(bodies)]
    stages: list[Stage] = []
    people = 0
    for k in range(count):
        if len(stages) < scenes:
            size = SIZES[rng.integers(len(SIZES))]
            stages.append(draw_stage(seed * 1000 + k, size))
        stage = stages[k % scenes]
        flipped = stage.background[:, ::-1] if rng.random() < 0.5 else stage.background
        gain = np.float32(rng.uniform(0.65, 1.25))
        scene = Scene(
            stage.camera,
            Light.draw(rng),
            np.clip(flipped * gain, 0, 1),
            _crowd(rng, stage.camera, pool, stage.wall),
            stage.wall,
            float(rng.choice([0.0, 0.008, 0.02])),
            float(rng.uniform(0.002, 0.025)),
        )
        frame, truth = scene.frame(0.0, rng)
        lines = label_lines(truth)
        people += len(lines)
        stem = f"walkers_{seed:02d}_{k:05d}"
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
        picture = np.ascontiguousarray(frame[:, :, ::-1])
        with (
            whole(out / "images" / f"{stem}.jpg") as image,
            whole(out / "labels" / f"{stem}.txt") as labels,
        ):
            labels.write_text("".join(line + "\n" for line in lines))
            if not cv2.imwrite(str(image), picture, quality):
                raise OutputError(f"the picture could not be written: {image}")
    return people
