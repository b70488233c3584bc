"""NVIDIA GPUs through their driver's library. No other file imports pynvml.

NVML API reference: ``nvmlDeviceGetTotalEnergyConsumption`` counts mJ since the driver was loaded
(Volta and later); ``nvmlDeviceGetPowerUsage`` gives mW, on most GPUs since Ampere the mean of the
last second. Both are of the whole board, memory included, whoever uses it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rt_gait.energy.meter import Rail, Reading
from rt_gait.errors import MeterError


def nvml_meter() -> NvmlMeter:
    """Return the meter of this machine's GPUs.

    Raises:
        MeterError: there is no pynvml, no driver, or no GPU that measures itself.
    """
    try:
        import pynvml
    except ImportError:
        raise MeterError("nvidia-ml-py is not installed: pip install nvidia-ml-py") from None
    return NvmlMeter(pynvml)


class NvmlMeter:
    """An :class:`~.meter.EnergyMeter`: each GPU a rail, by counter, by power, or by both.

    Args:
        nvml: the module pynvml.
        clock: monotonic seconds.

    Raises:
        MeterError: there is no driver, or no GPU that measures itself.
    """

    name = "nvml"
    period_s = 0.1

    def __init__(self, nvml: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._nvml, self._clock = nvml, clock
        self._handles: dict[str, Any] = {}
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise MeterError(f"NVML: {error}") from error
        try:
            for k in range(nvml.nvmlDeviceGetCount()):
                handle = nvml.nvmlDeviceGetHandleByIndex(k)
                self._handles[f"gpu{k} {_text(nvml.nvmlDeviceGetName(handle))}"] = handle
            found = self.read()
        except (nvml.NVMLError, MeterError) as error:
            self.close()
            raise MeterError(f"NVML: no GPU here measures its power ({error})") from error
        names = [name for name in self._handles if name in {*found.power_w, *found.energy_j}]
        self._handles = {name: self._handles[name] for name in names}
        self.rails = tuple(Rail(name) for name in names)

    def read(self) -> Reading:
        """Read all GPUs."""
        nvml, start_s = self._nvml, self._clock()
        power_w: dict[str, float] = {}
        energy_j: dict[str, float] = {}
        problem: Exception | str = "there is none"
        for name, handle in self._handles.items():
            for values, read in (
                (energy_j, nvml.nvmlDeviceGetTotalEnergyConsumption),
                (power_w, nvml.nvmlDeviceGetPowerUsage),
            ):
                try:
                    values[name] = read(handle) / 1000
                except nvml.NVMLError as error:
                    problem = error
        if not power_w and not energy_j:
            raise MeterError(f"no GPU answers: {problem}")
        return Reading((start_s + self._clock()) / 2, power_w, energy_j)

    def close(self) -> None:
        """Let the driver's library go."""
        with suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()


class Gpus:
    """What the GPUs of this machine are, and how busy; nothing where there are none."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        try:
            import pynvml
        except ImportError:
            return
        self._nvml = pynvml
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(k) for k in range(count)]

    def utilisation(self) -> float | None:
        """Return the share of the last sixth of a second or so in which the busiest ran anything.

        ``nvmlDeviceGetUtilizationRates``: 0 to 1; it says nothing of how much ran at once.
        """
        rates = [self._ask("nvmlDeviceGetUtilizationRates", handle) for handle in self._handles]
        return max((rate.gpu / 100 for rate in rates if rate is not None), default=None)

    def describe(self) -> list[dict[str, Any]]:
        """Return name, driver, clocks in MHz and power limit in watts of each; None if unknown."""
        return [self._describe(handle) for handle in self._handles]

    def _describe(self, handle: Any) -> dict[str, Any]:
        nvml = self._nvml
        limit_mw = self._ask("nvmlDeviceGetEnforcedPowerLimit", handle)
        clocks = {
            f"{name}_{what}mhz": self._ask(f"nvmlDeviceGet{kind}ClockInfo", handle, which)
            for name, which in (("sm", nvml.NVML_CLOCK_SM), ("memory", nvml.NVML_CLOCK_MEM))
            for what, kind in (("", ""), ("most_", "Max"))
        }
        return {
            "name": _text(self._ask("nvmlDeviceGetName", handle) or "unknown"),
            "driver": _text(self._ask("nvmlSystemGetDriverVersion") or "unknown"),
            **clocks,
            "power_limit_w": None if limit_mw is None else limit_mw / 1000,
        }

    def _ask(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, function)(*arguments)
        except self._nvml.NVMLError:
            return None


def _text(name: str | bytes) -> str:
    """Return a GPU's name, which older pynvml give as bytes."""
    return name.decode() if isinstance(name, bytes) else name
