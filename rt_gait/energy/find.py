"""Which meter there is."""

from __future__ import annotations

from collections.abc import Callable

from rt_gait.energy.ina3221 import Ina3221Meter
from rt_gait.energy.jtop import jtop_meter
from rt_gait.energy.meter import EnergyMeter, NoMeter, total_name
from rt_gait.energy.nvml import nvml_meter
from rt_gait.energy.rapl import RaplMeter
from rt_gait.errors import MeterError

_OPEN: dict[str, Callable[[], EnergyMeter]] = {
    "jtop": jtop_meter,
    "ina3221": Ina3221Meter,
    "nvml": nvml_meter,
    "rapl": RaplMeter,
}
METER_NAMES = ("auto", *_OPEN, "none")


def find_meter(name: str = "auto") -> EnergyMeter:
    """Return a meter: the one named, or the first there is; :class:`NoMeter` if there is none.

    Raises:
        MeterError: the one named is not there; says why.
    """
    if name == "none":
        return NoMeter("no meter was wanted")
    if name in _OPEN:
        return _OPEN[name]()
    if name != "auto":
        raise MeterError(f"--energy-meter should be {', '.join(METER_NAMES)}, not {name!r}")
    looked_for = []
    for kind, open_meter in _OPEN.items():
        try:
            return open_meter()
        except MeterError as error:
            looked_for.append(f"{kind}: {error}")
    return NoMeter(f"no meter found ({'; '.join(looked_for)})")


def survey() -> dict[str, str | MeterError]:
    """Return, for each kind of meter, the rails of its total, or why it is not there."""
    found: dict[str, str | MeterError] = {}
    for kind, open_meter in _OPEN.items():
        try:
            meter = open_meter()
        except MeterError as error:
            found[kind] = error
        else:
            found[kind] = total_name(meter.rails)
            meter.close()
    return found
