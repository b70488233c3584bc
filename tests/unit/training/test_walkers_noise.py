"""Segmentation noise on true masks, and the statistics and search that fit it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rt_gait.errors import DamagedInputError, UsageError
from rt_gait.training.walkers.noise.fit import objective, search
from rt_gait.training.walkers.noise.masks import Masks
from rt_gait.training.walkers.noise.measure import event_memory, memory
from rt_gait.training.walkers.noise.model import LIMITS, NoiseModel, degrade
from rt_gait.training.walkers.noise.pairs import TALL, foreign, passages
from rt_gait.training.walkers.noise.stats import Sequence, compare, extent, summary
from rt_gait.types import Detections, Mask

NONE = NoiseModel.none()


def figure(legs: float = 0.0) -> np.ndarray:
    """A person 88 pixels tall in (128, 112): head, trunk, arms off the trunk, two legs and feet."""
    mask = np.zeros((128, 112), bool)
    rows, columns = np.mgrid[0:128, 0:112] + 0.5
    mask |= (rows - 26) ** 2 + (columns - 56) ** 2 < 36
    mask |= (rows > 30) & (rows < 62) & (abs(columns - 56) < 9)
    for side in (-1, 1):
        knee = columns - 56 - side * (4 + legs * (rows - 60) / 44)
        mask |= (rows > 60) & (rows < 108) & (abs(knee) < 3.5)
        foot = columns - 59 - side * (4 + legs)
        mask |= (rows > 103) & (rows < 108) & (abs(foot) < 7)
        mask |= (rows > 33) & (rows < 64) & (abs(columns - 56 - side * 14) < 2.5)
    return mask


def walk(frames: int = 24) -> np.ndarray:
    """(T, 128, 112) bool: legs that open and close once a second at 25 frames a second."""
    return np.stack([figure(8 * abs(np.sin(np.pi * k / 25))) for k in range(frames)])


def run(
    model: NoiseModel, seed: int = 1, seen_px: float = 100.0, true: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True masks (S, T, H, W), noisy ones and kept."""
    torch = pytest.importorskip("torch", reason="the noise needs torch")
    true = np.stack([walk()] * 3) if true is None else true
    count, frames = true.shape[:2]
    masks = Masks(
        torch.from_numpy(true.astype(np.uint8)),
        torch.arange(frames).expand(count, frames) / 25,
        torch.full((count,), 88.0),
        torch.full((count,), seen_px),
        torch.from_numpy(np.roll(true, 1, axis=0).astype(np.uint8)),
    )
    seen, kept = degrade(masks, seed, model)
    return true, seen.numpy(), kept.numpy()


def iou(one: np.ndarray, two: np.ndarray) -> float:
    one, two = one.astype(bool), two.astype(bool)
    return float((one & two).sum() / (one | two).sum())


def test_without_noise_only_the_grid_shows() -> None:
    fine = run(NONE, seen_px=600.0)
    assert iou(*fine[:2]) > 0.96
    coarse = run(NONE, seen_px=60.0)
    assert 0.7 < iou(*coarse[:2]) < iou(*fine[:2])
    assert fine[2].all() and coarse[2].all()
    assert fine[1].dtype == np.uint8 and fine[1].max() == 1


