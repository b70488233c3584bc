"""``rt-gait energy``: what the meters of this machine say."""

from __future__ import annotations

import json
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import typer

from rt_gait.energy.find import find_meter
from rt_gait.energy.meter import EnergyMeter, Reading
from rt_gait.energy.result import Energy
from rt_gait.energy.sampler import Sampler, measured

if TYPE_CHECKING:
    from rich.table import Table

_JSON_SECS = 10.0
_REFRESH_SECS = 0.5


def energy_command(secs: float | None, *, as_json: bool, meter_name: str) -> None:
    """Show what the energy meters of this machine say."""
    with closing(find_meter(meter_name)) as meter:
        if as_json:
            typer.echo(json.dumps(_measure(meter, secs or _JSON_SECS).as_dict(), indent=2))
        elif not meter.rails:
            typer.echo(f"energy is not measured: {meter}")
        else:
            typer.echo(_show(meter, secs))


def _measure(meter: EnergyMeter, secs: float) -> Energy:
    with measured(meter, idle_s=0) as work, suppress(KeyboardInterrupt):
        if meter.rails:
            time.sleep(secs)
    return work.energy


class _Now:
    """The power of each rail at this moment; of a counter, between its last two readings."""

    def __init__(self) -> None:
        self._last = Reading(0.0)
        self.watts: dict[str, float] = {}

    def add(self, reading: Reading) -> None:
        last, self._last = self._last, reading
        step_s = reading.time_s - last.time_s
        rises = {
            rail: (joules - last.energy_j[rail]) / step_s
            for rail, joules in reading.energy_j.items()
            if rail in last.energy_j
        }
        self.watts = rises | dict(reading.power_w)


def _show(meter: EnergyMeter, secs: float | None) -> Energy:
    from rich.live import Live

    now = _Now()
    with Sampler(meter, now.add) as sampler, suppress(KeyboardInterrupt):
        sampler.restart()
        end_secs = time.monotonic() + secs if secs else float("inf")
        with Live(auto_refresh=False) as live:
            while (left_secs := end_secs - time.monotonic()) > 0:
                time.sleep(min(_REFRESH_SECS, left_secs))
                live.update(_table(sampler.energy(), now.watts), refresh=True)
    return sampler.energy()


def _table(energy: Energy, watts_now: dict[str, float]) -> Table:
    from rich.table import Table

    table = Table("rail", title=f"{energy.meter}, {energy.duration_s:.0f} s")
    for heading in ("W now", "W mean", "J"):
        table.add_column(heading, justify="right")
    for rail in energy.rails:
        name = rail.name if rail.in_total else f"  {rail.name} (not in the total)"
        table.add_row(name, *_texts(watts_now.get(rail.name), rail.mean_w, rail.energy_j))
    counted = [watts_now.get(rail.name) for rail in energy.rails if rail.in_total]
    known = [watts for watts in counted if watts is not None]
    total_w = sum(known) if len(known) == len(counted) else None
    table.add_section()
    table.add_row("total", *_texts(total_w, energy.mean_w, energy.energy_j))
    return table


def _texts(*numbers: float | None) -> list[str]:
    return ["-" if number is None else f"{number:.2f}" for number in numbers]
