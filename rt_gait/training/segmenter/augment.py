"""The stream of training scenes: which kind comes next, through which camera, with what labels.

The deployed segmenter sees small walkers (50 to 110 pixels tall), partly hidden by others, through
cheap cameras, while the photographs show mostly one large person each. The kinds of scene in
`scenes` bring scale and occlusion; here they are mixed, put through a poor camera, and their ids
turned into what the losses compare with.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rt_gait.training.segmenter.canvas import Scene, Source
from rt_gait.training.segmenter.data import Image, Photo
from rt_gait.training.segmenter.scenes import grid_scene, paste_scene, photo_scene

MIN_PIXELS = 40
"""A person with fewer visible pixels than this is neither a mask nor a box target."""
MAX_PEOPLE = 64


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
