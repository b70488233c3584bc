"""Bodies: adults of the Anny parametric model, drawn from a seed.

Anny (Apache-2.0; MakeHuman base mesh and shapes, CC0) turns a phenotype (sex, age, muscle, weight,
height, proportions) and local shape changes into a mesh with a skeleton. A :class:`Body` is the
small record that says who somebody is; :class:`AnnyRig` turns it into a :class:`BodyMesh`.

Statures follow adult means and spreads of NCD-RisC (eLife 2016;5:e13410) for high-income
countries: men 1.76 +- 0.07 m, women 1.63 +- 0.065 m. The height parameter is solved for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Mean and standard deviation of adult stature, metres.
STATURE = {"man": (1.76, 0.07), "woman": (1.63, 0.065)}

#: Local shape changes that vary between people, with the standard deviation of each (Anny units).
LOCAL_SPREAD = {
    "torso-scale-horiz-incr": 0.20,
    "torso-scale-depth-incr": 0.15,
    "torso-vshape-incr": 0.20,
    "measure-shoulder-dist-incr": 0.25,
    "hip-scale-horiz-incr": 0.20,
    "buttocks-volume-incr": 0.25,
    "stomach-tone-incr": 0.30,
    "upperlegs-height-incr": 0.20,
    "lowerlegs-height-incr": 0.20,
    "measure-upperarm-length-incr": 0.15,
    "neck-scale-vert-incr": 0.25,
    "head-scale-vert-incr": 0.15,
    "head-fat-incr": 0.25,
    "nose-scale-depth-incr": 0.30,
    "chin-prominent-incr": 0.30,
}

#: Local changes that everybody has: the body is always seen dressed.
LOCAL_FIXED = {"nipple-point-incr": -1.0, "nipple-size-incr": -1.0, "breast-point-incr": -1.0}


@dataclass(frozen=True)
class Body:
    """Who somebody is: sex, stature in metres and the model's shape parameters."""

    sex: str
    stature: float
    phenotype: dict[str, float]
    local: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BodyMesh:
    """A body at rest, z up, facing -y, the soles at z = 0.

    ``vertices`` (V, 3) metres, ``faces`` (F, 3), ``heads`` (J, 3) joint positions in metres,
    ``parents`` (J,), ``weights`` (V, J) skinning weights, ``bones`` the J names.
    """

    vertices: Array
    faces: Ints
    heads: Array
    parents: list[int]
    weights: Array
    bones: list[str]

    def bone(self, name: str) -> int:
        """Index of the bone called ``name``."""
        return self.bones.index(name)

    @property
    def leg_length(self) -> float:
        """Thigh plus shank, mean of both sides, metres."""
        total = 0.0
        for side in "LR":
            chain = [
                self.heads[self.bone(f"{n}.{side}")] for n in ("upperleg01", "lowerleg01", "foot")
            ]
            total += float(np.linalg.norm(chain[1] - chain[0]))
            total += float(np.linalg.norm(chain[2] - chain[1]))
        return total / 2.0


def draw_body(seed: int, sex: str | None = None, **fixed: float) -> Body:
    """A random adult. ``fixed`` overrides phenotype values or ``stature`` (metres)."""
    rng = np.random.default_rng([seed, 1])
    drawn = str(rng.choice(["man", "woman"]))
    sex = sex or drawn
    mean, spread = STATURE[sex]
    stature = float(np.clip(rng.normal(mean, spread), mean - 2.2 * spread, mean + 2.2 * spread))
    tone = rng.normal(size=2)
    phenotype = {
        "gender": float(np.clip({"man": 0.06, "woman": 0.94}[sex] + 0.03 * rng.normal(), 0, 1)),
        "age": float(rng.uniform(0.62, 0.88)),
        "muscle": float(np.clip(0.5 + 0.15 * tone[0], 0.15, 0.85)),
        "weight": float(np.clip(0.5 + 0.18 * tone[1], 0.15, 0.95)),
        "proportions": float(np.clip(0.6 + 0.15 * rng.normal(), 0.2, 0.95)),
    }
    local = {
        name: float(np.clip(sd * rng.normal(), -2 * sd, 2 * sd))
        for name, sd in LOCAL_SPREAD.items()
    }
    stature = fixed.pop("stature", stature)
    phenotype.update(fixed)
    return Body(sex, stature, phenotype, local)


class AnnyRig:
    """The Anny model with the local changes used here; torch and Anny are imported on first use."""

    def __init__(self) -> None:
        import anny

        self.model: Any = anny.Anny(
            topology="notoes", local_changes=[*LOCAL_SPREAD, *LOCAL_FIXED], skinning_method="lbs"
        )
        self.faces: Ints = self.model.get_triangular_faces().cpu().numpy()
        self.weights: Array = self.model.dense_vertex_bone_weights.cpu().double().numpy()
        if self.weights.shape[0] != self.model.template_vertices.shape[0]:
            self.weights = self.weights.T.copy()
        self.bones = list(self.model.bone_labels)
        self.parents = [int(p) for p in self.model.bone_parents]

    def _rest(self, body: Body, height: float) -> tuple[Array, Array]:
        out = self.model(
            phenotype_kwargs={**body.phenotype, "height": height},
            local_changes_kwargs={**LOCAL_FIXED, **body.local},
        )
        vertices = out["rest_vertices"][0].double().numpy()
        heads = out["rest_bone_heads"][0].double().numpy()
        floor = np.array([0.0, 0.0, vertices[:, 2].min()])
        return vertices - floor, heads - floor

    def mesh(self, body: Body) -> BodyMesh:
        """The mesh of ``body``; the height parameter is found by bisection on stature."""
        low, high = 0.0, 1.0
        for _ in range(12):
            middle = (low + high) / 2.0
            vertices, _ = self._rest(body, middle)
            if float(vertices[:, 2].max()) < body.stature:
                low = middle
            else:
                high = middle
        vertices, heads = self._rest(body, (low + high) / 2.0)
        return BodyMesh(vertices, self.faces, heads, self.parents, self.weights, self.bones)


@lru_cache(maxsize=1)
def anny_rig() -> AnnyRig:
    """The model, loaded once a process (seconds; the first time on a machine about a minute)."""
    return AnnyRig()
