"""Figures that trail, coverage against an independent rasteriser, normalisation, whole frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rt_gait.gait.silhouette import normalise as published
from rt_gait.training.walkers.body.bodies import BodyMesh
from rt_gait.training.walkers.camera import Camera
from rt_gait.training.walkers.figure import Figure, Follower, Loop, Part
from rt_gait.training.walkers.gait.motion import Gait
from rt_gait.training.walkers.gait.rotations import axis_rotation
from rt_gait.training.walkers.path import Path
from rt_gait.types import Mask

torch = pytest.importorskip("torch", reason="silhouettes at scale are drawn with torch")

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
#: Faces of the unit cube, counter-clockwise from outside.
SIDES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def box(width: float = 0.4, depth: float = 0.2, tall: float = 1.8) -> BodyMesh:
    """A body of one bone: a box that stands on the ground."""
    vertices = (CUBE - [0.5, 0.5, 0.0]) * [width, depth, tall]
    heads = np.array([[0.0, 0.0, tall / 2]])
    return BodyMesh(vertices, SIDES, heads, [-1], np.ones((8, 1)), ["root"])


def gliding(frames: int = 40, sway: float = 0.0) -> Gait:
    """One bone that glides 1.2 m a second along -y and rocks about x by ``sway`` radians."""
    phase = np.arange(frames) / frames
    turn = axis_rotation(0, sway * np.sin(2 * np.pi * phase))[:, None]
    root = np.stack([0 * phase, -1.2 * phase, 0 * phase + 0.9], axis=1)
    bearing = np.ones((frames, 2), dtype=bool)
    return Gait(turn, root, np.array([0.0, -1.2, 0.0]), 1.0, 1, bearing)


def inside(points: np.ndarray, faces: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Covered pixel centres by testing every pixel against every front face, in float64."""
    rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    out = np.zeros(shape, dtype=bool)
    for a, b, c in points[faces]:
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area < 0:
            w = [
                (q[1] - p[1]) * (x - p[0]) - (q[0] - p[0]) * (y - p[1])
                for p, q in ((b, c), (c, a), (a, b))
            ]
            out |= np.min(w, axis=0) >= 0
    return out


def test_coverage_equals_testing_every_pixel_against_every_face() -> None:
    from rt_gait.training.walkers.silhouettes.coverage import cover

    rng = np.random.default_rng(3)
    points = rng.uniform(-12, 52, (6, 30, 2))
    points[:, 10:] = points[:, 10:] * 0.15 + 15
    faces = rng.integers(0, 30, (60, 3))
    got = cover(torch.from_numpy(points).float(), torch.from_numpy(faces), 40, 36).numpy()
    for k in range(6):
        expected = inside(points[k].astype(np.float32).astype(float), faces, (40, 36))
        assert expected.any() and not expected.all()
        assert (got[k].astype(bool) != expected).sum() <= 1


def test_a_closed_mesh_has_no_pinholes_and_no_rim() -> None:
    from rt_gait.training.walkers.silhouettes.coverage import cover

    a = np.linspace(0, 2 * np.pi, 41)[:-1]
    ring = np.stack([20 + 13.3 * np.cos(a), 20 + 13.3 * np.sin(a)], axis=1)
    points = np.concatenate([[[20.0, 20.0]], ring])
    fan = np.array([[0, 1 + (k + 1) % 40, 1 + k] for k in range(40)])
    got = cover(torch.from_numpy(points[None]).float(), torch.from_numpy(fan), 40, 40)[0].numpy()
    y, x = np.mgrid[0:40, 0:40] + 0.5
    far = np.hypot(x - 20, y - 20)
    assert got[far < 13.2].all() and not got[far > 13.31].any()


def test_faces_too_large_are_refused() -> None:
    from rt_gait.training.walkers.silhouettes.coverage import cover

    points = torch.tensor([[[0.0, 0.0], [0.0, 900.0], [900.0, 0.0]]])
    with pytest.raises(ValueError, match="spans 900 pixels; at most 256"):
        cover(points, torch.tensor([[0, 1, 2]]), 1000, 1000)


