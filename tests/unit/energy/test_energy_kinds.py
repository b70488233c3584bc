"""What is particular to each kind of meter, and which is taken."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
from fake_meters import (
    FakeNvml,
    HandMeter,
    Jtop,
    JtopClient,
    Laptop,
    OrinAgx,
    OrinNano,
    Platform,
    absent_nvml,
)

from rt_gait.energy import find
from rt_gait.energy.find import find_meter, survey
from rt_gait.energy.ina3221 import Ina3221Meter
from rt_gait.energy.jetson import jetson_rails
from rt_gait.energy.jtop import JtopMeter, jtop_meter
from rt_gait.energy.meter import EnergyMeter
from rt_gait.energy.nvml import NvmlMeter, nvml_meter
from rt_gait.energy.rapl import RaplMeter
from rt_gait.errors import ExitCode, MeterError


def totals(*names: str) -> list[str]:
    return [rail.name for rail in jetson_rails(names) if rail.in_total]


def test_the_input_of_a_module_is_its_total() -> None:
    assert totals("VDD_IN", "VDD_SOC", "VDD_CPU_GPU_CV") == ["VDD_IN"]
    assert totals("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU") == ["POM_5V_IN"]
    assert totals("VIN", "VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0") == ["VIN"]
    xavier = ["CPU", "CV", "GPU", "SOC", "SYS5V", "VDDRQ"]
    assert totals(*xavier) == xavier
    assert totals("VDDQ_VDD2_1V8AO") == ["VDDQ_VDD2_1V8AO"], "nothing there contains it"


def test_rails_go_by_their_labels_and_what_is_off_is_left_out(tmp_path: Path) -> None:
    world = OrinNano(tmp_path)
    world.write("class/hwmon/hwmon1/in1_label", "VDD_SOC")
    world.write("class/hwmon/hwmon1/in3_label", "VDD_IN")
    world.write("class/hwmon/hwmon1/in2_enable", 0)
    power_w = Ina3221Meter(tmp_path).read().power_w
    assert power_w == {"VDD_SOC": pytest.approx(10.0), "VDD_IN": pytest.approx(2.5)}


def test_thors_input_comes_from_its_own_chip(tmp_path: Path) -> None:
    world = OrinAgx(tmp_path)
    world.write("class/hwmon/hwmon3/name", "ina238")
    world.write("class/hwmon/hwmon3/power1_input", 31_500_000)
    meter = Ina3221Meter(tmp_path)
    assert [rail.name for rail in meter.rails if rail.in_total] == ["VIN"]
    assert meter.read().power_w["VIN"] == pytest.approx(31.5)


def test_two_rails_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    world = OrinAgx(tmp_path)
    world.write("class/hwmon/hwmon2/in1_label", "VDD_GPU_SOC")
    names = {rail.name for rail in Ina3221Meter(tmp_path).rails}
    assert {"VDD_GPU_SOC@hwmon1", "VDD_GPU_SOC@hwmon2"} <= names


def test_one_rail_that_cannot_be_read_does_not_cost_the_others(tmp_path: Path) -> None:
    world = OrinNano(tmp_path)
    meter = world.meter()
    (tmp_path / "class/hwmon/hwmon1/curr3_input").unlink()
    world.write("class/hwmon/hwmon1/curr2_input", "nonsense")
    assert set(meter.read().power_w) == {"VDD_IN"}


def test_rapl_needs_root_and_says_how_to_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Laptop(tmp_path)
    read_text = Path.read_text

    def guarded(path: Path, *args: str, **options: str) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", guarded)
    with pytest.raises(MeterError, match=r"no permission .*energy_uj: .*sudo chmod a\+r"):
        RaplMeter(tmp_path)


def test_a_platform_counter_that_is_not_wired_is_not_the_total(tmp_path: Path) -> None:
    world = Platform(tmp_path)
    world.write("intel-rapl:1/energy_uj", 0)
    meter = RaplMeter(tmp_path)
    assert [rail.name for rail in meter.rails if rail.in_total] == ["package-0", "package-0/dram"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("Mismatch version jtop service: [6.1.0] and client: [7.2.2].\n\nPlease"),
            r"jtop: Mismatch version .*\[6\.1\.0\] and client: \[7\.2\.2\]\. Please$",
        ),
        (RuntimeError("The jtop.service is not active. Please run:\nsudo jtop"), "not active"),
        (EOFError(), "jtop: EOFError"),
    ],
)
def test_a_jtop_service_that_is_away_or_another_is_told(error: Exception, said: str) -> None:
    client = JtopClient()
    client.error = error
    with pytest.raises(MeterError, match=said):
        JtopMeter(client)


def test_a_jtop_service_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rt_gait.energy.jtop._START_S", 0.1)
    client, hang = JtopClient(), threading.Event()
    monkeypatch.setattr(client, "start", lambda: hang.wait(20))
    with pytest.raises(MeterError, match="the service does not answer"):
        JtopMeter(client)
    hang.set()


def test_a_jtop_that_knows_no_rails_is_no_meter() -> None:
    client = JtopClient()
    with pytest.raises(MeterError, match="knows no power rails"):
        JtopMeter(client)
    assert client.closed


def test_a_jtop_service_that_stands_still_gives_nothing_new(tmp_path: Path) -> None:
    world = Jtop(tmp_path)
    meter = world.meter()
    first = meter.read()
    world.now_s += 5.0
    world.client.tick()
    assert meter.read().time_s == first.time_s, "the same values are not a new reading"
    world.client.running = False
    with pytest.raises(MeterError, match="has stopped"):
        meter.read()


def test_jtop_is_read_as_often_as_its_service_answers() -> None:
    client = JtopClient(interval=2.0)
    client.power = {"rail": {"VDD_CPU": {"power": 1000}}, "tot": {"power": 1000}}
    meter = JtopMeter(client)
    assert meter.period_s == 1.0
    assert [rail.name for rail in meter.rails] == ["VDD_CPU"]


def test_gpus_are_rails_and_those_that_do_not_measure_are_left_out() -> None:
    nvml = FakeNvml()
    meter = NvmlMeter(nvml)
    assert [rail.name for rail in meter.rails] == ["gpu0 NVIDIA A2", "gpu1 NVIDIA A2"]
    meter.close()
    assert nvml.open == 0


def test_a_driver_without_a_gpu_that_measures_is_let_go() -> None:
    nvml = FakeNvml(counter=False, power=False)
    with pytest.raises(MeterError, match=r"no GPU here measures its power .*Not Supported"):
        NvmlMeter(nvml)
    assert nvml.open == 0
    with pytest.raises(MeterError, match="NVML: NVML Shared Library Not Found"):
        NvmlMeter(absent_nvml("NVML Shared Library Not Found"))


@pytest.mark.parametrize(
    ("module", "open_meter", "advice"),
    [("jtop", jtop_meter, "pip install jetson-stats"), ("pynvml", nvml_meter, "pip install nvi")],
)
def test_a_library_that_is_missing_is_told(
    module: str, open_meter: object, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MeterError, match=advice):
        open_meter()  # type: ignore[operator]


def test_the_libraries_are_taken_when_they_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert nvml_meter().name == "nvml"
    module = ModuleType("jtop")
    module.jtop, module.service = JtopClient, ModuleType("service")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jtop", module)
    with pytest.raises(MeterError, match="knows no power rails"):
        jtop_meter()


@pytest.mark.skipif(importlib.util.find_spec("pynvml") is None, reason="no nvidia-ml-py here")
def test_the_fake_has_the_functions_of_nvml() -> None:
    import pynvml

    for name in (name for name in dir(FakeNvml) if name.startswith("nvml")):
        assert callable(getattr(pynvml, name)), name
    assert issubclass(pynvml.NVMLError, Exception)


@pytest.fixture
def meters(monkeypatch: pytest.MonkeyPatch) -> dict[str, EnergyMeter | None]:
    """What each kind opens; None is a kind that is not there."""
    there: dict[str, EnergyMeter | None] = dict.fromkeys(("jtop", "ina3221", "nvml", "rapl"))

    def opener(kind: str) -> object:
        def open_meter() -> EnergyMeter:
            meter = there[kind]
            if meter is None:
                raise MeterError(f"no {kind} here")
            return meter

        return open_meter

    monkeypatch.setattr(find, "_OPEN", {kind: opener(kind) for kind in there})
    return there


def test_the_best_there_is_is_taken(meters: dict[str, EnergyMeter | None]) -> None:
    for kind in ("rapl", "nvml", "ina3221", "jtop"):
        meters[kind] = made = HandMeter()
        assert find_meter() is made
        assert find_meter(kind) is made


def test_a_meter_asked_for_by_name_must_be_there(meters: dict[str, EnergyMeter | None]) -> None:
    meters["rapl"] = HandMeter()
    with pytest.raises(MeterError, match="no nvml here") as caught:
        find_meter("nvml")
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(MeterError, match="should be auto, jtop, ina3221, nvml, rapl, none, not 'x"):
        find_meter("xy")


def test_without_any_it_says_what_was_looked_for(meters: dict[str, EnergyMeter | None]) -> None:
    meter = find_meter()
    assert (meter.name, len(meter.rails)) == ("none", 0)
    with pytest.raises(MeterError) as caught:
        meter.read()
    assert str(caught.value) == str(meter)
    for kind in meters:
        assert f"{kind}: no {kind} here" in str(meter)
    assert find_meter("none").name == "none"


def test_the_survey_has_every_kind_and_closes_what_it_opened(
    meters: dict[str, EnergyMeter | None],
) -> None:
    meters["rapl"] = made = HandMeter()
    found = survey()
    assert list(found) == list(meters)
    assert found["rapl"] == "all"
    assert isinstance(found["nvml"], MeterError)
    assert made.closed == 1
