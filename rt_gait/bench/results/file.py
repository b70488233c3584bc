"""The form of every result: one JSON file, rewritten with each point that is done.

``format`` and ``version`` say that it is one of ours, ``kind`` what was measured (``load``,
``capacity``, ``pipeline``), ``environment`` on what, ``model`` with which network (None for
several), ``setting`` how. ``points`` are the measurements; ``complete`` is false, and ``note``
says why, where not all of them could be made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rt_gait.bench.results.form import problem
from rt_gait.errors import OutputError, UsageError

FORMAT, VERSION = "rt-gait bench", 1


@dataclass
class Result:
    """What was measured in one go."""

    kind: str
    environment: dict[str, Any]
    model: dict[str, Any] | None
    setting: dict[str, Any]
    points: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = False
    note: str = ""
    path: Path | None = None
    """Where it is kept, and written again with each point; None for nowhere."""

    @property
    def name(self) -> str:
        """Of the file, without its ending."""
        mode = self.setting.get("set_mode")
        words = [self.kind, (self.model or {}).get("name"), self.setting.get("where")]
        words.append(None if mode is None else f"mode{mode}")
        return "-".join(word for word in words if word)

    def keep(self, folder: Path, *, overwrite: bool) -> None:
        """Keep it in a folder, which is made.

        Raises:
            OutputError: it cannot be written, or is there and is not to be replaced.
        """
        path = folder / f"{self.name}.json"
        if path.exists() and not overwrite:
            raise OutputError(f"it exists; pass --overwrite to replace it: {path}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder ({error.strerror}): {folder}") from error
        self.path = path
        self._write()

    def add(self, point: Mapping[str, Any]) -> None:
        """Take in a point, and write it at once."""
        self.points.append(dict(point))
        self._write()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Mark it complete at the end of the ``with`` block; what breaks it off is noted."""
        try:
            yield
        except BaseException as error:
            self.note = f"broke off: {str(error) or type(error).__name__}"
            self._write()
            raise
        self.complete = True
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        told = {"format": FORMAT, "version": VERSION, **asdict(self)}
        del told["path"]
        new = self.path.with_suffix(".json.new")
        try:
            new.write_text(json.dumps(_finite(told), indent=1) + "\n", encoding="utf-8")
            new.replace(self.path)
        except OSError as error:
            raise OutputError(f"cannot write ({error.strerror}): {self.path}") from error


def read(path: Path) -> Result:
    """Read a result.

    Raises:
        UsageError: it cannot be read, is something else, of another version, or damaged.
    """
    told = read_json(path)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UsageError(f"not a result of rt-gait bench: {path}")
    if told.get("version") != VERSION:
        raise UsageError(
            f"a result of version {told.get('version')}, this rt-gait reads version {VERSION}; "
            f"measure again: {path}"
        )
    if wrong := problem(told):
        raise UsageError(f"a result that is damaged ({wrong}); measure again: {path}")
    names = ("kind", "environment", "model", "setting", "points", "complete", "note")
    return Result(**{name: told[name] for name in names}, path=path)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UsageError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read ({error.strerror}): {path}") from error
    except ValueError as error:
        raise UsageError(f"not JSON ({error}): {path}") from error


def read_folder(folder: Path) -> list[Result]:
    """Read all results of a folder, and of those in it.

    Raises:
        UsageError: there are none, or one is of another version.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no such folder of results: {folder}")
    files = sorted(folder.rglob("*.json"))
    ours = [path for path in files if is_result(path)]
    if not ours:
        raise UsageError(
            f"none of the {len(files)} JSON files is a result of rt-gait bench: {folder}"
        )
    return [read(path) for path in ours]


def is_result(path: Path) -> bool:
    """Whether a file says that it is a result, of any version."""
    told = read_json(path)
    return isinstance(told, dict) and told.get("format") == FORMAT


def _finite(value: Any) -> Any:
    """Replace numbers that JSON does not have by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
