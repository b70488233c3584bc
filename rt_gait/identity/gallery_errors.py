"""What a gallery says when its file gives trouble: one line, with what to do and the path last."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rt_gait.errors import GalleryError, OutputError, RtGaitError

REASON_CHARACTERS_MAX = 120
"""SQLite quotes what it stumbled over, which in a damaged file is anything at any length."""
_UNWRITABLE = ("readonly", "read-only", "is full", "disk i/o", "unable to open")
"""How SQLite puts it that the place, and not the content, is at fault."""


def shown(path: Path) -> str:
    """Return the path as it goes into a message of one line."""
    text = str(path)
    return text if text.isprintable() else repr(text)


@contextmanager
def told_plainly(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turn what SQLite and the system raise into one line on the gallery.

    Raises:
        OutputError: ``writing``, and the place does not take it.
        GalleryError: everything else: damaged, in use, unreadable.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a closed gallery, a wrong statement: ours to mend, not the user's
    except UnicodeDecodeError as error:  # text in the file, or a message that quotes it
        raise damaged(path, "text that is not UTF-8") from error
    except (sqlite3.Error, OSError) as error:
        raise _plain(error, path, writing=writing) from error


def damaged(path: Path, reason: str) -> GalleryError:
    """Return the error for a file whose content is not to be trusted."""
    clean = "".join(char if char.isprintable() else "?" for char in reason[:REASON_CHARACTERS_MAX])
    return GalleryError(
        f"the gallery is damaged ({clean}) and was left as it is; restore a copy, or import an "
        f"export into a new file: {shown(path)}"
    )


def _plain(error: Exception, path: Path, *, writing: bool) -> RtGaitError:
    system = isinstance(error, OSError)
    text = error.strerror if isinstance(error, OSError) else str(error)
    reason = " ".join((text or "").split())
    if "locked" in reason:
        return GalleryError(
            f"another program keeps the gallery busy; try again when it is done: {shown(path)}"
        )
    if writing and (system or any(words in reason.lower() for words in _UNWRITABLE)):
        return OutputError(
            f"the gallery cannot be written ({reason}); check the folder, its rights and the "
            f"space left: {shown(path)}"
        )
    if system or "unable to open" in reason:
        return GalleryError(f"the gallery cannot be read ({reason}): {shown(path)}")
    return damaged(path, reason)
