"""What ``rt-gait models`` prints of models."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from rt_gait.errors import ModelError
from rt_gait.serving.repository import ModelInfo, load_info


def row(folder: Path, name: str) -> list[str]:
    """Return what ``list`` says of a model, also of a broken one."""
    try:
        info = load_info(folder, name)
    except ModelError as error:
        return ["BAD", "", "", "", str(error)]
    known = info.parameters
    untrained = known.get("untrained") == "true"
    return [
        known.get("modality", ""),
        megabytes(info),
        known.get("frames", ""),
        known.get("cadence_hz", ""),
        "untrained" if untrained else known.get("training_data", ""),
    ]


def megabytes(info: ModelInfo) -> str:
    """Return the size of a model's file."""
    path = info.network_path
    return f"{path.stat().st_size / 1e6:.1f}" if path.is_file() else "missing"


def table_of(*columns: str) -> Table:
    """Return an empty table."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    return table


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal."""
    Console(soft_wrap=False, highlight=False, markup=False).print(table)
