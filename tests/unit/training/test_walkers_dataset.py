"""Data sets: the same bytes again, disjoint splits, honest manifests, a fast reader."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from rt_gait.errors import DamagedInputError, OutputError, UsageError
from rt_gait.training.walkers.data.dataset import make
from rt_gait.training.walkers.data.order import Order, shares
from rt_gait.training.walkers.data.population import (
    CASIA_B,
    Population,
    SessionPlan,
    free_sessions,
    seed_of,
)
from rt_gait.training.walkers.data.reader import SilhouetteSet
from rt_gait.training.walkers.noise.model import NoiseModel
from rt_gait.training.walkers.silhouettes.takes import free_takes, laboratory_takes, moments


def order(**other: object) -> Order:
    population = Population(7, free_sessions(2, 1))
    subjects = {"train": 2, "validation": 1, "test": 1}
    return Order(
        **{"subjects": subjects, "population": population, "views": 2, "frames": 5, **other}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="silhouettes are drawn with torch")
    pytest.importorskip("anny", reason="bodies come from Anny")
    out = tmp_path_factory.mktemp("walkers") / "set"
    make(order(), out, "cpu")
    return out


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """By one process or several; this one has other threads, and on some processors other sums."""
    make(order(), tmp_path / "again", "cpu")
    assert content(tmp_path / "again") == content(folder)
    make(order(), tmp_path / "one", "cpu", workers=1)
    make(order(), tmp_path / "two", "cpu", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_another_seed_gives_other_bytes(folder: Path, tmp_path: Path) -> None:
    other = order(population=Population(8, free_sessions(2, 1)), subjects={"test": 1})
    make(other, tmp_path / "other", "cpu")
    one, two = (SilhouetteSet.load(f, "test") for f in (folder, tmp_path / "other"))
    assert one.silhouettes.shape != two.silhouettes.shape or (
        (one.silhouettes != two.silhouettes).any()
    )


def test_the_manifest_tells_of_every_sequence(folder: Path) -> None:
    table = rows(folder)
    about = json.loads((folder / "dataset.json").read_text())
    assert len(table) == about["sequences"] == 4 * 2 * 1 * 2
    assert sum(int(r["frames"]) for r in table) == about["frames"] > 0
    for name, digest in about["shards"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {r["shard"] for r in table} == set(about["shards"])
    first = table[0]
    assert first["clothing"] == "normal" and first["carrying"] == "none"
    assert 0.4 < float(first["speed_m_s"]) < 2.2 and 0 <= float(first["view_deg"]) < 360


def test_splits_share_no_subject_clothes_walk_or_camera(folder: Path) -> None:
    own: dict[str, dict[str, set[object]]] = {}
    for row in rows(folder):
        kept = own.setdefault(row["split"], {"stature": set(), "wear": set(), "walk": set()})
        kept["stature"].add(row["stature_m"])
        kept["wear"].add(row["wear_seed"])
        kept["walk"].add(row["seed"])
        kept.setdefault("camera", set()).add((row["focal_px"], row["pitch_deg"]))
    splits = list(own)
    assert splits == ["train", "validation", "test"]
    for k, one in enumerate(splits):
        for two in splits[k + 1 :]:
            for what in own[one]:
                assert own[one][what].isdisjoint(own[two][what]), what


def test_silhouettes_are_centred_and_full_height(folder: Path) -> None:
    found = SilhouetteSet.load(folder, "train")
    assert found.silhouettes.shape[1:] == (64, 44) and found.silhouettes.dtype == np.uint8
    assert found.silhouettes[:, 0].any(axis=1).all() and found.silhouettes[:, 63].any(axis=1).all()
    mass = found.silhouettes.sum(axis=1, dtype=np.int64).cumsum(axis=1)
    centre = (mass > mass[:, -1:] / 2).argmax(axis=1)
    assert np.abs(centre - 22).max() <= 1


def test_batches_hold_what_was_asked_for(folder: Path) -> None:
    found = SilhouetteSet.load(folder, "train")
    pictures, subject = found.batch(np.random.default_rng(0), 2, 3, 8)
    assert pictures.shape == (6, 8, 64, 44)
    assert sorted(np.bincount(subject)) == [3, 3]
    again, _ = found.batch(np.random.default_rng(0), 2, 3, 8)
    np.testing.assert_array_equal(pictures, again)


def test_batches_are_faster_than_drawing_them(folder: Path) -> None:
    found = SilhouetteSet.load(folder, "train")
    rng = np.random.default_rng(0)
    begin = time.perf_counter()
    for _ in range(20):
        found.batch(rng, 16, 4, 30)
    reading = (time.perf_counter() - begin) / (20 * 16 * 4 * 30)
    from rt_gait.training.walkers.data.filming import Shot, film

    walk = order().population.recordings("train", 0)[0]
    takes = free_takes(np.random.default_rng(1), 2, 10, 1.3)
    begin = time.perf_counter()
    film([Shot.of(walk, takes)], NoiseModel(), "cpu")
    assert reading * 10 < (time.perf_counter() - begin) / 20


def test_an_interrupted_data_set_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="silhouettes are drawn with torch")
    pytest.importorskip("anny", reason="bodies come from Anny")

    def stop(line: str) -> None:
        assert line.startswith("train-0000.npz: 8 sequences")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(order(), tmp_path / "mine", "cpu", report=stop)
    assert not list(tmp_path.iterdir())


def test_neighbours_are_nobody_in_the_data_set() -> None:
    pytest.importorskip("torch", reason="silhouettes are drawn with torch")
    pytest.importorskip("anny", reason="bodies come from Anny")
    from rt_gait.training.walkers.data.filming import Shot, _passer_by, film

    walk, other = order().population.recordings("train", 0)[0], _passer_by(7, "train", 0)
    assert other.labels["subject"] == "train passing-00000"
    assert other.labels["stature_m"] != walk.labels["stature_m"]
    takes = laboratory_takes(np.random.default_rng(1), np.array([90.0]), 20)
    near = NoiseModel(merge=0.5, merge_s=5.0)
    shots = [Shot.of(walk, takes)]
    alone, _ = film(shots, near, "cpu")
    beside, _ = film(shots, near, "cpu", [other.loop.puppet])
    assert (beside.astype(int) - alone).max() == 255


def test_a_manifest_that_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    lines = (folder / "manifest.csv").read_text().splitlines()
    (tmp_path / "manifest.csv").write_text("\n".join(lines[:2]))
    with pytest.raises(DamagedInputError, match=r"does not hold what manifest\.csv says"):
        SilhouetteSet.load(tmp_path, "train")
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(UsageError, match="holds no data set"):
        SilhouetteSet.load(tmp_path, "train")


def test_rank1_counts_the_walks_nearest_to_their_own_gallery() -> None:
    from rt_gait.training.walkers.data.identity_check import Energies, rank1

    eye = np.eye(4, dtype=np.float32)
    images = np.concatenate([np.repeat(eye[:2], 4, axis=0), eye[[0, 0]], eye[[1, 1]]])
    subject = np.repeat(["a", "b", "a", "b"], [4, 4, 2, 2])
    session = np.repeat(["nm", "bg"], [8, 4])
    trial = np.array([0, 1, 2, 3] * 2 + [0, 1] * 2)
    found = Energies(images, subject, session, trial, np.full(12, 90.0))
    assert rank1(found, "bg", 90.0) == 1.0
    swapped = Energies(images, subject[::-1].copy(), session[::1], trial, np.full(12, 90.0))
    assert rank1(swapped, "bg", 90.0) == 0.0


def test_two_populations_can_hold_one_thing_equal() -> None:
    pytest.importorskip("anny", reason="bodies come from Anny")
    plan = (SessionPlan("nm", 1, 0, ("normal",), ("none",)),)
    for equal, same in (("bodies", True), ("gaits", False)):
        one, two = (
            Population(3, plan, equal).recordings("test", k)[0].loop.figure.mesh.vertices
            for k in (0, 1)
        )
        assert np.array_equal(one, two) == same


@pytest.mark.parametrize(
    ("subjects", "parts", "message"),
    [
        (0, (0.8, 0.1, 0.1), "0 subjects are too few"),
        (2, (0.8, 0.1, 0.1), "2 subjects are too few"),
        (5, (0.8, 0.1, 0.2), "sum to 1"),
        (5, (float("nan"),) * 3, "sum to 1"),
        (5, (1.2, -0.1, -0.1), "sum to 1"),
    ],
)
def test_impossible_splits_are_refused(
    subjects: int, parts: tuple[float, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        shares(subjects, parts)


def test_shares_leave_nobody_out() -> None:
    assert shares(2000, (0.8, 0.1, 0.1)) == {"train": 1600, "validation": 200, "test": 200}
    assert shares(3, (0.8, 0.1, 0.1)) == {"train": 1, "validation": 1, "test": 1}
    assert shares(7, (0.0, 0.0, 1.0)) == {"test": 7}
    assert sum(shares(7, (0.6, 0.2, 0.2)).values()) == 7


def test_full_folders_and_empty_orders_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="silhouettes are drawn with torch")
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(OutputError, match="the folder is not empty; name a new one"):
        make(order(), tmp_path, "cpu")
    assert (tmp_path / "mine").read_text() == "keep"
    for wrong, message in (
        ({"views": 0}, "at least 1 session, trial and view"),
        ({"population": Population(1, free_sessions(2, 0))}, "at least 1 session"),
        ({"frames": 1}, "frames: expected 2 to 300, got 1"),
        ({"frames": 301}, "frames: expected 2 to 300, got 301"),
    ):
        with pytest.raises(UsageError, match=message):
            make(order(**wrong), tmp_path / "new", "cpu")
    assert not (tmp_path / "new").exists()


def test_what_is_no_data_set_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no data set"):
        SilhouetteSet.load(tmp_path, "train")
    with pytest.raises(UsageError, match=r"no 'dev' split: .* test, train, validation"):
        SilhouetteSet.load(folder, "dev")
    for name in ("dataset.json", "manifest.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "train-0000.npz").write_bytes(b"PK not a shard")
    with pytest.raises(DamagedInputError, match=r"train-0000\.npz is damaged"):
        SilhouetteSet.load(tmp_path, "train")


def test_seeds_depend_on_every_part() -> None:
    seeds = [seed_of(1, "train", 2), seed_of(1, "test", 2), seed_of(2, "train", 1), seed_of(1, 2)]
    assert len(set(seeds)) == 4 and min(seeds) >= 0
    assert seed_of(1, "train", 2) == seeds[0]


def test_views_go_round_and_cameras_stay_in_range() -> None:
    takes = free_takes(np.random.default_rng(2), 400, 30, 1.3)
    view = np.degrees(takes.heading + np.arctan2(takes.x_m, takes.y_m)) % 360
    assert np.histogram(view, 8, (0, 360))[0].min() >= 40
    assert takes.height_m.min() >= 1.0 and takes.height_m.max() <= 6.0
    rate = 29 / (takes.times_s[:, -1] - takes.times_s[:, 0])
    np.testing.assert_allclose(rate, takes.fps, rtol=0.03)
    assert (np.diff(takes.times_s, axis=1) > 0).all()
    least = takes.fps.min()
    assert least == 10.0 and takes.fps.max() == 60.0
    gone = 0.5 * 1.3 * 30 / takes.fps
    assert (np.hypot(takes.x_m, takes.y_m) - gone).min() > 2.4


def test_a_laboratory_has_the_views_asked_for() -> None:
    takes = laboratory_takes(np.random.default_rng(2), np.array([90.0, 0.0]), 10)
    view = np.degrees(takes.heading + np.arctan2(takes.x_m, takes.y_m))
    np.testing.assert_allclose(view, [90.0, 0.0], atol=1e-9)
    from rt_gait.training.walkers.data.filming import Shot, _row

    many = laboratory_takes(np.random.default_rng(3), np.zeros(200), 10)
    nobody = Shot(None, many, {}, 0)  # type: ignore[arg-type]
    assert {_row(nobody, k)["view_deg"] for k in range(200)} == {0.0}
    np.testing.assert_allclose(np.diff(takes.times_s, axis=1), 0.04, atol=1e-9)


def test_moments_jitter_about_the_frame_rate() -> None:
    times = moments(np.random.default_rng(0), np.array([25.0, 10.0]), 2000, np.array([0.0, 0.1]))
    np.testing.assert_allclose(np.diff(times[0]), 0.04, atol=1e-9)
    assert np.diff(times[1]).std() == pytest.approx(0.1 * 0.1 * np.sqrt(2), rel=0.15)
    assert (times[1, -1] - times[1, 0]) / 1999 == pytest.approx(0.1, rel=0.01)


def test_the_protocol_is_that_of_casia_b() -> None:
    with pytest.raises(ValueError, match="'bodies', 'gaits' or empty, not 'body'"):
        Population(1, CASIA_B, "body")
    assert [(p.name, p.trials) for p in CASIA_B] == [("nm", 6), ("bg", 2), ("cl", 2)]
    assert len({p.day for p in CASIA_B}) == 1
