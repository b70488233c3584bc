"""Plots as SVG, to stand in a page. The only file of the bench that imports matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from rt_gait.bench.results.tables import STAGES, energy
from rt_gait.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = dict[str, Any]
_UNSTABLE = "hollow: unstable"
_COLOURS = "viridis"
_WIDTH = 6.4
"""Inches: two plots stand side by side in the page."""


def check() -> None:
    """Check that plots can be drawn.

    Raises:
        UsageError: matplotlib is missing.
    """
    if find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib, which is not installed: pip install matplotlib")


def throughput(points: Sequence[Point], title: str) -> str:
    """Throughput against latency: a line for each batch, a point for each concurrency."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        batches = sorted({p["batch"] for p in points})
        for colour, batch in zip(_colours(len(batches)), batches, strict=True):
            line = [p for p in points if p["batch"] == batch]
            _line(axis, line, colour, f"batch {batch}")
        axis.set(xlabel="windows a second", ylabel="p99 latency of a request, ms", yscale="log")
        _plain_numbers(axis)
        axis.grid(alpha=0.3, which="both")
        figure.legend(loc="outside right upper", frameon=False, title=f"({_UNSTABLE})")
        axis.set_title(f"{title}: throughput against latency")

    return _svg(draw, (_WIDTH, 4.2), f"throughput {title}")


def costs(points: Sequence[Point], title: str) -> str:
    """Energy of a window against throughput; points without energy are left out."""
    known = [p for p in points if energy(p, "mj_per_window") is not None]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for key, marker, label in (
            ("mj_per_window", "o", "all"),
            ("mj_above_idle", "^", "above idle"),
        ):
            pairs = [(p["windows_per_sec"], energy(p, key)) for p in known]
            pairs = [(rate, mj) for rate, mj in pairs if mj is not None]
            if pairs:
                axis.plot(*zip(*sorted(pairs), strict=True), marker, ms=5, alpha=0.8, label=label)
        axis.set(xlabel="windows a second", ylabel="mJ a window", yscale="log")
        _plain_numbers(axis)
        axis.grid(alpha=0.3, which="both")
        axis.legend(frameon=False)
        axis.set_title(f"{title}: energy of a window ({known[0]['energy']['total']})")

    return _svg(draw, (_WIDTH, 4.2), f"energy {title}") if known else ""


def heat_maps(points: Sequence[Point], title: str) -> list[str]:
    """Batch by concurrency: throughput, latency, and energy where it was measured."""
    maps: list[tuple[str, Callable[[Point], float | None]]] = [
        ("windows a second", lambda p: p["windows_per_sec"]),
        ("p99 latency, ms", lambda p: p.get("p99_ms")),
        ("mJ a window", lambda p: energy(p, "mj_per_window")),
    ]
    known = [m for m in maps if any(m[1](p) is not None for p in points)]
    return [_heat_map(points, f"{title}: {name}", value) for name, value in known]


def _heat_map(points: Sequence[Point], title: str, value: Callable[[Point], float | None]) -> str:
    batches = sorted({p["batch"] for p in points})
    concurrencies = sorted({p["concurrency"] for p in points})

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        grid = np.full((len(batches), len(concurrencies)), np.nan)
        marks = np.full(grid.shape, "", dtype="<U1")
        for p in points:
            place = (batches.index(p["batch"]), concurrencies.index(p["concurrency"]))
            found = value(p)
            grid[place] = np.nan if found is None else found
            marks[place] = "*" if p["unstable"] else ""
        _heat(axis, grid, marks)
        for ruler, ticks in ((axis.xaxis, concurrencies), (axis.yaxis, batches)):
            ruler.set_ticks(np.arange(len(ticks)) + 0.5, labels=[str(t) for t in ticks])
        axis.set(xlabel="concurrency", ylabel="batch", title=f"{title} (*: unstable)")

    return _svg(draw, (_WIDTH, max(1.6 + 0.34 * len(batches), 2.4)), f"heat {title}")


