"""The rails of Jetson modules: which contain others."""

from __future__ import annotations

from collections.abc import Iterable

from rt_gait.energy.meter import Rail

_WHOLE = ("VIN", "VDD_IN", "POM_5V_IN")
"""Rails that are the input of the module or board (Thor; Orin NX and Nano, Xavier NX, TX2; Nano),
as jetson-stats 7.2 takes them too."""
_WITHIN = {"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"}
"""Rails fed by another that is measured: of AGX Orin, whose monitor reads the same 5 V on both."""


def jetson_rails(names: Iterable[str]) -> tuple[Rail, ...]:
    """Return the rails of a Jetson: its input alone is the total where that is measured.

    AGX modules measure no input; the total then is the sum of the rails that do not contain one
    another, and less than the supply gives.
    """
    names = sorted(set(names))
    whole = next((name for name in _WHOLE if name in names), None)
    return tuple(
        Rail(name, in_total=name == whole if whole else _WITHIN.get(name) not in names)
        for name in names
    )