def test_a_seed_gives_the_same_masks_and_another_does_not() -> None:
    one, again, other = (run(NoiseModel(), seed=s)[1] for s in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 1e-3


@pytest.mark.parametrize(
    ("name", "weak", "strong"),
    [
        ("ragged_px", 0.4, 3.0),
        ("lose_limbs", 0.02, 0.3),
        ("stray", 0.01, 0.1),
        ("box_sd_px", 1.0, 8.0),
        ("merge", 0.02, 0.5),
    ],
)
def test_stronger_noise_overlaps_less(name: str, weak: float, strong: float) -> None:
    room = replace(NONE, box_bias_px=2.0)
    true, little, _ = run(replace(room, **{name: weak}))
    much = run(replace(room, **{name: strong}))[1]
    assert iou(true, little) > iou(true, much) + 0.01


def test_growing_adds_and_shrinking_takes_area() -> None:
    room = replace(NONE, box_bias_px=5.0)
    areas = [run(replace(room, grow_px=g))[1].sum() for g in (-0.8, 0.0, 0.8)]
    assert areas[0] < 0.97 * areas[1] < 0.94 * areas[2]


def test_lost_feet_leave_the_rest_alone() -> None:
    _, whole, _ = run(NONE)
    lame = run(replace(NONE, lose_feet=0.45, patch_heights=0.1))[1]
    ankle = 20 + int(0.90 * 88) - 4
    np.testing.assert_array_equal(lame[..., :ankle, :], whole[..., :ankle, :])
    assert lame[..., ankle:, :].sum() < 0.85 * whole[..., ankle:, :].sum()


def test_frames_are_dropped_at_the_rate_asked_for_and_come_out_empty() -> None:
    small = np.zeros((60, 50, 16, 16), bool)
    small[..., 2:14, 5:11] = True
    torch = pytest.importorskip("torch", reason="the noise needs torch")
    times = torch.arange(50).expand(60, 50) / 25
    tall = torch.full((60,), 12.0)
    masks = Masks(torch.from_numpy(small), times, tall, tall * 20)
    seen, kept = degrade(masks, 3, replace(NONE, miss=0.1, miss_s=0.05))
    assert 0.08 < 1 - kept.float().mean() < 0.12
    assert not seen[~kept].any()
    runs = (~kept[:, 1:] & ~kept[:, :-1]).float().mean() / (~kept[:, 1:]).float().mean()
    assert runs > 0.2, "misses should come in runs"


def test_a_merged_neighbour_lies_beside_the_person() -> None:
    room = replace(NONE, box_bias_px=10.0)
    true, alone, _ = run(room)
    both = run(replace(room, merge=0.5, merge_s=10.0))[1]
    added = (both > alone).sum(axis=(2, 3)) / true.sum(axis=(2, 3))
    assert 0.1 < (added > 0.02).mean() < 0.9


def test_memories_are_measured_from_what_happens_again() -> None:
    assert memory(np.exp(-1 / 25 / 0.2)) == pytest.approx(0.2)
    rng, share = np.random.default_rng(3), np.exp(-1 / 25 / 0.3)
    level, highs = rng.normal(size=4000), []
    for _ in range(25):
        highs.append(level > 1.2816)
        level = share * level + np.sqrt(1 - share**2) * rng.normal(size=4000)
    before, after = np.stack(highs[:-1]), np.stack(highs[1:])
    again = float(after[before].mean())
    assert event_memory(0.1, again) == pytest.approx(0.3, rel=0.15)
    assert event_memory(0.0, 0.0) < 0.02


def test_noise_lasts_over_frames() -> None:
    def flicker(memory: float) -> float:
        model = replace(NONE, ragged_px=2.0, ragged_s=memory, box_bias_px=5.0)
        still = np.stack([np.stack([figure(4.0)] * 12)] * 3)
        seen = run(model, seen_px=300.0, true=still)[1].astype(int)
        return float(abs(np.diff(seen, axis=1)).mean())

    assert flicker(1.0) < 0.7 * flicker(0.01)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_strengths_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is .* expected"):
        replace(NONE, **{name: LIMITS[name][1] * 2 + 1})
    with pytest.raises(ValueError, match="expected"):
        replace(NONE, **{name: LIMITS[name][0] - 1})


def test_shapes_that_do_not_fit_are_refused() -> None:
    torch = pytest.importorskip("torch", reason="the noise needs torch")
    one = torch.ones(2)
    with pytest.raises(ValueError, match=r"\(S, T, H, W\)"):
        Masks(torch.zeros(2, 8, 8), torch.zeros(2, 3), one, one)
    with pytest.raises(ValueError, match="times has shape"):
        Masks(torch.zeros(2, 3, 8, 8), torch.zeros(3, 2), one, one)


def sequence(seen: np.ndarray, true: np.ndarray, **changes: Any) -> Sequence:
    found = np.ones(len(true), bool)
    return replace(Sequence(true, seen, found, 100.0), **changes)


def block(rows: slice, columns: slice, frames: int = 3) -> np.ndarray:
    mask = np.zeros((frames, 128, 112), bool)
    mask[:, rows, columns] = True
    return mask


TRUE = block(slice(14, 114), slice(40, 60))


def test_equal_masks_have_no_error() -> None:
    got = compare(sequence(walk(3), walk(3)))
    assert (got["iou"] == 1).all() and (got["area"] == 0).all()
    for name in ("offset", "ragged", "chamfer", "edge_top", "holes"):
        np.testing.assert_allclose(got[name], 0, atol=1e-6)
    assert (got["recall_feet"] == 1).all() and (got["precision_head"] == 1).all()


def test_a_grown_block_has_known_errors() -> None:
    got = compare(sequence(block(slice(12, 116), slice(38, 62)), TRUE))
    np.testing.assert_allclose(got["iou"], 2000 / (104 * 24))
    np.testing.assert_allclose(got["area"], 104 * 24 / 2000 - 1)
    np.testing.assert_allclose(got["offset"], 0.02, atol=0.0005)
    np.testing.assert_allclose(got["edge_left"], 0.02)
    assert got["ragged"].max() < 0.002
    shrunk = compare(sequence(block(slice(17, 111), slice(43, 57)), TRUE))
    np.testing.assert_allclose(shrunk["offset"], -0.03, atol=0.0005)
    np.testing.assert_allclose(shrunk["edge_bottom"], -0.03)


def test_bands_holes_and_pieces() -> None:
    seen = TRUE.copy()
    seen[:, 108:114] = False
    seen[:, 40:50, 45:55] = False
    seen[:, 14:20, 70:80] = True
    got = compare(sequence(seen, TRUE))
    assert (got["recall_feet"] == 0).all() and (got["recall_shanks"] == 1).all()
    np.testing.assert_allclose(got["recall_trunk"], 1 - 100 / (34 * 20))
    np.testing.assert_allclose(got["precision_head"], 260 / 320)
    np.testing.assert_allclose(got["holes"], 100 / 2000)
    assert (got["pieces"] == 2).all()


def test_the_summary_separates_walkers_frames_and_misses() -> None:
    areas = ([0.9, 0.9, 1.0, 1.0], [0.7, 0.7, 0.8, 0.8])
    both = []
    for shares in areas:
        true = block(slice(14, 114), slice(40, 60), 4)
        seen = true.copy()
        for k, share in enumerate(shares):
            seen[k, 14 + round(100 * share) :] = False
        both.append(compare(sequence(seen, true)))
    got = summary(both, np.array([0.0, 0.5]))
    assert got["iou"] == pytest.approx(0.85)
    assert got["iou_between"] == pytest.approx(0.1)
    assert got["iou_within"] == pytest.approx(0.05)
    assert got["iou_lag1"] == pytest.approx(1 / 3)
    assert got["missed"] == 0.25
    assert got["hole_rate"] == 0


def test_missed_frames_do_not_count_in_the_means() -> None:
    seen = TRUE.copy()
    seen[1] = False
    got = compare(sequence(seen, TRUE, found=np.array([True, False, True])))
    assert np.isnan(got["iou"][1]) and got["iou"][0] == 1
    assert summary([got], np.array([1 / 3]))["iou"] == 1
    with pytest.raises(ValueError, match="no sequences"):
        summary([], np.zeros(0))


def test_sequences_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="arrays expected"):
        sequence(TRUE[:2], TRUE)
    with pytest.raises(ValueError, match="found is"):
        sequence(TRUE, TRUE, found=np.ones(5, bool))
    with pytest.raises(ValueError, match="true mask is empty"):
        sequence(TRUE, TRUE & False)


