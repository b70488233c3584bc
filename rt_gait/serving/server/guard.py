"""Becomes tritonserver, and leaves a process that ends it when whoever started it is gone.

    python guard.py LIFELINE WORK PROGRAM [ARGUMENT ...]

LIFELINE is the number of the reading end of a pipe whose only writing end is held by the starter:
it is closed however that one ends, by kill -9 too. WORK is the server's folder; the names of its
regions of shared memory begin as it does. The guard is in the server's process group, so that the
group's number cannot pass to others before the guard has used it. Nothing of rt-gait is imported:
this runs in the server's environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

_STOP_SECS = 15.0
_POLL_SECS = 0.1


def main() -> None:
    """Split in two, and become the server in the process that the starter knows."""
    lifeline, work, *command = sys.argv[1:]
    server = os.getpid()
    if os.fork() == 0:
        _guard(int(lifeline), server, Path(work))
    os.close(int(lifeline))
    try:
        os.execv(command[0], command)  # noqa: S606  (no shell; the program is the one given)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


def _guard(lifeline: int, server: int, work: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(lifeline, 1)
    end_secs = time.monotonic() + _STOP_SECS
    if os.getppid() == server:
        os.kill(server, signal.SIGINT)
    while os.getppid() == server and time.monotonic() < end_secs:
        time.sleep(_POLL_SECS)
    for region in Path("/dev/shm").glob(f"{work.name}*"):  # noqa: S108
        region.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    os.killpg(server, signal.SIGKILL)  # the guard too


if __name__ == "__main__":
    main()
