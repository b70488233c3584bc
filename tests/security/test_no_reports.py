"""Nothing of what runs here is reported to anybody: libraries that would are kept from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from triton_server import copy_models, new_server, running

COMMANDS = (("models", "check", "gei"), ("doctor",))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_leaves_no_identifier_in_the_home_folder(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """ONNX Runtime makes one, and a file of what it is to report, before it reports anything."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-m", "rt_gait", *command],
        env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    left = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()]
    assert left == []


def test_nor_does_a_server_that_is_started_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    models_dir = copy_models(tmp_path / "models", ["gei"])
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CI", raising=False)
    with running(new_server(models_dir)):
        pass
    assert [p for p in home.rglob("*") if p.is_file()] == []
