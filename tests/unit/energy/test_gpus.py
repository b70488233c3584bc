"""What GPUs say of themselves, over a stand-in for the driver's library."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from rt_gait.energy.nvml import Gpus


class Refused(Exception):
    pass


def nvml(**more: Any) -> SimpleNamespace:
    """Two GPUs, the second busier; what one does not support raises."""

    def not_supported(*_arguments: object) -> int:
        raise Refused("Not Supported")

    functions: dict[str, Any] = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda k: k,
        "nvmlDeviceGetUtilizationRates": lambda k: SimpleNamespace(gpu=(20, 70)[k], memory=5),
        "nvmlDeviceGetName": lambda k: (b"old", "new")[k],
        "nvmlSystemGetDriverVersion": lambda: "580.1",
        "nvmlDeviceGetClockInfo": lambda _k, which: (1500, 2600)[which],
        "nvmlDeviceGetMaxClockInfo": not_supported,
        "nvmlDeviceGetEnforcedPowerLimit": lambda k: 700_000,
    }
    names = {"NVMLError": Refused, "NVML_CLOCK_SM": 0, "NVML_CLOCK_MEM": 1}
    return SimpleNamespace(**names, **(functions | more))


def test_the_busiest_gpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    gpus = Gpus()
    assert gpus.utilisation() == 0.7
    first, second = gpus.describe()
    assert (first["name"], second["name"]) == ("old", "new")
    assert first["driver"] == "580.1"
    assert (first["sm_mhz"], first["memory_mhz"], first["sm_most_mhz"]) == (1500, 2600, None)
    assert first["power_limit_w"] == 700


def test_nothing_is_known_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise Refused("Driver Not Loaded")

    for module in (None, nvml(nvmlInit=no_driver)):
        monkeypatch.setitem(sys.modules, "pynvml", module)
        assert Gpus().utilisation() is None
        assert Gpus().describe() == []
