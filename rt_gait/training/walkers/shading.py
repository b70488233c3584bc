"""Colour of a visible surface point: garment, pattern, folds and light. Plain numpy on (P,) arrays.

Colours are display-referred RGB in 0..1; positions of the rest pose in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .garments import Measures, Outfit, regions

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """``towards`` (3,) unit vector to the lamp; ``direct`` and ``ambient`` strengths."""

    towards: Array
    direct: float = 0.62
    ambient: float = 0.50

    @staticmethod
    def draw(rng: np.random.Generator) -> Light:
        """A lamp above and behind the camera, left or right of it."""
        azimuth = rng.uniform(np.radians(200), np.radians(340))
        elevation = rng.uniform(np.radians(42), np.radians(72))
        towards = np.array(
            [
                np.cos(azimuth) * np.cos(elevation),
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
            ]
        )
        return Light(towards, float(rng.uniform(0.45, 0.75)), float(rng.uniform(0.40, 0.58)))


def _pattern(f: dict[str, Array], outfit: Outfit) -> npt.NDArray[np.bool_]:
    """Where the accent colour of the shirt shows."""
    if outfit.pattern == "stripes":
        return np.asarray(np.sin(f["z"] * 2 * np.pi / 0.07) > 0.35)
    if outfit.pattern == "checks":
        u = np.sin(f["z"] * 2 * np.pi / 0.09) > 0.6
        return np.asarray(u | (np.sin(14.0 * np.arctan2(f["x"], f["y"])) > 0.6))
    if outfit.pattern == "panel":
        return np.asarray((f["arm"] > 0.5) & (f["along_arm"] > 0.1))
    return np.zeros(len(f["z"]), dtype=bool)


def paint(f: dict[str, Array], outfit: Outfit, m: Measures) -> tuple[Array, Array]:
    """Albedo (P, 3) and gloss (P,) of surface points with rest-pose fields ``f``."""
    count = len(f["z"])
    colour = np.broadcast_to(np.array(outfit.skin), (count, 3)).copy()
    gloss = np.full(count, 0.10)
    x, y, z = np.abs(f["face_x"]), f["face_y"], f["face_z"]
    front = (f["head"] > 0.5) & (y < 0.035)
    lips = front * np.exp(-((x / 0.022) ** 2) - (((z + 0.066) / 0.008) ** 2))
    colour += 0.5 * lips[:, None] * (np.array([0.62, 0.28, 0.27]) - colour)
    brow = front * np.exp(-(((x - 0.031) / 0.016) ** 2) - (((z - 0.021) / 0.005) ** 2))
    socket = front * np.exp(-(((x - 0.031) / 0.015) ** 2) - (((z - 0.002) / 0.009) ** 2))
    colour *= 1.0 - 0.25 * socket[:, None]
    colour += 0.75 * brow[:, None] * (np.array(outfit.hair) * 0.8 - colour)
    blush = front * np.exp(-(((x - 0.042) / 0.018) ** 2) - (((z + 0.035) / 0.02) ** 2))
    colour[:, 1:] *= 1.0 - 0.08 * blush[:, None]
    eye = f["eye"] > 0.5
    colour[eye] = np.where((np.abs(z[eye]) < 0.006)[:, None], [0.20, 0.15, 0.12], [0.7, 0.68, 0.65])
    on = regions(f, outfit, m)
    accent = _pattern(f, outfit)
    for name, value, shine in (
        ("legs", outfit.trousers, 0.02),
        ("shirt", outfit.shirt, 0.03),
        ("hair", outfit.hair, 0.22),
        ("shoe", outfit.shoes, 0.12),
    ):
        colour[on[name]] = value
        gloss[on[name]] = shine
    colour[on["shirt"] & accent] = outfit.accent
    edge = on["legs"] & (f["z"] > m.waist - outfit.hem - 0.03)
    colour[edge] *= 0.55
    seam = on["shirt"] & (f["arm"] > 0.5) & (np.abs(f["along_arm"] - outfit.sleeve + 0.03) < 0.02)
    colour[seam] *= 0.8
    sole = on["shoe"] & (f["z"] < 0.018)
    colour[sole] = 0.6 * colour[sole] + 0.1
    strand = on["hair"]
    colour[strand] *= (1.0 + 0.18 * np.sin(f["face_x"] * 420 + 6 * np.sin(f["face_z"] * 60)))[
        strand, None
    ]
    return colour, gloss


def folds(f: dict[str, Array], normal: Array, depth: float) -> Array:
    """Normals (P, 3) disturbed like cloth; ``depth`` is the strength, about 0.1."""
    x, y, z, a = f["x"], f["y"], f["z"], f["along_arm"]
    wave = np.stack(
        [
            np.sin(38 * z + 21 * x + 3 * np.sin(17 * y)) + 0.6 * np.sin(71 * z - 40 * x),
            np.sin(29 * z - 33 * y + 2 * np.sin(23 * x)) + 0.6 * np.sin(60 * x + 35 * z),
            np.sin(44 * z + 9 * a + 2 * np.sin(15 * x + 12 * y)),
        ],
        axis=1,
    )
    covered = (f["head"] < 0.5) & (f["hand"] < 0.5) & (f["foot"] < 0.5)
    out = normal + depth * covered[:, None] * wave
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))


def shade(
    surface: tuple[Array, Array], normal: Array, eye: Array, light: Light, clear: Array
) -> Array:
    """Lit colour (P, 3) of a ``surface``: colour (P, 3) and gloss (P,).

    ``eye`` (P, 3) unit vectors to the camera, ``clear`` (P,) openness to the sky.
    """
    colour, gloss = surface
    facing = normal @ light.towards
    diffuse = np.clip((facing + 0.25) / 1.25, 0.0, 1.0)
    sky = 0.75 + 0.25 * normal[:, 2]
    half = light.towards + eye
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = np.clip((normal * half).sum(axis=1), 0.0, 1.0) ** 24
    lit = (
        colour
        * (light.ambient * sky * clear + light.direct * diffuse * (0.4 + 0.6 * clear))[:, None]
    )
    return np.asarray(np.clip(lit + (gloss * shine)[:, None], 0.0, 1.0))
