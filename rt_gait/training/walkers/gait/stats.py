"""Measures of walks and how drawn people compare with the literature and with recorded people.

``python -m rt_gait.training.walkers.gait.stats --count 200 --seed 1 [--mocap ZIP]`` prints tables.

Published figures: cadence and speed of comfortable walking (Oberg et al., J Rehabil Res Dev
1993;30:210; Bohannon, Age Ageing 1997;26:15); stance, double support and joint angles of the
textbooks (Winter, The Biomechanics and Motor Control of Human Gait, 1991; Perry & Burnfield, Gait
Analysis, 2010), whose means differ by some degrees with the marker set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..body.bodies import BodyMesh, anny_rig, draw_body
from ..command import Parser, at_least, command, natural
from .contact import joints
from .cycles import put_on
from .fit import random_effects
from .mocap import MocapArchive
from .motion import Gait, retarget
from .walking import WalkingModel

Array = npt.NDArray[np.float64]

#: Healthy adults at a comfortable speed. Joint angles are the textbooks' figures, the thigh's
#: measured from the vertical, 10 degrees either way: two standard deviations between people.
PUBLISHED = {
    "cadence": (100.0, 120.0),
    "speed": (0.8, 1.8),
    "stride": (1.2, 1.6),
    "stance": (58.0, 63.0),
    "double_support": (16.0, 25.0),
    "step_width": (0.07, 0.15),
    "arm_swing": (np.nan, np.nan),
    "thigh_forward": (15.0, 35.0),
    "thigh_back": (-30.0, -10.0),
    "knee_loading": (8.0, 28.0),
    "knee_swing": (50.0, 70.0),
    "ankle_dorsiflexion": (0.0, 20.0),
    "ankle_plantarflexion": (-28.0, -8.0),
}


@dataclass(frozen=True)
class Measures:
    """One walk measured.

    ``values`` has the keys of PUBLISHED: steps a minute, metres a second, metres, per cent of the
    cycle (twice), metres, then degrees, means of both sides. ``curves`` maps thigh (from the
    vertical), knee and ankle to (101,) degrees of flexion (ankle: dorsiflexion) from heel strike
    to heel strike, mean of both sides, over the first cycle.
    """

    values: dict[str, float]
    curves: dict[str, Array]


def _pitch(vector: Array) -> Array:
    """Angle (T,) radians by which vectors (T, 3) lean forward (-y) from straight up."""
    return np.asarray(np.arctan2(-vector[:, 1], vector[:, 2]))


def _curves(mesh: BodyMesh, gait: Gait, at: Array, side: str) -> dict[str, Array]:
    """Joint angles (T,) in degrees of one side."""
    hip, knee, ankle, wrist, shoulder = (
        at[:, mesh.bone(f"{n}.{side}")]
        for n in ("upperleg01", "lowerleg01", "foot", "wrist", "upperarm01")
    )
    thigh, shank = hip - knee, knee - ankle
    toes = gait.rotations[:, mesh.bone(f"foot.{side}")] @ np.array([0.0, -1.0, 0.0])
    cosine = (thigh * shank).sum(axis=1)
    cosine /= np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1)
    arm = shoulder - wrist
    return {
        "thigh": np.degrees(-_pitch(thigh)),
        "knee": np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))),
        "ankle": np.degrees(_pitch(shank) + np.arcsin(toes[:, 2])),
        "arm": np.degrees(-_pitch(arm)),
    }


def _from_strike(values: Array, contact: npt.NDArray[np.bool_], cycles: int) -> Array:
    """Values (101,) of the first cycle that a heel strike starts, of a loop's (T,)."""
    strikes = np.flatnonzero(contact & ~np.roll(contact, 1))
    frames = strikes[0] + np.linspace(0.0, len(values) / cycles, 101)
    return np.interp(frames, np.arange(2 * len(values)), np.tile(values, 2))


