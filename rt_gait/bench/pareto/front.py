"""Operating points, those that no other beats in everything, and the one to deploy.

A point is dominated if another is as good in latency, energy, accuracy and size, and better in one
(Pareto; https://en.wikipedia.org/wiki/Pareto_front). What was not measured of every candidate is
not compared at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rt_gait.bench.pareto.accuracy import Accuracies
from rt_gait.bench.results.environment import name_of
from rt_gait.bench.results.file import Result
from rt_gait.bench.results.tables import energy, number, table
from rt_gait.errors import UsageError

OBJECTIVES = {
    "p99_ms": (1, "p99 latency of a request, ms"),
    "mj_per_window": (1, "energy, mJ a window"),
    "accuracy": (-1, "accuracy, share"),
    "size_mb": (1, "size, MB"),
}
"""Sign that makes less better, and name."""
_DECIDE = ("accuracy", "mj_per_window", "p99_ms", "size_mb")
"""Between points of the front: first accuracy, then what it costs."""


@dataclass(frozen=True)
class Limits:
    """What a user can live with; None is anything."""

    latency_ms: float | None = None
    accuracy: float | None = None
    mj: float | None = None

    def broken_by(self, point: dict[str, Any]) -> list[str]:
        """Return what a point breaks; what was not measured keeps no limit."""
        bounds = (
            ("--max-latency", "p99_ms", self.latency_ms, 1),
            ("--min-accuracy", "accuracy", self.accuracy, -1),
            ("--max-mj", "mj_per_window", self.mj, 1),
        )
        return [
            flag
            for flag, key, bound, sign in bounds
            if bound is not None and (point[key] is None or sign * point[key] > sign * bound)
        ]


@dataclass
class Front:
    """Candidates, of which some are dominated."""

    candidates: list[dict[str, Any]]
    """``model``, ``machine``, ``where``, ``batch``, ``concurrency``, ``windows_per_sec``, the
    objectives, and ``dominated_by``, which is empty for those on the front."""
    compared: list[str] = field(default_factory=list)
    """The objectives that are known of all."""
    left_out: int = 0
    """Points that were unstable, or without a figure."""

    @property
    def best(self) -> list[dict[str, Any]]:
        """Those on the front, by latency."""
        front = [c for c in self.candidates if not c["dominated_by"]]
        return sorted(front, key=lambda c: float(c["p99_ms"]))


def front_of(results: Sequence[Result], accuracies: Accuracies) -> Front:
    """Find the front of the load sweeps among results.

    Raises:
        UsageError: there is no stable point.
    """
    found = Front([])
    for result in results:
        if result.kind != "load" or result.model is None:
            continue
        for point in result.points:
            if point["unstable"] or None in (point["windows_per_sec"], point.get("p99_ms")):
                found.left_out += 1
            elif point["engine"] == "own":
                found.candidates.append(_candidate(result, point, accuracies))
    if not found.candidates:
        raise UsageError(
            f"no stable point of a load sweep among {len(results)} results ({found.left_out} are "
            "unstable): measure with rt-gait bench load --out FOLDER, longer if need be (--secs)"
        )
    rows = found.candidates
    found.compared = [key for key in OBJECTIVES if all(row[key] is not None for row in rows)]
    for row in rows:
        beats = (other for other in rows if _dominates(other, row, found.compared))
        row["dominated_by"] = next((name_of_point(other) for other in beats), "")
    return found


def _candidate(result: Result, point: dict[str, Any], known: Accuracies) -> dict[str, Any]:
    model = result.model or {}
    return {
        "model": model["name"],
        "machine": name_of(result.environment),
        "power_mode": result.environment["power_mode"],
        "where": result.setting["where"],
        **{key: point[key] for key in ("batch", "concurrency", "windows_per_sec", "p99_ms")},
        "mj_per_window": energy(point, "mj_per_window"),
        "accuracy": known.of(model),
        "size_mb": model["network_bytes"] / 1e6,
        "dominated_by": "",
    }


def _dominates(other: dict[str, Any], row: dict[str, Any], keys: Sequence[str]) -> bool:
    pairs = [(OBJECTIVES[k][0] * other[k], OBJECTIVES[k][0] * row[k]) for k in keys]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def name_of_point(point: dict[str, Any]) -> str:
    """Return which point it is."""
    mode = f", {point['power_mode']}" if point["power_mode"] else ""
    return (
        f"{point['model']} {point['batch']} x {point['concurrency']} "
        f"({point['where']}, {point['machine']}{mode})"
    )


def choose(front: Front, limits: Limits) -> tuple[dict[str, Any], str]:
    """Return the point to deploy, and why.

    Raises:
        UsageError: none keeps the limits; says how near they come.
    """
    broken = [(limits.broken_by(point), point) for point in front.candidates]
    fitting = [point for what, point in broken if not what]
    if not fitting:
        raise UsageError(_none(broken))
    rest = [p for p in fitting if not any(_dominates(o, p, front.compared) for o in fitting)]
    keys = [key for key in _DECIDE if all(p[key] is not None for p in rest)]

    def order(point: dict[str, Any]) -> list[float]:
        return [OBJECTIVES[key][0] * point[key] for key in keys]

    chosen = min(rest, key=order)
    names = {"accuracy": "the most accurate", "mj_per_window": "the least energy"}
    names |= {"p99_ms": "the least latency", "size_mb": "the smallest"}
    tied = [key for key in keys if len({p[key] for p in rest}) > 1]
    why = f"{names[tied[0]]} of" if tied else "out of"
    missing = [name for key, (_, name) in OBJECTIVES.items() if key not in front.compared]
    told = (
        f"{name_of_point(chosen)}: {why} {len(rest)} that are not dominated, of {len(fitting)} "
        f"within the limits, of {len(front.candidates)} measured ({figures(chosen)})"
    )
    if missing:
        told += f"; not known of all, so not compared: {'; '.join(missing)}"
    return chosen, told


def _none(broken: Sequence[tuple[list[str], dict[str, Any]]]) -> str:
    what, nearest = min(broken, key=lambda pair: len(pair[0]))
    flags = {flag for each, _ in broken for flag in each}
    unknown = [name for key, (_, name) in OBJECTIVES.items() if nearest[key] is None]
    return (
        f"none of {len(broken)} operating points keeps {', '.join(sorted(flags))}; the nearest, "
        f"{name_of_point(nearest)}, breaks {', '.join(what)} ({figures(nearest)})"
        + (f"; not measured: {'; '.join(unknown)}" if unknown else "")
    )


def figures(point: dict[str, Any]) -> str:
    """Return a point's objectives in words."""
    return (
        f"p99 {number(point['p99_ms'])} ms, {number(point['mj_per_window'])} mJ a window, "
        f"accuracy {number(point['accuracy'], 3)}, {number(point['size_mb'], 3)} MB"
    )


def rows_of_front(front: Front) -> tuple[list[str], list[list[str]]]:
    """Return heads, and a row for each point on the front."""
    heads = ["model, batch x concurrency", "p99, ms", "mJ a window", "accuracy", "MB", "windows/s"]
    rows = [
        [
            name_of_point(c),
            number(c["p99_ms"]),
            number(c["mj_per_window"]),
            number(c["accuracy"], 3),
            number(c["size_mb"], 3),
            number(c["windows_per_sec"]),
        ]
        for c in front.best
    ]
    return heads, rows


def as_table(front: Front) -> str:
    """Return the front in Markdown, and what was not compared."""
    told = (
        f"{len(front.best)} of {len(front.candidates)} operating points are not dominated in "
        f"{', '.join(front.compared)}; {front.left_out} unstable points left out."
    )
    return f"{table(*rows_of_front(front))}\n\n{told}"
