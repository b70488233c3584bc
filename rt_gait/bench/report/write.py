"""From a folder of results to a page and a table."""

from __future__ import annotations

from pathlib import Path

from rt_gait.bench.pareto.accuracy import Accuracies
from rt_gait.bench.pareto.front import OBJECTIVES, front_of, rows_of_front
from rt_gait.bench.report import draw
from rt_gait.bench.report.page import folded, heading, html_table, note, page, plots, small
from rt_gait.bench.results.file import Result, read_folder
from rt_gait.bench.results.tables import rows_of, table, title
from rt_gait.errors import OutputError, UsageError

PAGE, TABLE = "report.html", "report.md"


def write_report(folder: Path, out: Path | None, *, overwrite: bool) -> list[Path]:
    """Write the page, and beside it the tables in Markdown.

    Args:
        folder: of results; those in folders in it count, and so do reports of
            ``rt-gait evaluate`` and ``build.json``, for the accuracy of the models.
        out: the page; default ``report.html`` in the folder.
        overwrite: replace them.

    Raises:
        UsageError: there are no results, or of another version, matplotlib is missing, or the page
            would take the place of the tables.
        OutputError: they cannot be written.
    """
    draw.check()
    results, accuracies = read_folder(folder), Accuracies("rank-1")
    accuracies.add_folder(folder)
    path = out or folder / PAGE
    if path.suffix == ".md":
        raise UsageError(f"--out names the page, such as {PAGE}; the tables lie beside it: {path}")
    paths = {path: as_page(results, accuracies), path.with_suffix(".md"): as_markdown(results)}
    for each in paths:
        if each.exists() and not overwrite:
            raise OutputError(f"it exists; pass --overwrite to replace it: {each}")
    for each, text in paths.items():
        try:
            each.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {each}") from error
    return list(paths)


def as_markdown(results: list[Result]) -> str:
    """Return a table for each result."""
    parts = [f"## {title(r)}\n\n{table(*rows_of(r))}\n" for r in results]
    return "\n".join(parts)


def as_page(results: list[Result], accuracies: Accuracies) -> str:
    """Return the page: plots and table of each result, and what it was measured on."""
    parts = [small(f"{len(results)} results, written by rt-gait bench report.")]
    parts += _front(results, accuracies)
    for result in results:
        parts += section(result)
    return page("rt-gait bench", parts)


def section(result: Result) -> list[str]:
    """Return the part of the page about one result."""
    parts = [heading(title(result))]
    if not result.complete:
        parts.append(note(f"Not complete, {len(result.points)} points: {result.note}"))
    if result.kind == "load":
        parts += _load_plots(result)
        parts.append(folded(f"All {len(result.points)} points", html_table(*rows_of(result))))
    else:
        if result.kind == "pipeline" and result.points:
            parts.append(plots([draw.stages(result.points)]))
        parts.append(html_table(*rows_of(result)))
    return [*parts, _about(result)]


def _front(results: list[Result], accuracies: Accuracies) -> list[str]:
    """Return the Pareto front of all load sweeps, if there is anything to choose from."""
    try:
        front = front_of(results, accuracies)
    except UsageError:
        return []
    parts = [heading(f"Pareto front: {len(front.best)} of {len(front.candidates)} points")]
    compared = ", ".join(OBJECTIVES[key][1] for key in front.compared)
    parts.append(small(f"No other point is as good in: {compared}, and better in one of them."))
    missing = [name for key, (_, name) in OBJECTIVES.items() if key not in front.compared]
    if missing:
        parts.append(note(f"Not known of all models, so not compared: {'; '.join(missing)}."))
    keys = ("mj_per_window", "accuracy", "windows_per_sec")
    names = {key: name for key, (_, name) in OBJECTIVES.items()}
    names["windows_per_sec"] = "throughput, windows a second"
    parts.append(plots([draw.front(front.candidates, key, names[key]) for key in keys]))
    return [*parts, folded(f"{len(front.best)} points", html_table(*rows_of_front(front)))]


def _load_plots(result: Result) -> list[str]:
    parts = []
    for engine in dict.fromkeys(p["engine"] for p in result.points):
        points = [p for p in result.points if p["engine"] == engine]
        name = (result.model or {}).get("name", "")
        name += "" if engine == "own" else f", {engine}"
        shown = [draw.throughput(points, name), draw.costs(points, name)]
        parts.append(plots([*shown, *draw.heat_maps(points, name)]))
        if not shown[1]:
            why = next((p["energy"]["note"] for p in points if p.get("energy")), "")
            parts.append(small(f"Energy: {why or 'not measured'}"))
    return parts


def _about(result: Result) -> str:
    """Return everything that the result says of itself, folded away."""
    rows = [["measured", result.environment["time_utc"]]]
    for name, part in (
        ("", result.environment),
        ("model: ", result.model or {}),
        ("setting: ", result.setting),
    ):
        rows += [[f"{name}{key}", str(value)] for key, value in part.items()]
    return folded("Machine, versions, model and settings", html_table(["", ""], rows))
