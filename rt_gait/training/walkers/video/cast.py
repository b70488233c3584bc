"""Who walks in the sample clips: builds, clothes and the recorded walks they follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Role:
    """One person of the clips: who, how built, which recorded walks, where in the crossing.

    ``depth`` metres from the camera, ``start`` seconds, ``rightwards`` the direction;
    ``enrol_trial`` is another recording of the same person, None for people not enrolled.
    """

    name: str | None
    seed: int
    sex: str
    build: dict[str, float]
    wear: dict[str, Any]
    trial: str
    enrol_trial: str | None
    depth: float
    start: float
    rightwards: bool


CAST = (
    Role(
        "ben",
        101,
        "man",
        {"stature": 1.87, "weight": 0.34, "muscle": 0.55},
        {
            "shirt": (0.20, 0.34, 0.62),
            "trousers": (0.40, 0.38, 0.34),
            "shoes": (0.12, 0.11, 0.11),
            "pattern": "plain",
            "sleeve": 1.95,
            "hair": (0.24, 0.16, 0.10),
            "skin": (0.89, 0.70, 0.58),
        },
        "07_01",
        "07_02",
        8.3,
        0.0,
        True,
    ),
    Role(
        "anna",
        102,
        "woman",
        {"stature": 1.62, "weight": 0.40, "muscle": 0.45},
        {
            "shirt": (0.78, 0.20, 0.20),
            "trousers": (0.14, 0.17, 0.30),
            "shoes": (0.82, 0.82, 0.80),
            "pattern": "plain",
            "sleeve": 0.6,
            "long_hair": True,
            "hair": (0.42, 0.27, 0.14),
        },
        "35_02",
        "35_08",
        7.5,
        0.9,
        False,
    ),
    Role(
        None,
        103,
        "man",
        {"stature": 1.76, "weight": 0.52, "muscle": 0.6},
        {
            "shirt": (0.82, 0.80, 0.74),
            "accent": (0.25, 0.30, 0.40),
            "pattern": "stripes",
            "trousers": (0.20, 0.22, 0.26),
            "skin": (0.45, 0.30, 0.22),
            "hair": (0.08, 0.07, 0.06),
        },
        "49_01",
        None,
        10.2,
        2.4,
        True,
    ),
    Role(
        "chloe",
        104,
        "woman",
        {"stature": 1.73, "weight": 0.62, "muscle": 0.5},
        {
            "shirt": (0.18, 0.44, 0.34),
            "trousers": (0.52, 0.46, 0.36),
            "shoes": (0.32, 0.20, 0.12),
            "pattern": "panel",
            "accent": (0.80, 0.78, 0.70),
            "sleeve": 1.9,
            "long_hair": False,
            "hair": (0.10, 0.08, 0.07),
            "skin": (0.62, 0.43, 0.32),
        },
        "16_31",
        "16_32",
        9.3,
        4.2,
        False,
    ),
    Role(
        "david",
        206,
        "man",
        {"stature": 1.70, "weight": 0.97, "muscle": 0.5},
        {
            "shirt": (0.85, 0.62, 0.22),
            "trousers": (0.16, 0.16, 0.18),
            "shoes": (0.35, 0.22, 0.14),
            "pattern": "plain",
            "sleeve": 0.8,
            "hair": (0.50, 0.49, 0.48),
        },
        "38_01",
        "38_02",
        7.9,
        9.3,
        True,
    ),
    Role(
        None,
        302,
        "woman",
        {"stature": 1.66, "weight": 0.55, "muscle": 0.45},
        {
            "shirt": (0.45, 0.24, 0.48),
            "trousers": (0.28, 0.36, 0.50),
            "shoes": (0.20, 0.20, 0.20),
            "pattern": "plain",
            "sleeve": 1.95,
            "long_hair": True,
            "hair": (0.66, 0.52, 0.32),
        },
        "10_04",
        None,
        8.7,
        7.6,
        False,
    ),
)
