"""Procedural backgrounds: a tiled or rough floor and a furnished wall, in perspective."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .camera import Camera

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]


def _noise(x: Array, y: Array, seed: int) -> Array:
    """Smooth value noise in 0..1 on a unit lattice."""
    xi, yi = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = x - xi, y - yi
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    table = np.random.default_rng([seed, 7]).random((256, 256))

    def at(i: npt.NDArray[np.int64], j: npt.NDArray[np.int64]) -> Array:
        return np.asarray(table[i & 255, j & 255])

    top = at(xi, yi) * (1 - fx) + at(xi + 1, yi) * fx
    low = at(xi, yi + 1) * (1 - fx) + at(xi + 1, yi + 1) * fx
    return np.asarray(top * (1 - fy) + low * fy)


def _rough(x: Array, y: Array, seed: int) -> Array:
    """Four octaves of noise, mean about 0.5."""
    return sum(
        (_noise(x * 2**k, y * 2**k, seed + k) * 0.5 ** (k + 1) for k in range(4)),
        start=np.full(x.shape, 0.03),
    )


def _lines(u: Array, period: float, width: float) -> npt.NDArray[np.bool_]:
    return np.asarray(np.mod(u, period) < width)


def _floor(x: Array, y: Array, rng: np.random.Generator, seed: int) -> Array:
    tone = rng.uniform(0.36, 0.66)
    tint = 1.0 + 0.05 * rng.normal(size=3)
    rough = _rough(x * 1.3, y * 1.3, seed)
    grain = _rough(x * 14, y * 14, seed + 9)
    colour = tone * (0.82 + 0.22 * rough + 0.14 * grain)[..., None] * tint
    kind = rng.integers(3)
    if kind < 2:
        period = rng.uniform(0.4, 1.1)
        joint = _lines(x + 0.13, period, 0.014) | _lines(y, period, 0.014)
        cell = np.floor((x + 0.13) / period) * 57 + np.floor(y / period) * 131
        colour *= (0.95 + 0.10 * _noise(cell * 0.37, cell * 0.71, seed + 3))[..., None]
        colour = np.where(joint[..., None], colour * 0.72, colour)
    else:
        plank = np.floor(y / 0.18)
        colour *= (0.90 + 0.2 * _noise(plank * 0.61, np.floor(x / 1.7 + plank * 0.37), seed + 5))[
            ..., None
        ]
        colour = np.where(_lines(y, 0.18, 0.008)[..., None], colour * 0.7, colour)
    return np.asarray(colour)


def _wall(x: Array, z: Array, rng: np.random.Generator, seed: int) -> Array:
    base = np.clip(rng.uniform(0.45, 0.80) * (1.0 + 0.06 * rng.normal(size=3)), 0.2, 0.9)
    colour = base * (0.88 + 0.2 * _rough(x * 0.9, z * 0.9, seed + 20))[..., None]
    kind = rng.integers(3)
    if kind == 0:
        course = np.floor(z / 0.11)
        mortar = _lines(z, 0.11, 0.014) | _lines(x + 0.16 * np.mod(course, 2), 0.32, 0.014)
        brick = np.floor((x + 0.16 * np.mod(course, 2)) / 0.32)
        colour *= (0.85 + 0.3 * _noise(brick * 0.7, course * 0.9, seed + 30))[..., None]
        colour = np.where(mortar[..., None], 0.6 * colour + 0.22, colour)
    elif kind == 1:
        joint = _lines(x, 1.6, 0.02) | _lines(z - 0.3, 1.3, 0.02)
        colour = np.where(joint[..., None], colour * 0.75, colour)
    at = -14.0 + rng.uniform(0, 3)
    while at < 14.0:
        what, wide = rng.integers(4), rng.uniform(0.9, 2.2)
        inside = (x > at) & (x < at + wide)
        if what == 0:
            pane = inside & (z > 1.0) & (z < 2.6)
            frame = pane & (_lines(x - at, wide / 2, 0.07) | (z < 1.07) | (z > 2.53))
            glass = np.stack([0.35 + 0.1 * z, 0.42 + 0.1 * z, 0.50 + 0.1 * z], axis=-1) * 0.8
            colour = np.where(pane[..., None], glass, colour)
            colour = np.where(frame[..., None], 0.85, colour)
        elif what == 1:
            door = inside & (z < 2.1) & (x < at + 1.0)
            leaf = rng.uniform(0.15, 0.6, size=3)
            groove = _lines(z - 0.2, 0.6, 0.03)
            colour = np.where(door[..., None], leaf * (1 - 0.15 * groove)[..., None], colour)
        elif what == 2:
            low, tall = rng.uniform(1.1, 1.5), rng.uniform(0.5, 0.9)
            sheet = inside & (z > low) & (z < low + tall) & (x < at + 0.7)
            ink = rng.uniform(0.2, 0.9, size=(2, 3))
            blocks = (np.sin(x * 17) * np.sin(z * 13) > 0.2)[..., None]
            colour = np.where(sheet[..., None], np.where(blocks, ink[0], ink[1]), colour)
        at += wide + rng.uniform(0.4, 2.0)
    skirting = z < 0.14
    colour = np.where(skirting[..., None], colour * 0.6, colour)
    return np.asarray(colour)


def backdrop(camera: Camera, seed: int, wall: float = 14.0, scale: int = 3) -> Image:
    """Background picture (H, W, 3) in 0..1; the wall stands ``wall`` metres away."""
    rng = np.random.default_rng([seed, 3])
    ray = camera.rays(scale)
    wall_hit = wall / np.maximum(ray[..., 1], 1e-6)
    floor_hit = np.where(ray[..., 2] < -1e-6, camera.height / np.maximum(-ray[..., 2], 1e-6), 1e9)
    on_floor = floor_hit < wall_hit
    distance = np.minimum(floor_hit, wall_hit)
    x, y = ray[..., 0] * distance, ray[..., 1] * distance
    z = camera.height + ray[..., 2] * distance
    colour = np.where(on_floor[..., None], _floor(x, y, rng, seed), _wall(x, z, rng, seed))
    near = np.where(on_floor, wall - y, z)
    colour *= (1.0 - 0.35 * np.exp(-np.maximum(near, 0.0) / 0.35))[..., None]
    glow = rng.uniform(-4, 4)
    colour *= (0.92 + 0.16 * np.exp(-(((x - glow) / 5.0) ** 2)))[..., None]
    h, w = camera.height_px, camera.width
    small = colour.reshape(h, scale, w, scale, 3).mean(axis=(1, 3))
    return np.asarray(np.clip(small, 0.0, 1.0).astype(np.float32))
