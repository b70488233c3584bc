"""One suite over every energy meter, on fake hardware: the integral, and what goes wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from fake_meters import TOTAL_W, WORLDS, CountingGpus, Laptop, Platform, World

from rt_gait.energy.account import Account
from rt_gait.energy.find import METER_NAMES
from rt_gait.energy.meter import EnergyMeter
from rt_gait.energy.result import Energy
from rt_gait.errors import MeterError

START_S, SECONDS = 100.0, 8.0


@pytest.fixture(params=WORLDS, ids=lambda world: world.__name__)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


def ticks(step_s: float = 0.1, jitter_s: float = 0.0, seed: int = 1) -> list[float]:
    """Times from the start to the end, a step apart give or take the jitter."""
    chance, count = random.Random(seed), round(SECONDS / step_s)
    shifts = [chance.uniform(-jitter_s, jitter_s) / 2 for _ in range(count - 1)] + [0.0]
    return [START_S + k * step_s + shift for k, shift in enumerate(shifts, 1)]


def account_of(meter: EnergyMeter) -> Account:
    return Account(meter.name, meter.rails, start_s=START_S, gap_s=10 * meter.period_s)


def read_into(account: Account, meter: EnergyMeter) -> None:
    try:
        account.add(meter.read())
    except MeterError as error:
        account.failed(str(error))


def run(
    world: World, times: Iterable[float], *, ramp: bool = False, reads: int = 1
) -> tuple[Energy, float]:
    """Read at the times given; return the result, and the energy that there really was."""
    meter = world.meter()
    account = account_of(meter)
    read_into(account, meter)
    for now_s in times:
        world.show(now_s, 2 * (now_s - START_S) / SECONDS if ramp else 1.0)
        for _ in range(reads):
            read_into(account, meter)
    meter.close()
    return account.energy(START_S + SECONDS), world.true_j


def test_it_says_what_it_is(world: World) -> None:
    meter = world.meter()
    assert meter.name in METER_NAMES
    assert 0 < meter.period_s <= 1
    reading = meter.read()
    names = [rail.name for rail in meter.rails]
    assert len(set(names)) == len(names)
    assert set(reading.power_w) | set(reading.energy_j) == set(names)
    meter.close()


def test_the_total_holds_nothing_twice(world: World) -> None:
    energy, _ = run(world, ticks())
    assert energy.total == world.total
    assert energy.mean_w == pytest.approx(TOTAL_W, rel=0.01)
    others = [rail for rail in energy.rails if not rail.in_total]
    assert all(rail.energy_j for rail in others), "they are told all the same"


@pytest.mark.parametrize("ramp", [False, True])
@pytest.mark.parametrize("jitter_s", [0.0, 0.08])
def test_the_integral_is_the_energy(world: World, ramp: bool, jitter_s: float) -> None:
    energy, true_j = run(world, ticks(jitter_s=jitter_s), ramp=ramp)
    assert energy.energy_j == pytest.approx(true_j, rel=0.01)
    assert energy.energy_j == pytest.approx(TOTAL_W * SECONDS, rel=0.05)
    assert energy.coverage > 0.99
    assert energy.note == ""
    assert energy.gaps == 0
    assert energy.rate_hz == pytest.approx((energy.samples - 1) / SECONDS, rel=0.01)


def test_missed_samples_are_bridged(world: World) -> None:
    kept = [t for k, t in enumerate(ticks()) if k % 5 in (0, 4)]
    energy, true_j = run(world, kept, ramp=True)
    assert energy.energy_j == pytest.approx(true_j, rel=0.01)
    assert energy.samples == len(kept) + 1
    assert (energy.gaps, energy.note) == (0, "")


def test_the_same_reading_again_changes_nothing(world: World) -> None:
    once, true_j = run(world, ticks(), ramp=True, reads=3)
    assert once.energy_j == pytest.approx(true_j, rel=0.01)
    assert once.samples == len(ticks()) + 1


def test_a_long_gap_is_told_and_only_a_counter_knows_it(world: World) -> None:
    if isinstance(world, Laptop):
        world.range_uj = 10**12  # a small counter would go round more than once meanwhile
        world.publish()
    times = [t for t in ticks() if not START_S + 2 < t < START_S + 6]
    energy, true_j = run(world, times)
    assert energy.gaps == 1
    if world.meter().read().energy_j:
        assert energy.energy_j == pytest.approx(true_j, rel=0.01)
        assert energy.coverage > 0.99
    else:
        assert energy.coverage == pytest.approx(0.5, abs=0.03)
        assert energy.energy_j == pytest.approx(true_j / 2, rel=0.05)
        assert energy.mean_w == pytest.approx(TOTAL_W, rel=0.01)
        assert re.match(r"only (4[89]|5\d)% of the time was measured", energy.note)
        assert energy.mj_per(10) is None, "half a measurement is no cost of one thing"


def test_a_meter_that_goes_away_leaves_what_was_measured(world: World) -> None:
    meter = world.meter()
    account = account_of(meter)
    for now_s in ticks():
        if now_s > START_S + SECONDS / 2:
            world.vanish()
        else:
            world.show(now_s, 1.0)
        world.now_s = now_s
        read_into(account, meter)
    energy = account.energy(START_S + SECONDS)
    assert energy.energy_j == pytest.approx(TOTAL_W * SECONDS / 2, rel=0.05)
    assert energy.mean_w == pytest.approx(TOTAL_W, rel=0.01)
    assert energy.coverage == pytest.approx(0.5, abs=0.03)
    assert energy.gaps == 1
    assert "readings failed, the last:" in energy.note
    meter.close()


def test_a_meter_that_is_away_at_first_is_no_meter(world: World) -> None:
    world.vanish()
    with pytest.raises(MeterError) as caught:
        world.meter()
    assert "\n" not in str(caught.value)


def test_one_reading_is_not_a_measurement(world: World) -> None:
    meter = world.meter()
    account = account_of(meter)
    read_into(account, meter)
    energy = account.energy(START_S + 1)
    assert (energy.energy_j, energy.mean_w, energy.mj_per(1)) == (None, None, None)
    assert energy.note.startswith("not measured")


def test_counters_wrap(tmp_path: Path) -> None:
    for kind in (Laptop, Platform):
        energy, true_j = run(kind(tmp_path / kind.__name__), ticks(0.8))
        assert true_j * 1e6 > 5 * kind.range_uj
        assert energy.energy_j == pytest.approx(true_j, rel=0.01)


def test_a_counter_that_starts_again_is_told(tmp_path: Path) -> None:
    world = CountingGpus(tmp_path)
    meter = world.meter()
    account = account_of(meter)
    for now_s in ticks():
        world.show(now_s, 1.0)
        if now_s > START_S + SECONDS / 2:  # the driver was loaded again
            world.nvml.millijoules = tuple(mj - 5e6 for mj in world.nvml.millijoules)  # type: ignore[assignment]
        read_into(account, meter)
    energy = account.energy(START_S + SECONDS)
    assert energy.energy_j == pytest.approx(world.true_j, rel=0.05)
    assert "counters went back: gpu0 NVIDIA A2" in energy.note
