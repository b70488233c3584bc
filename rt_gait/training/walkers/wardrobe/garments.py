"""Clothes: which part of the body each garment covers and how far it stands off.

Every vertex carries a few smooth fields in the rest pose (region weights, height, distance along
the arm); garments are thresholds on these fields, evaluated at every pixel, so that hems and
cuffs are sharp whatever the mesh. Skirts, coat tails, hats and bags are meshes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..body.bodies import Body, BodyMesh
from ..body.surface import normals, touching
from .outline import drape
from .palette import HAIR, SHIRTS, SHOES, SKIN, TROUSERS, Colour, pick

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Names of the columns of :func:`fields`; ``part`` is 0 on the body and k on a figure's k-th part.
FIELDS = tuple(
    "head arm hand foot eye x y z along_arm face_x face_y face_z side part".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Coat:
    """A coat or jacket: ``thickness`` metres off the body.

    ``hem`` is how far down the leg it reaches: 0 at the hip (no tail), 1 at the ankle.
    """

    colour: Colour
    thickness: float
    hem: float = 0.0
    quilted: bool = False


@dataclass(frozen=True)
class Skirt:
    """A skirt, or with ``whole`` a dress; ``hem`` as in :class:`Coat`, ``flare`` metres at it."""

    colour: Colour
    hem: float
    flare: float
    whole: bool = False
    tights: Colour | None = None


@dataclass(frozen=True)
class Outfit:
    """What somebody wears; lengths in metres.

    ``sleeve`` ends on the arm (0 shoulder, 1 elbow, 2 wrist); ``leg`` is the share of the shank
    that trousers leave bare, ``boot`` the share that shoes cover; ``looseness`` stands off.
    """

    skin: Colour
    hair: Colour
    shirt: Colour
    accent: Colour
    trousers: Colour
    shoes: Colour
    pattern: str
    sleeve: float
    leg: float
    looseness: float
    long_hair: bool
    hem: float
    boot: float = 0.0
    sole: float = 0.009
    coat: Coat | None = None
    skirt: Skirt | None = None


def draw_outfit(seed: int, body: Body) -> Outfit:
    """Random everyday clothes of ordinary fit: shirt, trousers, shoes."""
    rng = np.random.default_rng([seed, 2])
    return Outfit(
        skin=SKIN[rng.integers(len(SKIN))],
        hair=pick(rng, HAIR),
        shirt=pick(rng, SHIRTS),
        accent=pick(rng, SHIRTS),
        trousers=pick(rng, TROUSERS),
        shoes=pick(rng, SHOES),
        pattern=str(rng.choice(["plain", "plain", "stripes", "checks", "panel"])),
        sleeve=float(rng.choice([0.55, 0.8, 1.9, 1.95])),
        leg=float(rng.choice([0.0, 0.0, 0.0, 0.0, 0.42])),
        looseness=float(rng.uniform(0.008, 0.026)),
        long_hair=bool(body.sex == "woman" and rng.random() < 0.7),
        hem=float(rng.uniform(0.0, 0.12)),
    )


def fields(mesh: BodyMesh) -> Array:
    """Rest-pose fields of every vertex, (V, len(FIELDS)); lengths in metres."""
    groups = (
        ("head", "eye", "neck03"),
        ("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
        ("wrist", "finger", "metacarpal"),
        ("foot", "toe"),
        ("eye",),
    )
    member = np.array([[b.startswith(starts) for starts in groups] for b in mesh.bones])
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
    columns = [mesh.weights @ member, v, along, v - eyes, np.sign(v[:, 0]), np.zeros(len(v))]
    return np.column_stack(columns)


@lru_cache(maxsize=8)
def _incidence(count: int, faces: bytes) -> tuple[Any, Any]:
    """Sparse :func:`touching` (V, F), and mean over a vertex's neighbours (V, V)."""
    from scipy import sparse

    tri = np.frombuffer(faces, dtype=np.int64).reshape(-1, 3)
    pairs = ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))
    edges = np.concatenate([tri[:, pair] for pair in pairs])
    weight = 1.0 / np.maximum(np.bincount(edges[:, 0], minlength=count), 1)
    share = weight[edges[:, 0]]
    mean = sparse.csr_matrix((share, (edges[:, 0], edges[:, 1])), shape=(count, count))
    return touching(count, tri), mean


@dataclass(frozen=True)
class Measures:
    """Heights of landmarks at rest, metres (``nape``: the neck's y)."""

    waist: float
    hip: float
    knee: float
    ankle: float
    collar: float
    nape: float

    @staticmethod
    def of(mesh: BodyMesh) -> Measures:
        """Landmarks of a mesh: joints of the skeleton."""
        names = ("spine04", "upperleg01.L", "lowerleg01.L", "foot.L", "neck01")
        at = [mesh.heads[mesh.bone(n)] for n in names]
        waist, hip, knee, ankle, collar = (float(a[2]) for a in at)
        return Measures(waist, hip, knee, ankle, collar, nape=float(at[-1][1]))

    def leg(self, share: float) -> float:
        """Height of a point of the leg: ``share`` 0 at the hip, 1 at the ankle."""
        return self.hip - share * (self.hip - self.ankle)


