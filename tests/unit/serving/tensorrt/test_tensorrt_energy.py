"""What an inference costs, in ``build.json``; engine and meter are stand-ins."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compiler_stand_in import StandInCompiler
from fake_meters import HandMeter

from rt_gait.cli.build import summary
from rt_gait.serving.repository import load_info
from rt_gait.serving.tensorrt import energy
from rt_gait.serving.tensorrt.build import build_model
from rt_gait.serving.tensorrt.device import Device
from rt_gait.serving.tensorrt.report import BuildReport, Latency
from rt_gait.serving.tensorrt.request import BuildRequest, Precision, Profile


class Engine:
    """Takes 5 ms a batch, and 10 W where idle is 4 W."""

    def __init__(self, meter: HandMeter) -> None:
        self.meter, self.sizes = meter, list[int]()

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self.meter.watts = 10.0
        time.sleep(0.005)
        self.sizes.append(len(batch))
        return [batch]

    def latencies(self, batch: np.ndarray) -> np.ndarray:
        return np.full(3, 0.005)


class Meter(HandMeter):
    """Falls idle by itself, as a device does."""

    def read(self) -> object:  # type: ignore[override]
        reading = super().read()
        self.watts = 4.0
        return reading


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> HandMeter:
    made = Meter(period_s=0.05)
    monkeypatch.setattr(energy, "find_meter", lambda: made)
    monkeypatch.setattr(energy, "IDLE_S", 0.2)
    monkeypatch.setattr(energy, "RUN_S", 0.5)
    return made


@pytest.fixture
def report(models_dir: Path, tmp_path: Path, orin: Device) -> Callable[..., BuildReport]:
    def made(*latency: Latency) -> BuildReport:
        request = BuildRequest(load_info(models_dir, "whole"), Precision.FP16, Profile(1, 2, 4))
        built = build_model(request, tmp_path / "e", StandInCompiler(), orin, overwrite=True)
        return replace(built, latency=latency, energy=None)

    return made


def test_each_batch_has_its_cost_with_and_without_idle(
    meter: HandMeter, report: Callable[..., BuildReport], tmp_path: Path
) -> None:
    engine, inputs = Engine(meter), np.zeros((3, 2))
    plain = report(Latency(1, 20.0, 20.0, 3), Latency(8, 20.0, 20.0, 3))
    found = energy.with_energy(plain, engine, inputs)
    assert found.energy is not None
    one, eight = found.energy.batches
    assert (one.batch, eight.batch) == (1, 8)
    assert set(engine.sizes) == {1, 8}
    for row in (one, eight):
        assert row.mean_w == pytest.approx(10.0, rel=0.3)
        assert row.idle_w == pytest.approx(4.0, rel=0.3)
        assert row.mj_per_inference is not None
        assert row.mj_above_idle is not None
        assert row.mj_above_idle < row.mj_per_inference
        seconds_each = row.mj_per_inference / 1000 / row.mean_w
        assert seconds_each * row.inferences == pytest.approx(0.5, rel=0.3)
    assert one.mj_per_inference == pytest.approx(8 * eight.mj_per_inference, rel=0.5)
    found.write(tmp_path)
    assert BuildReport.read(tmp_path) == found
    said = "\n".join(summary(found))
    assert "energy, batch 8: " in said
    assert "above idle (rapl: all)" in said


def test_an_engine_that_starts_anew_each_time_is_not_measured(
    meter: HandMeter, report: Callable[..., BuildReport]
) -> None:
    found = energy.with_energy(report(Latency(1, 0.5, 0.5, 3)), Engine(meter), np.zeros((3, 2)))
    assert found.energy is None
    assert found.energy_note.startswith("not measured: a run takes far longer than its latency")
    assert f"energy: {found.energy_note}" in summary(found)


def test_a_meter_that_fails_leaves_nulls_and_the_reason(
    meter: HandMeter, report: Callable[..., BuildReport]
) -> None:
    meter.fault = meter.fail
    found = energy.with_energy(report(Latency(1, 20.0, 20.0, 3)), Engine(meter), np.zeros((3, 2)))
    assert found.energy is not None
    (row,) = found.energy.batches
    assert (row.mj_per_inference, row.mj_above_idle, row.mean_w) == (None, None, None)
    assert row.note == "not measured: the wire is cut"
    assert "energy, batch 1: not measured: the wire is cut" in summary(found)
