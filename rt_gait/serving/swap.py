"""Putting a finished folder in the place of another, so that one of both is always there."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from rt_gait.errors import OutputError

_HERE, _EXCHANGE = -100, 2
"""``AT_FDCWD`` and ``RENAME_EXCHANGE`` of Linux, renameat2(2)."""


def staging_place(out: Path) -> Path:
    """Return where to prepare what goes into ``out``: on the same filesystem, beside it.

    A server over ``out`` would take an unfinished folder in it for a model, and refuse to start;
    so ``out`` itself is used only where it is a mount, as in a container, or alone is writable.
    """
    beside = out.resolve().parent
    same = beside.stat().st_dev == out.stat().st_dev
    return beside if same and os.access(beside, os.W_OK) else out


def check_replaceable(folder: Path, *, overwrite: bool) -> None:
    """Check that a model may be put there.

    Raises:
        OutputError: a model is there and was not to be replaced, or something that is none.
    """
    if folder.exists() and not overwrite:
        raise OutputError(f"a model has this name; pass --overwrite to replace it: {folder}")
    if folder.exists() and not (folder / "config.pbtxt").is_file():
        raise OutputError(f"this is not a model and will not be replaced: {folder}")


def put_in_place(new: Path, target: Path) -> None:
    """Move a folder to ``target``; what was there is then at ``new``.

    The two change places in one step. A filesystem that cannot do that, such as NFS, has a moment
    with neither: the old one is then beside ``new``, called ``.replaced``, and comes back if the
    new one cannot be moved.
    """
    if not target.exists():
        new.rename(target)
    elif not _exchanged(new, target):
        old = new.with_name(".replaced")
        target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise


def _exchanged(one: Path, other: Path) -> bool:
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(other))
