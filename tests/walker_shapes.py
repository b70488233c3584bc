"""A stick body, a made-up recording and a measure of sliding feet, for tests without Anny."""

from __future__ import annotations

import numpy as np

from rt_gait.training.walkers.body.bodies import BodyMesh
from rt_gait.training.walkers.gait import rotations as rot
from rt_gait.training.walkers.gait.contact import joints, sole_offsets
from rt_gait.training.walkers.gait.mocap import Walk
from rt_gait.training.walkers.gait.motion import Gait


def stick() -> BodyMesh:
    """A skeleton of the body model's bones, with four sole points a foot."""
    heads: dict[str, tuple[str | None, list[float]]] = {"root": (None, [0, 0, 0.95])}
    previous = "root"
    for k, name in enumerate(
        [
            "spine05",
            "spine04",
            "spine03",
            "spine02",
            "spine01",
            "neck01",
            "neck02",
            "neck03",
            "head",
        ]
    ):
        heads[name] = (previous, [0, 0, 1.0 + 0.06 * k])
        previous = name
    for side, s in (("L", 1.0), ("R", -1.0)):
        chain = [
            ("pelvis", "root", [0, 0, 0.95]),
            ("upperleg01", "pelvis", [0.1 * s, 0, 0.9]),
            ("lowerleg01", "upperleg01", [0.11 * s, 0, 0.48]),
            ("foot", "lowerleg01", [0.12 * s, 0.02, 0.08]),
            ("clavicle", "spine01", [0.02 * s, 0, 1.4]),
            ("upperarm01", "clavicle", [0.18 * s, 0, 1.38]),
            ("lowerarm01", "upperarm01", [0.34 * s, 0, 1.18]),
            ("wrist", "lowerarm01", [0.46 * s, -0.1, 1.0]),
        ]
        chain += [
            (f"toe{k}-1", "foot", [0.10 * s + 0.01 * k * s, -0.12, 0.02]) for k in range(1, 6)
        ]
        for k in range(1, 6):
            base = [0.46 * s + 0.01 * k * s, -0.1 - 0.02 * k, 0.92]
            chain += [
                (f"finger{k}-1", "wrist", base),
                (f"finger{k}-2", f"finger{k}-1", [base[0], base[1], 0.89]),
                (f"finger{k}-3", f"finger{k}-2", [base[0], base[1] - 0.01, 0.87]),
            ]
        for name, parent, at in chain:
            full = parent if parent in ("root", "spine01") else f"{parent}.{side}"
            heads[f"{name}.{side}"] = (full, at)
    names = list(heads)
    points, weights = [], []
    for side, s in (("L", 1.0), ("R", -1.0)):
        for y, bone in ((0.06, "foot"), (-0.10, "foot"), (-0.13, "toe3-1"), (-0.19, "toe3-1")):
            points.append([0.12 * s, y, 0.0])
            weights.append([float(n == f"{bone}.{side}") for n in names])
    parents = [-1 if heads[n][0] is None else names.index(str(heads[n][0])) for n in names]
    return BodyMesh(
        np.array(points),
        np.array([[0, 1, 2]]),
        np.array([heads[n][1] for n in names], dtype=float),
        parents,
        np.array(weights),
        names,
    )


def invented(cycles: float = 2.6, period: float = 1.1, fps: float = 120.0) -> Walk:
    """A made-up walk: hips and knees swing, the root moves steadily along -y."""
    time = np.arange(int(cycles * period * fps)) / fps
    phase = 2 * np.pi * time / period
    still = np.broadcast_to(np.eye(3), (len(time), 3, 3))
    names = ["root", "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head"]
    rotations = {n: still for n in names}
    direction = {n: np.array([0.0, 0.0, 1.0]) for n in names}
    root = np.stack([0 * time, -1.2 * time, 0.9 + 0 * time], axis=1)
    ends = {}
    for side, s, shift in (("l", 1.0, 0.0), ("r", -1.0, np.pi)):
        hip, knee = 0.42 * np.sin(phase + shift), 0.5 * (1 - np.cos(phase + shift + 2.3))
        thigh = rot.axis_rotation(0, -hip)
        shank = thigh @ rot.axis_rotation(0, knee)
        down, ahead = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])
        rotations |= {
            side + "femur": thigh,
            side + "tibia": shank,
            side + "foot": still,
            side + "toes": still,
            side + "clavicle": still,
            side + "humerus": rot.axis_rotation(0, 0.3 * hip),
            side + "radius": rot.axis_rotation(0, 0.3 * hip),
        }
        direction |= {
            side + "femur": down,
            side + "tibia": down,
            side + "foot": ahead,
            side + "toes": ahead,
            side + "clavicle": np.array([s, 0.0, 0.0]),
            side + "humerus": down,
            side + "radius": down,
        }
        ankle = root + thigh @ (0.42 * down) + shank @ (0.42 * down)
        ends |= {
            side + "tibia": ankle,
            side + "foot": ankle + 0.14 * ahead,
            side + "toes": ankle + 0.2 * ahead,
        }
    length = dict.fromkeys(rotations, 0.42)
    return Walk("made_up", rotations, root, ends, direction, length, fps)


def slide(mesh: BodyMesh, gait: Gait) -> tuple[float, float, float]:
    """Median speed (m/s) of the lowest point of bearing soles, its least and greatest height."""
    at = joints(mesh, gait.rotations) + gait.root[:, None]
    speeds, heights = [], []
    for k, side in enumerate("LR"):
        sole = at[:, [mesh.bone(f"foot.{side}")]] + sole_offsets(mesh, gait.rotations, side)
        nxt = np.roll(sole, -1, axis=0)
        nxt[-1] += gait.stride
        low = sole[..., 2].argmin(axis=1)
        step = (nxt - sole)[np.arange(len(sole)), low][:, :2]
        bearing = gait.contact[:, k] & np.roll(gait.contact[:, k], -1)
        speeds.append(np.linalg.norm(step, axis=1)[bearing] * len(sole) / gait.period)
        heights.append(sole[..., 2].min(axis=1)[bearing])
    height = np.concatenate(heights)
    return float(np.median(np.concatenate(speeds))), float(height.min()), float(height.max())
