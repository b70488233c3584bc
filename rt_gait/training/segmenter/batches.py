"""Scenes to batches: composed in worker processes, collated, then lit anew where the network runs.

Composing is the processor's work and changes of light are the device's: per batch they cost next to
nothing there, and the workers stay free for what only they can do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rt_gait.training.segmenter.augment import MAX_PEOPLE, Composer, compact
from rt_gait.training.segmenter.stages import Recipe


class SceneDataset(Dataset[tuple[Tensor, Tensor, Tensor, int, bool]]):
    """Scene i: image, ids, padded boxes (MAX_PEOPLE, 4), number of people, completeness."""

    def __init__(self, composer: Composer, length: int, seed: int) -> None:
        self.composer, self.length, self.seed = composer, length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, int, bool]:
        scene = self.composer(self.seed * 10_000_019 + index)
        ids, boxes = compact(scene.ids)
        padded = np.zeros((MAX_PEOPLE, 4), np.float32)
        padded[: len(boxes)] = boxes
        return (
            torch.from_numpy(np.ascontiguousarray(scene.image)),
            torch.from_numpy(ids),
            torch.from_numpy(padded),
            len(boxes),
            scene.complete,
        )


def light(images: Tensor) -> Tensor:
    """Change exposure, gamma, colour and noise of a batch (N, 3, H, W) in 0..1."""
    n, device = len(images), images.device

    def draw(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.empty(n, channels, 1, 1, device=device).uniform_(low, high)

    def some(chance: float) -> Tensor:
        return (torch.rand(n, 1, 1, 1, device=device) < chance).float()

    gray = (images * images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = torch.where(some(0.06) > 0, torch.zeros_like(draw(0, 1)), draw(0.5, 1.4))
    images = gray + (images - gray) * saturation
    images = (images - 0.45) * draw(0.6, 1.25) + 0.45 + draw(-0.08, 0.08)
    images = images * draw(0.93, 1.07, 3)
    dark = some(0.15)
    images = images.clamp(0, 1) ** (dark * draw(1.2, 2.2) + (1 - dark) * draw(0.75, 1.3))
    noise = some(0.5) * draw(0.0, 0.05)
    return (images + torch.randn_like(images) * noise).clamp(0, 1)


def batches(composer: Composer, recipe: Recipe, steps: int, workers: int) -> Iterator[list[Tensor]]:
    """Batches of `SceneDataset` items for `steps` steps; 0 workers compose in this process."""
    dataset = SceneDataset(composer, steps * recipe.batch, recipe.seed)
    # workers are forked, so the decoded photographs are shared, not copied
    loader = DataLoader(
        dataset,
        recipe.batch,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        drop_last=True,
        prefetch_factor=2 if workers else None,
    )
    yield from loader
