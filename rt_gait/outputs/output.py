"""The interface of outputs, and the check that they can be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from rt_gait.errors import OutputError
from rt_gait.types import FrameResult


class Output(Protocol):
    """Takes every frame's result."""

    @property
    def name(self) -> str:
        """What events call it: ``recording``, ``window``."""
        ...

    @property
    def path(self) -> Path | None:
        """The file or folder that it writes, if it does."""
        ...

    def write(self, result: FrameResult) -> None:
        """Take one frame.

        Raises:
            OutputError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish; called once, also after an error."""
        ...


def same_disk(path: Path, other: Path) -> bool:
    """Return whether two files share the room of one disk; no where that cannot be told."""
    try:
        return path.parent.stat().st_dev == other.parent.stat().st_dev
    except OSError:
        return False


def check_file(path: Path, *, overwrite: bool) -> None:
    """Check that a file can be written, before anything slow begins. Nothing is created.

    Raises:
        OutputError: it exists, is a folder, or its folder is missing or not writable.
    """
    if path.is_dir():
        raise OutputError(f"expected a file to write, this is a folder: {path}")
    if path.exists() and not overwrite:
        raise OutputError(f"the file exists; pass --overwrite to replace it: {path}")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"no permission to write: {path}")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"the folder does not exist; make it first: {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"no permission to write in the folder: {folder}")


def check_folder(path: Path, *, overwrite: bool) -> None:
    """Check that a folder can be filled, before anything slow begins. Nothing is created.

    Raises:
        OutputError: it is a file, not empty, or cannot be made or written.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"expected a folder to write to, this is a file: {path}")
    if path.is_dir():
        if any(path.iterdir()) and not overwrite:
            raise OutputError(f"the folder is not empty; pass --overwrite to write into it: {path}")
        if not os.access(path, os.W_OK | os.X_OK):
            raise OutputError(f"no permission to write in the folder: {path}")
    elif not path.parent.is_dir():
        raise OutputError(f"the folder does not exist; make it first: {path.parent}")
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"no permission to write in the folder: {path.parent}")
