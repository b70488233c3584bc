"""Rotations, recordings and planted feet, on a stick body and a made-up recording (numpy only)."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rt_gait.training.walkers import rotations as rot
from rt_gait.training.walkers.bodies import BodyMesh, draw_body
from rt_gait.training.walkers.contact import joints, sole_offsets
from rt_gait.training.walkers.mocap import MocapArchive, Walk
from rt_gait.training.walkers.motion import Gait, cut, recorded_name, retarget

ASF = """:units
  length 0.5
:root
   order TX TY TZ RX RY RZ
:bonedata
  begin
     name lfemur
     direction 0 -1 0
     length 5
     axis 0 0 0 XYZ
    dof rx ry rz
  end
  begin
     name ltibia
     direction 0 -1 0
     length 5
     axis 0 0 0 XYZ
    dof rx
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""


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


def test_rotation_vectors_come_back() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(rot.log(rot.exp(vectors)), vectors, atol=1e-9)
    matrices = rot.exp(vectors)
    np.testing.assert_allclose(rot.orthonormal(matrices * 1.3), matrices, atol=1e-9)


def test_between_turns_one_direction_onto_the_other() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([-2.0, 0.5, 1.0])
    turned = rot.between(a, b) @ a
    np.testing.assert_allclose(turned / np.linalg.norm(a), b / np.linalg.norm(b), atol=1e-12)
    np.testing.assert_allclose(rot.between(a, a), np.eye(3))


def test_archive_reads_bones_and_angles(tmp_path: Path) -> None:
    amc = ":DEGREES\n1\nroot 0 0 0 0 0 0\nlfemur 0 0 0\nltibia 90\n2\nroot 1 0 0 0 0 0\n"
    amc += "lfemur -90 0 0\nltibia 0\n"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/01/01.asf", ASF)
        archive.writestr("x/01/01_01.amc", amc)
    archive_ = MocapArchive(tmp_path / "a.zip")
    assert archive_.trials() == {"01": ["01_01"]}
    walk = archive_.walk("01_01")
    unit = 5 * 0.0254 / 0.5
    np.testing.assert_allclose(walk.ends["lfemur"][0], [0, 0, -unit], atol=1e-12)
    np.testing.assert_allclose(walk.ends["ltibia"][0], [0, unit, -unit], atol=1e-12)
    np.testing.assert_allclose(walk.ends["lfemur"][1] - walk.root[1], [0, -unit, 0], atol=1e-12)
    with pytest.raises(KeyError):
        archive_.walk("02_01")


def test_cut_finds_whole_cycles_and_refuses_less_than_one() -> None:
    _, length, cycles = cut(invented())
    assert length / cycles == pytest.approx(132, abs=1)
    assert cycles == 2
    with pytest.raises(ValueError, match="shorter"):
        cut(invented(cycles=0.5))


def test_every_bone_follows_a_recorded_bone() -> None:
    walk, mesh = invented(), stick()
    assert {recorded_name(b) for b in mesh.bones} <= set(walk.rotations)
    assert recorded_name("finger2-1.R") == "rradius"
    assert recorded_name("eye.L") == "head"


def test_a_walk_on_another_body_keeps_its_feet_on_the_ground() -> None:
    mesh = stick()
    gait = retarget(invented(), mesh)
    _, low, high = slide(mesh, gait)
    assert -0.01 < low <= high < 0.02
    assert gait.stride[0] == gait.stride[2] == 0.0
    assert gait.stride[1] < 0.0


def test_the_loop_closes() -> None:
    gait = retarget(invented(), stick())
    before, after = gait.at(gait.period - 1e-6), gait.at(gait.period)
    np.testing.assert_allclose(before[0], after[0], atol=1e-3)
    np.testing.assert_allclose(before[1], after[1], atol=1e-3)
    np.testing.assert_allclose(gait.at(3 * gait.period)[1], gait.root[0] + 3 * gait.stride)


def test_pace_shortens_the_period() -> None:
    slow, fast = (retarget(invented(), stick(), pace) for pace in (1.0, 1.25))
    assert slow.period / fast.period == pytest.approx(1.25)
    assert fast.cadence == pytest.approx(1.25 * slow.cadence)


def test_draws_depend_on_the_seed_alone() -> None:
    assert draw_body(3) == draw_body(3)
    assert draw_body(3) != draw_body(4)
    assert draw_body(3, "man", stature=1.9).stature == 1.9


@pytest.mark.parametrize("trial", ["07_01", "35_02", "49_01"])
def test_recorded_walks_look_like_walking(trial: str) -> None:
    path = Path(os.environ.get("RT_GAIT_DATA", "")) / "mocap" / "cmu_walk_asfamc.zip"
    if not path.is_file():
        pytest.skip("RT_GAIT_DATA names no folder with mocap/cmu_walk_asfamc.zip")
    mesh = stick()
    gait = retarget(MocapArchive(path).walk(trial), mesh)
    speed, low, high = slide(mesh, gait)
    assert speed < 0.15
    assert -0.01 < low <= high < 0.015
    assert 80 < gait.cadence < 130
    assert 0.8 < gait.speed < 1.8
    assert np.all((gait.contact.mean(axis=0) > 0.5) & (gait.contact.mean(axis=0) < 0.7))
