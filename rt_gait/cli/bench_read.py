"""``rt-gait bench pareto`` and ``compare``: what can be said of results that are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from rt_gait.bench.pareto.accuracy import MEASURES, Accuracies
from rt_gait.bench.pareto.front import Limits, as_table, choose, front_of
from rt_gait.bench.results.compare import compare
from rt_gait.bench.results.file import Result, read, read_folder
from rt_gait.bench.results.tables import title
from rt_gait.errors import UsageError


def pareto_command(
    paths: Sequence[Path], accuracy: Sequence[Path], measure: str, limits: Limits
) -> None:
    """Print the front, and the point to deploy with the reason.

    Raises:
        UsageError: a file is something else, or no point keeps the limits.
    """
    results = [result for path in paths for result in results_at(path)]
    known = read_accuracies(accuracy, measure)
    for path in paths:
        if path.is_dir():
            known.add_folder(path)
    front = front_of(results, known)
    typer.echo(as_table(front))
    typer.echo(f"\nDeploy {choose(front, limits)[1]}")


def read_accuracies(paths: Sequence[Path], measure: str) -> Accuracies:
    """Read reports that say how accurate models are.

    Raises:
        UsageError: one says nothing of it, or there is no such measure.
    """
    if measure not in MEASURES:
        raise UsageError(f"--measure should be {', '.join(MEASURES)}, not {measure!r}")
    found = Accuracies(measure)
    for path in paths:
        if not found.add(path):
            raise UsageError(
                f"neither report.json of rt-gait evaluate nor build.json of rt-gait models: {path}"
            )
    return found


def compare_command(before: Path, after: Path) -> None:
    """Print a table for each pair of results: of two files, or of the same name in two folders.

    Raises:
        UsageError: a file is something else, or nothing fits together.
    """
    if before.is_file() and after.is_file():
        pairs = [(read(before), read(after))]
    else:
        old = {result.name: result for result in results_at(before)}
        pairs = [(old[r.name], r) for r in results_at(after) if r.name in old]
    if not pairs:
        raise UsageError(f"no result of the same kind, model and engine in {before} and {after}")
    for a, b in pairs:
        typer.echo(f"## {title(b)}\n\n{compare(a, b)}\n")


def results_at(path: Path) -> list[Result]:
    """Read a result, or all of a folder.

    Raises:
        UsageError: it is something else, or there are none.
    """
    return [read(path)] if path.is_file() else read_folder(path)
