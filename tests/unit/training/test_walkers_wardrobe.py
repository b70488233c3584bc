"""Clothes, hair, hats and things carried, on a body made of rods (numpy only)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import cKDTree

from rt_gait.training.walkers.body.bodies import BodyMesh, draw_body
from rt_gait.training.walkers.body.surface import normals, touching, volume
from rt_gait.training.walkers.figure import Figure, Loop, Part
from rt_gait.training.walkers.gait import rotations as rot
from rt_gait.training.walkers.gait.motion import Gait
from rt_gait.training.walkers.video.shading import paint
from rt_gait.training.walkers.wardrobe.arms import POSES, pose
from rt_gait.training.walkers.wardrobe.carried import LOADS
from rt_gait.training.walkers.wardrobe.cloth import tube
from rt_gait.training.walkers.wardrobe.garments import (
    FIELDS,
    Measures,
    draw_outfit,
    dress,
    fields,
    regions,
)
from rt_gait.training.walkers.wardrobe.headwear import HATS, hair
from rt_gait.training.walkers.wardrobe.outline import drape, sections
from rt_gait.training.walkers.wardrobe.parts import Shape, ball, box, rod, solid
from rt_gait.training.walkers.wardrobe.session import (
    CARRYING,
    CLOTHING,
    Session,
    draw_session,
    dress_figure,
    hold,
    surface_fields,
)

Array = npt.NDArray[np.float64]
WOMAN, MAN = draw_body(1, "woman"), draw_body(2, "man")


def _skeleton() -> dict[str, tuple[str | None, list[float]]]:
    heads: dict[str, tuple[str | None, list[float]]] = {"root": (None, [0, 0, 0.90])}
    previous = "root"
    trunk = ("spine05", "spine04", "spine03", "spine02", "spine01", "neck01", "neck03", "head")
    heights = (0.91, 0.98, 1.05, 1.12, 1.22, 1.42, 1.48, 1.53)
    for name, z in zip(trunk, heights, strict=True):
        heads[name] = (previous, [0, 0.02, z])
        previous = name
    for side, s in (("L", 1.0), ("R", -1.0)):
        chain = [
            ("eye", "head", [0.03 * s, -0.10, 1.57]),
            ("upperleg01", "root", [0.10 * s, 0.0, 0.88]),
            ("lowerleg01", "upperleg01", [0.13 * s, -0.02, 0.50]),
            ("foot", "lowerleg01", [0.15 * s, 0.0, 0.08]),
            ("upperarm01", "spine01", [0.19 * s, -0.01, 1.36]),
            ("lowerarm01", "upperarm01", [0.35 * s, -0.02, 1.18]),
            ("wrist", "lowerarm01", [0.47 * s, -0.19, 1.06]),
        ]
        for k in range(1, 6):
            base = [0.50 * s + 0.006 * k * s, -0.30 + 0.018 * k, 1.02 - 0.01 * k]
            chain += [(f"finger{k}-1", "wrist", base)]
            for i in (2, 3):
                at = [base[0] + 0.01 * i * s, base[1] - 0.02 * i, base[2] - 0.02 * i]
                chain += [(f"finger{k}-{i}", f"finger{k}-{i - 1}", at)]
        for name, parent, at in chain:
            single = parent in ("root", "spine01", "head")
            heads[f"{name}.{side}"] = (parent if single else f"{parent}.{side}", at)
    return heads


def doll() -> BodyMesh:
    """A body of rods: an oval trunk with a round head, and one rod for each piece of a limb."""
    heads = _skeleton()
    names = list(heads)
    at = {n: np.array(p, dtype=float) for n, (_, p) in heads.items()}
    way = np.stack([np.cos(np.linspace(0, 2 * np.pi, 40)[:-1])] * 3, -1)
    way[:, 1], way[:, 2] = np.sin(np.linspace(0, 2 * np.pi, 40)[:-1]), 0.0
    levels = np.linspace(0.82, 1.44, 40)
    wide = np.interp(
        levels, [0.82, 0.9, 1.0, 1.3, 1.40, 1.44], [0.15, 0.17, 0.14, 0.17, 0.12, 0.05]
    )
    rings = wide[:, None, None] * way * [1.0, 0.65, 0.0]
    rings = rings + np.stack([0 * levels, 0 * levels, levels], -1)[:, None]
    trunk = ("root", "spine04", "spine03", "spine02", "spine01")
    shapes: list[tuple[Shape, tuple[str, ...]]] = [(solid(rings), trunk)]
    shapes.append((ball(np.array([0.0, -0.02, 1.58]), np.array([0.16, 0.20, 0.24])), ("head",)))
    for s in "LR":
        toe = at[f"foot.{s}"] + [0.0, -0.17, -0.055]
        pieces = [("upperleg01", "lowerleg01", 0.14), ("lowerleg01", "foot", 0.09)]
        pieces += [("upperarm01", "lowerarm01", 0.08), ("lowerarm01", "wrist", 0.06)]
        pieces += [("wrist", "finger3-2", 0.05)]
        for a, b, width in pieces:
            way_ = np.linspace(at[f"{a}.{s}"], at[f"{b}.{s}"], 16)
            shapes.append((rod(way_, width), (f"{a}.{s}",)))
        foot = np.linspace(at[f"foot.{s}"] + [0.0, 0.05, -0.055], toe, 8)
        shapes.append((rod(foot, 0.05), (f"foot.{s}",)))
    vertices, faces, weights = [], [], []
    for shape, bones in shapes:
        faces.append(shape.faces + sum(len(v) for v in vertices))
        vertices.append(shape.vertices)
        w = np.zeros((len(shape.vertices), len(names)))
        order = [at[b][2] for b in bones]
        for k, bone in enumerate(bones):
            w[:, names.index(bone)] = np.interp(shape.vertices[:, 2], order, np.eye(len(bones))[k])
        weights.append(w)
    parents = [-1 if heads[n][0] is None else names.index(str(heads[n][0])) for n in names]
    return BodyMesh(
        np.concatenate(vertices),
        np.concatenate(faces),
        np.array([at[n] for n in names]),
        parents,
        np.concatenate(weights),
        names,
    )


def stroll(mesh: BodyMesh, count: int = 60) -> Gait:
    """Legs and arms swing; one cycle a loop."""
    phase = 2 * np.pi * np.arange(count) / count
    out = np.broadcast_to(np.eye(3), (count, len(mesh.bones), 3, 3)).copy()
    for side, shift in (("L", 0.0), ("R", np.pi)):
        thigh = rot.axis_rotation(0, -0.45 * np.sin(phase + shift) - 0.05)
        shank = thigh @ rot.axis_rotation(0, 0.5 * (1.0 - np.cos(phase + shift + 1.0)))
        down = np.array([0.12, 0.0, -1.0]) * [1.0 if side == "L" else -1.0, 1.0, 1.0]
        rest = mesh.heads[mesh.bone(f"wrist.{side}")] - mesh.heads[mesh.bone(f"upperarm01.{side}")]
        arm = rot.axis_rotation(0, 0.3 * np.sin(phase + shift)) @ rot.between(rest, down)
        for j, bone in enumerate(mesh.bones):
            if bone.endswith(side):
                for start, turn in (("upperleg", thigh), ("lowerleg", shank), ("foot", shank)):
                    out[:, j] = turn if bone.startswith(start) else out[:, j]
                if bone.startswith(("upperarm", "lowerarm", "wrist", "finger")):
                    out[:, j] = arm
    root = np.stack([0 * phase, -1.3 * phase / (2 * np.pi), np.full(count, 0.9)], -1)
    bearing = np.stack([np.cos(phase) > 0, np.cos(phase) < 0], -1)
    return Gait(out, root, np.array([0.0, -1.3, 0.0]), 1.05, 1, bearing)


MESH = doll()
GAIT = stroll(MESH)


def upright(vertices: Array, faces: npt.NDArray[np.int64]) -> Array:
    return normals(vertices, faces, touching(len(vertices), faces))


def posed(figure: Figure, gait: Gait) -> Array:
    """Vertices (T, V, 3) of every frame of a loop."""
    affine = Loop.of(figure, gait).transforms[:-1].astype(float)
    blended = np.tensordot(affine, figure.weights.astype(float), axes=(1, 1))
    rest = np.pad(figure.vertices, ((0, 0), (0, 1)), constant_values=1.0)
    return np.einsum("tabv,vb->tva", blended, rest)


def sessions(clothing: str, carrying: str, body: object = WOMAN) -> list[Session]:
    return [draw_session(seed, body, clothing, carrying) for seed in range(3)]  # type: ignore[arg-type]


def everything() -> list[Part]:
    """Parts of every kind that can be built."""
    out: list[Part] = []
    for k, kind in enumerate(LOADS):
        session = draw_session(k, WOMAN, CLOTHING[k % 5], LOADS[kind])
        load = replace(session.load, kind=kind, size=(0.3, 0.15, 0.3))
        style = ("long", "bun", "ponytail", "short")[k % 4]
        hat = "none" if k < 4 else HATS[k % 4]
        session = replace(session, load=load, hair=style, hat=hat)
        out += dress_figure(MESH, session).parts
    return out


PARTS = everything()


def test_every_kind_of_part_is_built() -> None:
    kinds = {p.kind for p in PARTS}
    assert kinds >= {"skirt", "coat", "backpack", "strap", "handbag", "shopping bag", "umbrella"}
    assert kinds >= {"shoulder bag", "phone", "long hair", "bun", "ponytail", "cap", "brimmed"}


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.kind)
def test_parts_are_closed_wound_outwards_and_fully_weighted(part: Part) -> None:
    edges = np.concatenate([part.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    one_way = {(int(a), int(b)) for a, b in edges}
    assert len(one_way) == len(edges)
    assert one_way == {(b, a) for a, b in one_way}
    assert volume(part.vertices, part.faces) > 0
    assert part.weights.shape == (len(part.vertices), len(MESH.bones) + len(part.followers))
    np.testing.assert_allclose(part.weights.sum(axis=1), 1.0, atol=1e-9)
    assert part.weights.min() >= 0
    assert np.isfinite(part.vertices).all()


def test_volumes_of_simple_shapes() -> None:
    sphere = ball(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0))
    assert volume(sphere.vertices, sphere.faces) == pytest.approx(4 * np.pi / 3, rel=0.1)
    brick = box(np.zeros(3), np.array([1.0, 2.0, 3.0]), 12.0)
    assert volume(brick.vertices, brick.faces) == pytest.approx(6.0, rel=0.1)
    np.testing.assert_allclose(np.ptp(brick.vertices, axis=0), [1.0, 2.0, 3.0], rtol=0.05)
    assert volume(brick.vertices, brick.faces[:, ::-1]) < 0


def test_sections_measure_the_convex_outline() -> None:
    corners = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-2.0, 2.0) for z in (0.0, 1.0)])
    way = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    found = sections(corners, np.array([1.0, 0.5, 0.0]), way, np.zeros(2))
    np.testing.assert_allclose(found, [[1, 2, 1, 2]] * 3)
    with pytest.raises(ValueError, match="no point"):
        sections(corners, np.array([5.0, 6.0]), way, np.zeros(2))


def test_draped_cloth_bridges_a_hollow_and_rounds_a_point() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 121)[:-1]
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1) * 0.2
    tall = np.concatenate([ring + np.array([0.0, 0.0, z]) for z in np.arange(0.0, 0.4, 0.01)])
    tall[2400 + 30, :2] *= 1.2
    tall[1200:1260:2, :2] *= 0.7
    out = drape(tall, np.ones(len(tall), dtype=bool), np.ones(len(tall)))
    far = np.linalg.norm(out[:, :2], axis=1)
    assert far.max() < 0.2 * 1.08
    assert far[1200:1260].min() > 0.19
    np.testing.assert_array_equal(drape(tall, np.ones(len(tall), dtype=bool), np.zeros(4800)), tall)


def test_normals_point_outwards_and_have_unit_length() -> None:
    sphere = ball(np.zeros(3), np.full(3, 2.0))
    found = upright(sphere.vertices, sphere.faces)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0)
    assert ((found * sphere.vertices).sum(axis=1) > 0.9).all()


def test_a_coat_is_larger_than_a_shirt_everywhere_on_the_torso() -> None:
    session = sessions("coat", "none")[0]
    coat = dress(MESH, session.outfit)
    shirt = dress(MESH, replace(session.outfit, coat=None))
    m, f = Measures.of(MESH), dict(zip(FIELDS, fields(MESH).T, strict=True))
    torso = (
        (f["arm"] < 0.1)
        & (f["head"] < 0.1)
        & (f["z"] > m.waist + 0.01)
        & (f["z"] < m.collar - 0.05)
    )
    torso &= MESH.weights[:, [MESH.bone(b) for b in ("upperleg01.L", "upperleg01.R")]].sum(1) == 0
    off = ((coat - shirt) * upright(shirt, MESH.faces)).sum(axis=1)
    assert torso.sum() > 500
    assert off[torso].min() > 0.004


def outside(figure: Figure, kind: str, gait: Gait) -> tuple[float, float]:
    """How far (m) and for which share of points the legs come through the cloth, at the worst."""
    k = 1 + [p.kind for p in figure.parts].index(kind)
    part, own = figure.parts[k - 1], np.flatnonzero(figure.part == k)
    mesh = figure.mesh
    own_legs = [b.startswith(("upperleg", "lowerleg")) for b in mesh.bones]
    legs = mesh.weights[:, np.array(own_legs)].sum(axis=1) > 0.9
    legs &= mesh.vertices[:, 2] > part.vertices[:, 2].min() + 0.03
    worst, share = -1.0, 0.0
    for frame in posed(figure, gait)[::5]:
        cloth = frame[own]
        outer = cloth[: len(own) // 2]
        skin = frame[np.flatnonzero(legs)]
        _, near = cKDTree(outer).query(skin)
        off = ((skin - outer[near]) * upright(cloth, part.faces)[near]).sum(axis=1)
        worst, share = max(worst, float(off.max())), max(share, float((off > 0.005).mean()))
    return worst, share


@pytest.mark.parametrize("clothing", ["skirt", "coat"])
def test_cloth_encloses_the_legs_through_the_stride(clothing: str) -> None:
    for session in sessions(clothing, "none"):
        worst, share = outside(dress_figure(MESH, session), clothing, GAIT)
        assert worst < 0.03
        assert share < 0.02
    stiff = np.zeros((len(MESH.bones),))
    stiff[MESH.bone("root")] = 1.0
    made = tube(MESH, MESH.vertices, clothing, (1, 0, 0), (0.95, 0.45, np.array([0.01, 0.02])))
    still = replace(made, weights=np.tile(stiff, (len(made.vertices), 1)), followers=())
    assert outside(Figure.join(MESH, MESH.vertices, (still,)), clothing, GAIT)[1] > 0.05


@pytest.mark.parametrize("kind", ["handbag", "shopping bag"])
@pytest.mark.parametrize("side", ["L", "R"])
def test_bags_hang_upright_from_the_hand(kind: str, side: str) -> None:
    session = sessions("normal", "bag")[0]
    load = replace(session.load, kind=kind, side=side, size=(0.3, 0.1, 0.25), gripped=False)
    session = replace(session, load=load)
    figure = dress_figure(MESH, session)
    frames = posed(figure, hold(GAIT, MESH, session))
    kinds = [p.kind for p in figure.parts]
    bag, handle = (frames[:, figure.part == 1 + kinds.index(k)] for k in (kind, "handle"))
    middle = (bag[:, :132].mean(axis=1), bag[:, 132:264].mean(axis=1))
    up = middle[1] - middle[0]
    tilt = np.degrees(np.arccos(np.abs(up[:, 2]) / np.linalg.norm(up, axis=1)))
    assert tilt.max() < 12
    along = np.ptp(bag[..., 1], axis=1)
    assert (along > 0.25).all()
    fingers = frames[:, np.flatnonzero(MESH.weights[:, MESH.bone(f"wrist.{side}")] > 0.9)]
    for frame in range(0, len(frames), 10):
        gap, _ = cKDTree(fingers[frame]).query(handle[frame])
        assert gap.min() < 0.03
        assert bag[frame, :, 2].min() > 0.05


@pytest.mark.parametrize("carrying", ["pocket", "phone", "umbrella", "bag"])
@pytest.mark.parametrize("side", ["L", "R"])
def test_hold_moves_one_arm_and_stays_periodic(carrying: str, side: str) -> None:
    session = sessions("normal", carrying)[0]
    session = replace(session, load=replace(session.load, side=side))
    held = hold(GAIT, MESH, session)
    moved = np.abs(held.rotations - GAIT.rotations).max(axis=(0, 2, 3)) > 1e-9
    arm = ("upperarm", "lowerarm", "wrist", "finger")
    allowed = np.array([b.startswith(arm) and b.endswith(side) for b in MESH.bones])
    assert moved.any()
    assert not (moved & ~allowed).any()
    ring = np.concatenate([held.rotations, held.rotations[:1]])
    steps = np.abs(np.diff(ring, axis=0)).max(axis=(1, 2, 3))
    assert steps[-1] <= 1.5 * np.median(steps) + 1e-3
    assert steps.max() < 0.2
    gram = held.rotations @ np.swapaxes(held.rotations, -1, -2)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-9)
    assert held.root is GAIT.root


def test_hands_are_where_their_label_says() -> None:
    for side, sign in (("L", 1.0), ("R", -1.0)):
        spots = {}
        for carrying in ("pocket", "phone", "umbrella"):
            session = sessions("normal", carrying)[0]
            session = replace(session, load=replace(session.load, side=side))
            figure = dress_figure(MESH, session)
            frames = posed(figure, hold(GAIT, MESH, session)) - GAIT.root[:, None]
            hand = np.flatnonzero(MESH.weights[:, MESH.bone(f"wrist.{side}")] > 0.9)
            spots[carrying] = frames[:, hand].mean(axis=1) + np.array([0.0, 0.0, 0.9])
        assert (np.abs(spots["pocket"][:, 2] - 0.93) < 0.1).all()
        assert (spots["pocket"][:, 0] * sign > 0.08).all()
        assert (spots["phone"][:, 2] > 1.15).all()
        assert (spots["phone"][:, 1] < -0.2).all()
        assert (spots["umbrella"][:, 2] > 1.1).all()
        assert (spots["umbrella"][:, 0] * sign > 0.03).all()


def test_nothing_in_the_hands_changes_nothing() -> None:
    assert hold(GAIT, MESH, sessions("normal", "none")[0]) is GAIT


def test_an_open_umbrella_is_over_the_head() -> None:
    for session in sessions("loose", "umbrella"):
        figure = dress_figure(MESH, session)
        k = 1 + [p.kind for p in figure.parts].index("umbrella")
        for frame in posed(figure, hold(GAIT, MESH, session))[::10]:
            canopy = frame[figure.part == k]
            head = frame[: len(MESH.vertices)][MESH.weights[:, MESH.bone("head")] > 0.9]
            crown = head[head[:, 2].argmax()]
            assert canopy[:, 2].max() > crown[2] + 0.05
            assert np.linalg.norm((canopy.mean(axis=0) - crown)[:2]) < session.load.size[0] / 2.0
            over = np.linalg.norm(canopy[:, :2] - crown[:2], axis=1) < 0.15
            assert canopy[over, 2].min() > crown[2]


@pytest.mark.parametrize("body", [MAN, WOMAN], ids=["man", "woman"])
def test_labels_match_what_was_built(body: object) -> None:
    for clothing in CLOTHING:
        for carrying in CARRYING:
            session = sessions(clothing, carrying, body)[0]
            assert (session.clothing, session.carrying) == (clothing, carrying)
            kinds = {p.kind for p in dress_figure(MESH, session).parts}
            assert ("coat" in kinds) == (clothing == "coat")
            assert ("skirt" in kinds) == (clothing == "skirt")
            for thing in ("backpack", "phone", "umbrella"):
                assert (thing in kinds) == (carrying == thing)
            bags = {"handbag", "shopping bag", "shoulder bag"}
            assert bool(kinds & bags) == (carrying == "bag")
            assert (session.head in kinds) == (session.hat != "none") or session.hat == "none"


def test_shoes_are_as_high_and_as_stout_as_their_label_says() -> None:
    m, f = Measures.of(MESH), dict(zip(FIELDS, fields(MESH).T, strict=True))
    feet: dict[str, list[float]] = {"flat": [], "trainers": [], "boots": []}
    for seed in range(20):
        outfit = draw_session(seed, MAN, "normal", "none").outfit
        shoes = draw_session(seed, MAN, "normal", "none").shoes
        covered = regions(f, outfit, m)["shoe"]
        assert (f["z"][covered].max() > 1.2 * m.ankle) == (shoes == "boots")
        feet[shoes].append(float(dress(MESH, outfit)[f["foot"] > 0.9, 0].max()))
    assert max(feet["flat"]) < min(feet["trainers"] + feet["boots"]) - 0.001


def test_fits_are_ordered() -> None:
    sizes, chest = {}, np.abs(MESH.vertices[:, 2] - 1.2) < 0.05
    chest &= MESH.weights[:, [MESH.bone("spine01"), MESH.bone("spine02")]].sum(axis=1) > 0.9
    for clothing in ("tight", "normal", "loose"):
        session = sessions(clothing, "none")[0]
        out = dress(MESH, session.outfit)
        sizes[clothing] = float(np.abs(out[chest, 0]).max())
    assert sizes["tight"] < sizes["normal"] < sizes["loose"]


def test_soles_stay_on_the_ground() -> None:
    for seed in range(8):
        session = draw_session(seed, WOMAN)
        assert dress_figure(MESH, session).vertices[:, 2].min() >= -1e-9


def test_drawn_labels_vary_and_men_wear_no_skirts() -> None:
    women = [draw_session(seed, WOMAN) for seed in range(200)]
    men = [draw_session(seed, MAN) for seed in range(200)]
    assert {s.clothing for s in women} == set(CLOTHING)
    assert {s.clothing for s in men} == set(CLOTHING) - {"skirt"}
    assert {s.carrying for s in men} == set(CARRYING)
    assert {s.shoes for s in men} == {"flat", "trainers", "boots"}
    assert {s.hat for s in women} == set(HATS)
    assert len({(s.outfit.skin, s.outfit.hair) for s in women}) == 1


def test_people_of_one_stature_do_not_look_alike() -> None:
    worn = [draw_session(1, draw_body(k, "man", stature=1.8)).outfit for k in range(8)]
    assert len({w.skin for w in worn}) > 2
    assert len({w.hair for w in worn}) > 2


def test_clothes_underneath_stay_when_only_the_load_changes() -> None:
    one, two = draw_session(4, WOMAN, "normal", "none"), draw_session(4, WOMAN, "normal", "bag")
    assert one.outfit == two.outfit
    assert replace(two, load=one.load) == one


def test_the_same_seed_gives_the_same_figure() -> None:
    one, two, other = (draw_session(s, WOMAN, "coat", "bag") for s in (7, 7, 8))
    assert one == two
    assert one != other
    a, b = dress_figure(MESH, one), dress_figure(MESH, two)
    assert a.vertices.tobytes() == b.vertices.tobytes()
    assert a.weights.tobytes() == b.weights.tobytes()


def test_labels_that_do_not_exist_are_refused() -> None:
    with pytest.raises(
        ValueError, match="clothing 'cape': one of tight, normal, loose, coat, skirt"
    ):
        draw_session(1, WOMAN, "cape")
    with pytest.raises(ValueError, match="carrying 'cat': one of none, bag, backpack, pocket"):
        draw_session(1, WOMAN, None, "cat")
    with pytest.raises(ValueError, match=f"one of {', '.join(POSES)}"):
        pose(MESH, "L", "wave")


def test_a_plain_session_is_its_outfit() -> None:
    outfit = replace(draw_outfit(3, MAN), long_hair=False, looseness=0.015)
    session = Session.plain(outfit)
    assert (session.clothing, session.carrying, session.head) == ("normal", "none", "short")
    figure = dress_figure(MESH, session)
    assert figure.parts == ()
    np.testing.assert_array_equal(figure.vertices, dress(MESH, outfit))


def test_paint_colours_the_parts_and_the_coat() -> None:
    session = replace(sessions("coat", "backpack")[0], hat="cap", hat_colour=(0.9, 0.1, 0.1))
    figure = dress_figure(MESH, session)
    values = surface_fields(figure)
    f = dict(zip(FIELDS, values.T, strict=True))
    colour, gloss = paint(f, session, Measures.of(MESH), figure.parts)
    assert colour.shape == (len(figure.vertices), 3)
    assert np.isfinite(colour).all() and colour.min() >= 0 and gloss.min() >= 0
    for k, part in enumerate(figure.parts, 1):
        mine = colour[figure.part == k].mean(axis=0)
        assert np.abs(mine - part.colour).max() < 0.25
        assert (f["part"][figure.part == k] == k).all()
    coat = session.outfit.coat
    assert coat is not None
    chest = (figure.part == 0) & (f["arm"] < 0.1) & (np.abs(f["z"] - 1.2) < 0.05)
    assert np.abs(np.median(colour[chest], axis=0) - coat.colour).max() < 0.1


def test_hair_hides_under_a_hat() -> None:
    dressed = dress(MESH, draw_outfit(1, WOMAN))
    assert hair(MESH, dressed, "bun", (0, 0, 0), 0.1, hatted=True) == []
    bare = hair(MESH, dressed, "long", (0, 0, 0), 0.1, hatted=False)[0]
    under = hair(MESH, dressed, "long", (0, 0, 0), 0.1, hatted=True)[0]
    assert under.vertices[:, 2].max() < bare.vertices[:, 2].max() - 0.05


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(400)
def test_real_bodies_stay_inside_their_cloth() -> None:
    pytest.importorskip("anny", reason="bodies need the Anny model")
    from rt_gait.training.walkers.body.bodies import anny_rig

    for seed in (1, 2):
        body = draw_body(seed, "woman")
        mesh = anny_rig().mesh(body)
        for clothing in ("skirt", "coat"):
            session = draw_session(seed, body, clothing, "none")
            figure = dress_figure(mesh, session)
            worst, share = outside(figure, clothing, stroll(mesh))
            assert worst < 0.03
            assert share < 0.03
