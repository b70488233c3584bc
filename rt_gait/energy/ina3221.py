"""The power monitors of Jetson boards, read through sysfs.

Two layouts: hwmon (Documentation/hwmon/ina3221.rst of Linux; JetPack 5 and later), where a label
names each channel, volts are in mV and currents in mA; and iio of JetPack 4, with ``rail_name_N``
and mW. Thor's board input has an INA238, with microwatts (Documentation/hwmon/ina238.rst).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rt_gait.energy.jetson import jetson_rails
from rt_gait.energy.meter import Reading
from rt_gait.errors import MeterError

_SYS = Path("/sys")
_CHANNELS = (1, 2, 3)
"""in4 to in6 are shunt voltages, in7 their sum."""
_UNCONNECTED = "NC"


@dataclass(frozen=True)
class _Channel:
    """A rail: the product of its files, scaled, is its power."""

    rail: str
    files: tuple[Path, ...]
    scale: float

    def watts(self) -> float:
        return math.prod(int(file.read_text()) for file in self.files) * self.scale


class Ina3221Meter:
    """An :class:`~.meter.EnergyMeter`.

    Args:
        sys: where sysfs is.
        clock: monotonic seconds.

    Raises:
        MeterError: there is no monitor, or it may not be read.
    """

    name = "ina3221"
    period_s = 0.05

    def __init__(self, sys: Path = _SYS, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._channels = _named_apart([*_hwmon(sys), *_iio(sys)])
        if not self._channels:
            raise MeterError(f"no INA3221 power monitor under {sys}/class/hwmon")
        self.rails = jetson_rails(self._channels)
        self.read()

    def read(self) -> Reading:
        """Read all rails."""
        start_s, power_w, problem = self._clock(), {}, None
        for name, channel in self._channels.items():
            try:
                power_w[name] = channel.watts()
            except (OSError, ValueError) as error:
                problem = error
        if not power_w:
            raise MeterError(f"the INA3221 cannot be read: {problem}") from problem
        return Reading((start_s + self._clock()) / 2, power_w)

    def close(self) -> None:
        """Files are opened for each reading."""


def _hwmon(sys: Path) -> Iterator[_Channel]:
    for monitor in sorted(sys.glob("class/hwmon/hwmon*")):
        chip = _text(monitor / "name")
        if chip == "ina238" and (monitor / "power1_input").exists():
            yield _Channel("VIN", (monitor / "power1_input",), 1e-6)
        if chip != "ina3221":
            continue
        for k in _CHANNELS:
            label = _text(monitor / f"in{k}_label")
            files = (monitor / f"in{k}_input", monitor / f"curr{k}_input")
            off = _text(monitor / f"in{k}_enable") == "0"
            if label and _UNCONNECTED not in label and not off and all(f.exists() for f in files):
                yield _Channel(label, files, 1e-6)


def _iio(sys: Path) -> Iterator[_Channel]:
    for label in sorted(sys.glob("bus/i2c/devices/*/iio:device*/rail_name_*")):
        k = label.name.removeprefix("rail_name_")
        power = label.with_name(f"in_power{k}_input")
        name = _text(label)
        if name and _UNCONNECTED not in name and power.exists():
            yield _Channel(name, (power,), 1e-3)


def _named_apart(channels: list[_Channel]) -> dict[str, _Channel]:
    """Return the channels by rail; of two with one name, both have their place added."""
    names = [channel.rail for channel in channels]
    return {
        f"{c.rail}@{c.files[0].parent.name}" if names.count(c.rail) > 1 else c.rail: c
        for c in channels
    }


def _text(path: Path) -> str:
    try:
        return re.sub(r"\s+", " ", path.read_text(errors="replace")).strip()
    except OSError:
        return ""
