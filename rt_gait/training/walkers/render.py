"""Frames: dressed walkers drawn over a background, with exact masks.

A :class:`Figure` is a dressed body; :func:`layer` draws it alone (premultiplied RGBA, supersampled,
blurred by its motion); :func:`compose` puts layers over the background from far to near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .bodies import BodyMesh
from .camera import Camera
from .garments import FIELDS, Measures, Outfit, dress, fields, normals
from .motion import Gait
from .raster import rasterise
from .rotations import axis_rotation
from .shading import Light, folds, paint, shade

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """From where and under which lamp a walker is seen."""

    camera: Camera
    light: Light


class Figure:
    """A dressed body ready to be posed: vertices of the clothes, fields and skinning weights."""

    def __init__(self, mesh: BodyMesh, outfit: Outfit) -> None:
        self.mesh, self.outfit = mesh, outfit
        self.rest = dress(mesh, outfit)
        self.fields = fields(mesh)
        self.fields[:, FIELDS.index("x") : FIELDS.index("z") + 1] = self.rest
        self.measures = Measures.of(mesh)
        lengths = np.ones((len(self.rest), 1))
        self._rest4 = np.concatenate([self.rest, lengths], axis=1)

    def pose(self, gait: Gait, time: float, heading: float, origin: Array) -> tuple[Array, Array]:
        """Posed vertices (V, 3) in the world and their normals.

        ``heading`` radians turns the walk from -y about z; at time 0 the root is over ``origin``.
        """
        rotations, root = gait.at(time)
        turn = axis_rotation(2, heading)
        root = turn @ root + origin
        rotations = turn @ rotations
        mesh, at = self.mesh, np.zeros((len(rotations), 3))
        for j, parent in enumerate(mesh.parents):
            at[j] = (
                root
                if parent < 0
                else (at[parent] + rotations[parent] @ (mesh.heads[j] - mesh.heads[parent]))
            )
        moved = at - np.einsum("jab,jb->ja", rotations, mesh.heads)
        transform = np.concatenate([rotations, moved[:, :, None]], axis=2).reshape(-1, 12)
        blended = (mesh.weights.astype(np.float32) @ transform.astype(np.float32)).reshape(-1, 3, 4)
        vertices = np.einsum("vab,vb->va", blended, self._rest4)
        return vertices, normals(vertices, mesh.faces)


@dataclass(frozen=True)
class Layer:
    """One walker alone: ``rgba`` (h, w, 4) premultiplied at pixel (``top``, ``left``).

    ``distance`` metres orders the layers; ``shadow`` (H, W) multiplies the ground.
    """

    rgba: Image
    top: int
    left: int
    distance: float
    shadow: Image | None


def _draw(
    figure: Figure,
    posed: tuple[Array, Array],
    view: View,
    box: tuple[int, int, int, int],
    scale: int,
) -> Image:
    """Premultiplied RGBA (h, w, 4) of a pixel box (left, top, right, bottom)."""
    import torch

    camera, light, (vertices, normal) = view.camera, view.light, posed
    left, top, right, bottom = box
    width, height = (right - left) * scale, (bottom - top) * scale
    points, depth = camera.project(vertices)
    points = (points - [left, top]) * scale
    hit = rasterise(
        torch.from_numpy(points),
        torch.from_numpy(depth),
        torch.from_numpy(figure.mesh.faces),
        width,
        height,
    )
    corners = figure.mesh.faces[hit.face.numpy()]
    bary = hit.bary.numpy()[:, :, None]

    def gather(values: Array) -> Array:
        return np.asarray((values[corners] * bary).sum(axis=1))

    f = dict(zip(FIELDS, gather(figure.fields).T, strict=True))
    n = gather(normal)
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)
    world = gather(vertices)
    eye = np.array([0.0, 0.0, camera.height]) - world
    eye /= np.linalg.norm(eye, axis=1, keepdims=True)
    colour, gloss = paint(f, figure.outfit, figure.measures)
    legs = np.clip(world[:, 2] / 0.9, 0.0, 1.0)
    inner = np.clip(-n[:, 0] * f["side"], 0.0, 1.0) * (f["z"] < figure.measures.waist)
    clear = (0.72 + 0.28 * legs) * (1.0 - 0.15 * inner)
    rgb = shade((colour, gloss), folds(f, n, 0.09), eye, light, clear)
    out = np.zeros((height * width, 4), dtype=np.float32)
    index = hit.pixel.numpy()
    out[index, :3], out[index, 3] = rgb, 1.0
    blocks = out.reshape(height // scale, scale, width // scale, scale, 4)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def shadow(vertices: Array, camera: Camera, light: Light) -> Image:
    """How much ground light remains, (H, W): a soft cast shadow and a contact shadow."""
    import cv2

    out = np.ones((camera.height_px, camera.width), dtype=np.float32)
    low = vertices[vertices[:, 2] < 0.10]
    for points, strength, spread in (
        (camera.ground_shadow(vertices, -light.towards), 0.34, 1.0),
        (low * [1.0, 1.0, 0.0], 0.40, 2.0),
    ):
        pixel, depth = camera.project(points)
        metre = camera.focal / float(np.median(depth))
        cell = max(2, int(metre * 0.022 * spread))
        columns, rows = camera.width // cell + 2, camera.height_px // cell + 2
        column, row = np.floor(pixel / cell).astype(int).T
        ok = (column >= 0) & (row >= 0) & (column < columns) & (row < rows)
        hits = np.bincount(row[ok] * columns + column[ok], minlength=rows * columns)
        cover = np.clip(hits.reshape(rows, columns) / 2.0, 0, 1).astype(np.float32)
        soft: Any = cv2.GaussianBlur(cover, (0, 0), 1.2)
        soft = cv2.resize(soft, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
        out *= 1.0 - strength * soft[: camera.height_px, : camera.width]
    return out


def layer(figure: Figure, posed: list[tuple[Array, Array]], view: View, scale: int = 2) -> Layer:
    """One walker, averaged over the moments of the exposure; empty when outside the picture.

    ``posed`` holds vertices (V, 3) and normals (V, 3) at each moment (:meth:`Figure.pose`).
    """
    camera = view.camera
    pixels = np.concatenate([camera.project(v)[0] for v, _ in posed])
    left, top = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 2
    right, bottom = min(int(right), camera.width), min(int(bottom), camera.height_px)
    dark = shadow(posed[0][0], camera, view.light)
    distance = float(np.median(camera.project(posed[0][0])[1]))
    if right - left < 2 or bottom - top < 2:
        return Layer(np.zeros((1, 1, 4), np.float32), 0, 0, distance, dark)
    box = (int(left), int(top), right, bottom)
    rgba = np.mean([_draw(figure, p, view, box, scale) for p in posed], axis=0)
    return Layer(rgba.astype(np.float32), int(top), int(left), distance, dark)


def compose(background: Image, layers: list[Layer]) -> tuple[Image, list[Image], list[Image]]:
    """The picture (H, W, 3), and each layer's whole and visible coverage (H, W), in 0..1."""
    picture = background.copy()
    for item in layers:
        if item.shadow is not None:
            picture *= item.shadow[:, :, None]
    whole: list[Image] = [np.zeros(picture.shape[:2], np.float32) for _ in layers]
    for item, alpha in zip(layers, whole, strict=True):
        h, w = item.rgba.shape[:2]
        alpha[item.top : item.top + h, item.left : item.left + w] = item.rgba[..., 3]
    visible = [alpha.copy() for alpha in whole]
    order = sorted(range(len(layers)), key=lambda k: -layers[k].distance)
    for rank, k in enumerate(order):
        item = layers[k]
        h, w = item.rgba.shape[:2]
        area = (slice(item.top, item.top + h), slice(item.left, item.left + w))
        picture[area] = picture[area] * (1.0 - item.rgba[..., 3:]) + item.rgba[..., :3]
        for behind in order[:rank]:
            visible[behind] *= 1.0 - whole[k]
    return picture, whole, visible


def finish(picture: Image, rng: np.random.Generator, noise: float = 0.008) -> npt.NDArray[np.uint8]:
    """8-bit RGB (H, W, 3) with sensor noise of standard deviation ``noise`` (0..1) at mid grey."""
    grain = rng.standard_normal(picture.shape).astype(np.float32)
    noisy = picture + grain * noise * np.sqrt(0.3 + picture)
    return np.asarray((np.clip(noisy, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))
