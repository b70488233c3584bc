"""Sessions: what changes from one day to the next and must not change who somebody is.

A :class:`Session` says what somebody wears and carries; its labels are read off what it holds, so
they cannot disagree with what is built. :func:`dress_figure` builds it on a body, :func:`hold`
poses the arms for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ..body.bodies import Body, BodyMesh
from ..figure import Figure
from ..gait.clearance import clear_arms
from ..gait.motion import Gait
from .arms import place, pose
from .carried import LOADS, Load, carried_parts
from .cloth import cloth_parts
from .garments import FIELDS, Coat, Outfit, Skirt, draw_outfit, dress, fields
from .headwear import HATS, hair, hat
from .palette import BAGS, COATS, HAIR, SHIRTS, SKIN, TROUSERS, pick

Array = npt.NDArray[np.float64]

CLOTHING = ("tight", "normal", "loose", "coat", "skirt")
CARRYING = ("none", "bag", "backpack", "pocket", "phone", "umbrella")
#: Clothes closer than this are tight, further off loose (``Outfit.looseness``, metres).
FIT = (0.006, 0.027)


@dataclass(frozen=True)
class Session:
    """What somebody wears and carries on one day.

    ``hair`` is short, long, bun or ponytail; ``hat`` none, cap, woolly or brimmed in
    ``hat_colour`` with a ``brim`` (metres); ``hair_length`` metres below the nape.
    """

    outfit: Outfit
    load: Load
    hair: str = "short"
    hair_length: float = 0.15
    hat: str = "none"
    hat_colour: tuple[float, float, float] = (0.1, 0.1, 0.1)
    brim: float = 0.07
    seed: int = 0

    @staticmethod
    def plain(outfit: Outfit) -> Session:
        """A session of exactly ``outfit``: nothing carried, no hat."""
        style = "long" if outfit.long_hair else "short"
        return Session(outfit, Load("none", "R", (0.0, 0.0, 0.0), outfit.accent), style)

    @property
    def clothing(self) -> str:
        """One of :data:`CLOTHING`."""
        if self.outfit.coat is not None:
            return "coat"
        if self.outfit.skirt is not None:
            return "skirt"
        low, high = FIT
        fit = self.outfit.looseness
        return "tight" if fit < low else "loose" if fit > high else "normal"

    @property
    def carrying(self) -> str:
        """One of :data:`CARRYING`."""
        return LOADS[self.load.kind]

    @property
    def shoes(self) -> str:
        """``flat``, ``trainers`` or ``boots``."""
        if self.outfit.boot > 0.0:
            return "boots"
        return "trainers" if self.outfit.sole > 0.011 else "flat"

    @property
    def head(self) -> str:
        """The hat, or the hair of a bare head."""
        return self.hair if self.hat == "none" else self.hat


def _one_of(value: str | None, allowed: tuple[str, ...], name: str) -> None:
    if value is not None and value not in allowed:
        raise ValueError(f"{name} {value!r}: one of {', '.join(allowed)}")


def _clothes(rng: np.random.Generator, outfit: Outfit, clothing: str) -> Outfit:
    """``outfit`` in the fit asked for, with its coat or skirt."""
    fit = {"tight": (0.001, 0.0045), "loose": (0.029, 0.045)}.get(clothing, (0.008, 0.024))
    outfit = replace(outfit, looseness=float(rng.uniform(*fit)))
    if clothing == "coat":
        hem = float(rng.choice([rng.uniform(0.05, 0.2), rng.uniform(0.25, 0.7)], p=[0.7, 0.3]))
        down = bool(rng.random() < 0.4)
        thick = float(rng.uniform(0.028, 0.042) if down else rng.uniform(0.014, 0.026))
        coat = Coat(pick(rng, COATS), thick, hem, down)
        outfit = replace(outfit, coat=coat, leg=0.0, hem=0.1)
    if clothing == "skirt":
        whole = bool(rng.random() < 0.4)
        colour = outfit.shirt if whole else pick(rng, TROUSERS + SHIRTS)
        tights = pick(rng, TROUSERS) if rng.random() < 0.5 else None
        hem = float(rng.choice([rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.75)]))
        skirt = Skirt(colour, hem, float(rng.uniform(0.035, 0.09)), whole, tights)
        outfit = replace(outfit, skirt=skirt, leg=0.0, hem=float(rng.uniform(0.0, 0.05)))
    return outfit


def _draw_load(rng: np.random.Generator, carrying: str) -> Load:
    """Something of the label ``carrying``, with its size and side."""
    kind = str(rng.choice([k for k, label in LOADS.items() if label == carrying]))
    ranges = {
        "backpack": ((0.24, 0.32), (0.06, 0.12), (0.32, 0.42)),
        "handbag": ((0.20, 0.32), (0.06, 0.11), (0.15, 0.22)),
        "shopping bag": ((0.24, 0.34), (0.08, 0.15), (0.26, 0.34)),
        "shoulder bag": ((0.20, 0.32), (0.05, 0.10), (0.16, 0.24)),
        "umbrella": ((0.85, 1.10), (0.18, 0.26), (0.03, 0.12)),
    }
    low, high = np.array(ranges.get(kind, ((0.0, 0.0),) * 3)).T
    width, depth, height = (float(v) for v in rng.uniform(low, high))
    side = str(rng.choice(["L", "R"], p=[0.35, 0.65]))
    straps = kind in ("backpack", "shoulder bag") and rng.random() < 0.25
    return Load(kind, side, (width, depth, height), pick(rng, BAGS), bool(straps))


def _shoes(rng: np.random.Generator, outfit: Outfit) -> Outfit:
    """``outfit`` with flat shoes, trainers or boots."""
    kind, boot, sole = rng.random(), rng.uniform(0.25, 0.8), rng.uniform(0.012, 0.017)
    if kind < 0.18:
        return replace(outfit, boot=float(boot), sole=0.014)
    return replace(outfit, sole=float(sole)) if kind < 0.6 else outfit


def _head(rng: np.random.Generator, session: Session) -> Session:
    """``session`` with hair and hat."""
    style = str(rng.choice(["long", "bun", "ponytail"]))
    cold = session.outfit.coat is not None
    odds = [0.55, 0.1, 0.3, 0.05] if cold else [0.8, 0.12, 0.02, 0.06]
    return replace(
        session,
        hair=style if session.outfit.long_hair else "short",
        hair_length=float(rng.uniform(0.05, 0.28)),
        hat=str(rng.choice(HATS, p=odds)),
        hat_colour=pick(rng, COATS + SHIRTS),
        brim=float(rng.uniform(0.05, 0.09)),
    )


def _key(body: Body) -> int:
    """A number of everything that is known about ``body``, to a millionth."""
    shape = (*body.phenotype.values(), *body.local.values(), *body.measures.values())
    return crc32(repr([round(v * 1e6) for v in (body.stature, *shape)]).encode())


def draw_session(
    seed: int, body: Body, clothing: str | None = None, carrying: str | None = None
) -> Session:
    """What ``body`` wears and carries on day ``seed``; skin and hair colour are the body's own.

    ``clothing`` (:data:`CLOTHING`) and ``carrying`` (:data:`CARRYING`) fix the labels, otherwise
    drawn: ordinary clothes and empty hands most often, skirts on women only. ValueError for a
    label that does not exist.
    """
    _one_of(clothing, CLOTHING, "clothing")
    _one_of(carrying, CARRYING, "carrying")
    choice, fit, feet, top, load = (np.random.default_rng([seed, 3, k]) for k in range(5))
    woman = body.sex == "woman"
    odds = [0.12, 0.40, 0.15, 0.15, 0.18] if woman else [0.10, 0.52, 0.20, 0.18, 0.0]
    drawn = str(choice.choice(CLOTHING, p=odds))
    thing = str(choice.choice(CARRYING, p=[0.46, 0.16, 0.12, 0.10, 0.08, 0.08]))
    who = np.random.default_rng([_key(body), 3])
    outfit = replace(
        _clothes(fit, draw_outfit(seed, body), clothing or drawn),
        skin=SKIN[who.integers(len(SKIN))],
        hair=pick(who, HAIR),
    )
    return _head(top, Session(_shoes(feet, outfit), _draw_load(load, carrying or thing), seed=seed))


def dress_figure(mesh: BodyMesh, session: Session) -> Figure:
    """``mesh`` in the clothes of ``session`` and with what it carries."""
    outfit = session.outfit
    dressed = dress(mesh, outfit)
    parts = [*cloth_parts(mesh, dressed, outfit)]
    hatted = session.hat != "none"
    parts += hair(mesh, dressed, session.hair, outfit.hair, session.hair_length, hatted=hatted)
    parts += hat(mesh, dressed, session.hat, session.hat_colour, session.brim)
    parts += carried_parts(mesh, dressed, session.load)
    return Figure.join(mesh, dressed, tuple(parts))


def hold(gait: Gait, mesh: BodyMesh, session: Session) -> Gait:
    """``gait`` with the arm that ``session`` needs posed; the other arm stays as it was.

    Only a coat moves both: outwards, until they hang clear of it.
    """
    load, outfit = session.load, session.outfit
    bulk = outfit.coat.thickness if outfit.coat is not None else 0.5 * outfit.looseness
    if outfit.coat is not None:
        gait = replace(gait, rotations=clear_arms(mesh, gait.rotations, 0.01 + 0.7 * bulk))
    poses = {"pocket": "pocket", "phone": "phone", "umbrella": "umbrella"}
    poses |= {"handbag": "hang", "shopping bag": "hang", "shoulder bag": "beside"}
    name = "strap" if load.gripped else poses.get(load.kind)
    if name is None:
        return gait
    depth = {"hang": 0.5, "beside": 1.0}.get(name, 0.0) * load.size[1]
    return place(gait, mesh, load.side, pose(mesh, load.side, name, bulk + depth))


def surface_fields(figure: Figure) -> Array:
    """Fields of every vertex of ``figure`` (V, len(FIELDS)) for ``shading.paint``.

    On parts only the position (x, y, z at rest), ``side`` and ``part`` are set. ``part`` is whole
    at every vertex and never changes within a face: round it after interpolating.
    """
    body = len(figure.mesh.vertices)
    out = np.zeros((len(figure.vertices), len(FIELDS)))
    out[:body] = fields(figure.mesh)
    x = FIELDS.index("x")
    out[:, x : x + 3] = figure.vertices
    out[body:, FIELDS.index("side")] = np.sign(figure.vertices[body:, 0])
    out[:, FIELDS.index("part")] = figure.part
    return out
