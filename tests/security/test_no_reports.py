"""Nothing of what runs here is reported to anybody: ONNX Runtime is kept from it.

It makes an identifier of the machine in the home folder before it reports anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from triton_server import connect, copy_models, new_server, running


def test_a_command_that_runs_a_model_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "rt_gait", "models", "check", "gei"]
    subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_nor_does_a_server_that_is_started_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    models_dir = copy_models(tmp_path / "models", ["gei"])
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CI", raising=False)
    with running(new_server(models_dir)) as server:
        connect(server).close()
    assert [p for p in home.rglob("*") if p.is_file()] == []
