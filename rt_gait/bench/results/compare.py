"""Two results side by side: ratios, and whether they are more than noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rt_gait.bench.results.environment import name_of
from rt_gait.bench.results.file import Result
from rt_gait.bench.results.tables import energy, number, table
from rt_gait.errors import UsageError

Point = Mapping[str, Any]
_MEASURES: dict[str, dict[str, str]] = {
    "load": {"windows_per_sec": "windows/s", "p50_ms": "p50", "p99_ms": "p99", "mj": "mJ a window"},
    "capacity": {"people": "people", "p99_ms": "p99", "mj": "mJ a window"},
    "pipeline": {"step_p50": "step p50", "step_p95": "step p95", "mj": "mJ a decision"},
}
_SAME_IN_ALL = ("device", "processor", "processors", "gpus", "power_mode", "server", "commit")


def compare(before: Result, after: Result) -> str:
    """Return a table of ratios, after over before; ``~`` marks those within the noise.

    Noise is the distance of the least and the greatest repeat, of the median, in the noisier of
    the two: of throughput for throughput and energy, of the median latency for latencies.

    Raises:
        UsageError: they are of different kinds, or have no point in common.
    """
    if before.kind != after.kind:
        raise UsageError(f"cannot compare {before.kind} with {after.kind}: {after.path}")
    old = {place(before, p): p for p in before.points}
    pairs = [(old[place(after, p)], p) for p in after.points if place(after, p) in old]
    if not pairs:
        raise UsageError(
            f"no point in common ({len(before.points)} and {len(after.points)}): "
            f"{before.path}, {after.path}"
        )
    names = _MEASURES[before.kind]
    rows = [
        [" ".join(place(after, b)), *[_ratio(a, b, key) for key in names], _noise_text(a, b)]
        for a, b in pairs
    ]
    rows.append(["geometric mean", *[_mean(pairs, key) for key in names], ""])
    lines = [table(["", *names.values(), "noise, %"], rows), "", "Ratios, second over first; ~ is"]
    lines[-1] += " within the noise."
    lines += [f"{what}: {a} -> {b}" for what, a, b in differences(before, after)]
    return "\n".join(lines)


def place(result: Result, point: Point) -> tuple[str, ...]:
    """Return which point it is, within its result."""
    if result.kind == "load":
        return (f"{point['batch']} x {point['concurrency']}", point["engine"])
    if result.kind == "capacity":
        return (f"{point['rate_hz']:g}/s", f"{point['p99_limit_ms']:g} ms")
    return (str(point["what"]),)


def differences(before: Result, after: Result) -> list[tuple[str, str, str]]:
    """Return what else differs: machine, versions, network, settings."""
    pairs: dict[str, tuple[Any, ...]] = {
        "machine": (name_of(before.environment), name_of(after.environment))
    }
    pairs |= {k: (before.environment.get(k), after.environment.get(k)) for k in _SAME_IN_ALL}
    pairs["model"] = tuple((r.model or {}).get("key") for r in (before, after))
    keys = dict.fromkeys([*before.setting, *after.setting])
    pairs |= {f"setting {k}": (before.setting.get(k), after.setting.get(k)) for k in keys}
    return [(what, str(a), str(b)) for what, (a, b) in pairs.items() if a != b]


def _value(point: Point, key: str) -> float | None:
    if key == "mj":
        name = "mj_per_decision" if "stages" in point else "mj_per_window"
        return energy(dict(point), name)
    if key.startswith("step_"):
        found: float | None = point["stages"]["step"][f"{key.removeprefix('step_')}_ms"]
        return found
    value: float | None = point.get(key)
    return value


def _quotient(before: Point, after: Point, key: str) -> float | None:
    a, b = _value(before, key), _value(after, key)
    return b / a if a and b is not None else None


def _noise(before: Point, after: Point, key: str) -> float:
    name = "p50_spread" if key.startswith("p") and key.endswith("_ms") else "spread"
    return max(p.get(name) or 0.0 for p in (before, after))


def _ratio(before: Point, after: Point, key: str) -> str:
    ratio = _quotient(before, after, key)
    if ratio is None:
        return "-"
    within = abs(ratio - 1) <= _noise(before, after, key)
    return f"{'~' if within else ''}{ratio:.3f}"


def _noise_text(before: Point, after: Point) -> str:
    return number(100 * _noise(before, after, "windows_per_sec"))


def _mean(pairs: Sequence[tuple[Point, Point]], key: str) -> str:
    ratios = [_quotient(a, b, key) for a, b in pairs]
    logs = [math.log(r) for r in ratios if r]
    return f"{math.exp(sum(logs) / len(logs)):.3f}" if logs else "-"
