"""Colour of a visible surface point: garment, pattern, folds and light. Plain numpy on (P,) arrays.

Colours are display-referred RGB in 0..1; positions of the rest pose in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..figure import Part
from ..wardrobe.garments import Coat, Measures, Outfit, regions
from ..wardrobe.session import Session

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


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


def _face(f: dict[str, Array], colour: Array, outfit: Outfit) -> None:
    """Lips, brows, eyes and cheeks painted into ``colour`` (P, 3)."""
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


def _strands(f: dict[str, Array]) -> Array:
    return np.asarray(1.0 + 0.08 * np.sin(f["face_x"] * 420 + 3 * np.sin(f["face_z"] * 40)))


def _coat(f: dict[str, Array], colour: Array, coat: Coat, on: Flags, m: Measures) -> None:
    """A coat's cloth, front edge, collar, cuffs and quilting, where it is ``on`` (P,)."""
    arm, z = f["arm"] > 0.5, f["z"]
    shade = np.ones(len(z))
    shade[~arm & (np.abs(f["x"]) < 0.006) & (f["y"] < m.nape)] = 0.55
    shade[~arm & (z > m.collar - 0.015)] *= 0.8
    shade[arm & (f["along_arm"] > 1.88)] *= 0.75
    if coat.quilted:
        shade *= 1.0 - 0.35 * np.exp(-((np.sin(z * np.pi / 0.075) / 0.22) ** 2)) * ~arm
        rings = np.sin(f["along_arm"] * np.pi / 0.28)
        shade *= 1.0 - 0.30 * np.exp(-((rings / 0.25) ** 2)) * arm
    colour[on] = (np.array(coat.colour) * shade[:, None])[on]


def _body(f: dict[str, Array], session: Session, m: Measures) -> tuple[Array, Array]:
    """Albedo (P, 3) and gloss (P,) of points of the dressed body."""
    outfit, count = session.outfit, len(f["z"])
    colour = np.broadcast_to(np.array(outfit.skin), (count, 3)).copy()
    gloss = np.full(count, 0.10)
    _face(f, colour, outfit)
    on = regions(f, outfit, m)
    skirt = outfit.skirt
    legs = outfit.trousers if skirt is None else skirt.tights or skirt.colour
    for name, value, shine in (
        ("legs", legs, 0.02),
        ("shirt", outfit.shirt, 0.03),
        ("hair", outfit.hair, 0.22),
        ("shoe", outfit.shoes, 0.12),
    ):
        colour[on[name]] = value
        gloss[on[name]] = shine
    colour[on["shirt"] & _pattern(f, outfit)] = outfit.accent
    edge = on["legs"] & (f["z"] > m.waist - outfit.hem - 0.03) & (skirt is None)
    colour[edge] *= 0.55
    seam = on["shirt"] & (f["arm"] > 0.5) & (np.abs(f["along_arm"] - outfit.sleeve + 0.03) < 0.02)
    colour[seam] *= 0.8
    sole = on["shoe"] & (f["z"] < 0.010 + outfit.sole)
    pale = 0.55 if outfit.sole > 0.011 and outfit.boot == 0.0 else 0.1
    colour[sole] = (0.6 - 0.4 * pale) * colour[sole] + pale
    if outfit.boot > 0.0:
        colour[on["shoe"] & (f["z"] > m.ankle + outfit.boot * (m.knee - m.ankle) - 0.015)] *= 0.7
    colour[on["hair"]] *= _strands(f)[on["hair"], None]
    if outfit.coat is not None:
        _coat(f, colour, outfit.coat, on["coat"], m)
        gloss[on["coat"]] = 0.10 if outfit.coat.quilted else 0.02
    return colour, gloss


