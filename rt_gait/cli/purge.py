"""``rt-gait purge``: retention of event logs and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def purge(
    folder: Annotated[Path, typer.Argument(help="Folder of event logs and recordings")],
    days: Annotated[float, typer.Option("--days", min=0, help="Days to keep them")],
) -> None:
    """Remove the .jsonl logs and .mp4 videos of a folder that are older; for a daily timer."""
    import time

    from rt_gait.outputs.retention import purge as remove

    removed = remove(folder, days=days, now_secs=time.time())
    for path in removed:
        typer.echo(f"removed {path}")
    typer.echo(f"{len(removed)} files removed", err=True)
