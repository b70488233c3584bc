"""How tall, heavy and broad people are: ANSUR II's figures, and people drawn from them.

ANSUR II is Gordon et al. 2014, "2012 Anthropometric Survey of U.S. Army Personnel: Methods and
Summary Statistics", NATICK/TR-15/007: 4,082 men and 1,986 women aged 17 to 58. Means, standard
deviations and correlations are computed from its public data. They are as tall as the adults of
high-income countries (NCD-RisC, eLife 2016;5:e13410); being soldiers, they are fit for service.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SEXES = ("man", "woman")

#: Mean and standard deviation, metres and kilograms, of men and of women in ANSUR II.
PUBLISHED = {
    "stature": ((1.7562, 0.0686), (1.6285, 0.0642)),
    "mass": ((85.52, 14.22), (67.76, 10.99)),
    "biacromial": ((0.4157, 0.0192), (0.3654, 0.0183)),
    "chest": ((1.0587, 0.0874), (0.9469, 0.0827)),
    "waist": ((0.9406, 0.1117), (0.8609, 0.0999)),
    "buttock": ((1.0195, 0.0767), (1.0213, 0.0759)),
    "hip_breadth": ((0.3457, 0.0242), (0.3538, 0.0267)),
    "crotch": ((0.8459, 0.0465), (0.7823, 0.0446)),
    "knee": ((0.4917, 0.0266), (0.4659, 0.0271)),
    "upper_arm": ((0.3352, 0.0175), (0.3112, 0.0172)),
    "forearm": ((0.2679, 0.0154), (0.2413, 0.0152)),
    "foot": ((0.2712, 0.0131), (0.2463, 0.0124)),
    "bmi": ((27.69, 4.04), (25.50, 3.49)),
    "bideltoid": ((0.5104, 0.0325), (0.4503, 0.0287)),
    "hip_height": ((0.9009, 0.0492), (0.8454, 0.0447)),
    "hand": ((0.1933, 0.0100), (0.1811, 0.0101)),
    "head_breadth": ((0.1543, 0.0055), (0.1478, 0.0052)),
    "head_length": ((0.1995, 0.0070), (0.1898, 0.0075)),
}

#: Correlations, mean of the sexes', of the first twelve measures with those before them in ANSUR
#: II. The second is of the logarithm of the body mass index, as mass at a stature is skewed.
CORRELATIONS = (
    (),
    (0.03,),
    (0.55, 0.30),
    (0.25, 0.86, 0.40),
    (0.22, 0.87, 0.32, 0.87),
    (0.36, 0.87, 0.41, 0.79, 0.84),
    (0.39, 0.76, 0.39, 0.72, 0.77, 0.94),
    (0.85, -0.06, 0.45, 0.12, 0.09, 0.21, 0.21),
    (0.83, 0.04, 0.46, 0.20, 0.17, 0.29, 0.28, 0.91),
    (0.79, 0.10, 0.47, 0.28, 0.25, 0.34, 0.35, 0.80, 0.78),
    (0.70, 0.06, 0.47, 0.19, 0.16, 0.27, 0.23, 0.79, 0.74, 0.70),
    (0.72, 0.19, 0.52, 0.29, 0.25, 0.38, 0.36, 0.70, 0.71, 0.63, 0.68),
)

#: A stature may be asked for up to this many standard deviations from the mean.
TALLEST = 4.0
#: Body mass indices, kg/m^2, that may be asked for.
INDICES = (18.0, 40.0)
#: No measure is drawn further from the mean than this many standard deviations.
LIMIT = 2.3


def correlations() -> Array:
    """:data:`CORRELATIONS` as a symmetric matrix (12, 12)."""
    size = len(CORRELATIONS)
    lower = np.array([[*row, 1.0, *[0.0] * (size - 1 - len(row))] for row in CORRELATIONS])
    return np.asarray(lower + lower.T - np.eye(size))


def draw_measures(
    rng: np.random.Generator,
    sex: str,
    stature: float | None = None,
    mass: float | None = None,
    weight: float | None = None,
) -> tuple[dict[str, float], float]:
    """Measures of one person, and how many standard deviations the body mass index is up.

    ``stature`` (metres), ``mass`` (kg) and ``weight`` (0..1, 4 of these deviations) are met if
    given; ValueError if nobody is like that.
    """
    names = list(PUBLISHED)[: len(CORRELATIONS)]
    mean, spread = (np.array([PUBLISHED[n][SEXES.index(sex)][k] for n in names]) for k in (0, 1))
    root = np.linalg.cholesky(correlations())
    free = rng.normal(size=len(names))
    bmi, wide = PUBLISHED["bmi"][SEXES.index(sex)]
    ratio = wide / bmi
    if stature is not None:
        least, most = mean[0] - TALLEST * spread[0], mean[0] + TALLEST * spread[0]
        if not least <= stature <= most:
            raise ValueError(f"stature {stature} m; expected {least:.2f} to {most:.2f} m")
        free[0] = (stature - mean[0]) / spread[0]
    else:
        free[0] = np.clip(free[0], -LIMIT, LIMIT)
    tall = mean[0] + spread[0] * free[0]
    up = None
    if mass is not None:
        light, heavy = (index * tall**2 for index in INDICES)
        if not light <= mass <= heavy:
            raise ValueError(f"{mass} kg at {tall:.2f} m; expected {light:.0f} to {heavy:.0f} kg")
        up = float(np.log(mass / tall**2 / bmi) / ratio + ratio / 2)
    elif weight is not None:
        if not 0.0 <= weight <= 1.0:
            raise ValueError(f"weight {weight}; expected 0 to 1, 0.5 being usual")
        up = 4.0 * (weight - 0.5)
    if up is not None:
        free[1] = (up - root[1, 0] * free[0]) / root[1, 1]
    score = root @ free
    score[1:] = np.clip(score[1:], -LIMIT, LIMIT)
    score[1] = score[1] if up is None else up
    measures = dict(zip(names, (mean + spread * score).tolist(), strict=True))
    measures["mass"] = float(bmi * np.exp(ratio * score[1] - ratio**2 / 2) * tall**2)
    return measures, float(score[1])
