"""Fake hardware for every meter: what its files or its library say, at times that a test sets.

Each world draws 10 W in the total times ``level``, some of it on rails that the total contains or
that lie beside it, and counts the true energy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rt_gait.energy.ina3221 import Ina3221Meter
from rt_gait.energy.jtop import JtopMeter
from rt_gait.energy.meter import EnergyMeter, Rail, Reading
from rt_gait.energy.nvml import NvmlMeter
from rt_gait.energy.rapl import RaplMeter
from rt_gait.errors import MeterError

TOTAL_W = 10.0


class World:
    """A machine; ``show`` sets its moment, and ``vanish`` takes its meter away."""

    total: str

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s, self.level, self.true_j = folder, 100.0, 1.0, 0.0
        self.written: dict[str, object] = {}
        self.publish()

    def clock(self) -> float:
        return self.now_s

    def show(self, now_s: float, level: float) -> None:
        """Go on to a moment; power has changed evenly since the last."""
        self.true_j += TOTAL_W * (level + self.level) / 2 * (now_s - self.now_s)
        self.now_s, self.level = now_s, level
        self.publish()

    def publish(self) -> None:
        raise NotImplementedError

    def meter(self) -> EnergyMeter:
        raise NotImplementedError

    def vanish(self) -> None:
        raise NotImplementedError

    def write(self, path: str, value: object) -> None:
        if self.written.get(path) != value:
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
            self.written[path] = value


class OrinNano(World):
    """hwmon, with the input of the module on channel 1."""

    total = "VDD_IN"
    rails = (("VDD_IN", 2000), ("VDD_CPU_GPU_CV", 900), ("VDD_SOC", 500))

    def publish(self) -> None:
        chip = "class/hwmon/hwmon1"
        self.write(f"{chip}/name", "ina3221")
        self.write("class/hwmon/hwmon0/name", "thermal")
        for k, (label, milliamps) in enumerate(self.rails, 1):
            self.write(f"{chip}/in{k}_label", label)
            self.write(f"{chip}/in{k}_input", 5000)
            self.write(f"{chip}/curr{k}_input", round(milliamps * self.level))
        self.write(f"{chip}/in7_label", "sum of shunt voltages")
        self.write(f"{chip}/in7_input", 1)

    def meter(self) -> EnergyMeter:
        return Ina3221Meter(self.folder, self.clock)

    def vanish(self) -> None:
        for file in self.folder.glob("class/hwmon/hwmon*/curr*_input"):
            file.unlink()


class OrinAgx(OrinNano):
    """hwmon with two chips, no input; the memory's rail is fed by the 5 V that is measured."""

    total = "VDD_CPU_CV + VDD_GPU_SOC + VIN_SYS_5V0"
    rails = (("VDD_GPU_SOC", 1000), ("VDD_CPU_CV", 600), ("VIN_SYS_5V0", 400))

    def publish(self) -> None:
        super().publish()
        chip = "class/hwmon/hwmon2"
        self.write(f"{chip}/name", "ina3221")
        for k, label in enumerate(("NC", "VDDQ_VDD2_1V8AO", "NC"), 1):
            self.write(f"{chip}/in{k}_label", label)
            self.write(f"{chip}/in{k}_input", 5000)
            self.write(f"{chip}/curr{k}_input", round(300 * self.level))


class Nano(World):
    """iio, as in JetPack 4."""

    total = "POM_5V_IN"

    def publish(self) -> None:
        chip = "bus/i2c/devices/6-0040/iio:device0"
        for k, (label, milliwatts) in enumerate(
            (("POM_5V_IN", 10000), ("POM_5V_GPU", 4000), ("POM_5V_CPU", 3000))
        ):
            self.write(f"{chip}/rail_name_{k}", label)
            self.write(f"{chip}/in_power{k}_input", round(milliwatts * self.level))

    def meter(self) -> EnergyMeter:
        return Ina3221Meter(self.folder, self.clock)

    def vanish(self) -> None:
        for file in self.folder.glob("bus/i2c/devices/*/*/in_power*"):
            file.unlink()


class JtopClient:
    """The part of ``jtop.jtop`` that is used; ``tick`` is its thread."""

    def __init__(self, interval: float = 0.1) -> None:
        self.interval, self.uptime = interval, timedelta(0)
        self.power: dict[str, Any] = {}
        self.error: Exception | None = None
        self.running = self.closed = False
        self.observers: list[Callable[[Any], None]] = []

    def attach(self, observer: Callable[[Any], None]) -> None:
        self.observers.append(observer)

    def start(self) -> None:
        if self.error is not None:
            raise self.error
        self.running = True
        self.tick()

    def tick(self) -> None:
        for observer in self.observers:
            observer(self)

    def ok(self, spin: bool = False) -> bool:
        assert spin, "without it, it waits"
        if self.error is not None:
            raise self.error
        return self.running

    def close(self) -> None:
        self.closed, self.running = True, False