def test_normalisation_is_the_published_one_within_a_grey_level() -> None:
    from rt_gait.training.walkers.silhouettes.normalise import normalise

    rng = np.random.default_rng(0)
    masks, left, wide = np.zeros((60, 150, 120), np.uint8), np.zeros(60, int), np.zeros(60, int)
    for i in range(60):
        h = int(rng.integers(30, 140))
        w = min(max(4, int(h * rng.uniform(0.15, 0.7))), 118)
        blob = cv2.GaussianBlur(rng.random((h, w)).astype(np.float32), (0, 0), 3)
        y, x = rng.integers(0, 150 - h), rng.integers(0, 120 - w)
        masks[i, y : y + h, x : x + w] = blob > rng.uniform(0.45, 0.5)
        wide[i] = rng.integers(400, 1920)
        left[i] = -x if i % 5 == 0 else rng.integers(0, wide[i] - x - w)
    got, kept = normalise(*(torch.from_numpy(v) for v in (masks, left, wide)))
    for i in range(60):
        y, x = np.nonzero(masks[i])
        piece = masks[i, y.min() : y.max() + 1, x.min() : x.max() + 1].astype(bool)
        mask = Mask(int(left[i] + x.min()), int(y.min()), piece)
        expected = published(mask, int(wide[i]))
        assert bool(kept[i]) == (expected is not None)
        if expected is not None:
            assert np.abs(got[i].numpy().astype(int) - expected).max() <= 1


def test_masks_too_small_are_not_kept() -> None:
    from rt_gait.training.walkers.silhouettes.normalise import normalise

    masks = torch.zeros((2, 30, 30), dtype=torch.uint8)
    masks[0, 3:6, 3:6] = 1
    got, kept = normalise(masks, torch.tensor([10, 10]), torch.tensor([640, 640]))
    assert not kept.any() and not got.any()


