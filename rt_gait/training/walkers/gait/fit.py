"""Fitting the walking model: what differs between people, between trials and with speed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .canonical import Description, describe
from .cycles import BONES, SCALARS, SIZE, SWAPPED, mirror, unpack
from .mocap import MocapArchive
from .rotations import orthonormal
from .walking import PREFERRED, Style, WalkingModel

Array = npt.NDArray[np.float64]

_RANK = 40
#: Share of the recorded differences in head and neck carriage taken as real: recorded heads are
#: turned by up to 20 degrees on average, which is how the head markers were worn.
_CARRIED = 0.4
#: Share of the recorded differences in stride over cadence between one person's trials taken as
#: real: some trials are visibly long-strided on purpose, twice as far off as those of people whose
#: trials are all plain walking.
_STRIDING = 0.5


@dataclass(frozen=True)
class Effects:
    """One-way random effects.

    ``mean`` (D,); ``people`` (P, D) shrunk departures whose variance is the variance between
    people; ``own`` (P, D) the people's plain means; ``residual`` (N, D) departures from them.
    """

    mean: Array
    people: Array
    own: Array
    residual: Array


def random_effects(values: Array, person: npt.NDArray[np.int64]) -> Effects:
    """Separates what differs between people from what differs between trials, by moments.

    ``values`` (N, D), ``person`` (N,) from 0. People with one trial inform the part between people
    only. ``ValueError`` if there are fewer than two people or nobody has two trials.
    """
    counts = np.bincount(person)
    if len(counts) < 2 or len(values) <= len(counts):
        raise ValueError("two people and somebody with two trials are needed")
    own = np.stack([values[person == k].mean(axis=0) for k in range(len(counts))])
    residual = values - own[person]
    within = (residual**2).sum(axis=0) / (len(values) - len(counts))
    between = own.var(axis=0, ddof=1) - within * (1.0 / counts).mean()
    between = np.maximum(between, 0.0)
    total = between + within / counts[:, None]
    weights = 1.0 / np.maximum(total, 1e-12)
    mean = (weights * own).sum(axis=0) / weights.sum(axis=0)
    people = between / np.maximum(total, 1e-12) * (own - mean)
    people *= np.sqrt(between / np.maximum((people**2).mean(axis=0), 1e-12))
    return Effects(mean, people, own, residual)


def _components(departures: Array, freedom: int) -> Array:
    """Rows (K, D) whose sum of squares is the covariance of ``departures`` (N, D)."""
    _, size, rows = np.linalg.svd(departures / np.sqrt(freedom), full_matrices=False)
    keep = min(_RANK, int((size > 1e-6 * size[0]).sum()))
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return np.asarray((np.sign(largest) * size)[:keep, None] * rows[:keep])


def _believed() -> Array:
    """Share (SIZE,) of the differences between recorded people that is taken as real."""
    out = np.ones(SIZE)
    for bone in ("lowerneck", "upperneck", "head"):
        unpack(out)[0][BONES.index(bone), :, 0] = _CARRIED
    return out


def _reference(walks: dict[str, list[Description]]) -> Array:
    """Mean rotation (bones, 3, 3) of each bone over people, the same for left and right."""
    mean = np.mean(
        [np.mean([w.turns.mean(axis=0) for w in trials], axis=0) for trials in walks.values()],
        axis=0,
    )
    flip = np.diag([-1.0, 1.0, 1.0])
    return orthonormal(mean + flip @ mean[SWAPPED] @ flip)


def fit(walks: dict[str, list[Description]]) -> WalkingModel:
    """The model of ``walks`` by person."""
    reference = _reference(walks)
    vectors, speeds, person = [], [], []
    for k, trials in enumerate(walks.values()):
        for walk in trials:
            vector = walk.vector(reference)
            vectors += [vector, mirror(vector)]
            person += [2 * k, 2 * k + 1]
            speeds += [np.log(walk.speed)] * 2
    x, s, who = np.stack(vectors), np.array(speeds), np.array(person)
    counts = np.bincount(who)
    pace = (np.bincount(who, s) / counts)[who]
    centre = np.stack([x[who == k].mean(axis=0) for k in range(len(counts))])[who]
    slope = ((s - pace)[:, None] * (x - centre)).sum(axis=0) / ((s - pace) ** 2).sum()
    found = random_effects(x - (s - PREFERRED[0])[:, None] * slope, who)
    found.residual[:, SIZE - len(SCALARS)] *= _STRIDING
    own = found.mean + _believed() * (found.own - found.mean)
    return WalkingModel(
        reference,
        found.mean,
        slope,
        _components(_believed() * found.people, len(counts)),
        _components(found.residual, len(x) - len(counts)),
        {
            name: Style(own[2 * k], float(s[who == 2 * k].mean()), zlib.crc32(name.encode()))
            for k, name in enumerate(walks)
        },
    )


def fit_archive(path: Path) -> WalkingModel:
    """The model of every walk in a zip archive of ASF and AMC files."""
    archive = MocapArchive(path)
    return fit(
        {
            person: [describe(archive.walk(t)) for t in trials]
            for person, trials in archive.trials().items()
        }
    )
