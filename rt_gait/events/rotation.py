"""An event log that goes on for months: its file is set aside when it is old or big.

``events.jsonl`` is the newest part; the older ones are ``events.jsonl.000001``, ``.000002`` and so
on, never written again. A part is known by the id of its first event, which no other part has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"\.(\d{6,9})")


@dataclass(frozen=True)
class Rotation:
    """When to begin a new part of a log; None is never."""

    max_bytes: int | None = None
    max_age_secs: float | None = None

    def due(self, size_bytes: int, line_bytes: int, age_secs: float) -> bool:
        """Say whether a line should open a new part; a part holds at least one line."""
        if not size_bytes:
            return False
        big = self.max_bytes is not None and size_bytes + line_bytes > self.max_bytes
        return big or (self.max_age_secs is not None and age_secs >= self.max_age_secs)


def parts(path: Path) -> list[Path]:
    """Return the files of the log at ``path`` that exist, the oldest first."""
    try:
        beside = sorted((number, p) for p in path.parent.iterdir() if (number := _number(path, p)))
    except OSError:
        return []
    return [p for _, p in beside] + ([path] if path.is_file() else [])


def set_aside(path: Path) -> Path:
    """Rename the newest part to the next number, and return its new path.

    Raises:
        OSError: the folder does not allow it.
    """
    numbers = [_number(path, p) for p in path.parent.iterdir()]
    aside = path.with_name(f"{path.name}.{max(numbers, default=0) + 1:06d}")
    path.rename(aside)
    return aside


def _number(path: Path, other: Path) -> int:
    """Return the number of a part that was set aside, 0 for any other file."""
    if not other.name.startswith(path.name):
        return 0
    match = _NUMBER.fullmatch(other.name, len(path.name))
    return int(match.group(1)) if match else 0
