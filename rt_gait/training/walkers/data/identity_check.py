"""Is identity in the walkers, and is it hard enough? Rank-1 of the gait energy image on them.

    python -m rt_gait.training.walkers.data.identity_check --subjects 124 --seed 1

Films every subject as CASIA-B was filmed (six normal walks, two with a bag, two in a coat) and
identifies them by the nearest gait energy image (Han & Bhanu, TPAMI 2006), the first four normal
walks being the gallery (Yu, Tan & Tan, ICPR 2006). No network, no training: what it recognises is
in the data. Three populations: everybody different; all bodies equal and only gaits different; all
gaits equal and only bodies different.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from ..command import Parser, command, device, factor, natural, positive
from ..noise.model import NoiseModel
from .filming import subjects as draw
from .order import Order
from .population import CASIA_B, Population

Floats = npt.NDArray[np.float32]

#: View of the gallery, degrees, and of further normal walks.
GALLERY_VIEW = 90.0
CROSS_VIEWS = (72.0, 54.0, 36.0, 18.0, 0.0)
FRAMES = 72
#: Whole gait cycles in an energy image.
CYCLES = 2
GALLERY_WALKS = 4
#: No data set has this split: its people may be looked at.
SPLIT = "check"


@dataclass(frozen=True)
class Energies:
    """Gait energy images (S, 2816) with subject, session, trial and view (S,) of each."""

    images: Floats
    subject: npt.NDArray[np.str_]
    session: npt.NDArray[np.str_]
    trial: npt.NDArray[np.int64]
    view: npt.NDArray[np.float64]


def energies(
    population: Population, subjects: int, views: tuple[float, ...], workers: int, device: str
) -> Energies:
    """Film ``subjects``, who are in no data set, from ``views``, alone, with noise."""
    alone = NoiseModel(merge=0.0)
    order = Order({SPLIT: subjects}, population, len(views), FRAMES, alone, views)
    images, rows = [], []
    for row, frames in chain.from_iterable(draw(order, workers, device)):
        if len(frames):
            cycles = round(CYCLES * 120.0 / row["cadence_steps_min"] * row["fps"])
            images.append(frames[:cycles].mean(axis=0, dtype=np.float32).ravel())
            rows.append(row)
    return Energies(
        np.stack(images),
        *(np.array([r[k] for r in rows]) for k in ("subject", "session", "trial", "view_deg")),
    )


def rank1(found: Energies, session: str, view: float) -> float:
    """Share of walks of a ``session`` seen from ``view`` whose nearest gallery walk is their own.

    The gallery is the first four normal walks from the side. Chance is 1 / subjects.
    """
    normal = found.session == "nm"
    gallery = normal & (found.trial < GALLERY_WALKS) & (found.view == GALLERY_VIEW)
    probe = (found.session == session) & (found.view == view)
    if session == "nm":
        probe &= found.trial >= GALLERY_WALKS
    a, b = found.images[probe], found.images[gallery]
    distance = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
    return float((found.subject[gallery][distance.argmin(1)] == found.subject[probe]).mean())


@command
def main(argv: list[str] | None = None) -> int:
    """Print the table; 0 on success."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.data.identity_check",
        description="Rank-1 of gait energy images on the walkers",
    )
    parser.add_argument("--subjects", type=positive, default=124, help="number of people")
    parser.add_argument("--seed", type=natural, default=1, help="of all draws")
    parser.add_argument("--workers", type=natural, default=0, help="processes; 0 works in this one")
    parser.add_argument("--device", type=device, default="cpu", help="cpu or cuda")
    parser.add_argument("--spread", type=factor, default=1.0, help="of gaits between people")
    parser.add_argument("--wobble", type=factor, default=1.0, help="of gaits between trials")
    parser.add_argument(
        "--side-only", action="store_true", help="no further views: six times faster"
    )
    options = parser.parse_args(argv)
    further = () if options.side_only else CROSS_VIEWS
    print(f"rank-1, %, {options.subjects} subjects (chance {100 / options.subjects:.1f})")
    print(f"{'':24s}{'normal':>8s}{'bag':>8s}{'coat':>8s}   normal at " + str(further))
    for name, equal in (("all differ", ""), ("only gaits", "bodies"), ("only bodies", "gaits")):
        population = Population(options.seed, CASIA_B, equal, options.spread, options.wobble)
        views = (GALLERY_VIEW, *further)
        found = energies(population, options.subjects, views, options.workers, options.device)
        same = [100 * rank1(found, s, GALLERY_VIEW) for s in ("nm", "bg", "cl")]
        cross = [100 * rank1(found, "nm", v) for v in further]
        print(
            f"{name:24s}"
            + "".join(f"{v:8.1f}" for v in same)
            + "   "
            + "".join(f"{v:7.1f}" for v in cross),
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
