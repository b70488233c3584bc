"""Frames: dressed walkers drawn over a background, with exact masks.

A :class:`Look` is a figure with what colours it; :func:`layer` draws it alone (premultiplied RGBA,
several samples a pixel spread over the exposure); :func:`compose` puts layers over the background
from far to near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..body.surface import normals, touching
from ..camera import Camera
from ..figure import Figure
from ..wardrobe.garments import FIELDS, Measures
from ..wardrobe.session import Session, surface_fields
from .raster import rasterise
from .shading import Light, folds, paint, shade

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]

#: Edge of the cells in which a figure's shadow on itself is found, and how far behind what hides
#: the lamp a point must lie to be in shadow, metres.
_CELL, _BEHIND = 0.02, 0.05
#: Samples of a pixel: column and row within it, and moment within the exposure, all in 0..1. Each
#: row, column and moment is taken once. An odd number: no mask pixel is covered by just half.
_SAMPLES = ((0.1, 0.5, 0.3), (0.3, 0.1, 0.7), (0.5, 0.7, 0.5), (0.7, 0.3, 0.1), (0.9, 0.9, 0.9))


@dataclass(frozen=True)
class Look:
    """A figure ready to be drawn. Build it with :meth:`of`.

    ``fields`` (V, C) are for its colours, ``touch`` (V, F) is :func:`.surface.touching`.
    """

    figure: Figure
    session: Session
    measures: Measures
    fields: Image
    touch: Any

    @staticmethod
    def of(figure: Figure, session: Session) -> Look:
        """``figure`` as dressed for ``session``."""
        values = surface_fields(figure).astype(np.float32)
        touch = touching(len(figure.vertices), figure.faces)
        return Look(figure, session, Measures.of(figure.mesh), values, touch)


@dataclass(frozen=True)
class Layer:
    """One walker alone: ``rgba`` (h, w, 4) premultiplied at pixel (``top``, ``left``).

    ``person`` (h, w) is the part of the coverage that counts as the person: all but an umbrella.
    ``distance`` metres orders the layers; ``shadow`` (H, W) multiplies the ground.
    """

    rgba: Image
    person: Image
    top: int
    left: int
    distance: float
    shadow: Image

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that the layer may cover."""
        h, w = self.rgba.shape[:2]
        return slice(self.top, self.top + h), slice(self.left, self.left + w)


def _colours(
    look: Look, posed: Image, at: tuple[Any, Image], camera: Camera, light: Light
) -> Image:
    """Lit colours (P, 3) of surface points.

    ``posed`` (V, 3) vertices; ``at`` the corners (P, 3) and barycentric weights (P, 3) of points.
    """
    corners, bary = at
    facing = normals(posed, look.figure.faces, look.touch)
    lamp = lamplight(posed, facing, look.figure.faces, light)[:, None]
    values = np.concatenate([look.fields, lamp, facing, posed], axis=1)
    mixed = values[corners[:, 0]] * bary[:, :1]
    for k in (1, 2):
        mixed += values[corners[:, k]] * bary[:, k : k + 1]
    f = dict(zip(FIELDS, mixed[:, :-7].T, strict=True))
    n, world = mixed[:, -6:-3], mixed[:, -3:]
    n = n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)
    eye = np.array([0.0, 0.0, camera.height_m], np.float32) - world
    eye /= np.linalg.norm(eye, axis=1, keepdims=True)
    colour, gloss = paint(f, look.session, look.measures, look.figure.parts)
    legs = np.clip(world[:, 2] / 0.9, 0.0, 1.0)
    open_ = 0.72 + 0.28 * legs, mixed[:, -7]
    return shade((colour, gloss), folds(f, n, 0.09), eye, light, open_).astype(np.float32)


def lamplight(vertices: Image, normals: Image, faces: npt.NDArray[np.int64], light: Light) -> Image:
    """Share of the lamp (V,) that the figure itself does not hide from its vertices (V, 3).

    Vertices that hardly face the lamp count as lit: there the grid is too coarse to tell.
    """
    towards = light.towards
    east = np.cross([1.0, 0.0, 0.0], towards)
    east /= np.linalg.norm(east)
    seen = vertices @ np.stack([east, np.cross(east, towards), towards], axis=1).astype(np.float32)
    at = (seen[:, :2] - seen[:, :2].min(axis=0)) / np.float32(_CELL) + 2.0
    # So far away that the lamp's rays are parallel.
    far = 100.0 + seen[:, 2].max() - seen[:, 2]
    width, height = (int(v) + 3 for v in at.max(axis=0))
    hit = rasterise(at, far, faces, width, height)
    nearest = np.full(width * height, np.inf, np.float32)
    nearest[hit.pixel] = hit.depth
    column, row = at.astype(np.int64).T
    hidden = np.zeros(len(vertices), np.float32)
    for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        hidden += far - nearest[(row + dy) * width + column + dx] > _BEHIND
    facing = np.clip((normals @ towards.astype(np.float32) - 0.1) / 0.4, 0.0, 1.0)
    return np.asarray(1.0 - facing * hidden / 5.0)


