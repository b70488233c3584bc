"""The wheel's tritonserver, laid out so that it runs alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from rt_gait.errors import ModelError
from rt_gait.serving.server.install import wheel_folder

_BACKENDS = Path(__file__).with_name("backends")
_STUB = "triton_python_backend_stub"


def lay_out(venv: Path, work: Path, environment: dict[str, str]) -> tuple[Path, list[str]]:
    """Make the folder of backends.

    Args:
        venv: The environment that holds the wheel.
        work: An empty folder, kept while the server runs; its name begins those of the server's
            regions of shared memory.
        environment: Of the server; what it needs is put in.

    Returns:
        The program and its options.

    Raises:
        ModelError: there is no wheel in the environment.
    """
    venv = venv.absolute()
    root = wheel_folder(venv)
    if root is None:
        raise ModelError(f"there is no Triton in the environment {venv}")
    backends = work / "backends"
    # Copied, not linked: Triton refuses a backend that leads out of its folder.
    shutil.copytree(root / "backends" / "python", backends / "python")
    stub = root / "python_backend_stubs" / root.parents[2].name.removeprefix("python") / _STUB
    binary = root / "bin" / "tritonserver"
    for program in (stub, binary):
        program.chmod(program.stat().st_mode | 0o100)
    # Linked, not copied: it finds its libraries from where it lies.
    (backends / "python" / _STUB).symlink_to(stub)
    for own in _BACKENDS.iterdir():
        shutil.copytree(own, backends / own.name)
    libraries = [str(root.parents[1] / "nvidia_pytriton.libs"), _python_libraries(venv)]
    given = environment.get("LD_LIBRARY_PATH")
    environment["LD_LIBRARY_PATH"] = ":".join([*libraries, given] if given else libraries)
    environment["PATH"] = f"{venv / 'bin'}:{environment.get('PATH', '')}"
    for name in ("PYTHONPATH", "PYTHONHOME"):
        environment.pop(name, None)
    prefix = f"shm-region-prefix-name={work.name}"
    names = ["python", *(own.name for own in _BACKENDS.iterdir())]
    return binary, [
        f"--backend-directory={backends}",
        *(f"--backend-config={name},{prefix}" for name in names),
    ]


def _python_libraries(venv: Path) -> str:
    """Return the folder of libpython, which the stub of the Python backend is linked to."""
    ask = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"
    return subprocess.check_output([str(venv / "bin" / "python"), "-c", ask], text=True).strip()
