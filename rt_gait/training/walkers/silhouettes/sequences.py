"""Silhouette sequences at scale: many views of one walk at once, in torch, on any device.

:func:`crops` draws masks in pieces of the frame around the walker, :func:`silhouettes` normalises
them, and :func:`instance_maps` draws several walkers in whole frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..camera import Camera, project
from ..figure import Loop
from ..noise.masks import INPUT_PX, Masks
from ..noise.model import NoiseModel, degrade
from ..path import Path, bend
from .coverage import cover
from .normalise import normalise

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]

#: Pixels kept free around the walker in a crop.
MARGIN_PX = 10


@dataclass(frozen=True)
class Takes:
    """S sequences of T frames of one walk: when, where on the ground, and by which camera.

    ``times_s`` (S, T) seconds, at ``fps`` a second but for jitter; in the middle of a sequence the
    walker is over (``x_m``, ``y_m``) with ``heading`` radians and ``curvature`` 1/m (a ``Path``).
    Cameras: ``focal_px``, ``height_m``, ``pitch`` radians, frame ``width_px`` and ``tall_px``. All
    but times are (S,).
    """

    fps: Array
    times_s: Array
    x_m: Array
    y_m: Array
    heading: Array
    curvature: Array
    focal_px: Array
    height_m: Array
    pitch: Array
    width_px: Array
    tall_px: Array


@dataclass(frozen=True)
class Crops:
    """Masks (S, T, H, W) uint8 of 0 and 1, and where they lie in the frame.

    ``left_px`` (S, T) is the frame's column at which a crop begins, ``width_px`` (S, T) the width
    of the frame, ``whole`` (S, T) whether the frame holds the whole walker, who is there
    ``walker_px`` (S,) tall on average (1 when never whole).
    """

    masks: torch.Tensor
    left_px: torch.Tensor
    width_px: torch.Tensor
    whole: torch.Tensor
    walker_px: torch.Tensor


def crops(loop: Loop, takes: Takes, device: str) -> Crops:
    """Masks of the walk in pieces of the frame just large enough for the largest appearance."""
    import torch

    sequences, frames = takes.times_s.shape

    def spread(values: Array) -> torch.Tensor:
        return torch.from_numpy(np.repeat(values, frames).astype(np.float32)).to(device)

    times = torch.from_numpy(takes.times_s.ravel()).to(device)
    walked = loop.vertices(times)
    middle = torch.from_numpy(np.repeat(takes.times_s.mean(axis=1), frames)).to(device)
    walked[..., 1] -= (middle * (float(loop.stride[1]) / loop.period_s)).float()[:, None]
    world = bend(
        walked, spread(takes.x_m), spread(takes.y_m), spread(takes.heading), spread(takes.curvature)
    )
    width, tall = spread(takes.width_px), spread(takes.tall_px)
    size = torch.stack([width, tall], 1)
    pixels, _ = project(
        world, spread(takes.focal_px), spread(takes.height_m), spread(takes.pitch), size / 2.0
    )
    least, most = pixels.amin(dim=1), pixels.amax(dim=1)
    low = torch.floor(least) - MARGIN_PX
    extent = torch.ceil((most - low).amax(dim=0) + MARGIN_PX)
    columns, rows = (int(-(-v // 16) * 16) for v in extent.tolist())
    masks = _person(loop, pixels - low[:, None], rows, columns)
    column = low[:, :1] + torch.arange(columns, device=device)
    row = low[:, 1:] + torch.arange(rows, device=device)
    masks *= ((column >= 0) & (column < width[:, None]))[:, None]
    masks *= ((row >= 0) & (row < tall[:, None]))[:, :, None]
    shape = (sequences, frames)
    whole = ((least >= 1) & (most <= size - 1)).all(dim=1).view(shape)
    tall_px = masks.any(dim=2).sum(dim=1).view(shape) * whole
    return Crops(
        masks.view(*shape, rows, columns),
        low[:, 0].view(shape),
        width.view(shape),
        whole,
        (tall_px.sum(dim=1) / whole.sum(dim=1).clamp(min=1)).clamp(min=1.0),
    )


def _person(loop: Loop, pixels: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Masks (N, rows, columns) of the person; an umbrella hides and does not count."""
    import torch

    person = loop.figure.person
    faces = torch.from_numpy(loop.figure.faces).to(pixels.device)
    masks = cover(pixels, faces[torch.from_numpy(person)], rows, columns)
    if not person.all():
        masks *= 1 - cover(pixels, faces[torch.from_numpy(~person)], rows, columns)
    return masks