def measure(gait: Gait, mesh: BodyMesh) -> Measures:
    """``gait`` on ``mesh`` measured; arm swing is the range of the line from shoulder to wrist."""
    at = joints(mesh, gait.rotations) + gait.root[:, None]
    curves: dict[str, list[Array]] = {"thigh": [], "knee": [], "ankle": [], "arm": []}
    feet = []
    for k, side in enumerate("LR"):
        for name, values in _curves(mesh, gait, at, side).items():
            curves[name].append(_from_strike(values, gait.contact[:, k], gait.cycles))
        feet.append(at[gait.contact[:, k], mesh.bone(f"foot.{side}"), 0].mean())
    mean = {name: np.mean(both, axis=0) for name, both in curves.items()}
    thigh, knee, ankle = mean["thigh"], mean["knee"], mean["ankle"]
    found = {
        "cadence": gait.cadence,
        "speed": gait.speed,
        "stride": float(np.linalg.norm(gait.stride)) / gait.cycles,
        "stance": 100.0 * float(gait.contact.mean()),
        "double_support": 100.0 * float(gait.contact.all(axis=1).mean()),
        "step_width": float(feet[0] - feet[1]),
        "arm_swing": float(np.mean([np.ptp(both) for both in curves["arm"]])),
        "thigh_forward": float(thigh.max()),
        "thigh_back": float(thigh.min()),
        "knee_loading": float(knee[5:26].max()),
        "knee_swing": float(knee[60:].max()),
        "ankle_dorsiflexion": float(ankle[20:61].max()),
        "ankle_plantarflexion": float(ankle[50:81].min()),
    }
    return Measures(found, {n: mean[n] for n in ("thigh", "knee", "ankle")})


def consistency(values: Array, person: npt.NDArray[np.int64]) -> Array:
    """Share of the variance that lies between people (intraclass correlation) of (N, D) values."""
    found = random_effects(values, person)
    between = (found.people**2).mean(axis=0)
    freedom = len(values) - len(found.people)
    within = (found.residual**2).sum(axis=0) / freedom
    return np.asarray(between / np.maximum(between + within, 1e-12))


def population(count: int, seed: int) -> list[Measures]:
    """One walk of each of ``count`` drawn people on drawn bodies."""
    model, rig = WalkingModel.load(), anny_rig()
    out = []
    for k in range(seed, seed + count):
        mesh = rig.mesh(draw_body(k))
        out.append(measure(put_on(model.trial(model.style(k), k), mesh), mesh))
    return out


def print_population(found: list[Measures]) -> None:
    """Mean, spread and 5 and 95% points of the measures beside the published range."""
    print(f"{'':22}{'mean':>8}{'sd':>8}{'5%':>8}{'95%':>8}   published   people inside")
    for name, (low, high) in PUBLISHED.items():
        v = np.array([m.values[name] for m in found])
        five, most = np.quantile(v, [0.05, 0.95])
        inside = 100.0 * float(((v >= low) & (v <= high)).mean())
        known = "" if np.isnan(low) else f"   {low:g} to {high:g}   {inside:.0f}%"
        print(f"{name:22}{v.mean():8.2f}{v.std():8.2f}{five:8.2f}{most:8.2f}{known}")
    for joint in ("thigh", "knee", "ankle"):
        curve = np.mean([m.curves[joint] for m in found], axis=0)[::10]
        print(f"{joint:5} every 10% of the cycle: " + " ".join(f"{v:5.0f}" for v in curve))


def _consistencies(walks: Iterable[tuple[int, Measures]]) -> str:
    rows = list(walks)
    names = ("cadence", "stride", "speed", "arm_swing", "knee_swing", "step_width")
    values = np.array([[m.values[n] for n in names] for _, m in rows])
    share = consistency(values, np.array([k for k, _ in rows]))
    return "  ".join(f"{n} {s:.2f}" for n, s in zip(names, share, strict=True))


def print_consistency(count: int, seed: int, mocap: Path | None) -> None:
    """Share of variance between people, everybody on one body: drawn people and recorded ones."""
    model, mesh = WalkingModel.load(), anny_rig().mesh(draw_body(0))
    drawn = (
        (k, measure(put_on(model.trial(model.style(seed + k), t), mesh), mesh))
        for k in range(count)
        for t in range(5)
    )
    print(f"between people, of {count} drawn:  {_consistencies(drawn)}")
    if mocap is None:
        return
    archive = MocapArchive(mocap)
    recorded = (
        (k, measure(retarget(archive.walk(t), mesh), mesh))
        for k, trials in enumerate(archive.trials().values())
        for t in trials
    )
    print(f"between people, of those recorded: {_consistencies(recorded)}")


@command
def main(argv: list[str] | None = None) -> int:
    """Print the tables; 0 on success."""
    parser = Parser(
        prog="python -m rt_gait.training.walkers.gait.stats",
        description="Measures of drawn walks beside published and recorded ones",
    )
    parser.add_argument("--count", type=at_least(2), default=200, help="number of people to draw")
    parser.add_argument("--seed", type=natural, default=1, help="of all draws")
    parser.add_argument("--mocap", type=Path, help="zip archive of recorded walks to compare with")
    options = parser.parse_args(argv)
    if options.mocap:
        MocapArchive(options.mocap)
    print_population(population(options.count, options.seed))
    print_consistency(min(options.count, 100), options.seed, options.mocap)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
