"""Paths, cameras and the clip command of the synthetic walkers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rt_gait
from rt_gait.errors import UsageError
from rt_gait.track.mot import read_ground_truth
from rt_gait.training.walkers.__main__ import main
from rt_gait.training.walkers.camera import Camera, draw_camera, project
from rt_gait.training.walkers.gait.rotations import axis_rotation
from rt_gait.training.walkers.path import Path as Way
from rt_gait.training.walkers.path import bend
from rt_gait.training.walkers.video.shading import Light
from rt_gait.training.walkers.video.staging import APART, FROM_CAMERA, FROM_WALL, Stage, draw_ways

ARC = Way(1.0, 6.0, 0.4, 0.25)


def test_a_straight_path_turns_the_walk_as_a_whole() -> None:
    points = np.random.default_rng(1).normal(size=(50, 3))
    turned = points @ axis_rotation(2, 0.7).T + [2.0, 5.0, 0.0]
    np.testing.assert_allclose(Way(2.0, 5.0, 0.7).bend(points), turned, atol=1e-12)


def test_a_metre_walked_is_a_metre_of_the_arc() -> None:
    places, heading = ARC.at(np.linspace(0.0, 4.0, 4001))
    walked = np.linalg.norm(np.diff(places, axis=0), axis=1).sum()
    assert walked == pytest.approx(4.0, abs=1e-6)
    assert heading[-1] == pytest.approx(0.4 + 4.0 * 0.25)
    centre = np.array([1.0, 6.0]) + 4.0 * np.array([np.cos(0.4), np.sin(0.4)])
    np.testing.assert_allclose(np.linalg.norm(places - centre, axis=1), 4.0, atol=1e-9)


def test_a_planted_foot_stays_where_it_is_while_the_walker_goes_round() -> None:
    pytest.importorskip("torch", reason="walks are posed in torch")
    pytest.importorskip("anny", reason="bodies are exported from Anny")
    from rt_gait.training.walkers.video.company import draw_person
    from rt_gait.training.walkers.video.scene import Walker

    person = draw_person(1)
    low, step = person.look.figure.vertices[:, 2] < 0.02, 0.02 * person.speed
    least = []
    for way in (ARC, Way(ARC.x, ARC.y, ARC.heading)):
        walker = Walker(1, None, person.look, person.loops[0], way)
        ends = [walker.posed(float(t), 0.02)[:, low] for t in np.linspace(0.1, 1.3, 13)]
        moved = [np.linalg.norm(after - before, axis=1) / step for before, after in ends]
        assert min(m.max() for m in moved) > 0.5
        least.append([m.min() for m in moved])
    assert np.median(least) < 0.05
    np.testing.assert_allclose(*least, atol=0.01)


def test_left_is_left_and_sizes_hold_near_the_path() -> None:
    left = Way(0.0, 9.0, 0.0, 0.3)
    (place,), _ = left.at([2.0])
    assert place[0] > 0.5  # seen from a camera that the walker faces, left is to the right
    gap = ARC.bend(np.array([[0.2, -1.0, 0.0], [-0.2, -1.0, 0.0]]))
    assert np.linalg.norm(gap[0] - gap[1]) == pytest.approx(0.4)


def test_torch_bends_as_numpy_does() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    points, place = rng.normal(size=(3, 7, 3)), rng.normal(size=(4, 3)) * 0.3
    batched = bend(torch.from_numpy(points), *torch.from_numpy(place)).numpy()
    for n in range(3):
        np.testing.assert_allclose(batched[n], Way(*place[:, n]).bend(points[n]), atol=1e-12)


def test_many_cameras_at_once_see_what_each_sees_alone() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    cameras = [Camera(64, 48, 60.0, 2.0, 0.1), Camera(320, 240, 500.0, 5.5, -0.2)]
    points = rng.uniform([-2, 3, 0], [2, 9, 2], size=(2, 30, 3))
    values = [[c.focal_px, c.height_m, c.pitch] for c in cameras]
    focal, height, pitch = torch.tensor(values, dtype=torch.float64).T
    centre = torch.tensor([[c.width_px / 2, c.tall_px / 2] for c in cameras])
    pixel, depth = project(torch.from_numpy(points), focal, height, pitch, centre)
    for n, camera in enumerate(cameras):
        one, far = camera.project(points[n])
        np.testing.assert_allclose(pixel[n].numpy(), one, atol=1e-9)
        np.testing.assert_allclose(depth[n].numpy(), far, atol=1e-9)
    middle = cameras[0].rays()[23:25, 31:33].mean(axis=(0, 1)) * 5.0 + [0.0, 0.0, 2.0]
    np.testing.assert_allclose(cameras[0].project(middle)[0], [32.0, 24.0], atol=1e-9)


def test_cameras_look_at_people_from_one_to_six_metres_up() -> None:
    for seed in range(50):
        camera, distance = draw_camera(np.random.default_rng(seed), (960, 540))
        assert 1.0 <= camera.height_m <= 6.0
        ends = np.array([[0.0, distance, z] for z in (0.0, 1.9)])
        pixel, _ = camera.project(ends)
        assert (pixel > 0).all() and (pixel < [960, 540]).all()
        assert 0.1 < (pixel[0, 1] - pixel[1, 1]) / 540 < 0.7


LAMP = Light(np.array([0.0, -0.6, 0.8]))
STAGE = Stage(Camera(960, 540, 900.0, 2.0, 0.12), LAMP, 12.0, 7.0, np.zeros((1, 1, 3), np.float32))


@pytest.mark.parametrize("seed", range(6))
def test_people_cross_without_walking_through_each_other_or_the_wall(seed: int) -> None:
    speeds, times = [1.2, 1.5, 1.0, 1.3], np.arange(0.0, 12.0, 0.05)
    ways = draw_ways(seed, STAGE, speeds, 12.0)
    places = [w.path.at(v * (times - w.start))[0] for w, v in zip(ways, speeds, strict=True)]
    there = [(times >= w.start + 0.3) & (times <= w.end - 0.3) for w in ways]
    met = 0
    for k in range(4):
        y = places[k][there[k], 1]
        assert y.min() > FROM_CAMERA - 0.1 and y.max() < STAGE.wall - FROM_WALL + 0.1
        for j in range(k):
            both = there[k] & there[j]
            assert (
                np.linalg.norm(places[k] - places[j], axis=1)[both].min(initial=9.0) > APART - 0.1
            )
            bearing = [p[:, 0] / p[:, 1] for p in (places[k], places[j])]
            met += len(np.unique(np.sign(bearing[0] - bearing[1])[both])) == 2
    assert met >= 1


def test_ways_go_in_all_directions_and_some_are_curved() -> None:
    ways = [w for seed in range(12) for w in draw_ways(seed, STAGE, [1.2, 1.4, 1.3, 1.1], 12.0)]
    quarter = np.array([int((w.path.heading % (2 * np.pi)) // (np.pi / 2)) for w in ways])
    assert np.bincount(quarter, minlength=4).min() >= 4
    assert 0.25 < np.mean([w.path.curvature != 0.0 for w in ways]) < 0.75


def test_too_many_walkers_are_refused() -> None:
    with pytest.raises(UsageError, match="no room for 90"):
        draw_ways(1, STAGE, [1.3] * 90, 6.0)


def test_a_clip_is_a_video_with_its_truth_and_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="walks are posed in torch")
    pytest.importorskip("anny", reason="bodies are exported from Anny")
    cv2 = pytest.importorskip("cv2")
    size = ["--seconds", "0.4", "--fps", "10", "--size", "160x120", "--seed", "3", "--masks"]
    for name in ("one", "two"):
        assert main(["clip", "--walkers", "3", "--out", str(tmp_path / f"{name}.mp4"), *size]) == 0
    written = sorted(tmp_path.glob("one*"))
    assert len(written) == 5
    for path in written:
        again = path.with_name(path.name.replace("one", "two"))
        assert path.read_bytes() == again.read_bytes(), path.name

    document = json.loads((tmp_path / "one_truth.json").read_text())
    video = cv2.VideoCapture(str(tmp_path / "one.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == len(document["frames"]) == 4
    assert video.read()[1].shape == (120, 160, 3)
    assert [w["id"] for w in document["walkers"]] == [1, 2, 3]

    boxes = read_ground_truth(tmp_path / "one_gt.txt")
    known = [(k, w) for k, frame in enumerate(document["frames"], 1) for w in frame]
    assert len(boxes) == len(known)
    with np.load(tmp_path / "one_masks.npz") as masks:
        for k, w in known:
            x1, y1, x2, y2 = w["box_xyxy_px"]
            mask = np.unpackbits(masks[f"{k - 1}_{w['id']}"]).reshape(120, 160)
            rows, columns = np.nonzero(mask)
            assert x1 <= columns.min() and columns.max() < x2
            assert y1 <= rows.min() and rows.max() < y2
            if w["visible"] == 1.0:
                assert (columns.min(), rows.max() + 1) == (x1, y2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--walkers", "0"], (2, "whole number of 1 or more")),
        (["--seconds", "-1"], (2, "seconds above 0")),
        (["--seconds", "soon"], (2, "seconds above 0")),
        (["--seconds", "3600"], (2, "below 3600")),
        (["--seconds", "0.01"], (2, "is no frame")),
        (["--fps", "0"], (2, "whole number of 1 or more")),
        (["--fps", "121"], (2, "fps must be")),
        (["--size", "960"], (2, "WIDTHxHEIGHT")),
        (["--size", "961x540"], (2, "even")),
        (["--out", "/nowhere/a.mp4"], (6, "folder does not exist")),
        (["--out", "."], (2, ".mp4")),
        (["--out", "clip.avi"], (2, ".mp4")),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(
    wrong: list[str],
    told: tuple[int, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = told
    monkeypatch.chdir(tmp_path)
    assert main(["clip", "--out", "a.mp4", *wrong]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("missing", "code"), [("anny", 4), ("torch", 2)])
def test_missing_packages_are_named_in_one_line(missing: str, code: int, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from rt_gait.training.walkers.__main__ import main\n"
        "sys.exit(main(['clip', '--out', 'a.mp4', '--size', '64x48', '--seconds', '0.1']))"
    )
    place = {"XDG_CACHE_HOME": str(tmp_path)} if missing == "anny" else {}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(rt_gait.__file__).parents[1])} | place,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == code
    assert line.endswith("is not installed: pip install 'rt-gait[train]'")
    assert not list(tmp_path.glob("a*"))


def test_who_comes_and_goes_is_told_once() -> None:
    from rt_gait.training.walkers.video.clips import event_lines

    def walker(ident: int) -> dict[str, object]:
        return {"id": ident, "name": None, "box_xyxy_px": [0, 0, 1, 1], "visible": 1.0}

    records = [[walker(1)], [walker(1), walker(2)], [walker(2)]]
    told = [json.loads(line) for line in event_lines(records, 10).splitlines()]
    assert [(e["type"], e["frame"], e["id"]) for e in told] == [
        ("walker.entered", 0, 1),
        ("walker.entered", 1, 2),
        ("walker.left", 1, 1),
    ]
    assert told[1]["time_secs"] == 0.1


def test_detections_are_walkers_once_each_and_the_best_pair_first() -> None:
    from rt_gait.training.walkers.video.detection_check import match

    true = np.array([[0.0, 0.0, 10.0, 20.0], [30.0, 0.0, 40.0, 20.0]])
    found = np.array([[1.0, 0.0, 11.0, 20.0], [0.0, 0.0, 10.0, 19.0], [33.0, 9.0, 43.0, 29.0]])
    assert match(found, true).tolist() == [-1, 0, -1]
    assert match(found[:0], true).tolist() == []
    assert match(found, true[:0]).tolist() == [-1, -1, -1]


def test_training_pictures_are_labelled_with_everybody_seen_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="walks are posed in torch")
    pytest.importorskip("anny", reason="bodies are exported from Anny")
    cv2 = pytest.importorskip("cv2")
    from rt_gait.training.walkers.video.people import LEAST_PIXELS
    from rt_gait.training.walkers.video.scene import Scene, Truth

    seen: list[list[Truth]] = []
    draw = Scene.frame

    def watched(scene: Scene, *given: Any) -> Any:
        frame, truth = draw(scene, *given)
        seen.append([t for t in truth if t.mask.sum() >= LEAST_PIXELS])
        return frame, truth

    monkeypatch.setattr(Scene, "frame", watched)
    options = ["--count", "3", "--bodies", "3", "--scenes", "1", "--seed", "2"]
    assert main(["people", "--out", str(tmp_path), *options]) == 0
    assert sum(map(len, seen)) >= 3
    assert f"{sum(map(len, seen))} people" in capsys.readouterr().out
    for stem, truth in zip([f"walkers_02_{k:05d}" for k in range(3)], seen, strict=True):
        height, width = cv2.imread(str(tmp_path / "images" / f"{stem}.jpg")).shape[:2]
        lines = (tmp_path / "labels" / f"{stem}.txt").read_text().splitlines()
        for line, true in zip(lines, truth, strict=True):
            kind, *values = line.split()
            outline = np.array(values, dtype=float).reshape(-1, 2) * [width, height]
            drawn = np.zeros((height, width), np.uint8)
            cv2.fillPoly(drawn, [np.round(outline - 0.5).astype(np.int32)], 1)
            assert kind == "0"
            assert (true.mask & (drawn > 0)).sum() > 0.8 * (true.mask | (drawn > 0)).sum()
