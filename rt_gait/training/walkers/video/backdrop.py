"""Procedural backgrounds in perspective: a floor and a furnished wall, with or without a sky."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..camera import Camera

Image = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@lru_cache(maxsize=64)
def _table(seed: int) -> Image:
    return np.random.default_rng([seed, 7]).random((256, 256)).astype(np.float32)


def _noise(x: Image, y: Image, seed: int) -> Image:
    """Smooth value noise in 0..1 on a unit lattice, for points (H, W)."""
    import cv2

    def eased(v: Image) -> Image:
        low = np.floor(v)
        part = v - low
        return np.asarray(np.mod(low, 256) + part * part * (3 - 2 * part))

    how, border = cv2.INTER_LINEAR, cv2.BORDER_WRAP
    found: Any = cv2.remap(_table(seed), eased(x), eased(y), how, borderMode=border)
    return np.asarray(found)


def _rough(x: Image, y: Image, seed: int) -> Image:
    """Four octaves of noise, mean about 0.5."""
    out = np.full(x.shape, 0.03, np.float32)
    for k in range(4):
        out += _noise(x * 2**k, y * 2**k, seed + k) * 0.5 ** (k + 1)
    return out


def _lines(u: Image, period: float, width: float) -> Flags:
    return np.asarray(np.mod(u, period) < width)


def _tint(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A warm or a cool grey, RGB about 1."""
    warm, *rest = rng.normal(size=3)
    red, blue = 0.02 * np.array(rest)
    return np.array([1.0 + 0.05 * warm + red, 1.0, 1.0 - 0.07 * warm + blue])


def _floor(x: Image, y: Image, rng: np.random.Generator, seed: int, outside: bool) -> Image:
    tone, tint = rng.uniform(0.36, 0.66), _tint(rng)
    grain = 0.82 + 0.22 * _rough(x * 1.3, y * 1.3, seed) + 0.14 * _rough(x * 14, y * 14, seed + 9)
    kind = rng.integers(3)
    if kind < 2 and not (outside and kind == 1):
        period = rng.uniform(0.4, 1.1)
        across, along = np.floor((x + 0.13) / period), np.floor(y / period)
        cell = across * 57 + along * 131
        grain *= 0.95 + 0.10 * _noise(cell * 0.37, cell * 0.71, seed + 3)
        grain[_lines(x + 0.13, period, 0.014) | _lines(y, period, 0.014)] *= 0.72
    elif not outside:
        plank = np.floor(y / 0.18)
        step = np.floor(x / 1.7 + plank * 0.37)
        grain *= 0.90 + 0.2 * _noise(plank * 0.61, step, seed + 5)
        grain[_lines(y, 0.18, 0.008)] *= 0.7
    elif kind == 1:
        grain *= 0.75 + 0.5 * _noise(x * 60, y * 60, seed + 5)
    else:
        tint = np.array([0.72, 0.92, 0.45]) * (1.0 + 0.06 * rng.normal(size=3))
        grain *= 0.55 + 0.5 * _rough(x * 25, y * 9, seed + 6)
    return np.asarray(grain[..., None] * (tone * tint).astype(np.float32))


def _sheet(x: Image, z: Image, where: Flags, colour: Image, rng: np.random.Generator) -> None:
    """A poster in 0..1 by 0..1: a picture over lines of text."""
    paper, ink = rng.uniform(0.75, 0.95), rng.uniform(0.15, 0.6, size=3)
    value = np.full((*x.shape, 3), paper, np.float32)
    low = rng.uniform(0.35, 0.55)
    inside = (np.abs(x - 0.5) < 0.42) & (z < 0.94)
    value[inside & (z > low)] = ink
    hill = low + 0.25 + 0.12 * np.sin(5 * x + rng.uniform(0, 6))
    value[inside & (z > low) & (z < hill)] = 0.6 * ink + 0.25
    value[inside & (z < low - 0.06) & (z > 0.06) & _lines(z, 0.08, 0.03)] = 0.45
    colour[where] = value[where]


