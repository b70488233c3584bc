from __future__ import annotations

from pathlib import Path

import pytest

from rt_gait.config import load_settings
from rt_gait.errors import UsageError


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return path


def test_flag_over_environment_over_file_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toml(tmp_path, 'model = "file"\ndetector = "file"\nfps = 7\n')
    monkeypatch.setenv("RT_GAIT_MODEL", "environment")
    monkeypatch.setenv("RT_GAIT_DETECTOR", "environment")
    settings = load_settings(path, model="flag", detector=None)
    assert (settings.model, settings.detector, settings.fps) == ("flag", "environment", 7)
    assert settings.overwrite is False
    assert load_settings(None).fps is None, "a file does not linger"


def test_unrelated_environment_variables_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RT_GAIT_DATA", "/somewhere")
    load_settings(None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('modle = "gei"', "there is no setting 'modle'"),
        ("fps = -1", "setting 'fps': input should be greater than 0, not -1"),
        ('fps = "x"', "setting 'fps'"),
        ("known_score = 2", "setting 'known_score'"),
        ("x =", "not TOML"),
        ('video = "a"\ncamera = 0', "not several"),
        ("[identity]\nmargin = 1", "there is no setting 'identity'"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        load_settings(toml(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="directory"):
        load_settings(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not TOML"):
        load_settings(tmp_path / "binary.toml")


def test_a_flag_for_one_source_beats_the_other_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RT_GAIT_CAMERA", "0")
    settings = load_settings(None, video=Path("a.mp4"))
    assert (settings.video, settings.camera) == (Path("a.mp4"), None)
    monkeypatch.delenv("RT_GAIT_CAMERA")
    settings = load_settings(toml(tmp_path, 'video = "a.mp4"'), camera=1)
    assert (settings.video, settings.camera) == (None, 1)


def test_an_empty_environment_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RT_GAIT_VIDEO", "")
    assert load_settings(None).video is None


@pytest.mark.parametrize("how", ["flag", "file", "variable"])
def test_several_sources_have_names(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"front": "rtsp://u:p=1@h/x", "door": "0"}
    if how == "variable":
        monkeypatch.setenv("RT_GAIT_SOURCE", "front=rtsp://u:p=1@h/x door=0")
        assert load_settings().source == wanted
    elif how == "file":
        path = tmp_path / "s.toml"
        path.write_text('[source]\nfront = "rtsp://u:p=1@h/x"\ndoor = "0"\n')
        assert load_settings(path).source == wanted
        assert load_settings(path, camera="1").source is None, "a flag beats the file"
    else:
        settings = load_settings(source=[f"{name}={place}" for name, place in wanted.items()])
        assert settings.source == wanted
        assert "p=1" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["Front=rtsp://u:s3cret@h"], "NAME=PLACE"),
        (["../x=rtsp://u:s3cret@h"], "NAME=PLACE"),
        (["rtsp://u:s3cret@h"], "NAME=PLACE"),
        (["a="], "NAME=PLACE"),
        (["a=1", "a=rtsp://u:s3cret@h"], "the same name"),
    ],
)
def test_a_source_without_a_sound_name_is_refused(given: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        load_settings(source=given)
    assert "s3cret" not in str(caught.value)


def test_several_sources_and_another_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="not several"):
        load_settings(source=["a=0"], camera="0")
