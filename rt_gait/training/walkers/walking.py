"""How people walk: a statistical model of gait cycles, from which people and trials are drawn.

Fitted to recorded walks (14 people, 69 trials) and to their mirror images, which count as further
people: people are symmetric on average and nobody is. A cycle (:mod:`.cycles`) is
``mean + person + slope (s - s0) + trial`` with s the log of the dimensionless speed: a one-way
random-effects model whose slope comes from differences within people. Drawn people mix the joint
Gaussian of the recorded people with draws that are independent by part of the body, so that they
are not blends of 14 people.

Credit: the data used in this project was obtained from mocap.cs.cmu.edu. The database was created
with funding from NSF EIA-0196217. The shipped file holds the fitted model, not the recordings.

``python -m rt_gait.training.walkers.walking fit --mocap ZIP --out FILE`` makes the shipped file.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .cycles import BONES, SCALARS, SIZE, Cycle, Description, describe, mirror, put_on, unpack
from .mocap import MocapArchive
from .mood import colour
from .rotations import exp, log, orthonormal

Array = npt.NDArray[np.float64]

__all__ = ["Style", "WalkingModel", "put_on", "random_effects"]

SHIPPED = Path(__file__).with_name("walking.npz")

#: Comfortable dimensionless speed: median and spread of its log. 0.48 is 1.36 m/s on legs of
#: 0.82 m; comfortable walking averages 1.27 to 1.46 m/s by age and sex from 20 to 79 years
#: (Bohannon, Age Ageing 1997;26:15).
PREFERRED = (float(np.log(0.48)), 0.12)
#: Spread of the log speed between trials of one person.
TRIAL_SPEED = 0.04
#: Range of dimensionless speed that the recordings support.
SPEEDS = (0.30, 0.66)
#: Plausible range of each scalar of a cycle.
LIMITS = ((1.6, 2.15), (0.46, 0.54), (0.55, 0.70), (0.55, 0.70))
#: Shares of the variance drawn for the whole body, by part, and by pair of bones.
SHARES = (0.4, 0.35, 0.25)
#: Draws are cut at this many standard deviations.
CUT = 2.2
_RANK = 40
#: Share of the recorded differences in head and neck carriage taken as real: recorded heads are
#: turned by up to 20 degrees on average, which is how the head markers were worn.
_CARRIED = 0.4

_PARTS = (
    ("root", "lowerback", "upperback", "thorax", "clavicle"),
    ("lowerneck", "upperneck", "head"),
    ("humerus", "radius"),
    ("femur", "tibia", "foot"),
)
_PAIRS = (
    ("root", "lowerback", "upperback", "thorax"),
    ("clavicle",),
    ("lowerneck", "upperneck", "head"),
    ("humerus",),
    ("radius",),
    ("femur", "tibia"),
    ("foot",),
)


def _groups(parts: tuple[tuple[str, ...], ...]) -> npt.NDArray[np.int64]:
    """Which of ``parts`` each coefficient (SIZE,) is of; root path and scalars go with the legs."""
    legs = next(k for k, names in enumerate(parts) if "femur" in names)
    out = np.full(SIZE, float(legs))
    angles = unpack(out)[0]
    for k, names in enumerate(parts):
        for row, bone in enumerate(BONES):
            if bone in names or bone[1:] in names:
                angles[row] = k
    return out.astype(np.int64)


_LEVELS = (np.zeros(SIZE, dtype=np.int64), _groups(_PARTS), _groups(_PAIRS))


def _draw(factor: Array, rng: np.random.Generator) -> Array:
    """A draw (SIZE,) whose covariance mixes factor' factor with its diagonal blocks."""
    out = np.zeros(SIZE)
    for share, level in zip(SHARES, _LEVELS, strict=True):
        weights = rng.standard_normal((int(level.max()) + 1, len(factor)))
        weights = np.clip(weights, -CUT, CUT)
        out += np.sqrt(share) * (weights[level] * factor.T).sum(axis=1)
    return out


@dataclass(frozen=True)
class Style:
    """How one person walks.

    Their mean cycle ``vector`` (SIZE,) at the model's reference speed and the log of their
    preferred dimensionless ``speed``.
    """

    vector: Array
    speed: float


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


