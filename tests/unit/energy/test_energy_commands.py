"""``rt-gait energy``, ``doctor``, and a run that is measured; the meter is one set by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from fake_meters import HandMeter
from typer.testing import CliRunner

from rt_gait.cli import doctor, energy, metering
from rt_gait.cli.app import app
from rt_gait.energy.log import EnergyLog
from rt_gait.energy.meter import EnergyMeter, NoMeter, Reading
from rt_gait.errors import ExitCode, MeterError, OutputError
from rt_gait.events import read_events
from rt_gait.video.mp4 import Mp4Writer

NOTHING = NoMeter("no meter found (jtop: not installed; rapl: no zone)")


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> HandMeter:
    made = HandMeter()
    use(monkeypatch, made)
    return made


def use(monkeypatch: pytest.MonkeyPatch, meter: EnergyMeter) -> None:
    for module in (energy, metering):
        monkeypatch.setattr(module, "find_meter", lambda name: meter)
    monkeypatch.setattr(metering, "IDLE_S", 0.1)


def rt_gait(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})


def test_rails_are_shown(meter: HandMeter) -> None:
    done = rt_gait("energy", "--secs", "0.6")
    assert done.exit_code == 0
    rows = {row.split()[1]: row for row in done.output.splitlines() if "│" in row}
    assert "10.00" in rows["all"]
    assert "not in the total" in rows["part"]
    assert rows["total"].count("10.00") == 2
    assert "(rapl: all)" in done.output
    assert meter.closed == 1


def test_one_object_as_json(meter: HandMeter) -> None:
    told = json.loads(rt_gait("energy", "--secs", "0.3", "--json").stdout)
    assert told["mean_w"] == pytest.approx(10.0)
    assert told["idle_w"] is None
    assert [rail["integrated_j"] > 0 for rail in told["rails"]] == [True, True]
    assert [rail["counter_j"] for rail in told["rails"]] == [None, None]


def test_power_of_a_counter_is_its_rise() -> None:
    now = energy._Now()
    now.add(Reading(1.0, energy_j={"package-0": 5.0}))
    assert now.watts == {}
    now.add(Reading(1.5, energy_j={"package-0": 8.0}))
    assert now.watts == {"package-0": 6.0}


def test_without_a_meter_it_says_what_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, NOTHING)
    done = rt_gait("energy")
    assert (done.exit_code, done.output) == (0, f"energy is not measured: {NOTHING}\n")
    told = json.loads(rt_gait("energy", "--json").stdout)
    assert (told["energy_j"], told["mean_w"]) == (None, None)
    assert told["note"] == f"not measured: {NOTHING}"


def test_doctor_names_the_meters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"jtop": MeterError("the service is not active"), "ina3221": "VDD_IN"}
    monkeypatch.setattr(doctor, "survey", lambda: found)
    doctor._optional()
    lines = capsys.readouterr().out.splitlines()
    assert "--  energy: jtop    the service is not active" in lines
    assert "ok  energy: ina3221 VDD_IN" in lines


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    writer = Mp4Writer(tmp_path / "grey.mp4")
    for k in range(6):
        writer.write(np.full((96, 128, 3), 100 + k, np.uint8), k / 10)
    writer.close()
    return tmp_path / "grey.mp4"


def run(clip: Path, *options: str | Path) -> Result:
    return rt_gait("--video", clip, "--headless", "--model", "gei", *options)


def test_a_run_logs_samples_and_tells_its_energy(meter: HandMeter, clip: Path) -> None:
    meter.period_s = 0.02  # models that load for 50 ms, on a run of half a second, would be a gap
    log, events = clip.with_name("energy.jsonl"), clip.with_name("events.jsonl")
    done = run(clip, "--energy-log", log, "--events", events)
    assert done.exit_code == 0, done.output
    assert "energy: " in done.stderr
    assert "mJ a frame" in done.stderr
    assert f"wrote {log}" in done.stderr
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["meter"] for line in lines} == {"rapl"}
    assert [line["phase"] for line in lines] == sorted(line["phase"] for line in lines)
    assert {line["phase"] for line in lines} == {"idle", "run"}
    times_s = [line["monotonic_s"] for line in lines]
    assert times_s == sorted(set(times_s))
    assert all(line["power_w"] == {"all": 10.0, "part": 5.0} for line in lines)
    first, *_, last = [event["data"] for event in read_events(events)]
    assert last["energy"]["mean_w"] == last["energy"]["idle_w"] == 10.0
    assert last["energy"]["mj_per_frame"] > 0
    assert not [key for key in first["config"] if "energy" in key]
    assert meter.closed == 1


def test_a_meter_alone_is_enough(meter: HandMeter, clip: Path) -> None:
    done = run(clip, "--energy-meter", "rapl")
    assert "(rapl: all)" in done.stderr


@pytest.mark.parametrize("options", [(), ("--energy-meter", "none")])
def test_energy_that_nobody_asked_for_is_not_spoken_of(
    options: tuple[str, ...], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "find_meter", lambda name: pytest.fail("nobody asked"))
    events = clip.with_name("events.jsonl")
    done = run(clip, "--events", events, *options)
    assert done.exit_code == 0
    assert "energy" not in events.read_text()
    assert "energy" not in done.stderr.replace(str(clip.parent), "")


def test_without_a_meter_a_run_goes_on_and_says_so(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, NOTHING)
    log, events = clip.with_name("energy.jsonl"), clip.with_name("events.jsonl")
    done = run(clip, "--energy-log", log, "--events", events)
    assert done.exit_code == 0
    assert f"warning: energy is not measured: {NOTHING}" in done.stderr
    assert not log.exists()
    assert "energy" not in events.read_text()


def test_a_meter_that_goes_away_does_not_end_the_run(meter: HandMeter, clip: Path) -> None:
    meter.fault = meter.fail
    events = clip.with_name("events.jsonl")
    done = run(clip, "--energy-meter", "auto", "--events", events)
    assert done.exit_code == 0
    assert "energy: not measured: the wire is cut" in done.stderr
    told = list(read_events(events))[-1]["data"]["energy"]
    assert (told["energy_j"], told["mj_per_frame"]) == (None, None)


def test_a_meter_that_is_not_there_ends_the_run_at_once(clip: Path) -> None:
    error = run(clip, "--energy-meter", "watt").exception
    assert isinstance(error, MeterError)
    assert error.exit_code == ExitCode.USAGE


def test_the_log_is_checked_as_every_output(meter: HandMeter, clip: Path) -> None:
    (clip.parent / "there").write_text("")
    for path, said in (("there", "--overwrite"), ("no/where", "make it first")):
        error = run(clip, "--energy-log", clip.parent / path).exception
        assert isinstance(error, OutputError)
        assert said in str(error)
    done = run(clip, "--energy-log", clip.parent / "there", "--overwrite")
    assert done.exit_code == 0
    assert (clip.parent / "there").stat().st_size > 0


def test_a_full_disk_is_told_and_leaves_a_good_log_of_events(meter: HandMeter, clip: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    events = clip.with_name("events.jsonl")
    done = run(clip, "--energy-log", "/dev/full", "--overwrite", "--events", events)
    assert done.exit_code == ExitCode.OUTPUT
    assert "the energy log cannot be written (No space left on device)" in done.stderr
    assert list(read_events(events))[-1]["data"]["exit_code"] == ExitCode.OUTPUT


def test_a_reading_after_the_end_is_left_out(tmp_path: Path) -> None:
    log = EnergyLog(tmp_path / "e", "rapl")
    log.add(Reading(1.0, {"all": 2.0}))
    log.close()
    log.add(Reading(2.0, {"all": 2.0}))
    log.close()
    assert len((tmp_path / "e").read_text().splitlines()) == 1
    with pytest.raises(OutputError, match="Is a directory"):
        EnergyLog(tmp_path, "rapl")