def _furnish(x: Image, z: Image, colour: Image, rng: np.random.Generator) -> None:
    """Windows, doors and posters along the wall, painted into ``colour`` (H, W, 3)."""
    at = -14.0 + rng.uniform(0, 3)
    while at < 14.0:
        what, wide = rng.integers(4), rng.uniform(0.9, 2.2)
        inside = (x > at) & (x < at + wide)
        if what == 0:
            pane = inside & (z > 1.0) & (z < 2.6)
            shine = 0.1 * z[pane] + 0.05 * (np.mod(x[pane] * 0.8 + z[pane], 0.9) < 0.3)
            colour[pane] = (np.array([0.35, 0.42, 0.50]) + shine[:, None]) * 0.8
            bars = _lines(x - at, wide / 2, 0.07) | (x > at + wide - 0.07)
            colour[pane & (bars | (z < 1.07) | (z > 2.53))] = 0.85
            colour[inside & (z > 0.94) & (z <= 1.0)] *= 0.75
        elif what == 1:
            door = inside & (z < 2.1) & (x < at + 1.0)
            leaf = rng.uniform(0.15, 0.6, size=3)
            colour[door] = 0.6 * leaf + 0.4 * leaf.mean()
            panel = (np.abs(np.mod(x - at, 0.5) - 0.25) < 0.17) & (np.mod(z - 0.1, 0.95) < 0.75)
            colour[door & panel] *= 0.88
            colour[door & ((x < at + 0.05) | (x > at + 0.95) | (z > 2.04))] *= 1.2
            colour[door & (np.abs(x - at - 0.88) < 0.03) & (np.abs(z - 1.02) < 0.05)] = 0.75
        elif what == 2:
            low, tall = rng.uniform(1.1, 1.5), rng.uniform(0.5, 0.9)
            sheet = inside & (z > low) & (z < low + tall) & (x < at + 0.7)
            _sheet((x - at) / 0.7, (z - low) / tall, sheet, colour, rng)
        at += wide + rng.uniform(0.4, 2.0)


def _wall(x: Image, z: Image, rng: np.random.Generator, seed: int) -> Image:
    tone, tint, kind = rng.uniform(0.45, 0.80), _tint(rng), rng.integers(3)
    if kind == 0 and tone < 0.65:
        tint = tint * [1.06, 0.80, 0.68]
    plaster = 0.88 + 0.2 * _rough(x * 0.9, z * 0.9, seed + 20)
    colour = plaster[..., None] * (tone * tint).astype(np.float32)
    if kind == 0:
        course = np.floor(z / 0.11)
        shift = x + 0.16 * np.mod(course, 2)
        brick = np.floor(shift / 0.32)
        colour *= (0.85 + 0.3 * _noise(brick * 0.7, course * 0.9, seed + 30))[..., None]
        mortar = _lines(z, 0.11, 0.014) | _lines(shift, 0.32, 0.014)
        colour[mortar] = 0.6 * colour[mortar] + 0.22
    elif kind == 1:
        colour[_lines(x, 1.6, 0.02) | _lines(z - 0.3, 1.3, 0.02)] *= 0.75
    _furnish(x, z, colour, rng)
    colour[z < 0.14] *= 0.6
    return np.asarray(colour)


def _sky(x: Image, z: Image, top: float, rng: np.random.Generator, seed: int) -> Image:
    """Sky above a wall that is ``top`` metres high; ``x`` and ``z`` on the wall's plane."""
    deep = np.array([0.45, 0.60, 0.80]) * rng.uniform(0.85, 1.1)
    up = np.clip((z - top) / 12.0, 0.0, 1.0)[..., None]
    colour = np.array([0.86, 0.90, 0.94]) * (1 - up) + deep * up
    cloud = np.clip(_rough(x * 0.12, z * 0.3, seed + 40) * 2.4 - rng.uniform(0.8, 1.5), 0, 1)
    return np.asarray(colour + (0.93 - colour) * cloud[..., None], np.float32)


def backdrop(camera: Camera, seed: int, wall: float = 14.0, scale: int = 3) -> Image:
    """Background picture (H, W, 3) in 0..1; the wall stands ``wall`` metres away.

    ``scale`` squared samples are taken for a pixel.
    """
    import cv2

    rng, place = np.random.default_rng([seed, 3]), np.random.default_rng([seed, 33])
    outside = bool(place.random() < 0.5)
    top = float(place.uniform(2.4, 7.0)) if outside else np.inf
    ray = camera.rays(scale).astype(np.float32)
    # Without roll, every row shows either the floor or the wall.
    reach = wall / np.maximum(ray[:, 0, 1], 1e-6)
    drop = camera.height_m / np.maximum(-ray[:, 0, 2], 1e-6)
    split = int(np.count_nonzero(drop >= reach))
    x = ray[..., 0] * np.minimum(reach, drop)[:, None].astype(np.float32)
    y = (ray[split:, :, 1] * drop[split:, None]).astype(np.float32)
    z = (camera.height_m + ray[:split, :, 2] * reach[:split, None]).astype(np.float32)
    floor = _floor(x[split:], y, rng, seed, outside)
    upright = _wall(x[:split], z, rng, seed)
    corner = np.exp(-np.concatenate([z, wall - y]).clip(0) / 0.35)
    if outside:
        above = z > top
        upright[above] = _sky(x[:split], z, top, place, seed)[above]
        upright[(z > top - 0.12) & ~above] *= 1.15
    colour = np.concatenate([upright, floor])
    colour *= (1.0 - 0.35 * corner)[..., None]
    glow = 0.92 + 0.16 * np.exp(-(((x - rng.uniform(-4, 4)) / 5.0) ** 2))
    glow[:split][z > top] = 1.0
    colour *= glow[..., None]
    size = (camera.width_px, camera.tall_px)
    small: Any = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small, 0.0, 1.0), np.float32)
