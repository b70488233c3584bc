"""Who was enrolled, renamed, forgotten or exported: ``<gallery>.audit.jsonl``, beside the gallery.

Pseudonyms only: no name, no template, no consent. Lines are appended and never changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rt_gait.errors import OutputError
from rt_gait.identity.gallery_errors import shown
from rt_gait.identity.records import utc_now

Record = Callable[..., None]


@contextmanager
def audit(gallery: Path) -> Iterator[Record]:
    """Open the audit log of a gallery; yield ``record(action, subject_id, **details)``.

    It is opened before anything is changed, so that nothing is changed that cannot be recorded.

    Raises:
        OutputError: it cannot be opened or written.
    """
    path = gallery.with_name(f"{gallery.name}.audit.jsonl")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise _error(path, error) from error

    def record(action: str, subject_id: str | None = None, **details: object) -> None:
        line = {"time": utc_now(), "action": action, "subject_id": subject_id, **details}
        text = json.dumps(line, ensure_ascii=True) + "\n"
        try:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                text = "\n" + text  # the last line was torn by a kill
            os.write(handle, text.encode())
            os.fsync(handle)
        except OSError as error:
            raise _error(path, error) from error

    try:
        yield record
    finally:
        os.close(handle)


def _error(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the audit log cannot be written ({error.strerror}); check the folder and the space "
        f"left: {shown(path)}"
    )
