"""Bodies: Anny's shapes in numpy, tape measures, and the population that is drawn."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

import rt_gait
from rt_gait.errors import ModelError
from rt_gait.training.walkers.body import anny_file
from rt_gait.training.walkers.body.ansur import (
    CORRELATIONS,
    LIMIT,
    PUBLISHED,
    SEXES,
    correlations,
    draw_measures,
)
from rt_gait.training.walkers.body.anthropometry import Row, girth, main, population_report
from rt_gait.training.walkers.body.bodies import AnnyRig, anny_rig, draw_body
from rt_gait.training.walkers.body.body_model import body_model
from rt_gait.training.walkers.body.sizing import SOLVED
from rt_gait.training.walkers.body.surface import volume

HELD = [*SOLVED, "bmi", "bideltoid", "hip_height", "hand", "head_breadth", "head_length"]


@pytest.fixture(scope="module")
def rig() -> AnnyRig:
    try:
        return anny_rig()
    except ModelError as error:
        pytest.skip(f"no body model: {error}")


@pytest.fixture(scope="module")
def population(rig: AnnyRig) -> list[Row]:
    return population_report(100, 3)


def prism(corners: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and outward faces of a prism over a convex outline (N, 2), counter-clockwise."""
    n = len(corners)
    low, high = (np.column_stack([corners, np.full(n, z)]) for z in (0.0, height))
    k, after = np.arange(n), np.roll(np.arange(n), -1)
    sides = [np.column_stack(c) for c in ((k, after, after + n), (k, after + n, k + n))]
    fan = np.column_stack([np.zeros(n - 2, int), k[1:-1], k[2:]])
    return np.concatenate([low, high]), np.concatenate([*sides, fan + n, fan[:, ::-1]])


def outline_edges(faces: np.ndarray) -> np.ndarray:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def test_a_box_has_its_volume_and_girth() -> None:
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 3.0]])
    vertices, faces = prism(corners, 4.0)
    assert volume(vertices + np.array([5.0, -1.0, 2.0]), faces) == pytest.approx(24.0)
    assert girth(vertices, outline_edges(faces), 1.7) == pytest.approx(10.0)
    assert girth(vertices, outline_edges(faces), 4.5) == 0.0


def test_a_cylinder_has_its_volume_and_girth_and_a_tape_bridges_hollows() -> None:
    angle = np.arange(720) * 2 * np.pi / 720
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * 0.5
    vertices, faces = prism(circle, 2.0)
    assert volume(vertices, faces) == pytest.approx(math.pi / 2, rel=1e-4)
    assert girth(vertices, outline_edges(faces), 0.3) == pytest.approx(math.pi, rel=1e-4)
    notch, faces = prism(np.array([[0, 0], [2, 0], [2, 2], [1, 0.5], [0, 2]], float), 1.0)
    assert girth(notch, outline_edges(faces), 0.5) == pytest.approx(8.0)


def test_correlations_can_be() -> None:
    matrix = correlations()
    for k, row in enumerate(CORRELATIONS):
        assert matrix[k, :k].tolist() == matrix[:k, k].tolist() == list(row)
    assert np.linalg.eigvalsh(matrix).min() > 0
    assert len(matrix) == len(SOLVED)
    assert list(PUBLISHED)[: len(SOLVED)] == list(SOLVED)


def test_drawn_measures_go_together_as_published() -> None:
    rng = np.random.default_rng(1)
    people = [draw_measures(rng, "man")[0] for _ in range(3000)]
    values = np.array([list(p.values()) for p in people])
    values[:, 1] = np.log(values[:, 1] / values[:, 0] ** 2)
    np.testing.assert_allclose(np.corrcoef(values.T), correlations(), atol=0.07)


def test_the_same_seed_is_the_same_person() -> None:
    assert draw_body(3) == draw_body(3)
    assert draw_body(3) != draw_body(4)
    assert {draw_body(seed).sex for seed in range(20)} == set(SEXES)


