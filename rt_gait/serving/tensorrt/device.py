"""What a plan was built on: TensorRT takes it back only on the same device and version."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rt_gait.serving.tensorrt.cuda import Cuda

_DRIVER = Path("/proc/driver/nvidia/version")
_L4T = Path("/etc/nv_tegra_release")


@dataclass(frozen=True)
class Device:
    """The machine and its software, as far as they say so."""

    name: str
    compute_capability: str
    multiprocessors: int
    cuda_driver: str
    """The CUDA version that the driver serves."""
    driver: str | None
    """The driver's own version."""
    l4t: str | None
    """Jetson Linux, such as 36.4.3 (of JetPack 6.2)."""
    jetpack: str | None
    tensorrt: str

    @property
    def bound_to(self) -> str:
        """What must be the same where the plan runs, in words."""
        return (
            f"{self.name} with {self.multiprocessors} multiprocessors (compute capability "
            f"{self.compute_capability}) and TensorRT {self.tensorrt}"
        )


def this_device(tensorrt: str) -> Device:
    """Return what is here.

    Args:
        tensorrt: TensorRT's version.

    Raises:
        ModelError: there is no CUDA device.
    """
    gpu = Cuda().gpu()
    return Device(
        name=gpu.name,
        compute_capability=gpu.compute_capability,
        multiprocessors=gpu.multiprocessors,
        cuda_driver=gpu.cuda_driver,
        driver=driver_version(_text(_DRIVER)),
        l4t=l4t_version(_text(_L4T)),
        jetpack=_jetpack(),
        tensorrt=tensorrt,
    )


def driver_version(text: str) -> str | None:
    """Find the version in ``/proc/driver/nvidia/version``."""
    found = re.search(r"NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", text)
    return found[1] if found else None


def l4t_version(text: str) -> str | None:
    """Find the version in ``/etc/nv_tegra_release``: R36 (release), REVISION: 4.3 is 36.4.3."""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", text)
    return f"{found[1]}.{found[2]}" if found else None


def _jetpack() -> str | None:
    query = shutil.which("dpkg-query")
    if query is None:
        return None
    done = subprocess.run(  # noqa: S603  (no shell, no input)
        [query, "--show", "--showformat=${Version}", "nvidia-jetpack"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None if done.returncode == 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
