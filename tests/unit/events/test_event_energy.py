"""Energy in events: there when it is measured, and nothing else changes when it is not."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from event_world import builder, types, valid, validator, walk
from jsonschema import ValidationError

from rt_gait.energy.account import Account
from rt_gait.energy.find import METER_NAMES
from rt_gait.energy.meter import Rail, Reading
from rt_gait.energy.result import Energy
from rt_gait.events import Counters, load_schema, normalise, timeline


def energy(watts: float | None = 10.0, *, idle_w: float | None = 4.0) -> Energy:
    """30 seconds of it."""
    rails = (Rail("VDD_IN"), Rail("VDD_SOC", in_total=False))
    made = Account("ina3221", rails, start_s=0.0, gap_s=1.0)
    for time_s in np.arange(0, 30.05, 0.1) if watts else ():
        made.add(Reading(float(time_s), {"VDD_IN": watts, "VDD_SOC": watts / 4}))
    if not watts:
        made.failed("cannot read '/sys/class/hwmon/hwmon1/in1_input'")
    return made.energy(30.0, idle_w)


def last_of(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return [e["data"] for e, t in zip(events, types(events), strict=True) if t == kind][-1]


@pytest.mark.parametrize("live", [False, True])
def test_stats_and_the_end_tell_it(live: bool) -> None:
    events = valid(walk(builder(live=live, energy=energy)))
    for kind in ("stats", "run.ended"):
        told = last_of(events, kind)["energy"]
        assert told["energy_j"] == pytest.approx(300, rel=1e-3)
        assert (told["mean_w"], told["idle_w"], told["total"]) == (10.0, 4.0, "VDD_IN")
        assert told["rails"]["VDD_SOC"]["energy_j"] == pytest.approx(75, rel=1e-3)
        assert [rail["in_total"] for rail in told["rails"].values()] == [True, False]
        assert told["coverage"] == 1
    counters = last_of(events, "run.ended")["counters"]
    changes = types(events).count("identity.changed")
    assert changes == 2
    assert told["mj_per_frame"] == pytest.approx(3e5 / counters["frames"]["processed"], rel=1e-3)
    assert told["mj_per_window"] == pytest.approx(3e5 / counters["windows"], rel=1e-3)
    assert told["mj_per_decision"] == pytest.approx(3e5 / changes, rel=1e-3)
    for name, mj in told["above_idle"].items():
        assert mj == pytest.approx(0.6 * told[name], rel=1e-3)


def test_without_a_meter_not_a_byte_is_other_than_before() -> None:
    silent = [json.dumps(e) for e in walk(builder())]
    assert not [line for line in silent if "energy" in line or "decision" in line]
    told = list(normalise(walk(builder(energy=energy))))
    for event in told:
        event["data"].pop("energy", None)
    assert told == list(normalise(walk(builder())))


def test_what_was_not_measured_is_null_and_says_so() -> None:
    events = valid(walk(builder(energy=lambda: energy(None, idle_w=None))))
    told = last_of(events, "run.ended")["energy"]
    assert {told[k] for k in ("energy_j", "mean_w", "idle_w", "mj_per_frame")} == {None}
    assert told["rails"]["VDD_IN"]["energy_j"] is None
    assert told["note"] == "not measured: cannot read 'in1_input'", "paths stay at home"
    assert list(timeline(events))[-1] == "energy: not measured: cannot read 'in1_input'"


def test_nothing_done_costs_nothing_that_can_be_told() -> None:
    made = builder(energy=energy)
    (ended,) = valid(made.run_ended("finished", 0))
    told = ended["data"]["energy"]
    assert (told["mj_per_frame"], told["mj_per_window"], told["mj_per_decision"]) == (None,) * 3


def test_of_several_sources_it_is_shared_out_over_the_work_of_all() -> None:
    made = builder(energy=energy, work=lambda: Counters(processed=1500))
    (ended,) = valid(made.run_ended("finished", 0))
    assert ended["data"]["energy"]["mj_per_frame"] == pytest.approx(200, rel=1e-3)


def test_it_is_part_of_the_story() -> None:
    assert list(timeline(walk(builder(energy=energy))))[-1] == (
        "energy 300.00 J by ina3221 (VDD_IN), 399.5 mJ a frame"
    )


def test_the_schema_knows_every_meter_and_no_other() -> None:
    meters = load_schema()["$defs"]["energy"]["properties"]["meter"]["enum"]
    assert ["auto", *meters, "none"] == list(METER_NAMES)


@pytest.mark.parametrize(
    "wrong", [{"energy_j": "300"}, {"coverage": 1.2}, {"watts": 1}, {"meter": "none"}, {"gaps": -1}]
)
def test_a_wrong_energy_is_refused(wrong: dict[str, Any]) -> None:
    (event,) = builder(energy=energy).run_ended("finished", 0)
    validator().validate(event)
    spoilt = deepcopy(event)
    spoilt["data"]["energy"] |= wrong
    with pytest.raises(ValidationError):
        validator().validate(spoilt)
    for name in event["data"]["energy"]:
        short = deepcopy(event)
        del short["data"]["energy"][name]
        with pytest.raises(ValidationError):
            validator().validate(short)
