"""The thread that reads a meter, and work that is measured."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
from fake_meters import HandMeter

from rt_gait.energy.meter import NoMeter, Reading
from rt_gait.energy.sampler import Sampler, measured


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rt_gait.energy.sampler._PATIENCE_S", 0.2)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_work_is_measured_above_idle() -> None:
    meter = HandMeter(watts=4.0)
    with measured(meter, idle_s=0.1) as work:
        meter.watts = 10.0
        time.sleep(0.4)
    energy = work.energy
    assert energy.idle_w == pytest.approx(4.0)
    assert energy.mean_w == pytest.approx(10.0, rel=0.15)  # one sample at 4 W may be in it
    assert energy.coverage > 0.9
    assert energy.energy_j == pytest.approx(energy.mean_w * energy.duration_s, rel=0.1)
    assert energy.note == ""
    assert "energy" not in threads()
    assert meter.closed == 0


def test_an_interval_begins_and_ends_with_a_reading() -> None:
    meter = HandMeter(period_s=60.0)
    with measured(meter, idle_s=0) as work:
        time.sleep(0.1)
    assert work.energy.samples >= 2
    assert work.energy.coverage > 0.8
    assert work.energy.idle_w is None


def test_work_that_fails_is_no_result_and_leaves_no_thread() -> None:
    with pytest.raises(ZeroDivisionError), measured(HandMeter(), idle_s=0):
        raise ZeroDivisionError
    assert "energy" not in threads()


def test_without_a_meter_nothing_is_measured_nor_waited_for() -> None:
    start_s = time.monotonic()
    with measured(NoMeter("no meter found"), idle_s=60.0) as work:
        pass
    assert time.monotonic() - start_s < 30
    assert (work.energy.energy_j, work.energy.idle_w) == (None, None)
    assert work.energy.note == "not measured: no meter found"


@pytest.mark.parametrize("error", [OSError("I/O error"), ZeroDivisionError(), KeyError("VDD_IN")])
def test_whatever_a_meter_raises_is_reported_and_it_may_recover(error: Exception) -> None:
    meter = HandMeter()

    def fault() -> None:
        raise error

    with Sampler(meter) as sampler:
        sampler.restart()
        time.sleep(0.1)
        meter.fault = fault
        time.sleep(0.02)
        failing = sampler.energy()
        meter.fault = None
        before = failing.samples
        sampler.energy()
        recovered = sampler.energy()
    assert failing.energy_j
    assert "readings failed, the last: " + (str(error) or "ZeroDivisionError") in failing.note
    assert recovered.samples > before


def test_a_meter_that_goes_away_leaves_what_was_measured() -> None:
    meter = HandMeter()
    with Sampler(meter) as sampler:
        sampler.restart()
        time.sleep(0.2)
        meter.fault = meter.fail
        time.sleep(0.4)
        energy = sampler.energy()
    assert energy.mean_w == pytest.approx(10.0)
    assert energy.coverage < 0.8
    assert energy.gaps == 1
    assert "the last: the wire is cut" in energy.note


def test_a_meter_that_hangs_holds_nobody_up() -> None:
    meter, hang = HandMeter(), threading.Event()
    with Sampler(meter) as sampler:
        sampler.restart()
        meter.fault = lambda: hang.wait(20)
        start_s = time.monotonic()
        energy = sampler.energy()
    assert time.monotonic() - start_s < 10
    assert energy.samples >= 1
    hang.set()


def test_every_reading_is_handed_on_once() -> None:
    seen: list[Reading] = []
    with Sampler(HandMeter(), seen.append) as sampler, suppress(KeyboardInterrupt):
        sampler.measure_idle(0.05)
        sampler.restart()
        time.sleep(0.1)
        samples = sampler.energy().samples
    times_s = [reading.time_s for reading in seen]
    assert times_s == sorted(set(times_s))
    assert len(seen) > samples
