"""What the noise is applied to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Masks:
    """True masks of S sequences and how they were seen; all on one device.

    ``pixels`` (S, T, H, W) in 0..1, any dtype: windows that hold the whole person and a margin and
    move along; ``times`` (S, T) seconds; ``heights`` (S,) the person's height in pixels of the
    window; ``seen_px`` (S,) the person's height in pixels of the segmenter's input. ``others``,
    like ``pixels``, are masks of somebody else to merge with; None when nobody is near.
    """

    pixels: torch.Tensor
    times: torch.Tensor
    heights: torch.Tensor
    seen_px: torch.Tensor
    others: torch.Tensor | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.pixels.shape)
        if len(shape) != 4:
            raise ValueError(f"pixels are (S, T, H, W), not {shape}")
        for name, size in (("times", 2), ("heights", 1), ("seen_px", 1)):
            found = tuple(getattr(self, name).shape)
            if found != shape[:size]:
                raise ValueError(f"{name} has shape {found}; {shape[:size]} expected")
