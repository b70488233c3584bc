"""Where Triton's wheel cannot be, the reason is told, and nobody's folder is touched."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from rt_gait.errors import ModelError, UsageError
from rt_gait.serving.server import install


@pytest.mark.parametrize(
    ("libc", "words"),
    [
        (("glibc", "2.31"), r"glibc 2\.35 or newer .* not glibc 2\.31; run a Triton of your own"),
        (("", ""), r"not another C library"),
    ],
)
def test_an_old_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libc: tuple[str, str], words: str
) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    with pytest.raises(ModelError, match=words):
        install.ensure_installed(tmp_path / "venv")
    assert list(tmp_path.iterdir()) == []


def test_a_python_without_old_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(ModelError, match=r"needs Python 3.10 to 3.12, not"):
        install.ensure_installed(tmp_path / "venv")


def test_a_folder_of_somebody_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with pytest.raises(UsageError, match="is no virtual environment"):
        install.ensure_installed(tmp_path / "letters")
    assert [p.name for p in (tmp_path / "letters").iterdir()] == ["a.txt"]


def test_no_network_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(ModelError, match=r"cannot install Triton's wheel \(is there a network\?\)"):
        install.ensure_installed(tmp_path / "venv")
    assert install.wheel_folder(tmp_path / "venv") is None


def test_what_is_installed_is_pinned_to_hashes_and_numpy_is_old() -> None:
    text = install.REQUIREMENTS.read_text()
    pins = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert all("==" in pin for pin in pins)
    assert "numpy==1." in text
    assert text.count("--hash=sha256:") > len(pins)
