"""Fits the strengths of :mod:`.noise` to a segmenter's errors on clips whose masks are known.

    python -m rt_gait.training.walkers.noise_fit --clips DIR

DIR holds ``NAME.mp4`` with ``NAME_masks.npz`` (see ``clips.record``). Printed are the fitted
:class:`.noise.NoiseModel` and, side by side, the statistics of the segmenter and of the noise.

The errors of the box and the rates of missed frames and merged neighbours are measured. The other
strengths are searched: each in turn is tried a step up and a step down and kept where the
objective falls; when none moves, the steps are halved. The objective is the mean of
|noise - segmenter| over all statistics and bins of height, in units of each one's tolerance.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from .noise import LIMITS, Masks, NoiseModel, degrade
from .noise_clips import TALL, Passage, passages
from .noise_stats import Sequence, compare, summary

Array = npt.NDArray[np.float64]
Columns = list[dict[str, float]]

#: Bins of the person's height in pixels of the segmenter's input.
BINS = ((40.0, 80.0), (80.0, 140.0), (140.0, np.inf))
#: Frames a second of the clips, and frames of each sequence that are compared.
FPS, FRAMES = 25.0, 24
#: A frame counts as merged when this share of the seen mask lies on a neighbour.
LEAST_MERGED = 0.03
#: Difference that counts 1, by beginning of the statistic's name; the first that fits holds.
TOLERANCE = {
    "iou_lag1": 0.2,
    "iou": 0.02,
    "area_lag1": 0.2,
    "area": 0.02,
    "offset_lag1": 0.2,
    "offset": 0.002,
    "ragged": 0.002,
    "chamfer": 0.0015,
    "recall": 0.02,
    "precision": 0.02,
    "holes": 0.001,
    "hole_rate": 0.03,
    "split_rate": 0.05,
}
#: No statistic counts more than this many tolerances.
CAP = 5.0
#: First step of each searched strength, as a share of it (an amount where it is 0).
STEPS = {
    "grid_px": 0.2,
    "soft_px": 0.4,
    "sharp": 0.4,
    "grow_px": 0.3,
    "grow_sd_px": 0.5,
    "ragged_px": 0.3,
    "ragged_grain_px": 0.4,
    "ragged_s": 0.8,
    "patch_heights": 0.4,
    "patch_s": 0.8,
    "small": 0.4,
    "lose_trunk": 0.8,
    "lose_limbs": 0.6,
    "lose_feet": 0.6,
    "stray": 0.6,
}


def tolerance(name: str) -> float | None:
    """The difference of a statistic that counts 1; None for those that do not count."""
    return next((v for k, v in TOLERANCE.items() if name.startswith(k)), None)


def objective(noise: Columns, segmenter: Columns) -> float:
    """How far two lists of :func:`.noise_stats.summary`, one a bin, lie apart; 0 is equal."""
    parts = []
    for one, two in zip(noise, segmenter, strict=True):
        for name, value in two.items():
            unit = tolerance(name)
            if unit and np.isfinite(value):
                gap = abs(one[name] - value) / unit
                parts.append(min(gap, CAP) if np.isfinite(gap) else CAP)
    return float(np.mean(parts))


def columns(sequences: list[Sequence]) -> Columns:
    """Statistics of ``sequences`` in each bin of height that holds any."""
    with ThreadPoolExecutor() as pool:
        errors = list(pool.map(compare, sequences))
    out = []
    for low, high in BINS:
        own = [k for k, s in enumerate(sequences) if low <= s.height_px < high]
        if own:
            missed = np.array([1.0 - sequences[k].found.mean() for k in own])
            out.append(summary([errors[k] for k in own], missed))
    return out


def noisy(sequences: list[Sequence], model: NoiseModel, seed: int = 1) -> list[Sequence]:
    """``sequences``, of one shape, with the noise in place of the segmenter."""
    import torch

    true = torch.from_numpy(np.stack([s.true for s in sequences]).astype(np.uint8))
    times = torch.arange(true.shape[1]).expand(true.shape[:2]) / FPS
    heights = torch.full((len(sequences),), float(TALL))
    seen_px = torch.tensor([s.height_px for s in sequences])
    seen, kept = degrade(Masks(true, times, heights, seen_px), seed, model)
    return [
        replace(s, seen=m.numpy().astype(bool), found=k.numpy())
        for s, m, k in zip(sequences, seen, kept, strict=True)
    ]


def _lag1(series: list[Array]) -> float:
    """Correlation from frame to frame of (T, ...) series about the mean of each."""
    centred = [s - np.nanmean(s, axis=0) for s in series if np.isfinite(s).any()]
    power = float(np.nanmean(np.concatenate([c**2 for c in centred])))
    both = np.concatenate([c[1:] * c[:-1] for c in centred])
    return float(np.nanmean(both)) / power if power > 0 else 0.0


def memory(correlation: float) -> float:
    """Seconds in which a ``correlation`` from frame to frame falls to 1/e."""
    return float(-1.0 / FPS / np.log(np.clip(correlation, 0.02, 0.98)))


def event_memory(rate: float, again: float) -> float:
    """Memory in seconds of a normal process that is high at ``rate``, ``again`` after a high."""
    if not 0 < rate < again:
        return memory(0.0)
    level = stats.norm.isf(rate)

    def excess(correlation: float) -> float:
        both = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
        return float(both.cdf([-level, -level])) / rate - again

    return memory(float(optimize.brentq(excess, -0.5, 0.999)))


def _events(series: list[Array]) -> tuple[float, float]:
    """Rate and :func:`event_memory` of (T,) series of 0 and 1."""
    rate = float(np.concatenate(series).mean())
    before = np.concatenate([s[:-1] for s in series]) > 0
    after = np.concatenate([s[1:] for s in series])
    again = float(after[before].mean()) if before.any() else 0.0
    return round(rate, 4), round(event_memory(rate, min(again, 0.95)), 3)


def measured(walks: list[Passage], model: NoiseModel) -> NoiseModel:
    """``model`` with the strengths that are measured, not searched."""
    boxes = [w.boxes * w.masks.height_px for w in walks]
    # The middle two thirds: a few boxes that swallow a neighbour would rule a plain sd.
    low, middle, high = np.nanpercentile(np.concatenate(boxes), [15.9, 50.0, 84.1])
    miss, miss_s = _events([1.0 - w.masks.found.astype(float) for w in walks])
    merge, merge_s = _events([(foreign(w) > LEAST_MERGED).astype(float) for w in walks])
    return replace(
        model,
        box_bias_px=round(float(middle), 2),
        box_sd_px=round(float(high - low) / 2, 2),
        box_s=round(memory(_lag1(boxes)), 3),
        miss=miss,
        miss_s=miss_s,
        merge=merge,
        merge_s=merge_s,
    )


def foreign(walk: Passage) -> Array:
    """Share (T,) of the seen mask that lies on neighbours."""
    area = walk.masks.seen.sum(axis=(1, 2))
    return np.asarray((walk.masks.seen & walk.others).sum(axis=(1, 2)) / np.maximum(area, 1))


def search(
    start: NoiseModel,
    cost: Callable[[NoiseModel], float],
    steps: dict[str, float] | None = None,
    rounds: int = 5,
) -> tuple[NoiseModel, float]:
    """The model with the least ``cost`` found by trying each strength up and down in turn."""
    steps = dict(steps or STEPS)
    best, least, scale = start, cost(start), 1.0
    for _ in range(rounds):
        moved = False
        for name, step in steps.items():
            low, high = LIMITS[name]
            for way in (1.0, -1.0):
                value = getattr(best, name)
                value = value * (1.0 + scale * step) ** way if value else way * scale * step
                tried = replace(best, **{name: float(np.clip(round(value, 5), low, high))})
                price = cost(tried) if tried != best else least
                if price < least - 1e-9:
                    best, least, moved = tried, price, True
                    break
        if not moved:
            scale /= 2.0
    return best, least


def report(segmenter: Columns, noise: Columns) -> str:
    """The statistics side by side, a pair of columns for each bin."""
    lines = []
    for name in segmenter[0]:
        pairs = [f"{a[name]:8.4f} {b[name]:8.4f}" for a, b in zip(segmenter, noise, strict=True)]
        lines.append(f"{name:20}" + "   ".join(["", *pairs]))
    return "\n".join(lines)


def load(folder: Path, models_dir: Path, segmenter: str) -> list[Passage]:
    """All walkers of the clips in ``folder`` as ``segmenter`` sees them."""
    from rt_gait.assembly import DETECTOR_MIN_SCORE
    from rt_gait.detect.detector import open_detector

    detector = open_detector(segmenter, models_dir=models_dir, min_score=DETECTOR_MIN_SCORE)
    found = [
        walk
        for masks in sorted(folder.glob("*_masks.npz"))
        for walk in passages(
            masks.with_name(masks.name.replace("_masks.npz", ".mp4")), masks, detector
        )
    ]
    if not found:
        raise ValueError(f"{folder}: no NAME.mp4 with NAME_masks.npz that shows whole walkers")
    return found


def halves(walks: list[Passage]) -> tuple[list[Sequence], list[Sequence]]:
    """The first ``FRAMES`` frames of every passage: two thirds to fit, every third to check."""
    fit: list[Sequence] = []
    check: list[Sequence] = []
    ordered = sorted(walks, key=lambda w: w.masks.height_px)
    for k, walk in enumerate(w for w in ordered if len(w.masks.found) >= FRAMES):
        m = walk.masks
        if m.height_px >= BINS[0][0]:
            short = Sequence(m.true[:FRAMES], m.seen[:FRAMES], m.found[:FRAMES], m.height_px)
            (fit, check)[k % 3 == 2].append(short)
    return fit, check


def main(argv: list[str] | None = None) -> int:
    """Fit and report; 0 on success."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.training.walkers.noise_fit")
    parser.add_argument("--clips", type=Path, required=True, help="NAME.mp4, NAME_masks.npz")
    parser.add_argument("--segmenter", default="person_seg", help="model of the repository")
    parser.add_argument("--models", type=Path, default=Path("model_repository"))
    parser.add_argument("--rounds", type=int, default=5, help="0 only compares the defaults")
    options = parser.parse_args(argv)
    walks = load(options.clips, options.models, options.segmenter)
    fit, check = halves(walks)
    model, target = NoiseModel(), columns(fit)
    if options.rounds:
        model = measured(walks, model)
        model, _ = search(
            model, lambda m: objective(columns(noisy(fit, m)), target), rounds=options.rounds
        )
    for name, value in asdict(model).items():
        print(f"    {name}: float = {value}")
    for title, part in (("fitted on", fit), ("held out", check)):
        one, two = columns(part), columns(noisy(part, model, seed=2))
        print(f"\n{title}: {len(part)} walkers; segmenter and noise, by height {BINS} px")
        print(f"objective {objective(two, one):.3f}\n{report(one, two)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
