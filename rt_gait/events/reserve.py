"""A megabyte kept back for the event log: on a full disk it is what the last events go to."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 1024 * 1024
"""Some 2,500 events: hours of a door, time to notice the error and to make room."""
_CHUNK = bytes(64 * 1024)


class Reserve:
    """A file beside the log that holds the space, until it is given to the log.

    A disk that has no room for it gets none, without complaint. One that a killed run left is
    taken over.
    """

    def __init__(self, log: Path) -> None:
        self._path: Path | None = log.with_name(f"{log.name}.reserve")
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            self._path = None
            return
        try:  # written, not only claimed: file systems without fallocate would not keep it
            for _ in range(RESERVE_BYTES // len(_CHUNK)):
                os.write(fd, _CHUNK)
            os.fsync(fd)
        except OSError:
            self.give()
        finally:
            os.close(fd)

    def give(self) -> bool:
        """Let go of the space; return whether there was any."""
        path, self._path = self._path, None
        if path is None:
            return False
        with suppress(OSError):
            path.unlink()
            return True
        return False
