"""Triton's environment, apart from rt-gait's because it needs an older numpy.

    python -m rt_gait.serving.server.install FOLDER

``nvidia-pytriton`` carries tritonserver and its Python backend: Linux on x86-64 or arm64, glibc
2.35 or newer, Python 3.10 to 3.12 (numpy below 2 has no wheels for later ones).
"""

from __future__ import annotations

import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rt_gait.errors import ModelError, UsageError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_GLIBC = (2, 35)
_PYTHON = ((3, 10), (3, 13))
_ELSEWHERE = "run a Triton of your own and name it with --tritonserver, or use its container"


def default_venv() -> Path:
    """Return where the environment is kept: in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "rt-gait" / "triton"


def ensure_installed(venv: Path, tell: Callable[[str], None] = lambda _line: None) -> None:
    """Make the environment if it is not there, which takes half a minute and 330 MB of disk.

    One that was made by hand is left as it is, if it holds the wheel.

    Args:
        venv: Its folder.
        tell: Called with a line for the user before the wait.

    Raises:
        ModelError: this machine cannot run the wheel, or pip cannot install it.
        UsageError: the folder holds something else.
    """
    if wheel_folder(venv) is not None:
        return
    _check_machine()
    try:
        venv.parent.mkdir(parents=True, exist_ok=True)
        with venv.with_name(venv.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two programs may start at once
            if wheel_folder(venv) is None:
                tell(f"installing Triton, once, into {venv}")
                _install(venv)
    except OSError as error:
        raise ModelError(f"cannot install Triton ({error.strerror}): {venv}") from error


def wheel_folder(venv: Path) -> Path | None:
    """Return the folder ``tritonserver`` of the wheel in a finished environment, else None."""
    found = sorted(venv.glob("lib/python3*/site-packages/pytriton/tritonserver"))
    wanted = ("nvidia_pytriton-*", "numpy-1.*", "onnxruntime*")
    # pip writes a package's RECORD last.
    ready = all(any(venv.glob(f"lib/python3*/site-packages/{w}/RECORD")) for w in wanted)
    return found[0] if found and ready else None


def _check_machine() -> None:
    if sys.platform != "linux":
        raise ModelError(f"Triton's wheel is for Linux, not {sys.platform}; {_ELSEWHERE}")
    if not _PYTHON[0] <= sys.version_info[:2] < _PYTHON[1]:
        raise ModelError(
            f"Triton's wheel needs Python 3.10 to 3.12, not {platform.python_version()}; "
            f"{_ELSEWHERE}"
        )
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name != "glibc" or numbers < _GLIBC:
        raise ModelError(
            f"Triton's wheel needs glibc 2.35 or newer (Debian 12, Ubuntu 22.04), not "
            f"{name or 'another C library'} {version}; {_ELSEWHERE}"
        )


def _install(venv: Path) -> None:
    if venv.is_dir() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").is_file():
        raise UsageError(f"the folder exists and is no virtual environment: {venv}")
    _run([sys.executable, "-m", "venv", str(venv)], "make a virtual environment")
    pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(REQUIREMENTS)]
    _run([*pip, *wanted], "install Triton's wheel (is there a network?)")


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise ModelError(f"cannot {what}: {said[-1][:300]}; {_ELSEWHERE}")


if __name__ == "__main__":
    try:
        ensure_installed(Path(sys.argv[1]))
    except ModelError as failure:
        sys.exit(f"error: {failure}")
