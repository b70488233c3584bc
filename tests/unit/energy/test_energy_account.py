"""The arithmetic of energy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_gait.energy.account import Account
from rt_gait.energy.meter import Rail, Reading
from rt_gait.energy.result import Energy

STEPS_S = st.lists(st.floats(0.01, 10), min_size=1, max_size=20)
WATTS = st.floats(0, 500)


def account(*rails: Rail, start_s: float = 0.0, gap_s: float = 1.0) -> Account:
    return Account("rapl", rails or (Rail("all"),), start_s=start_s, gap_s=gap_s)


def steady(watts: float = 10.0, seconds: float = 5.0, idle_w: float | None = None) -> Energy:
    made = account()
    for time_s in np.arange(0, seconds + 0.05, 0.1):
        made.add(Reading(float(time_s), {"all": watts}))
    return made.energy(seconds, idle_w)


@given(st.data(), STEPS_S)
def test_piecewise_linear_power_is_integrated_exactly_however_it_is_sampled(
    data: st.DataObject, steps_s: list[float]
) -> None:
    corners_s = np.concatenate([[0.0], np.cumsum(steps_s)])
    watts = np.array([data.draw(WATTS) for _ in corners_s])
    end_s = float(corners_s[-1])
    between_s = data.draw(st.lists(st.floats(0, end_s), max_size=50))
    exact_j = float(np.sum((watts[1:] + watts[:-1]) / 2 * np.diff(corners_s)))
    made = account(gap_s=float("inf"))
    for time_s in sorted([*corners_s.tolist(), *between_s]):
        made.add(Reading(time_s, {"all": float(np.interp(time_s, corners_s, watts))}))
    energy = made.energy(end_s)
    assert energy.energy_j == pytest.approx(exact_j, rel=1e-9, abs=1e-9)
    assert energy.coverage == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(0.001, 3), st.floats(0, 50)), min_size=1, max_size=30))
def test_a_counter_is_its_difference_whatever_the_times(
    rises: list[tuple[float, float]],
) -> None:
    made, time_s, joules = account(), 0.0, 1000.0
    made.add(Reading(time_s, energy_j={"all": joules}))
    for step_s, step_j in rises:
        time_s, joules = time_s + step_s, joules + step_j
        made.add(Reading(time_s, energy_j={"all": joules}))
    assert made.energy(time_s).energy_j == pytest.approx(joules - 1000.0, abs=1e-9)


def test_a_rectangle_would_be_wrong_here() -> None:
    """The original's rule, a left rectangle over the nominal step, gives 0 J and 5 J here."""
    made = account()
    made.add(Reading(0.0, {"all": 0.0}))
    made.add(Reading(1.0, {"all": 10.0}))
    assert made.energy(1.0).energy_j == 5.0


def test_where_there_are_both_the_counter_is_the_energy_and_both_are_told() -> None:
    made = account()
    for time_s in (0.0, 0.5, 1.0):
        made.add(Reading(time_s, {"all": 10.0}, {"all": 11.0 * time_s}))
    (rail,) = made.energy(1.0).rails
    assert (rail.energy_j, rail.counter_j, rail.integrated_j) == (11.0, 11.0, 10.0)


def test_a_rail_of_the_total_that_is_not_read_leaves_the_total_unknown() -> None:
    made = account(Rail("a"), Rail("b"), Rail("part", in_total=False))
    for time_s in (0.0, 0.5, 1.0):
        made.add(Reading(time_s, {"a": 10.0, "part": 1.0}))
    energy = made.energy(1.0)
    assert energy.energy_j is None
    assert energy.note == "not measured: not two samples of every rail in the total"
    assert [rail.energy_j for rail in energy.rails] == [10.0, None, 1.0]


def test_what_came_before_the_start_or_late_is_left_out() -> None:
    made = account(start_s=1.0)
    assert [made.add(Reading(t, {"all": 10.0})) for t in (0.9, 1.0, 1.5, 1.2, 1.5, 2.0)] == [
        False, True, True, False, False, True,
    ]  # fmt: skip
    energy = made.energy(2.0)
    assert (energy.energy_j, energy.samples, energy.rate_hz) == (10.0, 3, 2.0)


def test_the_cost_of_one_thing_with_and_without_idle() -> None:
    energy = steady(10.0, 5.0, idle_w=4.0)
    assert energy.mj_per(100) == pytest.approx(500)
    assert energy.mj_per(100, above_idle=True) == pytest.approx(300)
    assert energy.mj_per(0) is None
    assert steady().mj_per(100, above_idle=True) is None, "idle was not measured"


def test_it_reads_as_one_line_and_as_json() -> None:
    said = str(steady(10.0, 5.0, idle_w=4.0))
    assert said == "50.00 J in 5.0 s, 10.00 W, idle 4.00 W (rapl: all)"
    told = json.loads(json.dumps(steady().as_dict(), allow_nan=False))
    assert told["energy_j"] == pytest.approx(50)
    assert told["idle_w"] is None
    assert [rail["name"] for rail in told["rails"]] == ["all"]


def test_nothing_at_all_is_null_and_never_nought() -> None:
    energy = account().energy(3.0)
    assert (energy.energy_j, energy.mean_w, energy.rate_hz) == (None, None, None)
    assert (energy.coverage, energy.samples) == (0.0, 0)
    assert str(energy).startswith("not measured")
    assert account().energy(0.0).coverage == 0.0