@dataclass(frozen=True)
class WalkingModel:
    """The fitted model.

    ``reference`` (bones, 3, 3); ``mean`` and ``slope`` (SIZE,), the latter for one unit of log
    speed; ``between`` and ``within`` (K, SIZE) factors of the covariances; ``recorded`` the styles
    of the recorded people.
    """

    reference: Array
    mean: Array
    slope: Array
    between: Array
    within: Array
    recorded: dict[str, Style]

    @staticmethod
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
        own = found.mean + _believed() * (found.own - found.mean)
        return WalkingModel(
            reference,
            found.mean,
            slope,
            _components(_believed() * found.people, len(counts)),
            _components(found.residual, len(x) - len(counts)),
            {
                name: Style(own[2 * k], float(s[who == 2 * k].mean()))
                for k, name in enumerate(walks)
            },
        )

    @staticmethod
    @lru_cache(maxsize=2)
    def load(path: Path = SHIPPED) -> WalkingModel:
        """The model in the file ``path``, by default the shipped one."""
        with np.load(path) as file:
            data = {k: file[k].astype(np.float64) for k in file.files if k != "names"}
            names = [str(n) for n in file["names"]]
        recorded = {
            n: Style(v, float(s))
            for n, v, s in zip(names, data["styles"], data["speeds"], strict=True)
        }
        return WalkingModel(
            exp(data["reference"]),
            data["mean"],
            data["slope"],
            data["between"],
            data["within"],
            recorded,
        )

    def save(self, path: Path) -> None:
        """Write the model to ``path`` (npz, no pickle)."""
        half, single = np.float16, np.float32
        np.savez_compressed(
            path,
            reference=log(self.reference).astype(single),
            mean=self.mean.astype(single),
            slope=self.slope.astype(single),
            between=self.between.astype(half),
            within=self.within.astype(half),
            names=np.array(list(self.recorded)),
            styles=np.stack([s.vector for s in self.recorded.values()]).astype(half),
            speeds=np.array([s.speed for s in self.recorded.values()]).astype(single),
        )

    def style(self, seed: int, spread: float = 1.0) -> Style:
        """A new person; ``spread`` scales how much people differ (0: everybody is average)."""
        if spread < 0.0:
            raise ValueError("spread must not be negative")
        rng = np.random.default_rng([seed, 71])
        speed = PREFERRED[0] + spread * PREFERRED[1] * float(np.clip(rng.normal(), -CUT, CUT))
        return Style(self.mean + spread * _draw(self.between, rng), speed)

    def recorded_style(self, person: str) -> Style:
        """The recorded person's own mean; ``KeyError`` if the model has none of that name."""
        return self.recorded[person]

    def trial(
        self,
        style: Style,
        seed: int,
        *,
        speed: float = 1.0,
        mood: float = 0.0,
        fatigue: float = 0.0,
        arm_swing: float = 1.0,
        spread: float = 1.0,
    ) -> Cycle:
        """A walk of the person ``style``.

        ``speed`` and ``arm_swing`` are factors on the person's own; ``mood`` -1 (sad) to 1
        (happy); ``fatigue`` 0 to 1; ``spread`` scales how much trials differ.
        """
        if not 0.5 <= speed <= 2.0 or spread < 0.0:
            raise ValueError("speed must lie in 0.5 to 2 and spread must not be negative")
        rng = np.random.default_rng([seed, 72])
        pace = style.speed + np.log(speed) + spread * TRIAL_SPEED * rng.normal()
        vector = style.vector + spread * _draw(self.within, rng)
        vector, faster = colour(vector, mood, fatigue, arm_swing)
        pace = float(np.clip(pace + faster, *np.log(SPEEDS)))
        vector = vector + (pace - PREFERRED[0]) * self.slope
        vector[-len(SCALARS) :] = np.clip(vector[-len(SCALARS) :], *np.transpose(LIMITS))
        return Cycle(vector, float(np.exp(pace)), self.reference)


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
    swap = [
        BONES.index({"l": "r", "r": "l"}.get(b[0], "") + b[1:])
        if b[0] in "lr" and {"l": "r", "r": "l"}[b[0]] + b[1:] in BONES
        else k
        for k, b in enumerate(BONES)
    ]
    return orthonormal(mean + flip @ mean[swap] @ flip)


def main(argv: list[str] | None = None) -> int:
    """Fit the model to an archive of recorded walks."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.training.walkers.walking")
    fit = parser.add_subparsers(required=True).add_parser("fit", help="fit the model to recordings")
    fit.add_argument("--mocap", type=Path, required=True, help="zip archive of ASF and AMC files")
    fit.add_argument("--out", type=Path, required=True, help="npz file to write")
    options = parser.parse_args(argv)
    archive = MocapArchive(options.mocap)
    walks = {
        person: [describe(archive.walk(t)) for t in trials]
        for person, trials in archive.trials().items()
    }
    WalkingModel.fit(walks).save(options.out)
    print(f"{sum(len(w) for w in walks.values())} walks of {len(walks)} people: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
