"""Every mistake of a user ends in its exit code and one clear line, and nothing is lost."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from command import SAMPLES, rt_gait

from rt_gait.events import read_events
from rt_gait.identity.gallery import Gallery
from rt_gait.identity.records import TemplateKey
from rt_gait.video.source import open_source

CLIP = SAMPLES / "crossing.mp4"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    (folder / "empty.mp4").touch()
    (folder / "random.mp4").write_bytes(np.random.default_rng(1).bytes(40_000))
    data = CLIP.read_bytes()
    (folder / "headless.mp4").write_bytes(data[len(data) // 2 :])
    with wave.open(str(folder / "audio.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    (folder / "there.mp4").write_text("precious")
    (folder / "folder").mkdir()
    (folder / "right.toml").write_text('model = "gei"\n')
    (folder / "link.mp4").hardlink_to(folder / "random.mp4")
    (folder / "wrong.toml").write_text('modle = "gei"\n')
    with Gallery.create_or_open(folder / "other.gallery") as gallery:
        key = TemplateKey(model="gait9@12345678", segmenter="person_seg@12345678")
        gallery.enrol(name="anna", vectors=np.eye(1, 8), key=key)
    (folder / "corrupt.gallery").write_bytes(b"SQLite format 3\0" + bytes(5000))
    with sqlite3.connect(folder / "foreign.gallery") as foreign:
        foreign.execute("CREATE TABLE birds (name TEXT)")
    foreign.close()
    return folder


CASES = {
    "nothing to do": ([], 2, "give --video FILE, --camera N, --rtsp URL"),
    "two sources": (["--video", CLIP, "--camera", "0"], 2, "not several"),
    "missing file": (["--video", "none.mp4"], 3, "none.mp4"),
    "folder without pictures": (["--video", "folder"], 3, "folder"),
    "empty file": (["--video", "empty.mp4"], 3, "empty"),
    "random bytes": (["--video", "random.mp4"], 3, "random.mp4"),
    "half an MP4 without its header": (["--video", "headless.mp4"], 3, "headless.mp4"),
    "audio only": (["--video", "audio.wav"], 3, "audio"),
    "camera that is not there": (["--camera", "97"], 3, "camera 97"),
    "output that exists": (["--video", CLIP, "--save", "there.mp4"], 6, "--overwrite"),
    "output in no folder": (["--video", CLIP, "--events", "no/e.jsonl"], 6, "does not exist"),
    "output that is a folder": (["--video", CLIP, "--mot", "folder"], 6, "folder"),
    "outputs of one name": (
        ["--video", CLIP, "--mot", "a", "--events", "a"], 2, "are the same",
    ),
    "output over the input": (
        ["--video", "random.mp4", "--save", "random.mp4", "--overwrite"], 2, "are the same",
    ),
    "gallery of another model": (
        ["--video", CLIP, "--gallery", "other.gallery"], 2, "gait9@12345678",
    ),
    "corrupt gallery": (["--video", CLIP, "--gallery", "corrupt.gallery"], 2, "corrupt.gallery"),
    "database of something else": (
        ["--video", CLIP, "--gallery", "foreign.gallery"], 2, "foreign.gallery",
    ),
    "missing gallery": (["--video", CLIP, "--gallery", "none.gallery"], 2, "none.gallery"),
    "unknown model": (["--video", CLIP, "--model", "nope"], 2, "models in"),
    "a segmenter as gait model": (["--video", CLIP, "--model", "person_seg"], 2, "not silhouettes"),
    "a gait model as segmenter": (["--video", CLIP, "--detector", "gei"], 2, "person segmenter"),
    "unknown segmenter": (["--video", CLIP, "--detector", "nope"], 2, "models in"),
    "config with a wrong key": (["--video", CLIP, "--config", "wrong.toml"], 2, "'modle'"),
    "missing config": (["--video", CLIP, "--config", "none.toml"], 2, "none.toml"),
    "negative frame rate": (["--video", CLIP, "--fps", "-3"], 2, "fps"),
    "output over the input by another name": (
        ["--video", "random.mp4", "--save", "link.mp4", "--overwrite"], 2, "are the same",
    ),
    "output over the config": (
        ["--video", CLIP, "--config", "right.toml", "--mot", "right.toml", "--overwrite"],
        2, "are the same",
    ),
    "a folder and a file of one name": (
        ["--video", CLIP, "--mot", "q", "--dump-silhouettes", "q"], 2, "are the same",
    ),
    "video that is not MP4": (["--video", CLIP, "--save", "out.avi"], 2, ".mp4"),
    "window without display": (
        ["--video", CLIP, "--show", "--save", "there.mp4", "--overwrite"], 2, "--headless",
    ),
    "option before a command": (["--gallery", "x", "gallery", "list"], 2, "after the command"),
    "import of nothing": (
        ["gallery", "import", "none.json", "--gallery", "new.gallery"], 2, "none.json",
    ),
    "enrol without a name": (["enroll", "--subject", " ", "--video", CLIP], 2, "name"),
    "embed of no dump": (["embed", "random.mp4", "--out", "o.npz"], 3, "random.mp4"),
    "replay of nothing": (["replay", "none.jsonl"], 2, "none.jsonl"),
    "gallery to list is missing": (["gallery", "list", "--gallery", "no.gallery"], 2, "no.gallery"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "words"), CASES.values(), ids=CASES)
def test_bad_input(
    world: Path, arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    before = {p: p.read_bytes() for p in world.iterdir() if p.is_file()}
    done = rt_gait(*arguments, cwd=world)
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert done.stdout == ""
    assert {p: p.read_bytes() for p in world.iterdir() if p.is_file()} == before


def test_an_unknown_option_is_a_usage_error(world: Path) -> None:
    done = rt_gait("--vidoe", "x", cwd=world)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", ["--events", "--mot"])
def test_a_full_disk_ends_the_run_in_one_line_and_keeps_the_rest(
    world: Path, tmp_path: Path, option: str
) -> None:
    other = {"--events": "--mot", "--mot": "--events"}[option]
    done = rt_gait(
        "--video", CLIP, option, "/dev/full", other, tmp_path / "other", "--overwrite", cwd=world
    )
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    assert "wrote" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "No space left" in line
    if other == "--events":
        assert list(read_events(tmp_path / "other"))[-1]["data"]["exit_code"] == 6


def test_half_a_video_leaves_what_could_be_read(world: Path, tmp_path: Path) -> None:
    data = (SAMPLES / "enrol_david.mp4").read_bytes()
    half = tmp_path / "half.mp4"
    half.write_bytes(data[: len(data) // 4])
    done = rt_gait("--video", half, "--events", "e.jsonl", "--save", "o.mp4", cwd=tmp_path)
    assert done.returncode == 7, done.stderr
    assert "Traceback" not in done.stderr
    events = list(read_events(tmp_path / "e.jsonl"))
    processed = events[-1]["data"]["counters"]["frames"]["processed"]
    assert 0 < processed < 300
    with open_source(video=tmp_path / "o.mp4", camera=None) as saved:
        frames = iter(saved.read, None)
        assert sum(1 for _ in frames) == processed


def test_an_interrupt_ends_a_file_run_in_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "rt_gait", "--video", str(CLIP), "--save", "o.mp4",
            "--events", "e.jsonl",
        ],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = tmp_path / "e.jsonl"
    while not (log.exists() and "track.started" in log.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    ended = list(read_events(log))[-1]
    assert (ended["data"]["reason"], ended["data"]["exit_code"]) == ("stopped", 130)
    with open_source(video=tmp_path / "o.mp4", camera=None) as saved:
        frames = iter(saved.read, None)
        assert sum(1 for _ in frames) == ended["data"]["counters"]["frames"]["processed"]