def _part(f: dict[str, Array], part: Part, session: Session, m: Measures) -> tuple[Array, float]:
    """Albedo (P, 3) and gloss of points of one part."""
    colour = np.broadcast_to(np.array(part.colour), (len(f["z"]), 3)).copy()
    x, y, z = f["x"], f["y"], f["z"]
    low, high = part.vertices[:, 2].min(), part.vertices[:, 2].max()
    around = np.arctan2(x, -y + m.nape)
    kind, outfit = part.kind, session.outfit
    if kind == "coat" and outfit.coat is not None:
        _coat(f, colour, outfit.coat, np.ones(len(z), dtype=bool), m)
    if kind == "skirt" and outfit.skirt is not None and outfit.skirt.whole:
        colour[_pattern(f, outfit)] = outfit.accent
    if kind in ("coat", "skirt"):
        down = np.clip((high - z) / (high - low), 0.0, 1.0)
        colour *= (1.0 - 0.16 * down * (0.5 + 0.5 * np.sin(9.0 * around + 1.0)))[:, None]
        colour[z < low + 0.012] *= 0.8
    elif kind in ("long hair", "ponytail", "bun"):
        strands = np.sin(900.0 * x + 5.0 * np.sin(40.0 * z)) + np.sin(330.0 * x - 300.0 * y)
        colour *= (1.0 + 0.09 * strands)[:, None]
    elif kind == "woolly":
        colour *= (0.92 + 0.12 * np.sin(60.0 * around))[:, None]
        colour[z < low + 0.055] *= 0.8
    elif kind == "umbrella":
        colour *= (0.9 + 0.1 * np.cos(4.0 * np.arctan2(x - x.mean(), y - y.mean())) ** 8)[:, None]
    elif kind in ("backpack", "handbag", "shoulder bag"):
        seam = np.abs(z - (low + 0.72 * (high - low))) < 0.006
        colour[seam] *= 0.5
    return colour, {"long hair": 0.2, "ponytail": 0.2, "bun": 0.2, "phone": 0.5}.get(kind, 0.05)


def paint(
    f: dict[str, Array], session: Session, measures: Measures, parts: tuple[Part, ...]
) -> tuple[Array, Array]:
    """Albedo (P, 3) and gloss (P,) of surface points of a dressed figure.

    ``f`` maps the names of ``garments.FIELDS`` to (P,) values interpolated from
    ``session.surface_fields``; ``parts`` are the figure's.
    """
    which = np.rint(f["part"]).astype(np.int64)
    colour, gloss = np.empty((len(which), 3)), np.empty(len(which))
    for k in range(len(parts) + 1):
        at = np.flatnonzero(which == k)
        if not len(at):
            continue
        own = {name: values[at] for name, values in f.items()}
        if k:
            colour[at], gloss[at] = _part(own, parts[k - 1], session, measures)
        else:
            colour[at], gloss[at] = _body(own, session, measures)
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
    strength = depth * covered * np.where(f["part"] < 0.5, 1.0, 0.5)
    out = normal + strength[:, None] * wave
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))


def shade(
    surface: tuple[Array, Array],
    normal: Array,
    eye: Array,
    light: Light,
    open_: tuple[Array, Array],
) -> Array:
    """Lit colour (P, 3) of a ``surface``: colour (P, 3) and gloss (P,).

    ``eye`` (P, 3) unit vectors to the camera; ``open_`` to the sky (P,) and to the lamp (P,), both
    0..1.
    """
    (colour, gloss), (clear, lamp) = surface, open_
    facing = normal @ light.towards
    diffuse = np.clip((facing + 0.25) / 1.25, 0.0, 1.0) * (0.25 + 0.75 * lamp)
    sky = 0.75 + 0.25 * normal[:, 2]
    half = light.towards + eye
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = np.clip((normal * half).sum(axis=1), 0.0, 1.0) ** 24 * lamp
    lit = (
        colour
        * (light.ambient * sky * clear + light.direct * diffuse * (0.4 + 0.6 * clear))[:, None]
    )
    return np.asarray(np.clip(lit + (gloss * shine)[:, None], 0.0, 1.0))
