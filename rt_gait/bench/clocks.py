"""Clocks, and power modes of a Jetson: read, and set only where the user asks for it.

By ``nvpmodel -q`` and ``-m``, and ``jetson_clocks``, of NVIDIA's Jetson Linux Developer Guide
("Supported Modes and Power Efficiency"). Not yet run on a Jetson.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_gait.errors import UsageError
from rt_gait.stopping import first_signal_interrupts

_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_DEVFREQ = Path("/sys/class/devfreq")
_GPUS = ("gpu", "gv11b", "ga10b")
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class PowerMode:
    """One of those in ``/etc/nvpmodel.conf``."""

    number: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


def power_mode() -> PowerMode | None:
    """Return the mode that the machine is in; None where nvpmodel is not, or says nothing known."""
    code, said = _run("nvpmodel", "-q")
    found = re.search(r"^NV Power Mode: *(.*\S)\s+(\d+)\s*$", said, re.MULTILINE)
    return PowerMode(int(found[2]), found[1]) if code == 0 and found else None


def clocks() -> dict[str, str]:
    """Return clocks that Linux tells without rights: of the first processor, of a Jetson's GPU."""
    found: dict[str, str] = {}
    for name in ("governor", "cur_freq", "min_freq", "max_freq"):
        found |= _value(f"cpu0_scaling_{name}", _CPUFREQ / f"scaling_{name}")
        for folder in _gpu_folders():
            found |= _value(f"{folder.name}_{name}", folder / name)
    return found


def clocks_locked() -> bool | None:
    """Whether jetson_clocks holds processor and GPU at one clock; None on no Jetson."""
    pairs = [(folder / "min_freq", folder / "max_freq") for folder in _gpu_folders()]
    if not pairs:
        return None
    pairs.append((_CPUFREQ / "scaling_min_freq", _CPUFREQ / "scaling_max_freq"))
    found = [(_value("at", least), _value("at", most)) for least, most in pairs]
    return all(least and least == most for least, most in found)


def _gpu_folders() -> list[Path]:
    folders = sorted(_DEVFREQ.iterdir()) if _DEVFREQ.is_dir() else []
    return [folder for folder in folders if any(name in folder.name for name in _GPUS)]


def _value(name: str, path: Path) -> dict[str, str]:
    try:
        return {name: path.read_text().strip()}
    except OSError:
        return {}


def in_modes(numbers: Sequence[int], measure: Callable[[PowerMode | None], None]) -> None:
    """Measure in each of these modes, or once, as the machine is, where there are none.

    The mode before is set again in the end, whatever brings that about: an error, Ctrl-C, SIGTERM
    or SIGHUP. Where jetson_clocks held the clocks before, it holds those of each mode.

    Args:
        numbers: of modes.
        measure: is given the mode; None for as it is.

    Raises:
        UsageError: there is no nvpmodel or no right to use it, or it does not set a mode.
    """
    if not numbers:
        measure(None)
        return
    before, locked = power_mode(), bool(clocks_locked())
    if before is None:
        raise UsageError(
            "--set-clocks needs nvpmodel, which sets the power modes of a Jetson; it is not here, "
            "or does not say which mode is set: leave --set-clocks out"
        )
    if os.geteuid() != 0:
        raise UsageError("--set-clocks sets power modes, which needs root: run it with sudo")
    with first_signal_interrupts() as no_more_signals:
        try:
            for number in numbers:
                measure(_set(number, locked=locked))
        finally:
            no_more_signals()
            _set(before.number, locked=locked)


def _set(number: int, *, locked: bool) -> PowerMode:
    _, said = _run("nvpmodel", "-m", str(number))
    found = power_mode()
    if found is None or found.number != number:
        raise UsageError(
            f"nvpmodel did not set power mode {number}, but stays in {found or 'none'}: there is "
            "no such mode in /etc/nvpmodel.conf, or it needs a restart; then set it yourself, and "
            f"measure without --set-clocks ({' '.join(said.split())[-300:]})"
        )
    if locked:
        code, said = _run("jetson_clocks")
        if code != 0:
            raise UsageError(f"jetson_clocks failed ({' '.join(said.split())[-300:]})")
    return found


def _run(program: str, *arguments: str) -> tuple[int | None, str]:
    """Return exit code, None where it did not come to that, and all it said.

    It has nobody to ask whether it may restart the machine, and does not notice Ctrl-C.
    """
    path = shutil.which(program)
    if path is None:
        return None, f"there is no {program}"
    try:
        done = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    return done.returncode, done.stdout