class Jtop(World):
    """jetson-stats on an Orin Nano."""

    total = "VDD_IN"

    def __init__(self, folder: Path) -> None:
        self.client = JtopClient()
        super().__init__(folder)

    def publish(self) -> None:
        def values(milliwatts: float) -> dict[str, object]:
            return {"power": round(milliwatts * self.level), "avg": 1, "online": True}

        rail = {"VDD_SOC": values(3000), "ucsi-source-psy-2-0008": values(15000)}
        total = {"name": "VDD_IN", **values(10000)}
        self.client.power = {"rail": rail, "tot": total}
        self.client.uptime = timedelta(seconds=self.now_s)
        if self.client.running:
            self.client.tick()
            self.client.tick()  # a service that is slow is asked twice and says the same

    def meter(self) -> EnergyMeter:
        return JtopMeter(self.client, self.clock)

    def vanish(self) -> None:
        self.client.error = ConnectionError("Lost connection with jtop server")


class FakeNvml:
    """The functions of ``pynvml`` that are used, over two GPUs."""

    class NVMLError(Exception):
        pass

    def __init__(self, *, counter: bool = True, power: bool = True) -> None:
        self.counter, self.power, self.lost = counter, power, False
        self.milliwatts, self.millijoules = (0.0, 0.0), (0.0, 0.0)
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:
        return b"NVIDIA A2" if handle else "NVIDIA A2"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        return self._value(handle, self.millijoules, there=self.counter)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return self._value(handle, self.milliwatts, there=self.power)

    def _value(self, handle: int, values: tuple[float, float], *, there: bool) -> int:
        if self.lost:
            raise self.NVMLError("GPU is lost")
        if not there or handle == 2:
            raise self.NVMLError("Not Supported")
        return round(values[handle])


class Gpus(World):
    """Two GPUs that measure themselves, 6 W and 4 W, and one that does not."""

    total = "gpu0 NVIDIA A2 + gpu1 NVIDIA A2"
    kinds: tuple[bool, bool] = (True, True)

    def __init__(self, folder: Path) -> None:
        self.nvml = FakeNvml(counter=self.kinds[0], power=self.kinds[1])
        super().__init__(folder)

    def publish(self) -> None:
        self.nvml.milliwatts = 6000 * self.level, 4000 * self.level
        self.nvml.millijoules = 5e6 + 600 * self.true_j, 400 * self.true_j

    def meter(self) -> EnergyMeter:
        return NvmlMeter(self.nvml, self.clock)

    def vanish(self) -> None:
        self.nvml.lost = True


class CountingGpus(Gpus):
    kinds = (True, False)


class PoweredGpus(Gpus):
    kinds = (False, True)


class Laptop(World):
    """RAPL with a package, what is in it, memory beside it, and counters that wrap every second."""

    total = "package-0 + package-0/dram"
    zones: tuple[tuple[str, str, float], ...] = (
        ("intel-rapl:0", "package-0", 0.8),
        ("intel-rapl:0:0", "core", 0.5),
        ("intel-rapl:0:1", "dram", 0.2),
        ("intel-rapl-mmio:0", "package-0", 0.8),
    )
    range_uj = 10_000_000

    def publish(self) -> None:
        for zone, name, share in self.zones:
            self.write(f"{zone}/name", name)
            self.write(f"{zone}/max_energy_range_uj", self.range_uj)
            uj = int(9e6 + 1e6 * share * self.true_j) % self.range_uj
            self.write(f"{zone}/energy_uj", uj)

    def meter(self) -> EnergyMeter:
        return RaplMeter(self.folder, self.clock)

    def vanish(self) -> None:
        for file in self.folder.glob("*/energy_uj"):
            file.unlink()


class Platform(Laptop):
    """The same with a counter of the whole platform."""

    total = "psys"
    zones = (*Laptop.zones, ("intel-rapl:1", "psys", 1.0))


WORLDS: tuple[type[World], ...] = (
    OrinNano,
    OrinAgx,
    Nano,
    Jtop,
    Gpus,
    CountingGpus,
    PoweredGpus,
    Laptop,
    Platform,
)


class HandMeter:
    """A meter in real time, whose power and faults are set by hand."""

    name = "rapl"

    def __init__(self, watts: float = TOTAL_W, period_s: float = 0.005) -> None:
        self.watts, self.period_s = watts, period_s
        self.rails = (Rail("all"), Rail("part", in_total=False))
        self.fault: Callable[[], object] | None = None
        self.closed = 0

    def fail(self) -> None:
        raise MeterError("the wire is cut")

    def read(self) -> Reading:
        if self.fault is not None:
            self.fault()
        return Reading(time.monotonic(), {"all": self.watts, "part": self.watts / 2})

    def close(self) -> None:
        self.closed += 1


def absent_nvml(message: str) -> Any:
    """``pynvml`` on a machine without a driver."""

    def fail() -> None:
        raise FakeNvml.NVMLError(message)

    return SimpleNamespace(NVMLError=FakeNvml.NVMLError, nvmlInit=fail)
