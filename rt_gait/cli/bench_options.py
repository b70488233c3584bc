"""Options and values that the commands of ``rt-gait bench`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rt_gait.cli.options import option
from rt_gait.errors import UsageError

Model = Annotated[str | None, option("--model", text="Gait model (default gait3d)")]
Meter = Annotated[str, typer.Option("--energy-meter", help="auto, jtop, ina3221, nvml, rapl, none")]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Client processes (default: half the processors, 1 to 4)")
]
Out = Annotated[
    Path | None, option("--out", text="Folder for the result, JSON, written point by point")
]
SetClocks = Annotated[
    str | None,
    option("--set-clocks", text="Power modes of a Jetson to measure in, by nvpmodel, such as 0,2"),
]
Results = Annotated[list[Path], typer.Argument(help="Results, or folders of them")]


def numbers(text: str, flag: str, *, least: int = 1) -> list[int]:
    """Read ``1,4,8``.

    Raises:
        UsageError: it is something else.
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < least:
        raise UsageError(
            f"{flag} should be numbers from {least} on, such as {least},4,8, not {text!r}"
        )
    return found


def milliseconds(text: str, flag: str) -> float:
    """Read ``40ms``, ``0.04s`` or ``40``, which is milliseconds.

    Raises:
        UsageError: it is something else.
    """
    value, scale = text.strip(), 1.0
    if value.endswith("ms"):
        value = value[:-2]
    elif value.endswith("s"):
        value, scale = value[:-1], 1000.0
    try:
        found = scale * float(value)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise UsageError(f"{flag} should be a time such as 40ms, not {text!r}")
    return found
