"""Energy counters of Intel and AMD processors (RAPL), through Linux's powercap.

Documentation/power/powercap/powercap.rst of Linux: ``energy_uj`` rises and starts again at
``max_energy_range_uj``. A package contains its ``core`` and ``uncore``, not its ``dram``; ``psys``
is the whole platform (Intel SDM volume 3B, chapter on RAPL). Since 2020 only root may read it
(CVE-2020-8694).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rt_gait.energy.meter import Rail, Reading
from rt_gait.errors import MeterError

_POWERCAP = Path("/sys/class/powercap")
_ZONE = re.compile(r"intel-rapl:\d+(:\d+)?")  # intel-rapl-mmio shows the same package again
_PSYS = "psys"


@dataclass
class _Zone:
    file: Path
    range_uj: int
    last_uj: int
    total_uj: int = 0

    def joules(self) -> float:
        now_uj = int(self.file.read_text())
        self.total_uj += (now_uj - self.last_uj) % self.range_uj
        self.last_uj = now_uj
        return self.total_uj / 1e6


class RaplMeter:
    """An :class:`~.meter.EnergyMeter`.

    Args:
        powercap: where the zones are.
        clock: monotonic seconds.

    Raises:
        MeterError: there are no zones, or they may not be read.
    """

    name = "rapl"
    period_s = 0.1

    def __init__(
        self, powercap: Path = _POWERCAP, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._zones = _zones(powercap)
        if not self._zones:
            raise MeterError(f"no RAPL zone intel-rapl:* in {powercap}")
        whole = _PSYS in self._zones
        self.rails = tuple(
            Rail(name, name == _PSYS if whole else "/" not in name or name.endswith("/dram"))
            for name in self._zones
        )

    def read(self) -> Reading:
        """Read all zones."""
        start_s, energy_j, problem = self._clock(), {}, None
        for name, zone in self._zones.items():
            try:
                energy_j[name] = zone.joules()
            except (OSError, ValueError) as error:
                problem = error
        if not energy_j:
            raise MeterError(f"RAPL cannot be read: {problem}") from problem
        return Reading((start_s + self._clock()) / 2, energy_j=energy_j)

    def close(self) -> None:
        """Files are opened for each reading."""


def _zones(powercap: Path) -> dict[str, _Zone]:
    """Return the zones by name, those within another as ``package-0/core``."""
    zones: dict[str, _Zone] = {}
    for folder in sorted(powercap.glob("intel-rapl:*")):
        if not _ZONE.fullmatch(folder.name):
            continue
        try:
            name = (folder / "name").read_text().strip()
            if folder.name.count(":") > 1:
                outer = folder.with_name(folder.name.rpartition(":")[0])
                name = f"{(outer / 'name').read_text().strip()}/{name}"
            now_uj = int((folder / "energy_uj").read_text())
            range_uj = int((folder / "max_energy_range_uj").read_text())
        except PermissionError as error:
            raise MeterError(
                f"no permission to read {folder / 'energy_uj'}: only root may, unless "
                "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            ) from error
        except (OSError, ValueError):
            continue
        if now_uj or name != _PSYS:  # boards that do not wire psys leave it at 0
            zones[name] = _Zone(folder / "energy_uj", range_uj, now_uj)
    return zones