def test_a_loop_carries_on_where_it_began() -> None:
    loop = Loop.of(Figure.join(box(), box().vertices), gliding(sway=0.2))
    at = loop.puppet.vertices(torch.tensor([0.3, 1.3, 2.3], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(at[1] - at[0], np.tile([0, -1.2, 0], (8, 1)), atol=1e-5)
    np.testing.assert_allclose(at[2] - at[0], np.tile([0, -2.4, 0], (8, 1)), atol=1e-5)
    before = loop.puppet.vertices(torch.tensor([0.999, 1.001], dtype=torch.float64)).numpy()
    assert np.abs(before[1] - before[0]).max() < 0.01


def test_nothing_sinks_into_the_ground() -> None:
    loop = Loop.of(Figure.join(box(), box().vertices), gliding(sway=0.4))
    posed = loop.puppet.vertices(torch.arange(40, dtype=torch.float64) / 40).numpy()
    assert posed[..., 2].min() == 0.0
    assert np.abs(np.diff(posed[:, 0, 2])).max() > 0.0


def test_followers_hang_upright_or_trail_behind() -> None:
    mesh, swing = box(), gliding(sway=0.4)

    def stick(turn: float, lag_s: float) -> np.ndarray:
        weights = np.zeros((8, 2))
        weights[:, 1] = 1.0
        hung = Follower("root", (0.2, 0.0, 1.0), lag_s, turn)
        part = Part("bag", CUBE * 0.1 + [0.2, 0, 0.5], SIDES, weights, (1.0, 0.0, 0.0), (hung,))
        figure = Figure.join(mesh, mesh.vertices, (part,))
        assert figure.part.tolist() == [0] * 8 + [1] * 8
        loop = Loop.of(figure, swing)
        return loop.puppet.vertices(torch.arange(40, dtype=torch.float64) / 40).numpy()[:, 8:]

    upright = stick(0.0, 0.0)
    np.testing.assert_allclose(upright[:, 1, 2] - upright[:, 0, 2], 0.1, atol=1e-6)
    rigid, late = stick(1.0, 0.0), stick(1.0, 0.25)
    tilt = [(p[:, 1, 1] - p[:, 0, 1]) for p in (rigid, late)]
    assert np.abs(tilt[0]).max() > 0.03
    np.testing.assert_allclose(np.roll(tilt[0], 10), tilt[1], atol=1e-5)


def test_nearer_walkers_hide_those_behind() -> None:
    from rt_gait.training.walkers.silhouettes.sequences import instance_maps

    loop = Loop.of(Figure.join(box(), box().vertices), gliding())
    camera = Camera(160, 120, 200.0, 1.0, 0.0)
    paths = [Path(0.0, 8.0, np.pi / 2), Path(0.0, 5.0, -np.pi / 2)]
    times = np.array([0.0, 1.0])
    maps = instance_maps([(loop.puppet, p) for p in paths], camera, times, "cpu").numpy()
    assert maps.shape == (2, 120, 160)
    assert maps[0, 60, 80] == 2 and (maps[0] == 1).sum() < 0.2 * (maps[1] == 1).sum()
    column = [np.nonzero(maps[1] == k)[1].mean() for k in (1, 2)]
    assert column[0] == pytest.approx(80 + 200 * 1.2 / 8, abs=2)
    assert column[1] == pytest.approx(80 - 200 * 1.2 / 5, abs=2)
    with pytest.raises(ValueError, match="at most 255 walkers"):
        instance_maps([(loop.puppet, paths[0])] * 256, camera, times, "cpu")


def test_crops_are_the_whole_frame_cut_out() -> None:
    from rt_gait.training.walkers.silhouettes.sequences import crops, instance_maps
    from rt_gait.training.walkers.silhouettes.takes import Takes

    loop = Loop.of(Figure.join(box(), box().vertices), gliding(sway=0.1))
    one = {
        "fps": 10.0, "x_m": 0.4, "y_m": 6.0, "heading": 1.2, "curvature": 0.1, "focal_px": 180.0,
        "height_m": 2.0, "pitch": 0.2, "width_px": 160.0, "tall_px": 120.0,
    }  # fmt: skip
    times = np.arange(5)[None] / 10
    taken = crops(
        loop.puppet, Takes(times_s=times, **{k: np.array([v]) for k, v in one.items()}), "cpu"
    )
    assert taken.whole.all()
    camera = Camera(160, 120, 180.0, 2.0, 0.2)
    walk = loop.puppet.vertices(torch.from_numpy(times[0]))
    walk[..., 1] += 1.2 * times.mean()
    path = Path(0.4, 6.0, 1.2, 0.1)
    shifted = instance_maps([(loop.puppet, path)], camera, times[0], "cpu")
    assert shifted.any()
    for k in range(5):
        pixel, _ = camera.project(path.bend(walk[k].numpy().astype(float)))
        expected = inside(pixel, SIDES, (120, 160))
        y, x = np.nonzero(expected)
        got = taken.masks[0, k].numpy()
        rows, columns = np.nonzero(got)
        assert np.ptp(rows) == np.ptp(y) and np.ptp(columns) == np.ptp(x)
        assert columns.min() + int(taken.left_px[0, k]) == x.min()
        assert abs(int(got.sum()) - len(x)) <= 2
    assert float(taken.walker_px[0]) == pytest.approx(np.ptp(y), rel=0.06)


def test_an_umbrella_hides_but_is_not_the_person() -> None:
    from rt_gait.training.walkers.silhouettes.sequences import crops
    from rt_gait.training.walkers.silhouettes.takes import Takes

    mesh = box()
    hand = Follower("root", (0.0, 0.0, 1.0))
    weights = np.tile([0.0, 1.0], (8, 1))
    roof = (CUBE - [0.5, 0.5, 0.0]) * [1.2, 1.2, 0.3] + [0.0, 0.0, 1.6]
    masks = []
    for kind in ("umbrella", "backpack"):
        part = Part(kind, roof, SIDES, weights, (0.0, 0.0, 0.0), (hand,))
        loop = Loop.of(Figure.join(mesh, mesh.vertices, (part,)), gliding())
        one = {"fps": 25.0, "x_m": 0.0, "y_m": 6.0, "heading": 0.0, "curvature": 0.0,
               "focal_px": 180.0, "height_m": 1.0, "pitch": 0.0, "width_px": 160.0,
               "tall_px": 120.0}  # fmt: skip
        takes = Takes(times_s=np.zeros((1, 1)), **{k: np.array([v]) for k, v in one.items()})
        taken = crops(loop.puppet, takes, "cpu")
        masks.append((taken.masks[0, 0].numpy(), float(taken.walker_px[0])))
    (hidden, short), (carried, tall) = masks
    assert hidden.sum() < carried.sum()
    assert short < 0.9 * tall
    assert np.ptp(np.nonzero(hidden)[1]) < 0.5 * np.ptp(np.nonzero(carried)[1])


def test_walkers_cut_by_the_frame_are_not_kept() -> None:
    from rt_gait.training.walkers.silhouettes.sequences import crops, silhouettes
    from rt_gait.training.walkers.silhouettes.takes import Takes

    loop = Loop.of(Figure.join(box(), box().vertices), gliding())
    some = {
        "fps": np.full(2, 20.0), "heading": np.full(2, np.pi / 2), "curvature": np.zeros(2),
        "focal_px": np.full(2, 180.0),
        "height_m": np.full(2, 1.0), "pitch": np.zeros(2), "width_px": np.full(2, 160.0),
        "tall_px": np.full(2, 120.0), "x_m": np.array([0.0, 2.6]), "y_m": np.full(2, 6.0),
    }  # fmt: skip
    taken = crops(loop.puppet, Takes(times_s=np.tile(np.arange(4) / 20, (2, 1)), **some), "cpu")
    pictures, kept = silhouettes(taken)
    assert kept[0].all() and not kept[1].any()
    assert pictures[0].amax() == 255


@pytest.mark.filterwarnings("ignore:Conversion of an array")  # in Triton's interpreter
def test_kernels_draw_what_processors_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="kernels need Triton, which comes with torch for CUDA")
    if not torch.cuda.is_available():
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    from rt_gait.training.walkers.silhouettes.coverage import cover
    from rt_gait.training.walkers.silhouettes.kernels import cover as kernel
    from rt_gait.training.walkers.silhouettes.kernels import film

    device = "cuda" if torch.cuda.is_available() else "cpu"
    puppet = Loop.of(Figure.join(box(), box().vertices), gliding(sway=0.2)).puppet
    walked = puppet.vertices(torch.tensor([0.1, 0.4], dtype=torch.float64))
    path, camera = Path(0.4, 6.0, 1.2, 0.1), Camera(160, 120, 180.0, 2.0, 0.2)
    view = (0.4, 6.0, 1.2, 0.1, 180.0, 2.0, 0.2, 80.0, 60.0)
    pixels = film(walked.to(device), tuple(torch.full((2,), v, device=device) for v in view))
    expected = [camera.project(path.bend(w.numpy().astype(float)))[0] for w in walked]
    np.testing.assert_allclose(pixels.cpu(), expected, atol=1e-3)
    low = torch.floor(pixels.amin(dim=1)) + torch.tensor([[-3.0, -2.0], [2.0, 4.0]], device=device)
    masks = kernel(pixels, torch.from_numpy(puppet.faces).to(device), low, 70, 60)
    moved = (pixels - low[:, None]).cpu()
    assert torch.equal(masks.cpu(), cover(moved, torch.from_numpy(SIDES), 70, 60))
    assert masks.sum() > 500
