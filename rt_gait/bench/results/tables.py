"""Results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rt_gait.bench.results.environment import name_of
from rt_gait.bench.results.file import Result

Point = dict[str, Any]
STAGES = ("detect", "track", "silhouette", "embed", "identify")
"""Of the pipeline; a result is read without loading it."""


def number(value: float | None, digits: int = 1, scale: float = 1.0) -> str:
    """Return a figure, or a dash where it was not measured."""
    return "-" if value is None else f"{scale * value:,.{digits}f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_LOAD: dict[str, Callable[[Point], str]] = {
    "batch x concurrency": lambda p: f"{p['batch']} x {p['concurrency']}",
    "by": lambda p: p["engine"],
    "windows/s": lambda p: number(p["windows_per_sec"]),
    "spread, %": lambda p: number(p.get("spread"), 1, 100),
    "p50, ms": lambda p: number(p.get("p50_ms")),
    "p95": lambda p: number(p.get("p95_ms")),
    "p99": lambda p: number(p.get("p99_ms")),
    "server's batch": lambda p: number(p.get("server_batch")),
    "queue, ms": lambda p: number(p.get("queue_ms")),
    "compute, ms": lambda p: number(p.get("compute_ms")),
    "GPU, %": lambda p: number(p.get("gpu_share"), 0, 100),
    "mJ a window": lambda p: number(energy(p, "mj_per_window")),
    "above idle": lambda p: number(energy(p, "mj_above_idle")),
    "least cosine": lambda p: number(p.get("cosine_min"), 5),
    "unstable": lambda p: p["unstable"],
}


def energy(point: Point, key: str) -> float | None:
    """Return a figure of a point's energy, if it was measured."""
    found: float | None = (point.get("energy") or {}).get(key)
    return found


_CAPACITY: dict[str, Callable[[Point], str]] = {
    "windows/s each": lambda p: number(p["rate_hz"]),
    "p99 within, ms": lambda p: number(p["p99_limit_ms"], 0),
    "people": lambda p: str(p["people"]),
    "p50, ms": lambda p: number(p.get("p50_ms")),
    "p99": lambda p: number(p.get("p99_ms")),
    "spread, %": lambda p: number(p.get("spread"), 1, 100),
    "server's batch": lambda p: number(p.get("server_batch")),
    "GPU, %": lambda p: number(p.get("gpu_share"), 0, 100),
    "mJ a window": lambda p: number(energy(p, "mj_per_window")),
    "above idle": lambda p: number(energy(p, "mj_above_idle")),
    "people, one request a window": lambda p: str(p["naive_people"]),
    "unstable": lambda p: p.get("unstable", ""),
}
_PIPELINE: dict[str, Callable[[Point], str]] = {
    "": lambda p: p["what"],
    "frames/s, unpaced": lambda p: number(p["frames_per_sec"]),
    "step p50, ms": lambda p: number(p["stages"]["step"]["p50_ms"]),
    "p95": lambda p: number(p["stages"]["step"]["p95_ms"]),
    "spread, %": lambda p: number(p["spread"], 1, 100),
    **{
        f"{name} p50 / p95": lambda p, name=name: " / ".join(  # type: ignore[misc]
            number(p["stages"][name][f"{q}_ms"]) for q in ("p50", "p95")
        )
        for name in (*STAGES, "overhead")
    },
    "live: frames dropped": lambda p: f"{p['live']['dropped']} of {p['live']['captured']}",
    "capture to event p50, ms": lambda p: number(p["live"]["latency"]["p50_ms"]),
    "its p95": lambda p: number(p["live"]["latency"]["p95_ms"]),
    "time to identity p50, s": lambda p: number(p["live"]["time_to_identity"]["p50_ms"], 2, 1e-3),
    "identities": lambda p: str(p["live"]["time_to_identity"]["tracks"]),
    "peak MiB": lambda p: number(p["peak_mib"], 0),
    "mJ a decision": lambda p: number(energy(p, "mj_per_decision")),
    "mJ a frame": lambda p: number(energy(p, "mj_per_frame")),
}
_CELLS = {"load": _LOAD, "capacity": _CAPACITY, "pipeline": _PIPELINE}


def rows_of(result: Result) -> tuple[list[str], list[list[str]]]:
    """Return heads, and a row for each point; of pipelines, a column for each point."""
    cells = _CELLS[result.kind]
    rows = [[cell(point) for cell in cells.values()] for point in result.points]
    if result.kind != "pipeline":
        return list(cells), rows
    turned = [list(row) for row in zip(cells, *rows, strict=True)]
    return turned[0], turned[1:]


def as_table(result: Result) -> str:
    """Return a result in Markdown."""
    return table(*rows_of(result))


def title(result: Result) -> str:
    """Return what was measured, where, and on what."""
    name = "" if result.model is None else f" of {result.model['name']}"
    where = result.environment["server"] or result.setting.get("where", "")
    part = "" if result.complete else f"; NOT COMPLETE: {result.note}"
    mode = result.environment["power_mode"]
    machine = name_of(result.environment) + (f", {mode}" if mode else "")
    return f"{result.kind}{name}, {where}, {machine}{part}"
