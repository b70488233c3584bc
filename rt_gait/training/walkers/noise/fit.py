"""Fits the strengths of :mod:`.model` to a segmenter's errors on clips whose masks are known.

    python -m rt_gait.training.walkers.noise.fit --clips DIR

DIR holds clips at 25 frames a second, ``NAME.mp4`` with ``NAME_masks.npz``, as the ``clip --masks``
command writes them. Printed are the fitted :class:`.model.NoiseModel` and, side by side, the
statistics of the segmenter and of the noise.

The errors of the box and the rates of missed frames and merged neighbours are measured. The other
strengths are searched (:func:`search`) on walkers with nobody near. The objective is the mean of
|noise - segmenter| over all statistics and bins of height, in units of each one's tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from rt_gait.errors import UsageError

from ..command import Parser, command, device, natural
from .masks import Masks
from .measure import LEAST_MERGED, measured
from .model import LIMITS, NoiseModel, degrade
from .pairs import FPS, TALL, Passage, foreign, load
from .stats import Sequence, compare, summary

Columns = list[dict[str, float]]

#: Bins of the person's height in pixels of the segmenter's input.
BINS = ((40.0, 80.0), (80.0, 140.0), (140.0, np.inf))
#: Frames of each sequence that are compared.
FRAMES = 24
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
#: Strengths that are searched, all positive; sd of the logarithm of a first move.
SEARCHED = (
    "grid_px",
    "soft_px",
    "coarser",
    "sharp",
    "grow_px",
    "grow_sd_px",
    "ragged_px",
    "ragged_grain_px",
    "ragged_s",
    "patch_heights",
    "patch_s",
    "small",
    "lose_trunk",
    "lose_limbs",
    "lose_feet",
    "stray",
)
FIRST_MOVE = 0.5


def tolerance(name: str) -> float | None:
    """The difference of a statistic that counts 1; None for those that do not count."""
    return next((v for k, v in TOLERANCE.items() if name.startswith(k)), None)


def objective(noise: Columns, segmenter: Columns) -> float:
    """How far two lists of :func:`.stats.summary`, one a bin, lie apart; 0 is equal."""
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


def noisy(
    sequences: list[Sequence], model: NoiseModel, seed: int, device: str = "cpu"
) -> list[Sequence]:
    """``sequences``, of one shape, with the noise in place of the segmenter."""
    import torch

    true = torch.from_numpy(np.stack([s.true for s in sequences]).astype(np.uint8)).to(device)
    times = torch.arange(true.shape[1], device=device).expand(true.shape[:2]) / FPS
    heights = torch.full((len(sequences),), float(TALL), device=device)
    seen_px = torch.tensor([s.height_px for s in sequences], device=device)
    seen, kept = degrade(Masks(true, times, heights, seen_px, true.roll(1, 0)), seed, model)
    return [
        replace(s, seen=m.astype(bool), found=k)
        for s, m, k in zip(sequences, seen.cpu().numpy(), kept.cpu().numpy(), strict=True)
    ]


def search(
    start: NoiseModel,
    cost: Callable[[NoiseModel], float],
    names: tuple[str, ...] = SEARCHED,
    tries: int = 300,
    seed: int = 1,
) -> tuple[NoiseModel, float]:
    """The model with the least ``cost`` found, and that cost.

    Each try scales one to three of the strengths ``names`` at random and is kept if better. Moves
    grow after a success and shrink after failures, so that about one in five succeeds (Rechenberg's
    rule, Evolutionsstrategie, 1973).
    """
    rng = np.random.default_rng([seed, 61])
    best, least, spread = start, cost(start), FIRST_MOVE
    for _ in range(tries):
        chosen = rng.choice(len(names), min(int(rng.integers(1, 4)), len(names)), replace=False)
        moved = {}
        for name in (names[k] for k in chosen):
            value = getattr(best, name) * float(np.exp(spread * rng.normal()))
            moved[name] = float(np.clip(round(value, 5), *LIMITS[name]))
        price = cost(replace(best, **moved))
        better = price < least
        if better:
            best, least = replace(best, **moved), price
        spread = float(np.clip(spread * (1.2 if better else 0.955), 0.08, FIRST_MOVE))
    return best, least


def report(segmenter: Columns, noise: Columns) -> str:
    """The statistics side by side, a pair of columns for each bin."""
    lines = []
    for name in segmenter[0]:
        pairs = [f"{a[name]:8.4f} {b[name]:8.4f}" for a, b in zip(segmenter, noise, strict=True)]
        lines.append(f"{name:20}" + "   ".join(["", *pairs]))
    return "\n".join(lines)


def parts(walks: list[Passage]) -> tuple[list[Sequence], list[Sequence], list[Sequence]]:
    """The first ``FRAMES`` frames of every passage: to fit, to check, and merged with somebody.

    Of the walkers never merged, in order of height, every third is left to check.
    """
    out: tuple[list[Sequence], list[Sequence], list[Sequence]] = ([], [], [])
    alone = 0
    for walk in sorted(walks, key=lambda w: w.masks.height_px):
        m = walk.masks
        if len(m.found) < FRAMES or m.height_px < BINS[0][0]:
            continue
        short = Sequence(m.true[:FRAMES], m.seen[:FRAMES], m.found[:FRAMES], m.height_px)
        if foreign(walk)[:FRAMES].max() > LEAST_MERGED:
            out[2].append(short)
        else:
            out[alone % 3 == 2].append(short)
            alone += 1
    return out


@command
def main(argv: list[str] | None = None) -> int:
    """Fit and report; 0 on success."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.noise.fit",
        description="Strengths of the noise that imitate a segmenter's errors",
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips with masks")
    parser.add_argument("--segmenter", default="person_seg", help="model of the repository")
    parser.add_argument(
        "--models", type=Path, default=Path("model_repository"), help="folder of the repository"
    )
    parser.add_argument("--tries", type=natural, default=300, help="0 only compares the defaults")
    parser.add_argument("--device", type=device, default="cpu", help="where the noise is computed")
    options = parser.parse_args(argv)
    walks = load(options.clips, options.models, options.segmenter)
    fitted, held_out, merged = parts(walks)
    if not held_out:
        raise UsageError(
            f"{options.clips}: expected 3 or more walkers alone for {FRAMES} frames, "
            f"got {len(fitted)}"
        )
    model = fit(walks, options.tries, options.device) if options.tries else NoiseModel()
    for name, value in asdict(model).items():
        print(f"    {name}: float = {value}")
    alone = replace(model, merge=0.0)
    for title, part, used in (
        ("fitted on", fitted, alone),
        ("held out", held_out, alone),
        ("all, merged ones too", [*fitted, *held_out, *merged], model),
    ):
        one, two = columns(part), columns(noisy(part, used, 3, options.device))
        print(f"\n{title}: {len(part)} walkers; segmenter and noise, by height {BINS} px")
        print(f"objective {objective(two, one):.3f}\n{report(one, two)}")
    return 0


def fit(walks: list[Passage], tries: int, device: str) -> NoiseModel:
    """The strengths that imitate the segmenter of ``walks`` best."""
    part = parts(walks)[0]
    target, start = columns(part), measured(walks, NoiseModel())

    def cost(model: NoiseModel) -> float:
        alone = replace(model, merge=0.0)
        seen = [columns(noisy(part, alone, seed, device)) for seed in (1, 2)]
        return float(np.mean([objective(one, target) for one in seen]))

    return replace(search(start, cost, tries=tries)[0], merge=start.merge)


if __name__ == "__main__":
    raise SystemExit(main())
