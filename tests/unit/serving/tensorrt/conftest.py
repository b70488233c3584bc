"""Models to build, and a stand-in for the tool that builds them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import stand_ins

from rt_gait.energy.meter import NoMeter
from rt_gait.serving.tensorrt.device import Device

STAND_IN = Path(__file__).with_name("trtexec_stand_in.py")


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    stand_ins.write_whole(folder)
    return folder


@pytest.fixture
def trtexec_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """Put the stand-in first in PATH; return what reads how it was called."""
    program, log = tmp_path / "bin" / "trtexec", tmp_path / "trtexec.log"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture(autouse=True)
def no_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds do not wait for the energy meter that this machine may have."""
    meter = NoMeter("no meter found")
    monkeypatch.setattr("rt_gait.serving.tensorrt.energy.find_meter", lambda: meter)


@pytest.fixture
def no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("rt_gait.serving.tensorrt.trtexec._PLACES", ())


@pytest.fixture
def orin() -> Device:
    return Device("Orin", "8.7", 8, "12.6", "540.4.0", "36.4.3", "6.2+b77", "10.3.0")