def regions(f: dict[str, Array], outfit: Outfit, m: Measures) -> dict[str, Flags]:
    """Where each garment covers points with fields ``f``; ``under`` is the leg that cloth hides."""
    arm, head, z = f["arm"] > 0.5, f["head"] > 0.5, f["z"]
    neckline = m.collar + 0.012 + 0.35 * np.clip(f["y"] - m.nape, -0.12, 0.1)
    body = (z > m.waist - outfit.hem) & (z < neckline) & ~head
    shirt = np.where(arm, f["along_arm"] < outfit.sleeve, body)
    legs = ~arm & ~head & (z <= m.waist - outfit.hem) & (z > m.ankle * 0.75)
    skirt, coat = outfit.skirt, outfit.coat
    if skirt is None:
        legs &= z > m.ankle + outfit.leg * (m.knee - m.ankle)
    elif skirt.tights is None:
        legs &= z > m.hip
    shoe = (f["foot"] > 0.3) & (z < m.ankle * 1.1) & ~(legs & (outfit.boot == 0.0))
    if outfit.boot > 0.0:
        shoe |= ~arm & (z < m.ankle + outfit.boot * (m.knee - m.ankle))
        legs &= ~shoe
    over = np.zeros_like(arm)
    if coat is not None:
        torso = (z > m.waist - 0.01) & (z < neckline + 0.025) & ~head
        over = np.where(arm, f["along_arm"] < 1.97, torso)
    hem = max([g.hem for g in (skirt, coat) if g is not None], default=0.0)
    under = ~arm & (z < m.hip + 0.06) & (z > m.leg(hem) + 0.02) & (hem > 0.0)
    hairline = 0.052 - 0.30 * np.clip(f["face_y"] - 0.03, 0.0, 0.03)
    hairline = np.where(f["face_y"] > 0.085, -0.10 if outfit.long_hair else -0.035, hairline)
    temple = np.abs(f["face_x"]) > 0.062
    hairline = np.where(temple, np.minimum(hairline, 0.01 + hairline * 0.5), hairline)
    hair = head & (f["face_z"] > hairline) & (f["face_y"] > -0.02) & (f["eye"] < 0.3)
    return {"shirt": shirt, "legs": legs, "shoe": shoe, "hair": hair, "coat": over, "under": under}


def _stand_off(f: dict[str, Array], on: dict[str, Flags], outfit: Outfit, m: Measures) -> Array:
    """How far the clothes stand off every vertex (V,), metres, before it is smoothed."""
    flare = np.clip((m.knee - f["z"]) / max(m.knee - m.ankle, 1e-3), 0.0, 1.0)
    arm, loose = f["arm"] > 0.5, outfit.looseness
    sleeve = np.where(arm, np.clip(1.2 * f["along_arm"], 0.1, 0.6), 1.0)
    off = np.where(on["shirt"], sleeve * (loose + min(loose, 0.006)), 0.0)
    off = np.where(on["legs"], loose * (0.8 + 0.5 * flare) + min(loose, 0.009), off)
    if outfit.skirt is not None:
        off = np.where(on["legs"], 0.002, off)
    off = np.where(on["shoe"], outfit.sole, off)
    off = np.where(on["hair"], 0.018 if outfit.long_hair else 0.014, off)
    off = np.where(on["under"], np.minimum(off, -0.02), off)
    if outfit.coat is not None:
        collar = np.clip(1.0 - np.abs(f["z"] - m.collar) / 0.05, 0.0, 1.0) * ~arm
        thick = outfit.coat.thickness
        off = np.where(on["coat"], np.where(arm, 0.75, 1.0) * thick + 0.008 * collar, off)
    return np.asarray(off)


def _hangs(f: dict[str, Array], worn: Flags, m: Measures) -> tuple[Flags, Array]:
    """Points of the trunk (V,) and how far (0..1) cloth ``worn`` (V,) hangs free of their shape."""
    trunk = (f["arm"] < 0.1) & (f["head"] < 0.1) & (f["z"] > m.hip) & (f["z"] < m.collar)
    chest = m.waist + 0.75 * (m.collar - m.waist)
    low, high = (f["z"] - m.hip - 0.02) / 0.08, (chest - f["z"]) / 0.10
    clear = np.clip(low, 0.0, 1.0) * np.clip(high, 0.0, 1.0) * np.clip(1.0 - 3.0 * f["arm"], 0, 1)
    return trunk, clear * worn


def dress(mesh: BodyMesh, outfit: Outfit) -> Array:
    """Rest vertices (V, 3) with garments standing off the body, smoothed where cloth lies."""
    f = dict(zip(FIELDS, fields(mesh).T, strict=True))
    m = Measures.of(mesh)
    on = regions(f, outfit, m)
    touch, mean = _incidence(len(mesh.vertices), mesh.faces.tobytes())
    cloth = (on["shirt"] | on["legs"] | on["coat"]).astype(float)
    pull = 0.6 * (mean @ (mean @ cloth))[:, None]
    smoothed = drape(mesh.vertices, *_hangs(f, on["shirt"] | on["coat"], m))
    for step in (1.0, -0.8) * 12:
        smoothed += step * pull * (mean @ smoothed - smoothed)
    offset = _stand_off(f, on, outfit, m)
    for _ in range(4):
        offset = 0.5 * offset + 0.5 * (mean @ offset)
    out = smoothed + offset[:, None] * normals(smoothed, mesh.faces, touch)
    sole = on["shoe"] & (mesh.vertices[:, 2] < 0.02)
    out[sole, 2] = 0.0
    return np.asarray(out)
