"""The canvas a training scene is composed on: a picture and its instance ids, changed together.

Whatever moves, crops or resizes the one must do the same to the other, or a mask no longer lies on
its person; the ways of doing so are here, apart from the choice of what goes where.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rt_gait.training.segmenter.data import Image, Photo

GRAY = 114


@dataclass
class Scene:
    """A composed training image."""

    image: Image
    """(H, W, 3) RGB."""
    ids: Image
    """(H, W) instance ids, see `data`."""
    complete: bool
    """Whether every person in it is labelled."""


@dataclass(frozen=True)
class Source:
    """A photograph prepared for composing."""

    image: Image
    ids: Image
    complete: bool

    @classmethod
    def from_photo(cls, photo: Photo) -> Source:
        """Paint its outlines into an id map."""
        return cls(photo.image, photo.id_map(), photo.complete)


def blank(height: int, width: int) -> Scene:
    """Gray, with nobody on it."""
    ids = np.zeros((height, width), np.uint8)
    return Scene(np.full((height, width, 3), GRAY, np.uint8), ids, True)


def resize_ids(ids: Image, size: tuple[int, int]) -> Image:
    """Resizes an id map to (width, height): each pixel goes to the id covering most of it."""
    if size[0] >= ids.shape[1]:
        return np.asarray(cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    out = np.zeros((size[1], size[0]), np.uint8)
    best = np.full(out.shape, 0.5, np.float32)
    for index in range(1, int(ids.max()) + 1):
        cover = cv2.resize((ids == index).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        better = cover > best
        out[better], best[better] = index, cover[better]
    return out


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resizes a picture to (width, height)."""
    how = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _add_ids(scene: Scene, rows: slice, cols: slice, ids: Image) -> None:
    """Adds the people of `ids` to a part of the scene, under new numbers."""
    wide = ids.astype(np.int32) + int(scene.ids.max())
    fresh = (ids > 0) & (wide <= 255)
    scene.ids[rows, cols][fresh] = wide[fresh].astype(np.uint8)


def fill(
    scene: Scene,
    source: Source,
    box: tuple[int, int, int, int],
    zoom: float,
    rng: np.random.Generator,
) -> None:
    """Cover `box` (x, y, w, h) with a random part of a photograph, enlarged by `zoom`."""
    x, y, w, h = box
    image, ids = source.image, source.ids
    if rng.random() < 0.5:
        image, ids = image[:, ::-1], ids[:, ::-1]
    scale = max(w / image.shape[1], h / image.shape[0]) * zoom
    stretch = float(rng.uniform(0.9, 1.1))
    # crop first, so that only what is used gets resized
    crop_w = min(image.shape[1], max(2, round(w / scale / stretch)))
    crop_h = min(image.shape[0], max(2, round(h / scale)))
    cx = int(rng.integers(0, image.shape[1] - crop_w + 1))
    cy = int(rng.integers(0, image.shape[0] - crop_h + 1))
    part = np.ascontiguousarray(image[cy : cy + crop_h, cx : cx + crop_w])
    part_ids = np.ascontiguousarray(ids[cy : cy + crop_h, cx : cx + crop_w])
    scene.image[y : y + h, x : x + w] = resize(part, (w, h))
    scene.ids[y : y + h, x : x + w] = 0
    _add_ids(scene, slice(y, y + h), slice(x, x + w), resize_ids(part_ids, (w, h)))
    scene.complete = scene.complete and source.complete


def _overlap(
    scene: Scene, x: int, y: int, part: Image
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a part with its corner at (x, y) lies on the scene, and which of its pixels those are.

    The slices run backwards where the two do not meet.
    """
    height, width = scene.ids.shape
    x0, x1 = max(0, x), min(width, x + part.shape[1])
    y0, y1 = max(0, y), min(height, y + part.shape[0])
    return np.s_[y0:y1, x0:x1], np.s_[y0 - y : y1 - y, x0 - x : x1 - x]


def place(scene: Scene, image: Image, ids: Image, x: int, y: int) -> None:
    """Put a picture and its people on an empty scene, what sticks out left off."""
    outer, inner = _overlap(scene, x, y, image)
    scene.image[outer] = image[inner]
    scene.ids[outer] = ids[inner]


def paste(scene: Scene, image: Image, cover: NDArray[np.float32], x: int, y: int) -> None:
    """Blend one person in by soft coverage 0..1, hiding whoever is there; slivers are left out."""
    outer, inner = _overlap(scene, x, y, image)
    narrow = any(axis.stop - axis.start < 3 for axis in outer)
    if narrow or scene.ids.max() >= 254:
        return
    alpha = cover[inner][..., None]
    blended = image[inner] * alpha + scene.image[outer] * (1 - alpha)
    scene.image[outer] = np.rint(blended).astype(np.uint8)
    scene.ids[outer][cover[inner] > 0.5] = int(scene.ids.max()) + 1
