"""Three kinds of training scene: one photograph, a grid of them, and people pasted in groups.

Each closes a part of the gap between posed photographs and walkers seen from afar: one photograph
at any scale, a grid of photographs down to 60-pixel cells, and people cut out of fashion
photographs pasted in groups over a fully labelled photograph, where only the visible part of each
person counts (copy-paste: Ghiasi et al., CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rt_gait.training.segmenter.canvas import (
    Scene,
    Source,
    blank,
    fill,
    paste,
    place,
    resize,
    resize_ids,
)
from rt_gait.training.segmenter.data import Image


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def photo_scene(source: Source, height: int, width: int, rng: np.random.Generator) -> Scene:
    """One photograph on gray, its tallest person 100 to 460 pixels tall, or letterboxed."""
    scene = blank(height, width)
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
    image, ids = resize(image, size), resize_ids(ids, size)
    # a random offset: inside the scene when smaller, a crop of it when larger
    x = int(rng.integers(min(0, width - size[0]), max(0, width - size[0]) + 1))
    y = int(rng.integers(min(0, height - size[1]), max(0, height - size[1]) + 1))
    place(scene, image, ids, x, y)
    scene.complete = source.complete
    return scene


def grid_scene(
    sources: Sequence[Source], height: int, width: int, rng: np.random.Generator
) -> Scene:
    """Rows of photographs; with seven rows people are about 60 pixels tall."""
    scene = blank(height, width)
    rows = int(rng.integers(1, 8))
    edges = np.linspace(0, height, rows + 1).astype(int)
    for top, bottom in pairwise(edges):
        x = 0
        while x < width:
            source = sources[int(rng.integers(len(sources)))]
            aspect = source.image.shape[1] / source.image.shape[0] * rng.uniform(0.8, 1.25)
            w = min(width - x, max(24, round((bottom - top) * aspect)))
            fill(
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
    coloured = np.clip(resize(np.ascontiguousarray(image), size) * gain, 0, 255).astype(np.uint8)
    return coloured, np.asarray(cover, np.float32)


def _spots(height: int, width: int, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Foot row, centre column and height of up to eight people, most beside an earlier one."""
    base = _log_uniform(rng, 45, 420)
    spots: list[tuple[int, int, int]] = []
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
    return spots


def paste_scene(
    background: Source, people: Sequence[Source], height: int, width: int, rng: np.random.Generator
) -> Scene:
    """People pasted over a photograph, far ones first, in groups that hide each other."""
    scene = blank(height, width)
    fill(scene, background, (0, 0, width, height), _log_uniform(rng, 1.0, 1.6), rng)
    for foot, centre, tall in sorted(_spots(height, width, rng)):
        cut = _cut_out(people[int(rng.integers(len(people)))], tall, rng)
        if cut is not None:
            image, cover = cut
            paste(scene, image, cover, centre - image.shape[1] // 2, foot - tall)
    return scene
