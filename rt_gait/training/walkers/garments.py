"""Clothes: which part of the body each garment covers, how far it stands off, its colours.

Every vertex carries a few smooth fields in the rest pose (region weights, height, distance along
the arm); garments are thresholds on these fields, evaluated at every pixel, so that hems and
cuffs are sharp whatever the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bodies import Body, BodyMesh

Array = npt.NDArray[np.float64]

#: Names of the columns of :func:`fields`.
FIELDS = (
    "head",
    "arm",
    "hand",
    "foot",
    "eye",
    "x",
    "y",
    "z",
    "along_arm",
    "face_x",
    "face_y",
    "face_z",
    "side",
)

SKIN = (
    (0.89, 0.70, 0.58),
    (0.78, 0.57, 0.44),
    (0.62, 0.43, 0.32),
    (0.45, 0.30, 0.22),
    (0.93, 0.76, 0.66),
)
HAIR = (
    (0.10, 0.08, 0.07),
    (0.24, 0.16, 0.10),
    (0.42, 0.28, 0.15),
    (0.66, 0.52, 0.32),
    (0.50, 0.49, 0.48),
    (0.38, 0.16, 0.08),
)
SHIRTS = (
    (0.75, 0.15, 0.15),
    (0.15, 0.25, 0.55),
    (0.85, 0.85, 0.82),
    (0.20, 0.45, 0.30),
    (0.90, 0.70, 0.20),
    (0.45, 0.20, 0.45),
    (0.20, 0.20, 0.22),
    (0.55, 0.70, 0.85),
    (0.85, 0.45, 0.30),
    (0.60, 0.58, 0.52),
    (0.10, 0.45, 0.50),
    (0.80, 0.55, 0.65),
)
TROUSERS = (
    (0.12, 0.15, 0.28),
    (0.20, 0.20, 0.22),
    (0.55, 0.48, 0.36),
    (0.28, 0.36, 0.50),
    (0.35, 0.32, 0.28),
    (0.45, 0.46, 0.48),
    (0.25, 0.28, 0.20),
    (0.32, 0.20, 0.16),
)
SHOES = (
    (0.10, 0.09, 0.09),
    (0.80, 0.80, 0.78),
    (0.32, 0.20, 0.12),
    (0.45, 0.10, 0.12),
    (0.25, 0.30, 0.40),
)


@dataclass(frozen=True)
class Outfit:
    """What somebody wears; colours are linear-ish RGB in 0..1, lengths in metres."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    shirt: tuple[float, float, float]
    accent: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    pattern: str
    sleeve: float
    leg: float
    looseness: float
    long_hair: bool
    hem: float


def draw_outfit(seed: int, body: Body) -> Outfit:
    """Random everyday clothes."""
    rng = np.random.default_rng([seed, 2])

    def one(colours: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
        base = np.array(colours[rng.integers(len(colours))]) + 0.04 * rng.normal(size=3)
        r, g, b = np.clip(base, 0.04, 0.95)
        return float(r), float(g), float(b)

    return Outfit(
        skin=SKIN[rng.integers(len(SKIN))],
        hair=one(HAIR),
        shirt=one(SHIRTS),
        accent=one(SHIRTS),
        trousers=one(TROUSERS),
        shoes=one(SHOES),
        pattern=str(rng.choice(["plain", "plain", "stripes", "checks", "panel"])),
        sleeve=float(rng.choice([0.55, 0.8, 1.9, 1.95])),
        leg=float(rng.choice([0.0, 0.0, 0.0, 0.0, 0.42])),
        looseness=float(rng.uniform(0.008, 0.026)),
        long_hair=bool(body.sex == "woman" and rng.random() < 0.7),
        hem=float(rng.uniform(0.0, 0.12)),
    )


def fields(mesh: BodyMesh) -> Array:
    """Rest-pose fields of every vertex, (V, len(FIELDS)); lengths in metres."""

    def share(*starts: str) -> Array:
        index = [j for j, b in enumerate(mesh.bones) if b.startswith(starts)]
        return np.asarray(mesh.weights[:, index].sum(axis=1))

    v = mesh.vertices
    along = np.zeros(len(v))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        chain = [
            mesh.heads[mesh.bone(f"{n}.{side}")] for n in ("upperarm01", "lowerarm01", "wrist")
        ]
        upper, lower = chain[1] - chain[0], chain[2] - chain[1]
        one = (v - chain[0]) @ upper / (upper @ upper)
        two = (v - chain[1]) @ lower / (lower @ lower)
        mine = np.where(one < 1.0, np.minimum(one, 1.0), 1.0 + np.maximum(two, 0.0))
        along = np.where(v[:, 0] * sign > 0, mine, along)
    eyes = (mesh.heads[mesh.bone("eye.L")] + mesh.heads[mesh.bone("eye.R")]) / 2.0
    face = v - eyes
    return np.column_stack(
        [
            share("head", "eye", "neck03"),
            share("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
            share("wrist", "finger", "metacarpal"),
            share("foot", "toe"),
            share("eye"),
            v,
            along,
            face,
            np.sign(v[:, 0]),
        ]
    )


def _neighbours_mean(values: Array, faces: npt.NDArray[np.int64]) -> Array:
    total, count = np.zeros_like(values), np.zeros(len(values))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        for i, j in ((a, b), (b, a)):
            np.add.at(total, faces[:, i], values[faces[:, j]])
            np.add.at(count, faces[:, i], 1.0)
    return np.asarray(total / np.maximum(count, 1.0)[:, None])


def normals(vertices: Array, faces: npt.NDArray[np.int64]) -> Array:
    """Unit vertex normals (V, 3), area-weighted."""
    tri = vertices[faces]
    flat = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, faces[:, k], flat)
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True)
class Measures:
    """Heights of landmarks at rest, metres."""

    waist: float
    knee: float
    ankle: float
    collar: float
    nape: float

    @staticmethod
    def of(mesh: BodyMesh) -> Measures:
        """Landmarks of a mesh: joints of the skeleton."""
        at = {n: mesh.heads[mesh.bone(n)] for n in ("spine04", "lowerleg01.L", "foot.L", "neck01")}
        return Measures(
            float(at["spine04"][2]),
            float(at["lowerleg01.L"][2]),
            float(at["foot.L"][2]),
            float(at["neck01"][2]),
            float(at["neck01"][1]),
        )


