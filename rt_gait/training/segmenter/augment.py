"""Training scenes composed from photographs: many scales, crowds with occlusion, and a poor camera.

The deployed segmenter sees small walkers (50 to 110 pixels tall), partly hidden by others, through
cheap cameras, while the photographs show mostly one large person each. Three kinds of scene close
the gap: one photograph at any scale, a grid of photographs down to 60-pixel cells, and people cut
out of fashion photographs pasted in groups over a fully labelled photograph, where only the visible
part of each person counts (copy-paste: Ghiasi et al., CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rt_gait.training.segmenter.data import Image, Photo

GRAY = 114
MIN_PIXELS = 40
"""A person with fewer visible pixels than this is neither a mask nor a box target."""
MAX_PEOPLE = 64


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


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _resize_ids(ids: Image, size: tuple[int, int]) -> Image:
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


def _resize(image: Image, size: tuple[int, int]) -> Image:
    how = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _add_ids(scene: Scene, rows: slice, cols: slice, ids: Image) -> None:
    """Adds the people of `ids` to a part of the scene, under new numbers."""
    wide = ids.astype(np.int32) + int(scene.ids.max())
    fresh = (ids > 0) & (wide <= 255)
    scene.ids[rows, cols][fresh] = wide[fresh].astype(np.uint8)


def _fill(
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
    scene.image[y : y + h, x : x + w] = _resize(part, (w, h))
    scene.ids[y : y + h, x : x + w] = 0
    _add_ids(scene, slice(y, y + h), slice(x, x + w), _resize_ids(part_ids, (w, h)))
    scene.complete = scene.complete and source.complete


def _blank(height: int, width: int) -> Scene:
    ids = np.zeros((height, width), np.uint8)
    return Scene(np.full((height, width, 3), GRAY, np.uint8), ids, True)


def photo_scene(source: Source, height: int, width: int, rng: np.random.Generator) -> Scene:
    """One photograph on gray, its tallest person 100 to 460 pixels tall, or letterboxed."""
    scene = _blank(height, width)
    image, ids = source.image, source.ids
    if rng.random() < 0.5:
        image, ids = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(ids[:, ::-1])
    fit = min(width / image.shape[1], height / image.shape[0])
    scale = fit
    spans = [s for s in ndimage.find_objects(ids) if s is not None]
    if spans and rng.random() < 0.6:
        tallest = max(s[0].stop - s[0].start for s in spans)
        scale = min(2.0 * fit, _log_uniform(rng, 100, 460) / tallest)
    size = (
        max(32, round(image.shape[1] * scale * float(rng.uniform(0.9, 1.1)))),
        max(32, round(image.shape[0] * scale)),
    )
    image, ids = _resize(image, size), _resize_ids(ids, size)
    # a random offset: inside the scene when smaller, a crop of it when larger
    x = int(rng.integers(min(0, width - size[0]), max(0, width - size[0]) + 1))
    y = int(rng.integers(min(0, height - size[1]), max(0, height - size[1]) + 1))
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + size[0]), min(height, y + size[1])
    scene.image[y0:y1, x0:x1] = image[y0 - y : y1 - y, x0 - x : x1 - x]
    scene.ids[y0:y1, x0:x1] = ids[y0 - y : y1 - y, x0 - x : x1 - x]
    scene.complete = source.complete
    return scene


def grid_scene(
    sources: Sequence[Source], height: int, width: int, rng: np.random.Generator
) -> Scene:
    """Rows of photographs; with seven rows people are about 60 pixels tall."""
    scene = _blank(height, width)
    rows = int(rng.integers(1, 8))
    edges = np.linspace(0, height, rows + 1).astype(int)
    for top, bottom in pairwise(edges):
        x = 0
        while x < width:
            source = sources[int(rng.integers(len(sources)))]
            aspect = source.image.shape[1] / source.image.shape[0] * rng.uniform(0.8, 1.25)
            w = min(width - x, max(24, round((bottom - top) * aspect)))
            _fill(
                scene,
                source,
                (x, int(top), w, int(bottom - top)),
                float(rng.uniform(1.0, 1.25)),
                rng,
            )
            x += w
    return scene


def _cut_out(
    source: Source, tall: int, rng: np.random.Generator
) -> tuple[Image, NDArray[np.float32]] | None:
    """The tallest person, scaled to `tall` pixels: colours and soft coverage 0..1."""
    spans = [
        (s, i) for i, s in enumerate(ndimage.find_objects(source.ids), start=1) if s is not None
    ]
    if not spans:
        return None
    (rows, cols), index = max(spans, key=lambda s: s[0][0].stop - s[0][0].start)
    image = source.image[rows, cols]
    mask = (source.ids[rows, cols] == index).astype(np.float32)
    if mask.shape[0] < 0.35 * tall or mask.shape[1] < 4:
        return None
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    scale = tall / mask.shape[0]
    size = (max(3, round(mask.shape[1] * scale * float(rng.uniform(0.85, 1.15)))), tall)
    cover = cv2.resize(
        np.ascontiguousarray(mask),
        size,
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    gain = rng.uniform(0.6, 1.3) * rng.uniform(0.92, 1.08, 3)
    coloured = np.clip(_resize(np.ascontiguousarray(image), size) * gain, 0, 255).astype(np.uint8)
    return coloured, np.asarray(cover, np.float32)


def paste_scene(
    background: Source, people: Sequence[Source], height: int, width: int, rng: np.random.Generator
) -> Scene:
    """People pasted over a photograph, far ones first, in groups that hide each other."""
    scene = _blank(height, width)
    _fill(scene, background, (0, 0, width, height), _log_uniform(rng, 1.0, 1.6), rng)
    base = _log_uniform(rng, 45, 420)
    spots: list[tuple[int, int, int]] = []  # foot row, centre column, height
    for _ in range(int(rng.integers(1, 9))):
        tall = int(np.clip(base * rng.uniform(0.75, 1.3), 40, 470))
        if spots and rng.random() < 0.65:
            foot, centre, near = spots[int(rng.integers(len(spots)))]
            tall = int(np.clip(near * rng.uniform(0.85, 1.15), 40, 470))
            centre += round(tall * rng.uniform(0.08, 0.4) * rng.choice([-1, 1]))
            foot += round(tall * rng.uniform(-0.12, 0.12))
        else:
            foot = int(rng.integers(min(tall, height - 1), height + tall // 4 + 1))
            centre = int(rng.integers(0, width))
        spots.append((foot, centre, tall))
    for foot, centre, tall in sorted(spots):
        cut = _cut_out(people[int(rng.integers(len(people)))], tall, rng)
        if cut is None:
            continue
        image, cover = cut
        x, y = centre - image.shape[1] // 2, foot - tall
        x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + image.shape[1]), min(height, y + tall)
        if x1 - x0 < 3 or y1 - y0 < 3 or scene.ids.max() >= 254:
            continue
        inner = np.s_[y0 - y : y1 - y, x0 - x : x1 - x]
        alpha = cover[inner][..., None]
        region = scene.image[y0:y1, x0:x1]
        scene.image[y0:y1, x0:x1] = np.rint(image[inner] * alpha + region * (1 - alpha)).astype(
            np.uint8
        )
        new_id = int(scene.ids.max()) + 1
        scene.ids[y0:y1, x0:x1][cover[inner] > 0.5] = new_id
    return scene


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """What a cheap camera does: fewer pixels, motion blur, compression."""
    height, width = image.shape[:2]
    if rng.random() < 0.35:
        factor = float(rng.uniform(0.4, 0.9))
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = np.asarray(
            cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    if rng.random() < 0.15:
        length = int(rng.integers(2, 6))
        image = np.asarray(cv2.blur(image, (length, 1) if rng.random() < 0.8 else (2, 2)), np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(25, 95))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image


def compact(ids: Image, limit: int = MAX_PEOPLE) -> tuple[Image, NDArray[np.float32]]:
    """Renumbers people 1..K, leaving out slivers, and gives their boxes.

    Returns:
        The id map and (K, 4) float32 boxes x1, y1, x2, y2 in pixels around the visible part.
    """
    counts = np.bincount(ids.reshape(-1), minlength=256)
    table = np.zeros(256, np.uint8)
    boxes: list[tuple[int, int, int, int]] = []
    for index, span in enumerate(ndimage.find_objects(ids), start=1):
        if span is None or counts[index] < MIN_PIXELS or len(boxes) >= limit:
            continue
        rows, cols = span
        boxes.append((cols.start, rows.start, cols.stop, rows.stop))
        table[index] = len(boxes)
    return table[ids], np.asarray(boxes, np.float32).reshape(-1, 4)


class Composer:
    """Makes scenes; every call with the same seed gives the same scene.

    Args:
        photos: photographs, at least one of them with all people labelled.
        walkers: rendered pictures of walking people; they lend strides that posed photographs lack.
        height: of a scene, pixels.
        width: of a scene, pixels.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        walkers: Sequence[Photo] = (),
        height: int = 480,
        width: int = 640,
    ) -> None:
        self.sources = [Source.from_photo(p) for p in photos]
        self.complete = [s for s in self.sources if s.complete]
        self.single = [s for s in self.sources if not s.complete] or self.complete
        self.walkers = [Source.from_photo(p) for p in walkers]
        self.height, self.width = height, width
        if not self.complete:
            raise ValueError("no photograph with all people labelled: nothing to paste onto")

    def __call__(self, seed: int) -> Scene:
        """Compose the scene of that number."""
        rng = np.random.default_rng(seed)
        size = (self.height, self.width)

        def pick(sources: Sequence[Source]) -> Source:
            return sources[int(rng.integers(len(sources)))]

        kind = rng.random()
        if kind < 0.25:
            scene = photo_scene(pick(self.complete), *size, rng)
        elif kind < 0.35:
            scene = photo_scene(pick(self.walkers or self.single), *size, rng)
        elif kind < 0.60:
            scene = grid_scene(self.complete if rng.random() < 0.3 else self.sources, *size, rng)
        else:
            people = self.walkers if self.walkers and rng.random() < 0.25 else self.single
            scene = paste_scene(pick(self.complete), people, *size, rng)
        scene.image = degrade(scene.image, rng)
        scene.complete = (
            scene.complete and len(np.unique(scene.ids)) <= MAX_PEOPLE
        )  # `compact` leaves the rest out
        return scene
