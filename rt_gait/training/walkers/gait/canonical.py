"""Recorded walks apart from the wearer: in the frame of :mod:`.cycles`, with their heel strikes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .contact import recorded_stance, smooth
from .cycles import BONES, GRAVITY, HARMONICS, REST, TERMS, parent
from .mocap import Walk
from .motion import CARRIAGE, cut, flat_foot, periodic
from .rotations import axis_rotation, between, log

Array = npt.NDArray[np.float64]

_SAMPLES = 64

#: Shares of a cycle by which recorded feet bear before they are seen to rest (the foot falls from
#: then on) and after they are seen to move. The recorded people's mean stance becomes 60%, as on
#: force plates (Perry & Burnfield 2010).
_EARLY, _LATE = 0.025, 0.01

#: Degrees by which the recorded skeletons' thighs lean too far forward and their shanks too far
#: back: their knees are more bent than published all through the cycle (Perry & Burnfield 2010).
_KNEE = {"femur": 6.0, "tibia": -6.0}


@dataclass(frozen=True)
class Description:
    """One recorded walk apart from the wearer, not yet in series.

    ``turns`` (T, bones, 3, 3) relative to the parent, ``root`` (T, 3) departure from steady travel
    in leg lengths; ``events`` (cycles, 2) frames of the left and right heel strikes in order and
    ``stance`` (2,) shares; ``stride`` and ``speed`` dimensionless. The loop has T frames.
    """

    turns: Array
    root: Array
    events: Array
    stance: Array
    stride: float
    speed: float

    def vector(self, reference: Array) -> Array:
        """The cycle's vector (SIZE,): mean over the loop's cycles of the Fourier series."""
        values = log(np.swapaxes(reference, -1, -2) @ self.turns).reshape(len(self.turns), -1)
        values = np.concatenate([values, self.root], axis=1)
        left = np.append(self.events[:, 0], self.events[0, 0] + len(self.turns))
        share = np.arange(_SAMPLES) / _SAMPLES
        frames = [a + (b - a) * share for a, b in itertools.pairwise(left)]
        grid = np.arange(2 * len(self.turns) + 1)
        tiled = np.concatenate([values, values, values[:1]])
        mean = np.mean([[np.interp(f, grid, column) for column in tiled.T] for f in frames], axis=0)
        spectrum = np.fft.rfft(mean, axis=1)[:, : HARMONICS + 1] * (2.0 / _SAMPLES)
        series = np.zeros((len(mean), TERMS))
        series[:, 0] = spectrum[:, 0].real / 2.0
        series[:, 1::2], series[:, 2::2] = spectrum[:, 1:].real, -spectrum[:, 1:].imag
        gaps = (self.events[:, 1] - self.events[:, 0]) / np.diff(left)
        scalars = [2.0 * np.log(self.stride) - np.log(self.speed), gaps.mean(), *self.stance]
        return np.concatenate([series[:-3].ravel(), series[-3:, 1:].ravel(), scalars])


def describe(walk: Walk) -> Description:
    """The best loop of a recorded walk in the canonical frame; ``ValueError`` if there is none."""
    first, length, cycles = cut(walk)
    window = slice(first, first + length + 1)
    travel = walk.root[first + length] - walk.root[first]
    face = axis_rotation(2, -np.arctan2(travel[0], -travel[1]))
    world = {}
    for bone in BONES:
        constant = np.eye(3)
        if bone in REST:
            constant = between(REST[bone], walk.rest_direction[bone])
            constant = constant @ axis_rotation(0, np.radians(_KNEE.get(bone[1:], 0.0)))
        elif bone in CARRIAGE:
            constant = axis_rotation(0, np.radians(CARRIAGE[bone]))
        elif bone.endswith("foot"):
            constant = flat_foot(walk, bone[0])
        world[bone] = face @ periodic(walk.rotations[bone][window]) @ constant
    turns = [
        world[b] if (up := parent(b)) is None else np.swapaxes(world[up], 1, 2) @ world[b]
        for b in BONES
    ]
    path = (walk.root[window] - walk.root[first]) @ face.T / walk.leg_length
    root = path[:-1] - (np.arange(length) / length)[:, None] * path[-1]
    stride = float(-path[-1, 1]) / cycles
    speed = stride * cycles * walk.fps / length * float(np.sqrt(walk.leg_length / GRAVITY))
    events, stance = _events(walk, window, cycles)
    return Description(np.stack(turns, axis=1), root, events, stance, stride, speed)


def _events(walk: Walk, window: slice, cycles: int) -> tuple[Array, Array]:
    """Frames (cycles, 2) of left and then right heel strikes, and stance shares (2,)."""
    flags = recorded_stance(walk, window).astype(float)
    bearing = smooth(flags, walk.fps / 20.0) > 0.5
    strikes = [np.flatnonzero(b & ~np.roll(b, 1)) for b in bearing.T]
    if any(len(s) != cycles for s in strikes):
        raise ValueError(f"{walk.name}: the feet do not step {cycles} times each")
    count = len(bearing)
    left, right = (np.sort((s - _EARLY * count / cycles) % count) for s in strikes)
    right = np.sort((right - left[0]) % count) + left[0]
    return np.stack([left, right], axis=1), bearing.mean(axis=0) + _EARLY + _LATE
