"""Segmentation noise: true masks turned into what a segmenter would have made of them.

A segmenter such as YOLACT (Bolya et al., 2019) draws masks on a grid coarser than the picture, as
a smooth function that is interpolated and cut by a box; where it is positive is the person. The
noise works on that function: the share of each grid cell that the person covers, less a half,
plus smooth disturbances that last over frames. :class:`NoiseModel` holds the strengths. The
defaults were fitted to this project's ``person_seg`` on rendered clips:

    python -m rt_gait.training.walkers.noise.fit --clips DIR

Since then ``coarser`` and ``small`` were set by hand, on clips of people under 80 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .fields import Draws, above, apply, bumps, ends, gaussians, hats
from .masks import Masks

if TYPE_CHECKING:
    import torch

#: Least and greatest value of each strength.
LIMITS = {
    "grid_px": (0.5, 16.0),
    "soft_px": (0.0, 10.0),
    "coarser": (-1.0, 1.0),
    "sharp": (0.0, 5.0),
    "grow_px": (-8.0, 8.0),
    "grow_sd_px": (0.0, 8.0),
    "ragged_px": (0.0, 10.0),
    "ragged_grain_px": (2.0, 40.0),
    "patch_heights": (0.01, 0.5),
    "small": (-4.0, 4.0),
    "lose_trunk": (0.0, 0.5),
    "lose_limbs": (0.0, 0.5),
    "lose_feet": (0.0, 0.5),
    "stray": (0.0, 0.5),
    "box_bias_px": (-10.0, 20.0),
    "box_sd_px": (0.0, 20.0),
    "merge": (0.0, 0.5),
    "miss": (0.0, 0.5),
    **{f"{name}_s": (1e-3, 100.0) for name in ("ragged", "patch", "box", "merge", "miss")},
}


@dataclass(frozen=True)
class NoiseModel:
    """Strengths: ``_px`` pixels of the segmenter's input, ``_s`` memory in seconds, rates 0..1.

    Grid: ``grid_px`` the side of a cell, ``soft_px`` sd of a blur; ``sharp`` how much thin parts
    and gaps are spared by it. Outline: ``grow_px`` outwards, ``grow_sd_px`` about that from one
    sequence to the next, ``ragged_px`` sd along it with a grain of ``ragged_grain_px``. These
    lengths hold for a person 100 px tall and grow by the power ``coarser`` of the height.

    Patches of ``patch_heights`` (the person's) take away ``lose_trunk`` of the trunk (holes),
    ``lose_limbs`` of arms and legs and ``lose_feet`` of the feet of a person 100 px tall, more of
    smaller ones by the power ``small``, and add ``stray`` of the box. The box's edges lie
    ``box_bias_px`` outside the person, sd ``box_sd_px``. Shares of frames: ``merge`` are beside a
    neighbour, which about half of them show, and ``miss`` are lost.
    """

    grid_px: float = 2.93
    soft_px: float = 2.52
    coarser: float = 0.48
    sharp: float = 1.58
    grow_px: float = 0.635
    grow_sd_px: float = 0.143
    ragged_px: float = 0.869
    ragged_grain_px: float = 5.68
    ragged_s: float = 0.0535
    patch_heights: float = 0.111
    patch_s: float = 0.256
    small: float = 0.6
    lose_trunk: float = 0.00012
    lose_limbs: float = 0.0134
    lose_feet: float = 0.0159
    stray: float = 0.00474
    box_bias_px: float = 0.6
    box_sd_px: float = 1.03
    box_s: float = 0.061
    merge: float = 0.114
    merge_s: float = 0.613
    miss: float = 0.0022
    miss_s: float = 0.566

    def __post_init__(self) -> None:
        for f in fields(self):
            low, high = LIMITS[f.name]
            value = float(getattr(self, f.name))
            if not low <= value <= high:
                raise ValueError(f"{f.name} is {value}; {low} to {high} expected")

    @staticmethod
    def none() -> NoiseModel:
        """No noise but the grid's: every strength that may be 0 is."""
        return NoiseModel(**{n: 0.0 for n, (low, _) in LIMITS.items() if low <= 0})


class _View:
    """The grid over the windows of one batch, and where the person stands in it.

    ``rows`` (S, T, H) and ``columns`` (S, T, W) are the places of the grid's rows and columns in
    pixels of the window; ``px`` (S, 1, 1) one pixel of the segmenter's input there, ``unit`` that
    of the strengths. The grid is never finer than the window, and the person moves over it.
    """

    def __init__(self, masks: Masks, draws: Draws, model: NoiseModel) -> None:
        import torch

        self.true = masks.pixels.float()
        s, _, h, w = self.true.shape
        self.seen_px = masks.seen_px.float()[:, None, None]
        self.tall = masks.heights.float()[:, None, None]
        self.px = self.tall / self.seen_px
        self.unit = self.px * (self.seen_px / 100.0) ** model.coarser
        self.pitch = (model.grid_px * self.unit).clamp(min=1.0)
        pixels = torch.arange(max(h, w), device=self.true.device)
        # Cells a second: heads bob a little, walkers cross the picture.
        drift = torch.cat([2.0 * draws.normal(s, 1, 1), 15.0 * draws.normal(s, 1, 1)], -1)
        elapsed = (masks.times - masks.times[:, :1]).float()[..., None]
        self.phase = ((draws.uniform(s, 1, 2) + drift * elapsed) % 1.0)[..., None]
        self.rows = (pixels[:h] + self.phase[:, :, 0]) * self.pitch
        self.columns = (pixels[:w] + self.phase[:, :, 1]) * self.pitch
        self.y, self.x = pixels[:h] + 0.5, pixels[:w] + 0.5
        solid = self.true > 0.5
        self.top, self.bottom = ends(solid.any(-1))
        self.left, self.right = ends(solid.any(-2))

    def coverage(self, image: torch.Tensor, sd: torch.Tensor, aside: Any = 0.0) -> torch.Tensor:
        """Share of the ``image`` about every cell (S, T, H, W), under a Gaussian of ``sd`` pixels.

        The image is moved ``aside`` (S, T, 1) pixels to the right first.
        """
        h, w = self.true.shape[-2:]
        return apply(gaussians(self.rows, h, sd), image, gaussians(self.columns - aside, w, sd))

    def fine(self, level: torch.Tensor) -> torch.Tensor:
        """The grid's values interpolated to the window's pixels (S, T, H, W)."""
        h, w = self.true.shape[-2:]
        up = hats(self.y / self.pitch - self.phase[:, :, 0], h)
        return apply(up, level, hats(self.x / self.pitch - self.phase[:, :, 1], w))


def _outline_shift(view: _View, draws: Draws, model: NoiseModel) -> torch.Tensor:
    """How far outwards the outline moves (S, T, H, W), units of the view."""
    grain = model.ragged_grain_px / model.grid_px
    count = [int((n + 1) / grain) + 2 for n in view.true.shape[-2:]]
    lattice = draws.series(model.ragged_s, *count)
    rows, columns = (g / (grain * view.pitch) for g in (view.rows, view.columns))
    field = apply(bumps(rows, count[0]), lattice, bumps(columns, count[1]))
    own = draws.normal(len(lattice), 1, 1, 1)
    return model.grow_px + model.grow_sd_px * own + model.ragged_px * field


def _patches(view: _View, draws: Draws, bulk: torch.Tensor, model: NoiseModel) -> torch.Tensor:
    """What patches add to the level (S, T, H, W); ``bulk`` is near 1 in a trunk, .5 in a limb."""
    import torch

    tall = (view.bottom - view.top).clamp(min=1)
    mass = view.true.sum((-1, -2))[..., None].clamp(min=1e-6)
    middle = (view.true.sum(-2) * view.x).sum(-1, keepdim=True) / mass
    down, aside = (view.rows - view.top) / tall, (view.columns - middle) / tall
    count = [int(size / model.patch_heights) + 1 for size in (1.2, 1.6)]
    field = apply(
        bumps((down + 0.1) / model.patch_heights, count[0]),
        draws.series(model.patch_s, *count),
        bumps((aside + 0.8) / model.patch_heights, count[1]),
    )
    more = ((100.0 / view.seen_px) ** model.small)[..., None]
    trunk, limb, foot = (
        -torch.special.ndtri((rate * more).clamp(1e-9, 0.5))
        for rate in (model.lose_trunk, model.lose_limbs, model.lose_feet)
    )
    least = limb + (trunk - limb) * ((bulk - 0.6) / 0.3).clamp(0, 1)
    least = least + (foot - least) * ((down - 0.90) / 0.04).clamp(0, 1)[..., None]
    lost = (2.0 * (field - least) + 0.4).clamp(0, 1)
    added = (2.0 * (-field - above(model.stray)) + 0.4).clamp(0, 1)
    return 1.3 * (added - lost)


def _in_box(view: _View, draws: Draws, model: NoiseModel) -> torch.Tensor:
    """Pixels (S, T, H, W) bool inside the segmenter's box about the person."""
    out = (model.box_bias_px + model.box_sd_px * draws.series(model.box_s, 4)) * view.px
    rows = (view.y > view.top - out[..., 0:1]) & (view.y < view.bottom + out[..., 1:2])
    columns = (view.x > view.left - out[..., 2:3]) & (view.x < view.right + out[..., 3:4])
    return rows[..., :, None] & columns[..., None, :]


def _softness(model: NoiseModel) -> float:
    """Standard deviation of blur and cell together, units of the view."""
    return float(np.sqrt(model.soft_px**2 + model.grid_px**2 / 12))


def _taken(
    view: _View, draws: Draws, others: torch.Tensor, bulk: torch.Tensor, model: NoiseModel
) -> torch.Tensor:
    """Coverage (S, T, H, W) by the part of a neighbour that clings to the person."""
    sd = _softness(model) * view.unit
    aside = draws.uniform(len(view.px), 1, 1) * 0.5 - 0.25
    aside = aside + 0.12 * aside.sign() + 0.05 * draws.series(1.0, 1)
    merged = draws.series(model.merge_s, 1, 1) > above(model.merge)
    return view.coverage(others, sd, aside * view.tall) * (merged & (bulk > 0.1))


def degrade(
    masks: Masks, seed: int, model: NoiseModel | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the segmenter sees: masks (S, T, H, W) uint8 0 or 1, and kept (S, T) bool.

    Frames not ``kept`` were missed or came out empty; their masks are empty. The same seed gives
    the same masks on the same device.
    """
    import torch

    model = model or NoiseModel()
    draws = Draws(masks.times, seed)
    view = _View(masks, draws, model)
    soft_px = _softness(model)
    sd = soft_px * view.unit
    cover = view.coverage(view.true, sd)
    bulk = view.coverage(view.true, 0.05 * view.tall)
    if masks.others is not None:
        cover = torch.maximum(cover, _taken(view, draws, masks.others.float(), bulk, model))
    level = cover - 0.5 + model.sharp * (cover - bulk)
    slope = 4 * cover * (1 - cover) / (np.sqrt(2 * np.pi) * soft_px)
    level = level + slope * _outline_shift(view, draws, model)
    level = level + _patches(view, draws, bulk, model)
    seen = (view.fine(level) > 0) & _in_box(view, draws, model)
    kept = draws.series(model.miss_s, 1)[..., 0] < above(model.miss)
    kept = kept & seen.flatten(2).any(-1)
    return (seen & kept[..., None, None]).to(torch.uint8), kept