def test_the_search_finds_planted_strengths() -> None:
    true = np.stack([walk(8)] * 4)
    names = ("iou", "area", "ragged", "chamfer", "recall_feet")

    def columns(model: NoiseModel, seed: int) -> list[dict[str, float]]:
        _, seen, _ = run(model, seed=seed, true=true)
        parts = [compare(sequence(s.astype(bool), t)) for s, t in zip(seen, true, strict=True)]
        return [{n: summary(parts, np.zeros(4))[n] for n in names}]

    start = replace(NONE, box_bias_px=3.0, grow_px=0.4, ragged_px=0.4)
    planted = replace(start, grow_px=1.0, ragged_px=1.2)
    target = columns(planted, seed=7)
    found, least = search(
        start,
        lambda m: objective(columns(m, seed=1), target),
        ("grow_px", "ragged_px"),
        tries=30,
    )
    assert least < 0.5 * objective(columns(start, seed=1), target)
    assert found.grow_px == pytest.approx(1.0, abs=0.4)
    assert found.ragged_px == pytest.approx(1.2, abs=0.4)


class Threshold:
    """A segmenter of bright people before a dark wall; ``blind`` from one frame on."""

    key = "threshold"

    def __init__(self, blind: int) -> None:
        self.blind, self.frame = blind, -1

    def detect(self, image_bgr: np.ndarray) -> Detections:
        self.frame += 1
        bright = (image_bgr[..., 0] > 127).view(np.uint8)
        _, labels = cv2.connectedComponents(cv2.dilate(bright, np.ones((9, 9), np.uint8)))
        if self.frame >= self.blind:
            return Detections.none()
        people = [(labels == k) & (bright > 0) for k in range(1, labels.max() + 1)]
        boxes = [(left, top, right, bottom) for top, bottom, left, right in map(extent, people)]
        masks = tuple(Mask(0, 0, person) for person in people)
        return Detections(np.array(boxes, np.float32), np.ones(len(people), np.float32), masks)