def segmented(
    crop: Crops, takes: Takes, noise: NoiseModel, seed: int, others: Crops | None = None
) -> tuple[Crops, torch.Tensor]:
    """The crops as a segmenter sees them (``degrade``), and the frames it does not miss (S, T).

    ``others`` are crops of somebody else in the same takes, who may be merged with.
    """
    import torch

    scale = np.minimum(INPUT_PX[0] / takes.width_px, INPUT_PX[1] / takes.tall_px)
    device = crop.masks.device
    masks = Masks(
        crop.masks,
        torch.from_numpy(takes.times_s).to(device),
        crop.walker_px,
        crop.walker_px * torch.from_numpy(scale).to(device).float(),
        None if others is None else _resized(others.masks, crop.masks),
    )
    seen, kept = degrade(masks, seed, noise)
    return replace(crop, masks=seen), kept


def _resized(masks: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Masks (S, T, h, w) cut or padded, right and below, to the size of ``like``."""
    import torch

    rows, columns = like.shape[2] - masks.shape[2], like.shape[3] - masks.shape[3]
    return torch.nn.functional.pad(masks, (0, columns, 0, rows))


def silhouettes(crop: Crops) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised silhouettes (S, T, 64, 44) uint8 and which frames to keep (S, T) bool.

    Walkers cut by the frame's edge are not kept, as the pipeline leaves them out too.
    """
    shape = crop.left_px.shape
    pictures, kept = normalise(
        crop.masks.flatten(0, 1), crop.left_px.flatten(), crop.width_px.flatten()
    )
    return pictures.view(*shape, *pictures.shape[1:]), kept.view(shape) & crop.whole


def instance_maps(
    walkers: list[tuple[Loop, Path]], camera: Camera, times_s: Array, device: str
) -> torch.Tensor:
    """Who is seen at each pixel of whole frames, (T, height, width) uint8.

    0 is nobody, k the k-th of ``walkers`` (at most 255), who are hidden by those nearer to the
    camera; each starts at its path's beginning at time 0.
    """
    import torch

    if len(walkers) > 255:
        raise ValueError(f"at most 255 walkers fit an 8-bit map, not {len(walkers)}")
    times = torch.from_numpy(times_s).to(device)
    size = (len(times_s), camera.tall_px, camera.width_px)
    nearest = torch.full(size, torch.inf, device=device)
    out = torch.zeros(size, dtype=torch.uint8, device=device)

    def same(value: float) -> torch.Tensor:
        return torch.full((len(times_s),), value, device=device)

    centre = torch.stack([same(camera.width_px / 2.0), same(camera.tall_px / 2.0)], 1)
    for k, (loop, path) in enumerate(walkers):
        world = bend(
            loop.vertices(times),
            same(path.x),
            same(path.y),
            same(path.heading),
            same(path.curvature),
        )
        pixels, depth = project(
            world, same(camera.focal_px), same(camera.height_m), same(camera.pitch), centre
        )
        mask = _person(loop, pixels, camera.tall_px, camera.width_px).bool()
        far = depth.mean(dim=1)[:, None, None]
        front = mask & (far < nearest)
        out.masked_fill_(front, k + 1)
        nearest = torch.where(front, far, nearest)
    return out