def shadow(vertices: Array, camera: Camera, light: Light, wall: float) -> Image:
    """How much light remains on ground and wall, (H, W): a cast shadow and a contact shadow."""
    import cv2

    out = np.ones((camera.tall_px, camera.width_px), dtype=np.float32)
    low = vertices[vertices[:, 2] < 0.10]
    for points, strength, spread in (
        (camera.cast_shadow(vertices, -light.towards, wall), 0.34, 1.0),
        (low * [1.0, 1.0, 0.0], 0.40, 2.0),
    ):
        if not len(points):
            continue
        pixel, depth = camera.project(points)
        metre = camera.focal_px / float(np.median(depth))
        cell = max(2, int(metre * 0.022 * spread))
        columns, rows = camera.width_px // cell + 2, camera.tall_px // cell + 2
        column, row = np.floor(pixel / cell).astype(int).T
        ok = (column >= 0) & (row >= 0) & (column < columns) & (row < rows)
        hits = np.bincount(row[ok] * columns + column[ok], minlength=rows * columns)
        cover = np.clip(hits.reshape(rows, columns) / 2.0, 0, 1).astype(np.float32)
        soft: Any = cv2.GaussianBlur(cover, (0, 0), 1.2)
        soft = cv2.resize(soft, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
        out *= 1.0 - strength * soft[: camera.tall_px, : camera.width_px]
    return out


def _front(faces: npt.NDArray[np.int64], pixel: Array) -> npt.NDArray[np.bool_]:
    """Which ``faces`` (F, 3) may show their front at either place ``pixel`` (2, V, 2)."""
    showing = np.zeros(len(faces), dtype=bool)
    for x, y in np.moveaxis(pixel, 2, 1):
        a, b, c = faces.T
        showing |= (x[b] - x[a]) * (y[c] - y[a]) < (y[b] - y[a]) * (x[c] - x[a])
    return showing


def layer(look: Look, ends: Array, camera: Camera, light: Light, wall: float = np.inf) -> Layer:
    """One walker over an exposure; empty when outside the picture.

    ``ends`` (2, V, 3) vertices at its beginning and end, ``wall`` metres where shadows climb.
    """
    pixel, depth = camera.project(ends)
    left, top = np.maximum(np.floor(pixel.min(axis=(0, 1))).astype(int) - 1, 0)
    right, bottom = np.ceil(pixel.max(axis=(0, 1))).astype(int) + 2
    width = min(int(right), camera.width_px) - int(left)
    height = min(int(bottom), camera.tall_px) - int(top)
    middle, far = (ends[0] + ends[1]) / 2.0, (depth[0] + depth[1]) / 2.0
    dark = shadow(middle, camera, light, wall)
    if width < 2 or height < 2:
        none = np.zeros((1, 1, 4), np.float32)
        return Layer(none, none[..., 3], 0, 0, float(np.median(far)), dark)
    showing = _front(look.figure.faces, pixel)
    faces = look.figure.faces[showing]
    near = far.astype(np.float32)
    hits = []
    for column, row, share in _SAMPLES:
        at = pixel[0] * (1.0 - share) + pixel[1] * share
        at += [0.5 - column - left, 0.5 - row - top]
        hits.append(rasterise(at.astype(np.float32), near, faces, width, height))
    seen = np.concatenate([h.face for h in hits])
    bary = np.concatenate([h.bary for h in hits])
    lit = _colours(look, middle.astype(np.float32), (faces[seen], bary), camera, light)
    person = look.figure.person[showing][seen]
    sums, first = np.zeros((height * width, 5), np.float32), 0
    for hit in hits:
        index, last = hit.pixel, first + len(hit.pixel)
        sums[index, :3] += lit[first:last]
        sums[index, 3] += 1.0
        sums[index, 4] += person[first:last]
        first = last
    drawn = (sums / np.float32(len(hits))).reshape(height, width, 5)
    return Layer(drawn[..., :4], drawn[..., 4], int(top), int(left), float(np.median(far)), dark)


def compose(background: Image, layers: list[Layer]) -> tuple[Image, list[Image], list[Image]]:
    """The picture (H, W, 3), and each person's whole and visible coverage (H, W), in 0..1."""
    picture = background.copy()
    for item in layers:
        picture *= item.shadow[:, :, None]
    whole: list[Image] = [np.zeros(picture.shape[:2], np.float32) for _ in layers]
    for item, alpha in zip(layers, whole, strict=True):
        alpha[item.area] = item.person
    visible = [alpha.copy() for alpha in whole]
    order = sorted(range(len(layers)), key=lambda k: -layers[k].distance)
    for rank, k in enumerate(order):
        item, area = layers[k], layers[k].area
        picture[area] = picture[area] * (1.0 - item.rgba[..., 3:]) + item.rgba[..., :3]
        for behind in order[:rank]:
            visible[behind][area] *= 1.0 - item.rgba[..., 3]
    return picture, whole, visible


def finish(picture: Image, rng: np.random.Generator, noise: float = 0.008) -> npt.NDArray[np.uint8]:
    """8-bit RGB (H, W, 3) with sensor noise of standard deviation ``noise`` (0..1) at mid grey."""
    if noise > 0:
        grain = rng.standard_normal(picture.shape, np.float32)
        picture = picture + grain * np.float32(noise) * np.sqrt(np.float32(0.3) + picture)
    return np.asarray((np.clip(picture, 0.0, 1.0) * np.float32(255.0) + 0.5).astype(np.uint8))