def test_passages_pair_what_was_seen_with_the_truth(tmp_path: Path) -> None:
    clip, records, packed = tmp_path / "two.avi", [], {}
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
    for k in range(12):
        picture, truth = np.zeros((240, 320), np.uint8), []
        for ident, (x, y) in enumerate(((20 + 2 * k, 40), (150 + 2 * k, 90)), 1):
            mask = np.zeros((240, 320), bool)
            mask[y : y + 128, x : x + 112] = figure(4.0)
            top, bottom, left, right = extent(mask)
            picture[mask] = 255
            packed[f"{k}_{ident}"] = np.packbits(mask)
            box = [left, top, right, bottom]
            seen = 0.5 if ident == 2 and k == 5 else 1.0
            truth.append({"id": ident, "box_xyxy_px": box, "visible": seen, "cut": False})
        records.append(truth)
        writer.write(np.repeat(picture[..., None], 3, axis=2))
    writer.release()
    np.savez(tmp_path / "two_masks.npz", truth=json.dumps(records), fps=25, **packed)

    one, two = passages(clip, tmp_path / "two_masks.npz", Threshold(blind=10))
    assert (one.name, two.name) == ("two:1", "two:2")
    assert len(one.masks.found) == 12 and len(two.masks.found) == 11
    assert one.masks.found.sum() == 10 and not one.masks.seen[10:].any()
    assert one.masks.height_px == 2 * 88
    top, bottom, *_ = extent(one.masks.true[0])
    assert bottom - top == pytest.approx(TALL, abs=1)
    assert compare(one.masks)["iou"][:10].min() > 0.95
    assert np.nanmax(abs(one.boxes)) < 0.02 and np.isnan(one.boxes[10:]).all()
    assert foreign(one).max() == 0

    records.append(records[-1])
    np.savez(tmp_path / "long_masks.npz", truth=json.dumps(records), fps=25, **packed)
    with pytest.raises(DamagedInputError, match="12 frames, 13 expected"):
        list(passages(clip, tmp_path / "long_masks.npz", Threshold(blind=99)))
    for rate in ({}, {"fps": 30}):
        np.savez(tmp_path / "fast_masks.npz", truth=json.dumps(records), **rate, **packed)
        with pytest.raises(UsageError, match="expected a clip of 25 frames a second"):
            list(passages(clip, tmp_path / "fast_masks.npz", Threshold(blind=99)))
