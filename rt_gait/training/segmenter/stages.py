"""What is chosen about training rather than derived: the recipe, and what each stage may change.

Three stages, `masks`, `all` and `scores` (why: see `train`), differ in which parameters move and
how fast. Everything else is frozen, which in a network with batch norm is more than switching
gradients off, so it is decided in one place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from rt_gait.training.segmenter.network import Segmenter

Stage = Literal["masks", "all", "scores"]


@dataclass(frozen=True)
class Recipe:
    """Every number of the recipe that was chosen rather than derived."""

    height: int = 480
    width: int = 640
    batch: int = 64
    head_steps: int = 1200
    all_steps: int = 4000
    score_steps: int = 150
    head_lr: float = 2e-3
    mask_lr: float = 1e-3
    """Mask branch, second stage."""
    shared_lr: float = 1e-4
    """Everything the detector also uses, second stage."""
    score_lr: float = 5e-4
    """Score branch, third stage."""
    weight_decay: float = 0.01
    ema: float = 0.999
    mask_weight: float = 4.0
    dice_weight: float = 2.0
    box_weight: float = 1.0
    focal_weight: float = 0.3
    score_weight: float = 0.5
    keep_weight: float = 4.0
    """Distillation of the original detector's boxes."""
    seed: int = 7


def prepare(network: Segmenter, stage: Stage, recipe: Recipe) -> torch.optim.Optimizer:
    """Choose what a stage trains; everything else is frozen, batch statistics included."""
    head = nn.ModuleList(network.mask_modules())
    own = list((network.model[22].cv3 if stage == "scores" else head).parameters())
    trained = list(network.parameters()) if stage == "all" else own
    peaks = {"masks": recipe.head_lr, "all": recipe.mask_lr, "scores": recipe.score_lr}
    groups = [{"params": own, "lr": peaks[stage]}]
    if stage == "all":
        mine = {id(p) for p in own}
        shared = [p for p in trained if id(p) not in mine]
        groups.append({"params": shared, "lr": recipe.shared_lr})
    network.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    network.train()
    _freeze_statistics(network)
    if stage == "masks":
        head.train()  # its statistics are new; the detector's stay COCO's throughout
    return optimiser


def _freeze_statistics(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


def rate(step: int, steps: int, done: float) -> float:
    """Share of the peak learning rate: up over the first steps, down a cosine to 2 per cent.

    Args:
        step: number of the step, from 0.
        steps: planned for the stage; a tenth of them, at most 100, warm up.
        done: how far the stage is, 0..1, which a limit of time may put ahead of `step / steps`.
    """
    warm = min(1.0, (step + 1) / min(100, max(1, steps // 10)))
    return warm * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
