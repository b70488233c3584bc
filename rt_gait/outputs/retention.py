"""Removing what has been kept for long enough."""

from __future__ import annotations

import re
from pathlib import Path

from rt_gait.errors import OutputError, UsageError

_OURS = re.compile(
    r"(?!.*\.audit\.jsonl).+\.(jsonl(\.\d{6,9}|\.reserve)?|jsonl\.sent-[0-9a-f]{12}|mp4)",
    re.IGNORECASE,
)


def purge(folder: Path, *, days: float, now_secs: float) -> list[Path]:
    """Remove event logs and recordings that were last written more than ``days`` ago.

    Only ``.jsonl`` files, parts of them that were set aside and ``.mp4`` files directly in the
    folder count; links and folders are left alone, and so is the audit log of a gallery.

    Args:
        folder: Where logs and recordings are.
        days: How long they are kept.
        now_secs: Wall time, seconds since 1970.

    Returns:
        What was removed.

    Raises:
        UsageError: there is no such folder.
        OutputError: a file cannot be removed; those before it are.
    """
    if not folder.is_dir():
        raise UsageError(f"expected a folder: {folder}")
    removed = []
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file() or not _OURS.fullmatch(path.name):
            continue
        try:
            if now_secs - path.stat().st_mtime <= days * 86400:
                continue
            path.unlink()
        except FileNotFoundError:
            continue  # set aside or purged by another program
        except OSError as error:
            raise OutputError(f"cannot remove ({error.strerror}): {path}") from error
        removed.append(path)
    return removed
