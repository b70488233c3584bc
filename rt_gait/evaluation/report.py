"""What was measured, of several models side by side: one JSON file and one table in Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rt_gait import __version__
from rt_gait.errors import OutputError

from .embedding import Embedded
from .resampling import REPLICATES, Figure
from .study import Condition
from .verification import DET_RATES

Evaluate = Callable[[Embedded], tuple[Condition, ...]]
JSON_NAME, TABLE_NAME = "report.json", "report.md"


@dataclass(frozen=True)
class Setting:
    """What every model was given."""

    protocol: str
    data: str
    """Which data set: its name, and its digest where it has one."""
    most_windows: int | None
    """Windows of one sequence that were used, the first of it; None is all."""
    frames_order: str


@dataclass(frozen=True, eq=False)
class ModelResult:
    """One model's figures."""

    model: str
    """``name@digest``."""
    conditions: tuple[Condition, ...]
    less_first: Mapping[str, Mapping[str, Figure]]
    """Condition, measure, figure less that of the first model; empty for the first."""


def evaluate_models(
    embedded: Mapping[str, Embedded], evaluate: Evaluate
) -> tuple[ModelResult, ...]:
    """Evaluate models, and compare each with the first on the sequences that both acquired.

    Args:
        embedded: model key to its embeddings of the same sequences.
        evaluate: the protocol.

    Raises:
        UsageError: the data lack what the protocol needs.
    """
    results: list[ModelResult] = []
    reference: Embedded | None = None
    for model, ours in embedded.items():
        conditions = evaluate(ours)
        less: dict[str, dict[str, Figure]] = {}
        if reference is None:
            reference = ours
        else:
            common = ours.acquired & reference.acquired
            pair = [
                known if np.array_equal(side.acquired, common) else evaluate(side.only(common))
                for side, known in ((ours, conditions), (reference, results[0].conditions))
            ]
            less = _differences(*pair)
        results.append(ModelResult(model, conditions, less))
    return tuple(results)


def _differences(
    ours: tuple[Condition, ...], first: tuple[Condition, ...]
) -> dict[str, dict[str, Figure]]:
    return {
        a.name: {m: a.figures[m].less(b.figures[m]) for m in a.figures if m in b.figures}
        for a, b in zip(ours, first, strict=True)
    }


def as_json(setting: Setting, results: Sequence[ModelResult]) -> dict[str, Any]:
    """Return everything as JSON has it; shares from 0 to 1, null where nothing was measured."""
    return {
        "layout": 1,
        "rt_gait": __version__,
        **asdict(setting),
        "intervals": f"95%, bootstrap of {REPLICATES} replicates by probe subject",
        "models": [
            {
                "model": r.model,
                "conditions": {c.name: _condition(c) for c in r.conditions},
                "less_first_model": {
                    name: _figures(figures) for name, figures in r.less_first.items()
                },
            }
            for r in results
        ],
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "counts": dict(condition.counts),
        "left_out": list(condition.notes),
        "figures": _figures(condition.figures),
        "groups": {
            what: {which: _figures(figures) for which, figures in groups.items()}
            for what, groups in condition.groups.items()
        },
        "det": None
        if condition.det is None
        else {
            "fmr": [_number(x) for x in DET_RATES],
            "fnmr": [_number(x) for x in condition.det],
        },
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: _figure(figure) for name, figure in figures.items()}


def _figure(figure: Figure) -> dict[str, Any]:
    low, high = figure.interval
    out: dict[str, Any] = {"value": _number(figure.value), "low": _number(low)}
    out |= {"high": _number(high), "trials": figure.trials, "subjects": figure.subjects}
    if figure.threshold is not None:
        out["threshold"] = _number(figure.threshold)
    return out


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def as_markdown(setting: Setting, results: Sequence[ModelResult]) -> str:
    """Return tables with a column for each model; figures in percent with their interval."""
    names = [r.model for r in results]
    most = "all" if setting.most_windows is None else f"at most {setting.most_windows}"
    lines = [
        f"# {setting.protocol}, {setting.data}",
        "",
        f"Percent, with the 95% interval over probe subjects ({REPLICATES} replicates). Windows of "
        f"a sequence: {most}. Frames of a window: {setting.frames_order}. An interval without "
        "width means that no error, or nothing else, was seen: with n subjects the truth may "
        "still be 3 / n away.",
    ]
    for k, condition in enumerate(results[0].conditions):
        mine = [r.conditions[k] for r in results]
        lines += ["", f"## {condition.name}", "", *_table("", names, [c.figures for c in mine])]
        for what in condition.groups:
            lines += ["", *_group_table(what, names, [c.groups.get(what, {}) for c in mine])]
        lines += ["", *_counts(names, mine)]
        lines += [
            f"\nLeft out: {note}." for note in dict.fromkeys(n for c in mine for n in c.notes)
        ]
        if len(results) > 1:
            less = [r.less_first[condition.name] for r in results[1:]]
            title = f"less {names[0]}, on the same probes"
            lines += ["", *_table(title, names[1:], less)]
    return "\n".join(lines) + "\n"


def _table(title: str, names: Sequence[str], columns: Sequence[Mapping[str, Figure]]) -> list[str]:
    rows = list(dict.fromkeys(m for c in columns for m in c))
    return _rows(title, names, [(m, [shown(c.get(m)) for c in columns]) for m in rows])


def _group_table(
    what: str, names: Sequence[str], columns: Sequence[Mapping[str, Mapping[str, Figure]]]
) -> list[str]:
    rows = []
    for which in dict.fromkeys(w for c in columns for w in c):
        for measure in dict.fromkeys(m for c in columns for m in c.get(which, {})):
            cells = [shown(c.get(which, {}).get(measure)) for c in columns]
            rows.append((f"{which}: {measure}", cells))
    return _rows(what, names, rows)


def _counts(names: Sequence[str], conditions: Sequence[Condition]) -> list[str]:
    rows = [(what, [str(c.counts[what]) for c in conditions]) for what in conditions[0].counts]
    return _rows("counts", names, rows)


def _rows(title: str, names: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    head = ["| " + " | ".join((title, *names)) + " |", "|---" * (len(names) + 1) + "|"]
    return head + ["| " + " | ".join((name, *cells)) + " |" for name, cells in rows]


def shown(figure: Figure | None) -> str:
    """Return a figure in percent: ``97.1 (95.8 to 98.2)``."""
    if figure is None or math.isnan(figure.value):
        return "-"
    low, high = figure.interval
    between = "one subject" if math.isnan(low) else f"{100 * low:.1f} to {100 * high:.1f}"
    return f"{100 * figure.value:.1f} ({between})"


def write_report(folder: Path, setting: Setting, results: Sequence[ModelResult]) -> list[Path]:
    """Write ``report.json`` and ``report.md``; return their paths.

    Raises:
        OutputError: they cannot be written.
    """
    texts = {
        folder / JSON_NAME: json.dumps(as_json(setting, results), indent=1) + "\n",
        folder / TABLE_NAME: as_markdown(setting, results),
    }
    for path, text in texts.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {path}") from error
    return list(texts)