def test_what_is_fixed_is_kept_and_the_rest_goes_with_it() -> None:
    tall, short = (draw_body(8, "man", stature=s) for s in (1.95, 1.60))
    assert (tall.stature, short.stature) == (1.95, 1.60)
    assert tall.measures["crotch"] - short.measures["crotch"] > 0.15
    for mass in (48.0, 70.0, 100.0):
        heavy = draw_body(8, "woman", stature=1.6, mass=mass)
        assert heavy.measures["mass"] == pytest.approx(mass)
    slim, stout = (draw_body(8, "man", stature=1.8, weight=w, muscle=0.4) for w in (0.3, 0.9))
    assert slim.phenotype["muscle"] == 0.4
    assert 70 < slim.measures["mass"] < 85
    assert 105 < stout.measures["mass"] < 120
    assert slim.measures["waist"] < stout.measures["waist"] - 0.2


@pytest.mark.parametrize(
    ("sex", "fixed", "said"),
    [
        ("x", {}, "expected one of man, woman"),
        ("man", {"stature": 5.0}, "expected 1.48 to 2.03 m"),
        ("man", {"stature": float("nan")}, "expected 1.48 to 2.03 m"),
        ("man", {"mass": -1.0}, "expected"),
        ("man", {"mass": 400.0}, "expected"),
        ("woman", {"muscle": 3.0}, "expected 0 to 1"),
        ("woman", {"weight": 60.0}, "expected 0 to 1"),
        ("woman", {"waist": 0.8}, "expected stature, mass"),
    ],
)
def test_impossible_people_are_refused(sex: str, fixed: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draw_body(1, sex, **fixed)


def test_shape_parameters_must_be_known(rig: AnnyRig) -> None:
    with pytest.raises(ValueError, match=r"\['tail'\]; expected phenotype"):
        rig.model.coefficients({}, {"tail": 1.0})


def read_alone(folder: Path) -> str:
    """What a process without Anny says when it is asked for the model kept in ``folder``."""
    code = (
        "import sys; sys.modules['anny'] = None\n"
        "from rt_gait.errors import ModelError\n"
        "from rt_gait.training.walkers.body.body_model import body_model\n"
        "try: print(body_model().count)\n"
        "except ModelError as error: print(error)"
    )
    place = {"PYTHONPATH": str(Path(rt_gait.__file__).parents[1]), "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return line


def test_without_a_model_or_anny_one_line_says_what_to_install(tmp_path: Path) -> None:
    said = read_alone(tmp_path)
    assert said.startswith(f"no body model in {tmp_path}")
    assert said.endswith("anny is not installed: pip install 'rt-gait[train]'")


@pytest.mark.parametrize("harm", ["empty", "short", "flipped", "other"])
def test_a_damaged_model_is_named_or_made_again(
    rig: AnnyRig, harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = anny_file.model_file()
    whole, path = made.read_bytes(), tmp_path / "rt-gait" / made.name
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path.parent.mkdir()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes(255 - b for b in whole[middle : middle + 99])
    path.write_bytes(
        {
            "empty": b"",
            "short": whole[:middle],
            "flipped": flipped + whole[middle + 99 :],
            "other": b"no archive at all",
        }[harm]
    )
    assert read_alone(tmp_path).startswith(f"{path} is damaged, and anny is not installed")

    def again(path: Path) -> None:
        path.write_bytes(whole)

    monkeypatch.setattr(anny_file, "export", again)
    assert body_model.__wrapped__().count == rig.model.count


def test_a_model_half_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("before")
    with pytest.raises(TypeError, match="pickle"):
        anny_file.write(tmp_path / "a.npz", {"a": np.zeros(9), "b": np.array([Lock()], object)})
    assert [p.read_text() for p in tmp_path.iterdir()] == ["before"]


def test_fixed_values_change_no_shape(rig: AnnyRig) -> None:
    phenotype, local = {"gender": 0.3, "muscle": 0.8, "age": 0.9}, {"chin-width": 0.5}
    quick = rig.model.fix(phenotype, local, frozenset({"weight", "*-foot-scale"}))
    late = {"weight": 1.2, "height": 0.4, "proportions": 0.3}
    slow = rig.model.coefficients(phenotype | late, local | {"*-foot-scale": -0.7})
    fast = quick.coefficients(late, {"*-foot-scale": -0.7})
    assert len(fast) < len(slow) / 5
    for one, other in zip(quick.rest(fast), rig.model.rest(slow), strict=True):
        assert np.abs(one - other).max() < 2e-6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(400)
def test_shapes_are_annys_own_to_a_tenth_of_a_millimetre(rig: AnnyRig) -> None:
    pytest.importorskip("anny", reason="compares with Anny itself")
    anny, rng = anny_file.anny_model(), np.random.default_rng(1)
    for _ in range(4):
        phenotype = {k: float(rng.uniform(a[0], a[-1])) for k, a in anny_file.ANCHORS.items()}
        local = {name: float(rng.uniform(-1, 1)) for name in anny_file.LOCALS}
        each = {label: v for name, v in local.items() for label in anny_file.anny_labels(name)}
        out = anny(phenotype_kwargs=phenotype, local_changes_kwargs=each)
        vertices, heads = rig.model.rest(rig.model.coefficients(phenotype, local))
        own = out["rest_vertices"][0].numpy()
        floor = [0.0, 0.0, own[:, 2].min()]
        assert np.abs(own - floor - vertices).max() < 1e-4
        assert np.abs(out["rest_bone_heads"][0].numpy() - floor - heads).max() < 1e-4
    assert np.array_equal(rig.model.faces, anny.get_triangular_faces().numpy())
    assert np.allclose(rig.model.weights, anny.dense_vertex_bone_weights.numpy(), atol=1e-5)


def test_meshes_are_closed_and_stand_on_the_floor(rig: AnnyRig) -> None:
    mesh = rig.mesh(draw_body(11, "woman"))
    edges = np.sort(outline_edges(mesh.faces), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert mesh.vertices[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    assert np.allclose(mesh.weights.sum(axis=1), 1.0)
    again = rig.mesh(draw_body(11, "woman"))
    assert np.array_equal(mesh.vertices, again.vertices)


@pytest.mark.parametrize("stature", [1.50, 1.66, 1.88])
@pytest.mark.parametrize("sex", SEXES)
def test_stature_is_exact(rig: AnnyRig, sex: str, stature: float) -> None:
    mesh = rig.mesh(draw_body(5, sex, stature=stature))
    assert np.ptp(mesh.vertices[:, 2]) == pytest.approx(stature, abs=2e-4)
    assert 0.40 < mesh.leg_length / stature < 0.55


def test_measures_asked_for_are_met(rig: AnnyRig) -> None:
    body = draw_body(21, "man", stature=1.80, mass=80.0)
    mesh = rig.mesh(body)
    found = rig.tape.measure(mesh.vertices, mesh.heads)
    for name, wanted in body.measures.items():
        assert found[name] == pytest.approx(wanted, abs=0.5 * PUBLISHED[name][0][1]), name


def test_the_population_is_the_published_one(population: list[Row]) -> None:
    for row in population:
        if row.name not in HELD:
            continue
        loose = row.name not in SOLVED
        assert row.mean / row.published_mean == pytest.approx(1, abs=0.06 if loose else 0.03), row
        assert row.spread / row.published_spread == pytest.approx(1, abs=0.5 if loose else 0.3), row


def test_nobody_is_drawn_far_out() -> None:
    for sex, seed in ((s, k) for s in SEXES for k in range(100)):
        body = draw_body(seed, sex)
        mean, spread = PUBLISHED["stature"][SEXES.index(sex)]
        assert abs(body.stature - mean) <= LIMIT * spread + 1e-9
        assert 17 < body.measures["mass"] / body.stature**2 < 42


def test_report_is_a_table(rig: AnnyRig, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--count", "2", "--seed", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(SEXES) * len(PUBLISHED)
    assert lines[1].startswith("stature       man")
