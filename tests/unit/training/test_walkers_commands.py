"""Every command of the synthetic walkers: what users mistake in one line, and the smallest run."""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rt_gait
from rt_gait.errors import DamagedInputError, ExitCode
from rt_gait.training.walkers.command import command, whole

WALKERS = "rt_gait.training.walkers"
MODELS = str(Path(rt_gait.__file__).parents[1] / "model_repository")


def run(name: str, *argv: str) -> int:
    """``python -m rt_gait.training.walkers.NAME ARGV``."""
    main: Callable[[list[str]], int] = importlib.import_module(f"{WALKERS}.{name}").main
    return main(list(argv))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in with archives that are none, and a full folder."""
    monkeypatch.chdir(tmp_path)
    Path("text.zip").write_text("no archive")
    with zipfile.ZipFile("empty.zip", "w"):
        pass
    with zipfile.ZipFile("other.zip", "w") as archive:
        archive.writestr("01/01.asf", "")
        archive.writestr("01/01_01.amc", "")
    Path("full").mkdir()
    Path("full/file").touch()
    Path("there.mp4").touch()
    Path("old_gt.txt").touch()
    return tmp_path


WRONG = [
    ("__main__", "", 2, "required: command"),
    ("__main__", "fly", 2, "invalid choice: 'fly'"),
    ("__main__", "make --out a --subjects 0", 2, "--subjects: expected a whole number of 1"),
    ("__main__", "make --out a --sessions 0", 2, "--sessions: expected a whole number of 1"),
    ("__main__", "make --out a --trials 0", 2, "--trials: expected a whole number of 1"),
    ("__main__", "make --out a --views 0", 2, "--views: expected a whole number of 1"),
    ("__main__", "make --out a --frames 1", 2, "--frames: expected a whole number of 2"),
    ("__main__", "make --out a --seed -1", 2, "--seed: expected a whole number of 0"),
    ("__main__", "make --out a --workers -1", 2, "--workers: expected a whole number of 0"),
    ("__main__", "make --out a --split nan nan nan", 2, "--split: expected a share"),
    ("__main__", "make --out a --split 1 1 1", 2, "sum to 1"),
    ("__main__", "clip --out a.mp4 --seed -1", 2, "--seed: expected a whole number of 0"),
    ("__main__", "clip --out a.mp4 --seconds nan", 2, "--seconds: expected seconds above 0"),
    ("__main__", "clip --out there.mp4", 6, "pass --overwrite"),
    ("__main__", "clip --out old.mp4", 6, "pass --overwrite to replace it: old_gt.txt"),
    ("__main__", "people --out a --count -2", 2, "--count: expected a whole number of 1"),
    ("__main__", "people --out a --bodies 0", 2, "--bodies: expected a whole number of 1"),
    ("__main__", "people --out a --scenes 0", 2, "--scenes: expected a whole number of 1"),
    ("__main__", "people --out a --seed x", 2, "--seed: expected a whole number of 0"),
    ("__main__", "people --out full", 6, "not empty"),
    ("__main__", "people --out text.zip", 6, "this is a file"),
    ("__main__", "samples --out a --mocap text.zip --only nope", 2, "invalid choice: 'nope'"),
    ("__main__", "samples --out a --mocap none.zip", 2, "none.zip: expected a zip archive with"),
    ("__main__", "samples --out a --mocap text.zip", 2, "text.zip: expected a zip archive with"),
    ("__main__", "samples --out a --mocap empty.zip", 2, "empty.zip: expected a zip archive with"),
    ("__main__", "samples --out full --mocap other.zip", 6, "pass --overwrite"),
    ("data.speed", "--device foo", 2, "--device: this machine has cpu"),
    ("data.speed", "--views 0", 2, "--views: expected a whole number of 1"),
    ("data.speed", "--frames 1", 2, "--frames: expected a whole number of 2"),
    ("data.speed", "--repeats 0", 2, "--repeats: expected a whole number of 1"),
    ("data.sheets", "--out full", 6, "pass --overwrite"),
    ("data.sheets", "--out none/a", 6, "the folder does not exist"),
    ("data.identity_check", "--subjects 0", 2, "--subjects: expected a whole number of 1"),
    ("data.identity_check", "--seed -1", 2, "--seed: expected a whole number of 0"),
    ("data.identity_check", "--workers -1", 2, "--workers: expected a whole number of 0"),
    ("data.identity_check", "--spread -1", 2, "--spread: expected a number of 0 or more"),
    ("data.identity_check", "--wobble inf", 2, "--wobble: expected a number of 0 or more"),
    ("data.identity_check", "--device foo", 2, "--device: this machine has cpu"),
    ("gait.stats", "--count 0", 2, "--count: expected a whole number of 2"),
    ("gait.stats", "--seed -1", 2, "--seed: expected a whole number of 0"),
    ("gait.stats", "--mocap none.zip", 2, "none.zip: expected a zip archive"),
    ("gait.walking", "", 2, "required: fit"),
    ("gait.walking", "fit --mocap none.zip --out a.npz", 2, "none.zip: expected a zip archive"),
    ("gait.walking", "fit --mocap empty.zip --out a.npz", 2, "empty.zip: expected a zip archive"),
    ("gait.walking", "fit --mocap other.zip --out a.npz", 2, "2 or more people"),
    ("gait.walking", "fit --mocap other.zip --out a", 2, "must end in .npz"),
    ("gait.walking", "fit --mocap other.zip --out none/a.npz", 6, "folder does not exist"),
    ("body.anthropometry", "--count 0", 2, "--count: expected a whole number of 2"),
    ("body.anthropometry", "--seed -1", 2, "--seed: expected a whole number of 0"),
    ("noise.fit", "--clips none", 2, "none: no NAME.mp4 with NAME_masks.npz"),
    ("noise.fit", "--clips none --tries -1", 2, "--tries: expected a whole number of 0"),
    ("noise.fit", "--clips none --device foo", 2, "--device: this machine has cpu"),
    ("video.detection_check", "--clips none", 2, "no clips with a truth file in none"),
    ("video.detection_check", "--clips none --every 0", 2, "--every: expected a whole number of 1"),
    ("video.detection_check", "--clips none --score 2", 2, "--score: expected a share"),
]


@pytest.mark.parametrize("fault", WRONG, ids=lambda fault: f"{fault[0]} {fault[1]}")
def test_what_cannot_be_done_is_said_in_one_line(
    fault: tuple[str, str, int, str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, argv, code, said = fault
    if "foo" in argv:
        pytest.importorskip("torch", reason="torch knows the devices")
    before = sorted(place.rglob("*"))
    assert run(name, *argv.split()) == code
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("error: ") and said in line
    assert not out and sorted(place.rglob("*")) == before


def test_an_archive_without_the_walks_is_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("anny", reason="bodies are exported from Anny")
    assert run("__main__", "samples", "--out", "a", "--mocap", "other.zip") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "other.zip: no walk 07_01" in line
    assert not list(place.glob("a/*"))


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
        (DamagedInputError("cut\noff"), ExitCode.DAMAGED_INPUT, "cut off"),
        (OSError(28, "No space left on device", "a.npz"), ExitCode.OUTPUT, "device: a.npz"),
        (ModuleNotFoundError(name="torch.nn"), ExitCode.USAGE, "torch is not installed"),
    ],
)
def test_errors_end_with_their_own_code(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @command
    def main() -> int:
        raise raised

    assert main() == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_bugs_are_not_hidden() -> None:
    @command
    def main() -> int:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        main()


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt), whole(target) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert [p.read_text() for p in tmp_path.iterdir()] == ["before"]
    with whole(target) as part:
        part.write_text("after")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["after"]


@pytest.fixture
def bodies() -> None:
    pytest.importorskip("torch", reason="walks are posed in torch")
    pytest.importorskip("anny", reason="bodies are exported from Anny")


@pytest.mark.usefixtures("bodies")
def test_an_interrupted_clip_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rt_gait.training.walkers.video.scene import Scene

    def interrupted(*_: object) -> object:
        yield np.zeros((48, 64, 3), np.uint8), []
        raise KeyboardInterrupt

    before = sorted(place.iterdir())
    monkeypatch.setattr(Scene, "frames", interrupted)
    small = ["--walkers", "1", "--seconds", "1", "--size", "64x48", "--masks"]
    assert run("__main__", "clip", "--out", "a.mp4", *small) == 130
    assert capsys.readouterr().err == "error: interrupted\n"
    assert sorted(place.iterdir()) == before


@pytest.mark.usefixtures("bodies")
def test_a_clip_is_replaced_when_asked(place: Path) -> None:
    stale = [Path("there_masks.npz"), Path("there_gt.txt")]
    for path in stale:
        path.touch()
    small = ["--walkers", "1", "--seconds", "0.1", "--size", "64x48", "--overwrite"]
    assert run("__main__", "clip", "--out", "there.mp4", *small) == 0
    assert Path("there.mp4").stat().st_size and not stale[0].exists()
    assert len(list(place.glob("*there*"))) == 4


@pytest.mark.usefixtures("bodies")
def test_the_smallest_data_set(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = "--subjects 1 --sessions 1 --trials 1 --views 1 --frames 2 --split 1 0 0 --clean"
    assert run("__main__", "make", "--out", "set", *one.split()) == 0
    out, err = capsys.readouterr()
    assert out.startswith("set: 1 sequences")
    assert err.startswith("train-0000.npz: 1 sequences") and len(err.splitlines()) == 1
    about = json.loads((place / "set" / "dataset.json").read_text())
    assert about["sequences"] == 1
    assert about["order"]["noise"] is None


@pytest.mark.usefixtures("bodies")
def test_a_data_set_of_people_alone(place: Path) -> None:
    one = "--subjects 1 --sessions 1 --trials 1 --views 1 --frames 2 --split 1 0 0 --alone"
    assert run("__main__", "make", "--out", "set", *one.split()) == 0
    noise = json.loads((place / "set" / "dataset.json").read_text())["order"]["noise"]
    assert noise["merge"] == 0.0
    assert noise["grow_px"] > 0.0


@pytest.mark.usefixtures("bodies", "place")
def test_the_smallest_check_of_detections(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--walkers", "1", "--seconds", "0.1", "--size", "64x48"]
    assert run("__main__", "clip", "--out", "a.mp4", *small) == 0
    capsys.readouterr()
    assert run("video.detection_check", "--clips", ".", "--models", MODELS, "--least", "0") == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 1
    assert run("noise.fit", "--clips", ".") == 2
    assert run("__main__", "clip", "--out", "b.mp4", *small, "--masks", "--fps", "30") == 0
    assert run("noise.fit", "--clips", ".", "--models", MODELS) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "b_masks.npz: expected a clip of 25 frames" in said[1]


@pytest.mark.usefixtures("bodies")
@pytest.mark.parametrize(
    ("name", "argv", "lines"),
    [
        ("body.anthropometry", "--count 2", 37),
        ("gait.stats", "--count 2", 18),
        ("data.speed", "--views 1 --frames 2 --repeats 1", 8),
    ],
)
def test_the_smallest_tables(
    name: str, argv: str, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, *argv.split()) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == lines and "nan" not in out.lower() and not err
