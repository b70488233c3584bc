"""Rotations, recordings and planted feet, on a stick body and a made-up recording (numpy only)."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from walker_shapes import invented, slide, stick

from rt_gait.errors import UsageError
from rt_gait.training.walkers.body.bodies import draw_body
from rt_gait.training.walkers.gait import rotations as rot
from rt_gait.training.walkers.gait.mocap import MocapArchive
from rt_gait.training.walkers.gait.motion import cut, recorded_name, retarget

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
    with pytest.raises(UsageError, match="no walk 02_01"):
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
    turns = np.concatenate([gait.rotations, gait.rotations[:1]])
    turned = np.abs(np.diff(turns, axis=0)).max(axis=(1, 2, 3))
    assert turned[-1] <= turned[:-1].max()
    places = np.concatenate([gait.root, gait.root[:1] + gait.stride])
    moved = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert moved[-1] == pytest.approx(np.median(moved), rel=0.3)


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
