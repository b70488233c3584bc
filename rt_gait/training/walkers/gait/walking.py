"""How people walk: a statistical model of gait cycles, from which people and trials are drawn.

Fitted to recorded walks (14 people, 69 trials) and to their mirror images, which count as further
people: people are symmetric on average and nobody is. A cycle (:mod:`.cycles`) is
``mean + person + slope (s - s0) + trial`` with s the log of the dimensionless speed: a one-way
random-effects model whose slope comes from differences within people. Drawn people mix the joint
Gaussian of the recorded people with draws that are independent by part of the body, so that they
are not blends of 14 people.

Credit: the data used in this project was obtained from mocap.cs.cmu.edu. The database was created
with funding from NSF EIA-0196217. The shipped file holds the fitted model, not the recordings.

The shipped file is made by

    python -m rt_gait.training.walkers.gait.walking fit --mocap ZIP --out FILE
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError
from rt_gait.outputs.output import check_file

from ..command import Parser, command, whole
from .cycles import BONES, SCALARS, SIZE, Cycle, unpack
from .mood import colour
from .rotations import exp, log

Array = npt.NDArray[np.float64]

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
    preferred dimensionless ``speed``. ``key`` makes one trial seed mean another trial for another
    person.
    """

    vector: Array
    speed: float
    key: int


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
    @lru_cache(maxsize=2)
    def load(path: Path = SHIPPED) -> WalkingModel:
        """The model in the file ``path``, by default the shipped one."""
        with np.load(path) as file:
            data = {k: file[k].astype(np.float64) for k in file.files if k != "names"}
            names = [str(n) for n in file["names"]]
        recorded = {
            n: Style(v, float(s), zlib.crc32(n.encode()))
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
        return Style(self.mean + spread * _draw(self.between, rng), speed, seed)

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
        rng = np.random.default_rng([seed, 72, style.key])
        pace = style.speed + np.log(speed) + spread * TRIAL_SPEED * rng.normal()
        vector = style.vector + spread * _draw(self.within, rng)
        vector, faster = colour(vector, mood, fatigue, arm_swing)
        pace = float(np.clip(pace + faster, *np.log(SPEEDS)))
        vector = vector + (pace - PREFERRED[0]) * self.slope
        vector[-len(SCALARS) :] = np.clip(vector[-len(SCALARS) :], *np.transpose(LIMITS))
        return Cycle(vector, float(np.exp(pace)), self.reference)


@command
def main(argv: list[str] | None = None) -> int:
    """Fit the model to an archive of recorded walks; 0 on success."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.gait.walking",
        description="The statistical model of gait cycles",
    )
    commands = parser.add_subparsers(required=True, metavar="fit")
    fit = commands.add_parser("fit", help="fit the model to recordings")
    fit.add_argument("--mocap", type=Path, required=True, help="zip archive of ASF and AMC files")
    fit.add_argument("--out", type=Path, required=True, help="file to write (.npz)")
    fit.add_argument("--overwrite", action="store_true", help="replace what is there already")
    options = parser.parse_args(argv)

    from .fit import fit_archive
    from .mocap import MocapArchive

    if options.out.suffix != ".npz":
        raise UsageError(f"out must end in .npz: {options.out}")
    check_file(options.out, overwrite=options.overwrite)
    trials = MocapArchive(options.mocap).trials()
    if not 2 <= len(trials) < sum(map(len, trials.values())):
        raise UsageError(
            f"{options.mocap}: expected 2 or more people, some of them with 2 or more walks"
        )
    model = fit_archive(options.mocap)
    with whole(options.out) as part:
        model.save(part)
    print(f"{len(model.recorded)} people: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
