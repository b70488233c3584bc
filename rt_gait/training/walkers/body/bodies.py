"""Bodies: adults of the Anny parametric model, drawn from a seed, sized as people are.

Anny (Apache-2.0; MakeHuman base mesh and shapes, CC0) turns a phenotype (sex, age, muscle, weight,
height, proportions) and local shape changes into a mesh with a skeleton. A :class:`Body` is the
small record that says who somebody is: tape measures, drawn together from ANSUR II's means,
spreads and correlations (:mod:`.ansur`), and shape parameters for all that a tape does not
say. :class:`AnnyRig` finds the remaining parameters, and with them the :class:`BodyMesh`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from .ansur import SEXES, draw_measures
from .anthropometry import Tape
from .body_model import BodyMesh, BodyModel, body_model
from .sizing import FITTED, fit, slopes

__all__ = ["AnnyRig", "Body", "BodyMesh", "anny_rig", "draw_body"]

Array = npt.NDArray[np.float64]


#: The model's gender of the average man and woman.
GENDER = {"man": 0.05, "woman": 0.95}

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
    "head-scale-horiz": 0.14,
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

    ``fixed`` gives ``stature`` (metres), ``mass`` (kg), or 0..1 ``weight`` (body mass index: 0.5 is
    usual, 0.25 more is one standard deviation) or a phenotype value; the rest is drawn to go with
    them. ValueError says what was expected.
    """
    rng = np.random.default_rng([seed, 1])
    drawn = str(rng.choice(SEXES))
    sex = sex or drawn
    if sex not in SEXES:
        raise ValueError(f"sex {sex!r}; expected one of {', '.join(SEXES)}")
    phenotype = {
        "gender": GENDER[sex] + 0.04 * float(rng.uniform(-1, 1)),
        "age": float(rng.uniform(0.68, 0.88)),
        "muscle": _near(rng, {"man": 0.54, "woman": 0.47}[sex], 0.08),
        "proportions": _near(rng, 0.40, 0.12),
    }
    sizes = {name: fixed.pop(name) for name in ("stature", "mass", "weight") if name in fixed}
    measures, flesh = draw_measures(rng, sex, **sizes)
    local = dict(TYPICAL[sex])
    for name, spread in FREE.items():
        local[name] = local.get(name, 0.0) + _near(rng, 0.0, spread)
    for name, more in FLESH.items():
        local[name] = local.get(name, 0.0) + more * flesh
    if unknown := set(fixed) - set(phenotype):
        raise ValueError(f"{sorted(unknown)}; expected stature, mass, weight, {[*phenotype]}")
    if wrong := [f"{k} {v}" for k, v in fixed.items() if not 0.0 <= v <= 1.0]:
        raise ValueError(f"{', '.join(wrong)}; expected 0 to 1")
    return Body(sex, measures.pop("stature"), phenotype | fixed, local, measures)


def _near(rng: np.random.Generator, mean: float, spread: float) -> float:
    return float(mean + spread * np.clip(rng.normal(), -2.0, 2.0))


class AnnyRig:
    """Anny's adults, sized to measure."""

    def __init__(self, model: BodyModel) -> None:
        self.model = model
        self.tape = Tape.of(model.mesh(model.coefficients({}, {})))

    @cached_property
    def _slopes(self) -> dict[str, Array]:
        usual = {"age": 0.75, "muscle": 0.5, "proportions": 0.4}
        average = {
            sex: self.model.fix(usual | {"gender": GENDER[sex]}, ALWAYS | TYPICAL[sex], FITTED)
            for sex in SEXES
        }
        return {sex: slopes(model, self.tape, sex) for sex, model in average.items()}

    def mesh(self, body: Body) -> BodyMesh:
        """The mesh of ``body``: stature to 0.1 mm, the other measures as near as it looks human."""
        wanted = {"stature": body.stature, **body.measures}
        model = self.model.fix(body.phenotype, ALWAYS | body.local, FITTED)
        return model.mesh(fit(model, self.tape, body.sex, wanted, self._slopes[body.sex]))


@lru_cache(maxsize=1)
def anny_rig() -> AnnyRig:
    """The model, read once a process; made from Anny (half a minute) once a machine.

    ``ModelError`` when there is none and Anny is not installed.
    """
    return AnnyRig(body_model())
