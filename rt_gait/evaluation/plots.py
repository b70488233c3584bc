"""Plots of what was measured, as PNG: DET curves, rank-1 by view, rank-1 by condition."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rt_gait.errors import OutputError, UsageError

from .report import ModelResult
from .resampling import Figure
from .study import RANK_1, Condition
from .verification import DET_RATES, EER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_ONE_VIEW = "one gallery view"
"""How the names of breakdowns by view end."""
_INTERVAL = "Bars: 95% interval over probe subjects"
_DPI = 130
_LEAST_FNMR = 0.1
"""Percent; the DET plot shows what is less on its bottom edge."""
_ALL = "everything"
_RANK_1 = "right person ranked first, % (rank-1)"


def check_plots() -> None:
    """Check that plots can be drawn, before anything slow begins.

    Raises:
        UsageError: matplotlib is missing.
    """
    if find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib, which is not installed: pip install matplotlib")


def write_plots(folder: Path, results: Sequence[ModelResult]) -> list[Path]:
    """Write ``det.png``, ``views.png`` and ``conditions.png``, those there is something for.

    Raises:
        UsageError: matplotlib is missing.
        OutputError: they cannot be written.
    """
    check_plots()
    paths = []
    for name, draw in (("det", _det), ("views", _views), ("conditions", _conditions)):
        canvas = draw(results)
        if canvas is None:
            continue
        path = folder / f"{name}.png"
        try:
            canvas.savefig(path, dpi=_DPI)
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {path}") from error
        paths.append(path)
    return paths


def _panels(count: int, height: float = 4.6, width: float = 4.6) -> tuple[Canvas, list[Axes]]:
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(max(width * count + 0.6, 6.4), height), layout="constrained")
    return canvas, list(canvas.subplots(1, count, squeeze=False, sharey=True)[0])


def _legend(canvas: Canvas, axes: Sequence[Axes]) -> None:
    handles, labels = axes[0].get_legend_handles_labels()
    columns = min(len(labels), 2 + len(axes))
    canvas.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def _names(results: Sequence[ModelResult]) -> list[str]:
    short = [r.model.partition("@")[0] for r in results]
    return short if len(set(short)) == len(short) else [r.model for r in results]


def _det(results: Sequence[ModelResult]) -> Canvas:
    """False matches against false non-matches, a panel for each condition."""
    conditions = results[0].conditions
    canvas, axes = _panels(len(conditions))
    ticks = [0.01, 0.1, 1.0, 10.0, 100.0]
    shown = DET_RATES >= 0.0001
    for k, axis in enumerate(axes):
        for name, result in zip(_names(results), results, strict=True):
            condition = result.conditions[k]
            if condition.det is not None:
                eer = condition.figures[EER].value
                rejects = np.maximum(100 * condition.det, _LEAST_FNMR)[shown]
                axis.plot(100 * DET_RATES[shown], rejects, label=name, lw=1.8, clip_on=False)
                axis.plot(100 * eer, 100 * eer, "o", color=axis.lines[-1].get_color(), ms=5)
        axis.plot([0.001, 100], [0.001, 100], ":", color="0.6", linewidth=1, zorder=0)
        axis.set(xscale="log", yscale="log")
        for ruler in (axis.xaxis, axis.yaxis):
            ruler.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
        axis.set(xlim=(0.01, 100), ylim=(_LEAST_FNMR, 100), title=conditions[k].name)
        axis.set_xlabel("strangers accepted, % (FMR)")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("right claims refused, % (FNMR)")
    _legend(canvas, axes)
    canvas.suptitle(
        "Detection error trade-off\nDots: equal error rates. Bottom edge: 0.1% and less"
    )
    return canvas


def _views(results: Sequence[ModelResult]) -> Canvas | None:
    """Rank-1 by view, a panel for each condition."""
    found = [
        (k, what)
        for k, condition in enumerate(results[0].conditions)
        for what in condition.groups
        if what.endswith(_ONE_VIEW)
    ]
    if not found:
        return None
    canvas, axes = _panels(len(found))
    for axis, (k, what) in zip(axes, found, strict=True):
        labels = list(results[0].conditions[k].groups[what])
        for number, (name, result) in enumerate(zip(_names(results), results, strict=True)):
            groups = result.conditions[k].groups[what]
            values, apart = _bars([groups[which][RANK_1] for which in labels])
            at = np.arange(len(labels)) + _aside(number, len(results), 0.06)
            axis.errorbar(at, values, apart, label=name, marker="o", ms=4, capsize=2)
        axis.set_xticks(range(len(labels)), [w.removesuffix(" degrees") for w in labels])
        axis.set_title(results[0].conditions[k].name)
        axis.set_xlabel(f"{what.partition(',')[0]}, degrees")
        axis.grid(alpha=0.3)
    axes[0].set_ylim(_from(axes[0].get_ylim()[0]), 101.5)
    axes[0].set_ylabel(_RANK_1)
    _legend(canvas, axes)
    canvas.suptitle(f"One gallery view. {_INTERVAL}")
    return canvas


def _conditions(results: Sequence[ModelResult]) -> Canvas:
    """Rank-1 of every condition and group, a panel for each condition."""
    conditions = results[0].conditions
    fullest = sorted(conditions, key=lambda c: -len(c.groups))
    rows = [_ALL, *dict.fromkeys(r for c in fullest for r in _rows(c))]
    canvas, axes = _panels(len(conditions), 1.9 + (0.14 + 0.08 * len(results)) * len(rows), 4.2)
    least = 100.0
    for k, axis in enumerate(axes):
        for number, (name, result) in enumerate(zip(_names(results), results, strict=True)):
            condition = result.conditions[k]
            figures = {_ALL: condition.figures[RANK_1], **_rows(condition)}
            at = np.array([rows.index(r) for r in figures])
            values, apart = _bars(list(figures.values()))
            aside = _aside(number, len(results), 0.6 / len(results))
            least = min(least, np.nanmin(values - apart[0], initial=100))
            axis.errorbar(values, at + aside, xerr=apart, label=name, fmt="o", ms=4, capsize=2)
        for place in range(0, len(rows), 2):
            axis.axhspan(place - 0.5, place + 0.5, color="0.95", zorder=0)
        axis.set(ylim=(len(rows) - 0.5, -0.5), title=conditions[k].name)
        axis.set_yticks(range(len(rows)), rows)
        axis.set_xlabel(_RANK_1)
        axis.grid(axis="x", alpha=0.3)
    for axis in axes:
        axis.set_xlim(_from(least), 101.5)
    _legend(canvas, axes)
    canvas.suptitle(f"All gallery views. {_INTERVAL}")
    return canvas


def _rows(condition: Condition) -> dict[str, Figure]:
    return {
        f"{what}: {which}": figures[RANK_1]
        for what, groups in condition.groups.items()
        if not what.endswith(_ONE_VIEW)
        for which, figures in groups.items()
    }


def _bars(figures: Sequence[Figure]) -> tuple[np.ndarray, np.ndarray]:
    """Return values [N] and how far the interval reaches down and up [2, N], in percent."""
    values = np.array([f.value for f in figures])
    ends = np.array([f.interval for f in figures]).T
    return 100 * values, 100 * np.abs(ends - values)


def _from(least: float) -> float:
    """Return where an axis of percent begins, a little below a whole ten."""
    return 10.0 * (min(max(int(least), 0), 90) // 10) - 1.5


def _aside(number: int, count: int, step: float) -> float:
    return (number - (count - 1) / 2) * step
