"""sd_notify on a socket of our own, and the unit file: what it names exists."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import typer.main
from run_world import Clock

from rt_gait.cli.app import app
from rt_gait.config import Settings
from rt_gait.errors import ExitCode
from rt_gait.listening.address import parse_address
from rt_gait.monitoring.monitor import STUCK_SECS
from rt_gait.monitoring.systemd import Systemd

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "systemd" / "rt-gait.service"
PROGRAM = "/opt/rt-gait/.venv/bin/rt-gait"


def settings() -> dict[str, list[str]]:
    """Values by name, continued lines joined."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().replace("\\\n", " ").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """What systemd is to the process: a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def heard(manager: socket.socket) -> list[bytes]:
    words = []
    while True:
        try:
            words.append(manager.recv(100))
        except BlockingIOError:
            return words


def test_ready_and_alive_are_told_once_a_second(manager: socket.socket) -> None:
    clock = Clock()
    systemd = Systemd(monotonic=clock)
    assert heard(manager) == []
    for _ in range(25):
        systemd.tick()
        clock.secs += 0.1
    assert heard(manager) == [b"READY=1\nWATCHDOG=1"] * 3


def test_an_abstract_socket_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0rt-gait-test-notify")
        listening.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", "@rt-gait-test-notify")
        Systemd().tick()
        assert heard(listening) == [b"READY=1\nWATCHDOG=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_without_a_manager_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    Systemd().tick()


def test_a_manager_that_does_not_listen_keeps_nobody_waiting(manager: socket.socket) -> None:
    clock = Clock()
    systemd = Systemd(monotonic=clock)
    for _ in range(1000):  # more than a socket's queue takes
        systemd.tick()
        clock.secs += 1
    assert len(heard(manager)) < 1000


def test_what_the_unit_runs_exists() -> None:
    (command,) = settings()["ExecStart"]
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    options = {
        o: p for p in typer.main.get_command(app).params for o in (*p.opts, *p.secondary_opts)
    }
    given = [argument for argument in arguments if argument.startswith("--")]
    assert set(given) <= set(options)
    assert parse_address(arguments[arguments.index("--metrics") + 1]).loopback
    for variable in re.findall(r"RT_GAIT_(\w+)=", UNIT.read_text()):
        assert variable.lower() in Settings.model_fields
    assert (ROOT / "docs" / "live.md").is_file()


def test_the_unit_is_restarted_after_everything_but_a_wrong_setting() -> None:
    found = settings()
    assert found["Type"] == ["notify"]
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == [str(int(ExitCode.USAGE))]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert float(found["WatchdogSec"][0]) >= STUCK_SECS


def test_the_unit_takes_privileges_away() -> None:
    found = settings()
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictSUIDSGID"):
        assert found[name] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["User"] != ["root"]
    assert found["LimitCORE"] == ["0"]
    assert found["StateDirectoryMode"] == ["0700"]


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze here")
    return found


def test_systemd_takes_the_unit(systemd_analyze: str, tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run(
        [systemd_analyze, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
