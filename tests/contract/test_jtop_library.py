"""The meter over jetson-stats itself, where that is installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

pytest.importorskip("jtop", reason="jetson-stats is not installed")

from jtop import jtop, service
from jtop_service import JtopService

from rt_gait.energy.jtop import jtop_meter
from rt_gait.energy.sampler import Sampler, measured
from rt_gait.errors import MeterError

Start = Callable[[str], JtopService]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a service of a version, on a socket of its own."""
    monkeypatch.setattr(service, "JTOP_PIPE", str(tmp_path / "s"))
    # A look at the libraries of the machine, which leaves files open.
    monkeypatch.setattr(jtop, "_load_jetson_libraries", lambda self: None)
    started = []

    def run(number: str) -> JtopService:
        started.append(JtopService(number))
        return started[-1]

    yield run
    for each in started:
        each.close()


def test_what_the_service_says_is_measured(start: Start) -> None:
    start(version("jetson-stats"))
    meter = jtop_meter()
    assert [rail.name for rail in meter.rails] == ["VDD_CPU_GPU_CV", "VDD_IN", "VDD_SOC"]
    with measured(meter, idle_s=0.5) as work:
        time.sleep(1.0)
    meter.close()
    energy = work.energy
    assert (energy.total, energy.idle_w) == ("VDD_IN", pytest.approx(10.0))
    assert energy.mean_w == pytest.approx(10.0)
    assert [rail.mean_w for rail in energy.rails] == [pytest.approx(w) for w in (5.0, 10.0, 3.0)]
    assert energy.samples > 3


def test_a_service_that_dies_leaves_what_was_measured(start: Start) -> None:
    running = start(version("jetson-stats"))
    meter = jtop_meter()
    with Sampler(meter) as sampler:
        sampler.restart()
        time.sleep(0.8)
        running.close()
        time.sleep(1.5)
        energy = sampler.energy()
    meter.close()
    assert energy.mean_w == pytest.approx(10.0)
    assert energy.coverage < 0.8
    assert "Lost connection with jtop server" in energy.note


def test_a_service_of_another_version_is_told(start: Start) -> None:
    start("6.1.0")
    with pytest.raises(MeterError, match=r"jtop: Mismatch version jtop service: \[6\.1\.0\]"):
        jtop_meter()


def test_without_a_service_it_says_so_at_once(tmp_path: Path, start: Start) -> None:
    with pytest.raises(MeterError, match=r"jtop\.service is not running: sudo systemctl"):
        jtop_meter()
