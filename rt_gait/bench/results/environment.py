"""What a result was measured on: without it a figure means nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rt_gait import __version__
from rt_gait.bench.clocks import clocks, clocks_locked, power_mode
from rt_gait.energy.nvml import Gpus
from rt_gait.serving.onnx import usable_cpus
from rt_gait.serving.repository import ModelInfo, sha256

_PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "opencv-python", "tritonclient")
_BOARD = Path("/proc/device-tree/model")
_CPUINFO = Path("/proc/cpuinfo")


def environment(server: str | None = None) -> dict[str, Any]:
    """Return machine, clocks, power mode and versions; None for what cannot be read.

    Args:
        server: name and version of the server that was measured.
    """
    mode = power_mode()
    return {
        "time_utc": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "device": _value("is", _BOARD).get("is", "").strip("\0") or platform.machine(),
        "system": platform.platform(),
        "processor": _processor(),
        "processors": usable_cpus(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "gpus": Gpus().describe(),
        "clocks": clocks(),
        "clocks_locked": clocks_locked(),
        "power_mode": None if mode is None else str(mode),
        "server": server,
        "rt_gait": __version__,
        "commit": _commit(),
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in _PACKAGES if _version(name)},
    }


def name_of(found: dict[str, Any]) -> str:
    """Return an environment's machine in a few words."""
    gpus = [gpu["name"] for gpu in found["gpus"]]
    return gpus[0] if gpus else f"{found['device']}, {found['processors']} processors"


def about_model(info: ModelInfo) -> dict[str, Any]:
    """Return what a model was: its name, key, the hash and the size of its network."""
    return {
        "name": info.name,
        "key": info.key,
        "platform": info.platform,
        "network_sha256": sha256(info.network_path),
        "network_bytes": info.network_path.stat().st_size,
        "largest_batch": info.largest_batch,
        "parameters": dict(sorted(info.parameters.items())),
    }


def _value(name: str, path: Path) -> dict[str, str]:
    try:
        return {name: path.read_text().strip()}
    except OSError:
        return {}


def _processor() -> str | None:
    text = _value("", _CPUINFO).get("", "")
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or None


def _said(*command: str) -> str | None:
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return " ".join(done.stdout.split()) if done.returncode == 0 else None


def _commit() -> str | None:
    """Return the commit of a checkout, marked where files differ from it."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    commit = _said("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _said("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return f"{commit} and changes" if commit and changed else commit


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
