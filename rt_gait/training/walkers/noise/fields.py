"""Random fields and resampling for the segmentation noise: torch, batched, no waiting.

Images are resampled by products with small matrices of weights, one for the rows and one for the
columns of each frame, so any scale and offset costs the same and repeats exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Draws:
    """Random numbers for sequences of frames at ``times`` (S, T) seconds, from one ``seed``."""

    def __init__(self, times: torch.Tensor, seed: int) -> None:
        import torch

        self._generator = torch.Generator(device=times.device).manual_seed(seed)
        self._device, self._shape = times.device, tuple(times.shape)
        self._elapsed = times - times[:, :1]

    def uniform(self, *shape: int) -> torch.Tensor:
        """Numbers in 0..1."""
        import torch

        return torch.rand(shape, generator=self._generator, device=self._device)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers."""
        import torch

        return torch.randn(shape, generator=self._generator, device=self._device)

    def series(self, memory_s: float, *shape: int) -> torch.Tensor:
        """Standard normal (S, T, *shape); correlation exp(-dt / ``memory_s``) in time alone."""
        import torch

        at = self._elapsed.float() / memory_s
        step = (at[:, 1:] - at[:, :-1]).clamp(min=0)
        fresh = torch.nn.functional.pad((1 - torch.exp(-2 * step)).sqrt(), (1, 0), value=1.0)
        gap = (at[:, :, None] - at[:, None, :]).clamp(min=0)
        mix = torch.tril(torch.exp(-gap) * fresh[:, None, :])
        white = self.normal(*self._shape, int(np.prod(shape, dtype=int)))
        return torch.bmm(mix, white).reshape(*self._shape, *shape)


def above(rate: float) -> float:
    """The level that a standard normal exceeds at ``rate``; one never reached for 0."""
    from scipy.special import ndtri

    return float(-ndtri(rate)) if rate > 0 else 1e3


def gaussians(centres: torch.Tensor, count: int, sd: torch.Tensor) -> torch.Tensor:
    """Weights (..., C, count) of the pixels 0..count-1 under Gaussians at ``centres`` (..., C).

    A pixel k covers k to k + 1; rows sum to 1 less what falls outside.
    """
    import torch

    edges = torch.arange(count + 1, device=centres.device, dtype=torch.float32)
    at = torch.special.ndtr((edges - centres[..., None]) / sd[..., None])
    return at[..., 1:] - at[..., :-1]


def hats(at: torch.Tensor, count: int) -> torch.Tensor:
    """Linear interpolation weights (..., C, count) of samples 0..count-1 at positions ``at``."""
    import torch

    nodes = torch.arange(count, device=at.device, dtype=torch.float32)
    return (1 - (at[..., None] - nodes).abs()).clamp(min=0)


def bumps(at: torch.Tensor, count: int) -> torch.Tensor:
    """Weights (..., C, count) that make a smooth field of variance 1 of white samples.

    Positions ``at`` (..., C) are in steps of the samples; the field's grain is about 1.5 steps.
    """
    import torch

    nodes = torch.arange(count, device=at.device, dtype=torch.float32) + 0.5
    weight = torch.exp(-1.4 * (at[..., None] - nodes) ** 2)
    return weight / weight.pow(2).sum(-1, keepdim=True).sqrt().clamp(min=1e-6)


def apply(rows: torch.Tensor, image: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Images (..., H, W) resampled by ``rows`` (..., C, H) and ``columns`` (..., D, W)."""
    return rows @ image @ columns.transpose(-1, -2)


def ends(some: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First and one past the last True along the last axis, (..., 1) each."""
    first = some.byte().argmax(-1, keepdim=True)
    return first, some.shape[-1] - some.byte().flip(-1).argmax(-1, keepdim=True)
