"""Sizing: the parameters of the body model that give somebody the measures asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .ansur import PUBLISHED, SEXES
from .anthropometry import Tape
from .body_model import BodyModel, Floats

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
#: All those parameters.
FITTED = frozenset(parameter for parameter, *_ in SOLVED.values())

#: Pull of the parameters towards their usual values, in squared standard deviations of a measure.
STIFFNESS = 0.03
#: Corrections made to meet the measures.
STEPS = 5


def fit(model: BodyModel, tape: Tape, sex: str, wanted: dict[str, float], start: Array) -> Floats:
    """Coefficients of ``model`` that meet ``wanted`` (stature first), the stature exactly.

    The squared misses, in standard deviations, are made small by Broyden's method (Math. Comp.
    1965;19:577) from the slopes ``start`` (12, 12) of :func:`slopes`.
    """
    names, goal = list(wanted), np.array(list(wanted.values()))
    usual, low, high = np.array([SOLVED[n][1:] for n in names]).T
    places = [list(SOLVED).index(n) for n in names]
    slope, spread = start[np.ix_(places, places)], _spread(sex, names)
    values = usual.copy()
    miss = (_measured(model, tape, names, values) - goal) / spread
    for _ in range(STEPS):
        normal = slope.T @ slope + STIFFNESS * np.eye(len(names))
        pull = slope.T @ miss + STIFFNESS * (values - usual)
        step = np.clip(values - np.linalg.solve(normal, pull), low, high) - values
        before, values = miss, values + step
        miss = (_measured(model, tape, names, values) - goal) / spread
        change = miss - before - slope @ step
        slope = slope + np.outer(change, step) / (step @ step + 1e-12)
    return _exact(model, names, values, wanted["stature"])


def slopes(model: BodyModel, tape: Tape, sex: str) -> Array:
    """Change (12, 12) of each measure, in standard deviations, with each parameter (columns)."""
    names = list(SOLVED)
    usual = np.array([SOLVED[n][1] for n in names])
    step = np.where(np.array(names) == "stature", 0.05, 0.3)
    ends = [
        [_measured(model, tape, names, usual + s * e * step) for s in (1, -1)]
        for e in np.eye(len(names))
    ]
    rise = np.array([up - down for up, down in ends]) / (2 * step[:, None])
    return np.asarray((rise / _spread(sex, names)).T)


def _coefficients(model: BodyModel, names: list[str], values: Array) -> Floats:
    phenotype: dict[str, float] = {}
    local: dict[str, float] = {}
    for name, value in zip(names, values, strict=True):
        parameter = SOLVED[name][0]
        (phenotype if parameter in model.anchors else local)[parameter] = float(value)
    return model.coefficients(phenotype, local)


def _measured(model: BodyModel, tape: Tape, names: list[str], values: Array) -> Array:
    found = tape.measure(*model.rest(_coefficients(model, names, values)))
    return np.array([found[name] for name in names])


def _exact(model: BodyModel, names: list[str], values: Array, stature: float) -> Floats:
    """Coefficients with the height that gives ``stature``; they are linear in it."""
    low, high = (_coefficients(model, names, np.array([h, *values[1:]])) for h in (0.0, 1.0))
    z0, z1 = (model.rest(c)[0][:, 2] for c in (low, high))
    below, above = -0.3, 1.3
    for _ in range(24):
        part = (below + above) / 2
        tall = float(np.ptp((1 - part) * z0 + part * z1))
        below, above = (part, above) if tall < stature else (below, part)
    share = np.float32((below + above) / 2)
    return np.asarray((1 - share) * low + share * high)


def _spread(sex: str, names: list[str]) -> Array:
    return np.array([PUBLISHED[n][SEXES.index(sex)][1] for n in names])