def front(candidates: Sequence[dict[str, Any]], key: str, label: str) -> str:
    """Latency against another objective; the front is drawn, the dominated are pale.

    Args:
        candidates: with ``model``, ``p99_ms``, the objective, and ``dominated_by``.
        key: the objective.
        label: its name with its unit.
    """
    known = [c for c in candidates if c.get(key) is not None and c.get("p99_ms") is not None]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        models = sorted({c["model"] for c in known})
        for k, model in enumerate(models):
            colour = f"C{k}"
            ours = [c for c in known if c["model"] == model]
            front = [c for c in ours if not c["dominated_by"]]
            beaten = [c for c in ours if c["dominated_by"]]
            for chosen, alpha, size in ((beaten, 0.25, 18), (front, 1.0, 46)):
                xs, ys = [c["p99_ms"] for c in chosen], [c[key] for c in chosen]
                name = model if chosen is (front or beaten) else None
                axis.scatter(xs, ys, color=colour, label=name, alpha=alpha, s=size)
        axis.set(xlabel="p99 latency of a request, ms", ylabel=label, xscale="log")
        axis.set_yscale("linear" if key == "accuracy" else "log")
        _plain_numbers(axis)
        axis.grid(alpha=0.3, which="both")
        figure.legend(loc="outside right upper", frameon=False, title="large: on the front")
        axis.set_title(f"Latency against {label.partition(',')[0]}")

    return _svg(draw, (_WIDTH, 4.2), f"front {key}") if known else ""


def stages(points: Sequence[Point]) -> str:
    """Time of the stages of a frame, a bar for each point."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        labels, left = [p["what"] for p in points], np.zeros(len(points))
        for k, name in enumerate(STAGES):
            widths = np.array([p["stages"][name]["p50_ms"] for p in points])
            axis.barh(labels, widths, left=left, color=f"C{k}", label=name)
            left += widths
        axis.invert_yaxis()
        axis.set(xlabel="ms a frame (medians of the stages, one after the other)")
        figure.legend(loc="outside right upper", frameon=False)

    return _svg(draw, (_WIDTH, 1.2 + 0.5 * len(points)), "stages")


def _line(axis: Axes, line: list[Point], colour: Any, label: str) -> None:
    rate, latency = "windows_per_sec", "p99_ms"
    known = [p for p in line if p.get(rate) is not None and p.get(latency) is not None]
    known.sort(key=lambda p: p["concurrency"])
    xs, ys = [p[rate] for p in known], [p[latency] for p in known]
    axis.plot(xs, ys, color=colour, lw=1.2, label=label)
    for p in known:
        fill = "white" if p["unstable"] else colour
        axis.plot(p[rate], p[latency], "o", color=colour, markerfacecolor=fill, ms=5)


def _heat(axis: Axes, grid: Any, marks: Any) -> None:
    """Colour by the logarithm, lighter for more; say the number in each cell."""
    shown = np.log10(np.where(grid > 0, grid, np.nan))
    axis.pcolormesh(shown, cmap=_COLOURS, edgecolors="white", linewidth=0.5)
    known = shown[np.isfinite(shown)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            light = (shown[row, column] - low) / ((high - low) or 1) > 0.6
            text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            style: dict[str, Any] = {"ha": "center", "va": "center", "size": 7.5}
            colour = "black" if light else "white"
            place = (column + 0.5, row + 0.5)
            axis.text(*place, text + marks[row, column], color=colour, **style)


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps[_COLOURS](0.9 * k / max(count - 1, 1)) for k in range(count)]


def _svg(draw: Callable[[Figure], None], size: tuple[float, float], salt: str) -> str:
    """Return an SVG element; ``salt`` keeps its ids apart from those of others in the page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": salt, "font.size": 9}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        written = StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]


def _plain_numbers(axis: Axes) -> None:
    """Label logarithmic axes with 20 in place of 2 x 10^1."""
    from matplotlib.ticker import LogFormatter

    for side in (axis.xaxis, axis.yaxis):
        if side.get_scale() == "log":
            side.set_major_formatter(LogFormatter())
            side.set_minor_formatter(LogFormatter())
