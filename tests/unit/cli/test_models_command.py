"""``rt-gait models``, on the models of this repository and on broken ones."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from rt_gait.cli.app import app
from rt_gait.errors import ExitCode, UsageError
from rt_gait.serving.repository import default_models_dir


def models(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)], env={"COLUMNS": "160"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The energy image, the same without thresholds, and two that are broken."""
    gei = default_models_dir() / "gei"
    config = (gei / "config.pbtxt").read_text()
    bare = "\n".join(line for line in config.splitlines() if "_score" not in line)
    untrained = 'parameters { key: "untrained" value { string_value: "true" } }\n'
    texts = {
        "gei": config,
        "bare": bare.replace('"gei"', '"bare"') + "\n" + untrained,
        "no_config": "what is this",
        "other_shape": config.replace('"gei"', '"other_shape"').replace("2816", "2817"),
    }
    for name, text in texts.items():
        shutil.copytree(gei, tmp_path / name)
        (tmp_path / name / "config.pbtxt").write_text(text)
    return tmp_path


def test_list_has_a_line_for_every_model_broken_ones_too(folder: Path) -> None:
    said = models("list", "--models", folder)
    assert said.exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in said.stdout.splitlines()}
    assert lines["gei"] == ["silhouette", "0.0", "30", "25", "none"]
    assert lines["bare"] == ["silhouette", "0.0", "30", "25", "untrained"]
    assert lines["no_config"][0] == "BAD"
    assert lines["other_shape"][0] == "silhouette"


def test_the_settings_name_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RT_GAIT_MODELS_DIR", str(folder))
    assert "other_shape" in models("list").stdout


def test_an_empty_folder_and_one_that_is_not(tmp_path: Path) -> None:
    said = models("list", "--models", tmp_path)
    assert (said.exit_code, said.stdout) == (0, "")
    assert "no models" in said.stderr
    gone = models("list", "--models", tmp_path / "gone")
    assert isinstance(gone.exception, UsageError)
    assert "does not exist" in str(gone.exception)


def test_show_tells_everything_and_what_is_missing(folder: Path) -> None:
    said = models("show", "gei", "--models", folder)
    assert "gei@" in said.stdout
    assert "silhouettes TYPE_FP32 [30, 64, 44]" in said.stdout
    assert "known_score" in said.stdout
    assert said.stderr == ""
    assert "no thresholds" in models("show", "bare", "--models", folder).stderr
    assert isinstance(models("show", "nobody", "--models", folder).exception, UsageError)


def test_check_runs_all_and_fails_for_the_broken(folder: Path) -> None:
    said = models("check", "--models", folder)
    assert said.exit_code == ExitCode.MODEL
    begun = [line.split(":")[0] for line in said.stdout.splitlines() if line[:3] in ("ok ", "BAD")]
    assert begun == ["ok  bare", "ok  gei", "BAD no_config", "BAD other_shape"]
    assert models("check", "gei", "--models", folder).exit_code == 0


def test_check_sees_that_the_windows_are_not_rt_gaits(folder: Path) -> None:
    path = folder / "gei" / "config.pbtxt"
    path.write_text(path.read_text().replace('string_value: "30"', 'string_value: "25"'))
    said = models("check", "gei", "--models", folder)
    assert said.exit_code == ExitCode.MODEL
    assert "25" in said.stdout


@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_import_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in list(sys.modules):
        if name.startswith("rt_gait.training.published"):
            monkeypatch.delitem(sys.modules, name)
    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, missing, None)
    said = models(
        "import", "--checkpoint", "x.pt", "--arch", "gaitset", "--name", "x", "--models", folder
    )
    assert isinstance(said.exception, UsageError)
    assert str(said.exception) == f"{missing} is not installed: pip install 'rt-gait[train]'"


def test_import_writes_a_model_that_passes_check(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    blocks = {
        "set_block1.forward_block": (1, 2, 5),
        "set_block2.forward_block": (2, 3, 3),
        "set_block3.forward_block": (3, 4, 3),
        "gl_block2": (2, 3, 3),
        "gl_block3": (3, 4, 3),
    }
    state = {"Head.fc_bin": torch.randn(62, 4, 5)}
    for key, (inputs, outputs, kernel) in blocks.items():
        state[f"{key}.0.conv.weight"] = torch.randn(outputs, inputs, kernel, kernel)
        state[f"{key}.2.conv.weight"] = torch.randn(outputs, outputs, 3, 3)
    checkpoint = tmp_path / "GaitSet.pt"
    torch.save({"model": state}, checkpoint)
    folder = tmp_path / "models"
    folder.mkdir()
    given = ("--checkpoint", checkpoint, "--name", "set", "--models", folder, "--frames", 3)
    said = models("import", *given, "--arch", "gaitset")
    assert said.exit_code == 0, said.output
    assert "0.00 M parameters" in said.stdout
    assert "no thresholds" in said.stderr
    assert models("check", "--models", folder).stdout == "ok  set\n"
    wrong = models("import", *given, "--arch", "gaitset", "--frames", 0)
    assert wrong.exit_code == ExitCode.USAGE