def regions(f: dict[str, Array], outfit: Outfit, m: Measures) -> dict[str, npt.NDArray[np.bool_]]:
    """Where each garment covers the body: boolean arrays of the shape of the given fields."""
    arm, head = f["arm"] > 0.5, f["head"] > 0.5
    neckline = m.collar + 0.012 + 0.35 * np.clip(f["y"] - m.nape, -0.12, 0.1)
    body = (f["z"] > m.waist - outfit.hem) & (f["z"] < neckline) & ~head
    shirt = np.where(arm, f["along_arm"] < outfit.sleeve, body)
    legs = ~arm & ~head & (f["z"] <= m.waist - outfit.hem) & (f["z"] > m.ankle * 0.75)
    legs &= f["z"] > m.ankle + outfit.leg * (m.knee - m.ankle)
    shoe = (f["foot"] > 0.3) & ~legs & (f["z"] < m.ankle * 1.1)
    hairline = 0.052 - 0.30 * np.clip(f["face_y"] - 0.03, 0.0, 0.03)
    hairline = np.where(f["face_y"] > 0.085, -0.10 if outfit.long_hair else -0.035, hairline)
    hairline = np.where(
        np.abs(f["face_x"]) > 0.062, np.minimum(hairline, 0.01 + hairline * 0.5), hairline
    )
    hair = head & (f["face_z"] > hairline) & (f["face_y"] > -0.02) & (f["eye"] < 0.3)
    return {"shirt": shirt, "legs": legs, "shoe": shoe, "hair": hair}


def dress(mesh: BodyMesh, outfit: Outfit) -> Array:
    """Rest vertices (V, 3) with garments standing off the body, smoothed where cloth lies."""
    f = dict(zip(FIELDS, fields(mesh).T, strict=True))
    m = Measures.of(mesh)
    on = regions(f, outfit, m)
    arm, shirt, legs, shoe, hair = f["arm"] > 0.5, on["shirt"], on["legs"], on["shoe"], on["hair"]
    cloth = (shirt | legs).astype(float)
    smoothed = mesh.vertices.copy()
    blend = _neighbours_mean(_neighbours_mean(cloth[:, None], mesh.faces), mesh.faces)
    for _ in range(40):
        mean = _neighbours_mean(smoothed, mesh.faces)
        smoothed += 0.6 * blend * (mean - smoothed)
    flare = np.clip((m.knee - f["z"]) / max(m.knee - m.ankle, 1e-3), 0.0, 1.0)
    off = np.zeros(len(f["z"]))
    off = np.where(shirt, np.where(arm, 0.6, 1.0) * outfit.looseness + 0.006, off)
    off = np.where(legs, outfit.looseness * (0.8 + 0.5 * flare) + 0.009, off)
    off = np.where(shoe, 0.009, off)
    off = np.where(hair, 0.028 if outfit.long_hair else 0.014, off)
    offset = off[:, None]
    for _ in range(4):
        offset = 0.5 * offset + 0.5 * _neighbours_mean(offset, mesh.faces)
    out = smoothed + offset * normals(smoothed, mesh.faces)
    if outfit.long_hair:
        back = np.clip((f["face_y"] - 0.09) / 0.05, 0, 1) * (f["head"] > 0.3)
        out[:, 1] += 0.02 * back * np.exp(-(((f["face_z"] + 0.05) / 0.08) ** 2))
    sole = shoe & (mesh.vertices[:, 2] < 0.02)
    out[sole, 2] = -0.004
    return np.asarray(out)
