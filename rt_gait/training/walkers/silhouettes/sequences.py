"""Silhouette sequences at scale: many views of one walk at once, in torch, on any device.

:func:`crops` draws masks in pieces of the frame around the walker, :func:`silhouettes` normalises
them, and :func:`instance_maps` draws several walkers in whole frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rt_gait.detect.detector import input_scale

from ..camera import Camera, project
from ..noise.masks import Masks
from ..noise.model import NoiseModel, degrade
from ..path import Path, bend
from ..puppet import Puppet
from .coverage import cover
from .normalise import normalise
from .takes import Takes

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]

#: Pixels kept free around the walker in a crop.
MARGIN_PX = 10


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


def crops(puppet: Puppet, takes: Takes, device: str) -> Crops:
    """Masks of the walk in pieces of the frame just large enough for the largest appearance."""
    import torch

    shape = takes.times_s.shape
    view = _View.of(takes, device)
    pixels = _seen(puppet, takes, view)
    least, most = pixels.amin(dim=1), pixels.amax(dim=1)
    low = torch.floor(least) - MARGIN_PX
    extent = torch.ceil((most - low).amax(dim=0) + MARGIN_PX)
    columns, rows = (int(-(-v // 16) * 16) for v in extent.tolist())
    masks = _person(puppet, pixels, low, rows, columns)
    column = low[:, :1] + torch.arange(columns, device=device)
    row = low[:, 1:] + torch.arange(rows, device=device)
    masks *= ((column >= 0) & (column < view.size[:, :1]))[:, None]
    masks *= ((row >= 0) & (row < view.size[:, 1:]))[:, :, None]
    whole = ((least >= 1) & (most <= view.size - 1)).all(dim=1).view(shape)
    tall_px = masks.any(dim=2).sum(dim=1).view(shape) * whole
    return Crops(
        masks.view(*shape, rows, columns),
        low[:, 0].view(shape),
        view.size[:, 0].view(shape),
        whole,
        (tall_px.sum(dim=1) / whole.sum(dim=1).clamp(min=1)).clamp(min=1.0),
    )


@dataclass(frozen=True)
class _View:
    """Path and camera of each of N frames, (N,); ``size`` (N, 2) of the frame."""

    x_m: torch.Tensor
    y_m: torch.Tensor
    heading: torch.Tensor
    curvature: torch.Tensor
    focal_px: torch.Tensor
    height_m: torch.Tensor
    pitch: torch.Tensor
    size: torch.Tensor

    @staticmethod
    def of(takes: Takes, device: str) -> _View:
        import torch

        names = ("x_m", "y_m", "heading", "curvature", "focal_px", "height_m", "pitch")
        table = np.stack([getattr(takes, n) for n in (*names, "width_px", "tall_px")])
        wide = np.repeat(table.astype(np.float32), takes.times_s.shape[1], axis=1)
        rows = torch.from_numpy(wide).to(device)
        return _View(**dict(zip(names, rows, strict=False)), size=rows[-2:].T)


def _seen(puppet: Puppet, takes: Takes, view: _View) -> torch.Tensor:
    """Pixels (N, V, 2) of the puppet's vertices in every frame."""
    import torch

    device = view.x_m.device
    walked = puppet.vertices(torch.from_numpy(takes.times_s.ravel()).to(device))
    middle = np.repeat(takes.times_s.mean(axis=1), takes.times_s.shape[1])
    gone = torch.from_numpy(middle).to(device) * (float(puppet.stride[1]) / puppet.period_s)
    walked[..., 1] -= gone.float()[:, None]
    path = (view.x_m, view.y_m, view.heading, view.curvature)
    camera = (view.focal_px, view.height_m, view.pitch)
    if device.type == "cuda":
        from .kernels import film

        return film(walked, (*path, *camera, *view.size.T / 2.0))
    return project(bend(walked, *path), *camera, view.size / 2.0)[0]


def _person(
    puppet: Puppet, pixels: torch.Tensor, low: torch.Tensor, rows: int, columns: int
) -> torch.Tensor:
    """Masks (N, rows, columns) from ``low`` (N, 2) on; an umbrella hides and does not count."""
    masks = _cover(puppet.faces[puppet.person], pixels, low, rows, columns)
    if not puppet.person.all():
        masks *= 1 - _cover(puppet.faces[~puppet.person], pixels, low, rows, columns)
    return masks


def _cover(
    faces: npt.NDArray[np.int32], pixels: torch.Tensor, low: torch.Tensor, rows: int, columns: int
) -> torch.Tensor:
    import torch

    own = torch.from_numpy(faces).to(pixels.device)
    if pixels.device.type == "cuda":
        from .kernels import cover as fast

        return fast(pixels, own, low, rows, columns)
    return cover(pixels - low[:, None], own.long(), rows, columns)


def joined(crops: list[Crops]) -> Crops:
    """One of several, whose masks are padded, right and below, to the size of the largest."""
    import torch

    rows, columns = (max(c.masks.shape[k] for c in crops) for k in (2, 3))
    rest = zip(*((c.left_px, c.width_px, c.whole, c.walker_px) for c in crops), strict=True)
    masks = [_resized(c.masks, rows, columns) for c in crops]
    return Crops(torch.cat(masks), *(torch.cat(part) for part in rest))


def segmented(
    crop: Crops, takes: Takes, noise: NoiseModel, seed: int, others: Crops | None = None
) -> tuple[Crops, torch.Tensor]:
    """The crops as a segmenter sees them (``degrade``), and the frames it does not miss (S, T).

    ``others`` are crops of somebody else in the same takes, who may be merged with.
    """
    import torch

    scale = input_scale(takes.width_px, takes.tall_px)
    device = crop.masks.device
    masks = Masks(
        crop.masks,
        torch.from_numpy(takes.times_s).to(device),
        crop.walker_px,
        crop.walker_px * torch.from_numpy(scale).to(device).float(),
        None if others is None else _resized(others.masks, *crop.masks.shape[2:]),
    )
    seen, kept = degrade(masks, seed, noise)
    return replace(crop, masks=seen), kept


def _resized(masks: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Masks (S, T, h, w) cut or padded, right and below."""
    import torch

    beyond = (0, columns - masks.shape[3], 0, rows - masks.shape[2])
    return torch.nn.functional.pad(masks, beyond)


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
    walkers: list[tuple[Puppet, Path]], camera: Camera, times_s: Array, device: str
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
    origin = torch.zeros_like(centre)
    for k, (puppet, path) in enumerate(walkers):
        world = bend(
            puppet.vertices(times),
            same(path.x),
            same(path.y),
            same(path.heading),
            same(path.curvature),
        )
        pixels, depth = project(
            world, same(camera.focal_px), same(camera.height_m), same(camera.pitch), centre
        )
        mask = _person(puppet, pixels, origin, camera.tall_px, camera.width_px).bool()
        far = depth.mean(dim=1)[:, None, None]
        front = mask & (far < nearest)
        out.masked_fill_(front, k + 1)
        nearest = torch.where(front, far, nearest)
    return out
