"""Power modes, with a stand-in for ``nvpmodel`` that keeps its mode in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stand_ins
from click.testing import Result
from typer.testing import CliRunner

from rt_gait.bench import clocks
from rt_gait.bench.clocks import PowerMode, clocks_locked, power_mode
from rt_gait.bench.results.file import read
from rt_gait.bench.results.tables import title
from rt_gait.cli.app import app
from rt_gait.errors import UsageError

NVPMODEL = """#!/bin/sh
state="$(dirname "$0")/mode"
name() { case $1 in 0) echo MAXN;; 2) echo MODE_30W;; 3) echo MODE_50W;; *) return 1;; esac; }
case "$1" in
  -q) echo "NVPM WARN: fan mode is not set!" >&2
      printf 'NV Power Mode: %s\\n%s\\n' "$(name "$(cat "$state")")" "$(cat "$state")";;
  -m) name "$2" > /dev/null || { echo "NVPM ERROR: no such mode: $2"; exit 1; }
      if [ "$2" = 3 ]; then
        echo "NVPM WARN: Reboot required for changing to this power mode: 3"
        read -r answer && echo "$answer" > "$state.answer"
        exit 0
      fi
      echo "$2" >> "$state.visited"; echo "$2" > "$state";;
esac
"""
SHORT = ["--batch", "1", "--concurrency", "1", "--secs", "0.3", "--repeats", "1"]
SHORT += ["--warm-up", "0", "--processes", "1", "--energy-meter", "none"]


@pytest.fixture
def jetson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs; the power mode is 0."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "nvpmodel", NVPMODEL)
    (folder / "mode").write_text("0\n")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    stand_ins.write_whole(tmp_path / "models")
    return tmp_path / "models"


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def load(models: Path, modes: str, *more: object) -> Result:
    words = ["bench", "load", "--model", "whole", *SHORT, "--set-clocks", modes, *map(str, more)]
    return CliRunner().invoke(app, words, env={"RT_GAIT_MODELS_DIR": str(models)})


def visited(jetson: Path) -> list[str]:
    return (jetson / "mode.visited").read_text().split()


def test_the_mode_is_read(jetson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert power_mode() == PowerMode(0, "MAXN")
    program(jetson, "nvpmodel", "#!/bin/sh\necho something else\n")
    assert power_mode() is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert power_mode() is None


def test_each_mode_has_a_result_and_the_one_before_comes_back(
    jetson: Path, models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = load(models, "2,0", "--out", out)
    assert done.exit_code == 0, done.exception
    assert visited(jetson) == ["2", "0", "0"]
    results = [read(out / f"load-whole-in-process-mode{n}.json") for n in (2, 0)]
    assert [r.environment["power_mode"] for r in results] == ["MODE_30W (2)", "MAXN (0)"]
    assert [r.complete for r in results] == [True, True]
    assert "MODE_30W (2)" in title(results[0])
    assert done.stdout.count("## load of whole") == 2

    # Short stretches may be unstable on a busy machine; the front is of those that are not.
    for result in results:
        result.points[0]["unstable"] = ""
        result.path = out / f"{result.name}.json"
        result._write()
    chosen = CliRunner().invoke(app, ["bench", "pareto", str(out)])
    assert chosen.exit_code == 0, chosen.exception
    assert "of 2 operating points" in chosen.stdout
    assert "MODE_30W (2))" in chosen.stdout or "MAXN (0))" in chosen.stdout
    again = CliRunner().invoke(app, ["bench", "compare", *(str(r.path) for r in results)])
    assert "power_mode: MODE_30W (2) -> MAXN (0)" in again.stdout


def test_capacity_visits_modes_too(jetson: Path, models: Path, tmp_path: Path) -> None:
    words = ["bench", "capacity", "--model", "whole", "--rate", "25", "--most", "2", "--p99", "1s"]
    words += ["--secs", "0.5", "--repeats", "1", "--processes", "1", "--energy-meter", "none"]
    words += ["--set-clocks", "2", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words, env={"RT_GAIT_MODELS_DIR": str(models)})
    assert done.exit_code == 0, done.exception
    assert read(tmp_path / "out" / "capacity-whole-in-process-mode2.json").complete
    assert visited(jetson) == ["2", "0"]


@pytest.mark.parametrize(
    ("modes", "told"),
    [("2,7", "did not set power mode 7, but stays in MODE_30W .*no such mode: 7"), ("3", "Reboot")],
)
def test_a_mode_that_is_not_set_ends_it_with_what_was_measured(
    jetson: Path, models: Path, tmp_path: Path, modes: str, told: str
) -> None:
    done = load(models, modes, "--out", tmp_path / "out")
    with pytest.raises(UsageError, match=told):
        raise done.exception or AssertionError
    assert (jetson / "mode").read_text() == "0\n"
    assert not (jetson / "mode.answer").exists(), "nobody said that it may restart"
    if modes == "2,7":
        assert read(tmp_path / "out" / "load-whole-in-process-mode2.json").complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_mode_before_comes_back_when_it_is_broken_off(
    jetson: Path, models: Path, tmp_path: Path, number: signal.Signals
) -> None:
    words = [sys.executable, "-m", "rt_gait", "bench", "load", "--model", "whole", *SHORT]
    words += ["--secs", "100", "--set-clocks", "2", "--out", str(tmp_path / "out")]
    env = {**os.environ, "RT_GAIT_MODELS_DIR": str(models)}
    process = subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True)
    kept = tmp_path / "out" / "load-whole-in-process-mode2.json"
    deadline_s = time.monotonic() + 60
    while not kept.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert (jetson / "mode").read_text() == "2\n"
    process.send_signal(number)
    time.sleep(0.05)
    process.send_signal(number)  # the impatient ask twice
    _, said = process.communicate(timeout=60)
    assert (process.returncode, (jetson / "mode").read_text()) == (130, "0\n"), said
    assert not read(kept).complete


def test_without_nvpmodel_or_rights_nothing_is_set(
    jetson: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(UsageError, match="needs root: run it with sudo"):
        raise load(models, "2").exception or AssertionError
    (jetson / "nvpmodel").unlink()
    with pytest.raises(UsageError, match="needs nvpmodel"):
        raise load(models, "2").exception or AssertionError
    with pytest.raises(UsageError, match="--set-clocks should be numbers from 0 on"):
        raise load(models, "MAXN").exception or AssertionError
    assert not (jetson / "mode.visited").exists()


def test_nothing_is_set_unasked(jetson: Path, models: Path, tmp_path: Path) -> None:
    words = ["bench", "load", "--model", "whole", *SHORT, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words, env={"RT_GAIT_MODELS_DIR": str(models)})
    assert done.exit_code == 0, done.exception
    assert not (jetson / "mode.visited").exists()
    result = read(tmp_path / "out" / "load-whole-in-process.json")
    assert result.environment["power_mode"] == "MAXN (0)"


@pytest.mark.parametrize("locked", [True, False])
def test_locked_clocks_stay_locked(
    jetson: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    gpu, cpu = tmp_path / "devfreq" / "17000000.gpu", tmp_path / "cpufreq"
    for folder, prefix in ((gpu, ""), (cpu, "scaling_")):
        folder.mkdir(parents=True)
        (folder / f"{prefix}min_freq").write_text("1300\n" if locked else "306\n")
        (folder / f"{prefix}max_freq").write_text("1300\n")
    monkeypatch.setattr(clocks, "_DEVFREQ", gpu.parent)
    monkeypatch.setattr(clocks, "_CPUFREQ", cpu)
    program(jetson, "jetson_clocks", '#!/bin/sh\necho at >> "$(dirname "$0")/clocks"\n')
    assert clocks_locked() is locked
    done = load(models, "2", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    result = read(tmp_path / "out" / "load-whole-in-process-mode2.json")
    assert result.environment["clocks_locked"] is locked
    assert result.environment["clocks"]["17000000.gpu_max_freq"] == "1300"
    held = jetson / "clocks"
    assert (held.read_text().split() if held.exists() else []) == ["at", "at"] * locked


def test_a_machine_without_such_a_gpu_has_no_locked_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_DEVFREQ", tmp_path / "none")
    assert clocks_locked() is None
