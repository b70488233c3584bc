"""Several sources in one run, as a user starts it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from command import SAMPLES, rt_gait
from jsonschema import Draft202012Validator

from rt_gait.errors import ExitCode
from rt_gait.events import load_schema, read_events
from rt_gait.video.mp4 import Mp4Writer
from rt_gait.video.source import open_source


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A second of two people walking; on a small picture, for a test's sake."""
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for name, count in (("anna", 20), ("ben", 14)):
        paths.append(folder / f"{name}.mp4")
        writer = Mp4Writer(paths[-1])
        with open_source(video=SAMPLES / f"enrol_{name}.mp4", camera=None) as source:
            for index in range(60 + count):
                frame = source.read()
                assert frame is not None
                if index >= 60:
                    writer.write(frame.image_bgr[::2, ::2], frame.time_secs)
        writer.close()
    return paths


def test_each_source_has_its_own_files_and_all_have_one_log(
    clips: list[Path], tmp_path: Path
) -> None:
    sources = ("--source", f"door={clips[0]}", "--source", f"hall={clips[1]}")
    done = rt_gait(
        *sources, "--events", "e.jsonl", "--save", "o.mp4", "--mot", "m.txt", cwd=tmp_path
    )
    assert done.returncode == ExitCode.OK, done.stderr
    written = {"e.jsonl", "o.door.mp4", "o.hall.mp4", "m.door.txt", "m.hall.txt"}
    assert {path.name for path in tmp_path.iterdir()} == written
    assert all(f"wrote {name}\n" in done.stderr for name in written)
    for name, count in (("door", 20), ("hall", 14)):
        with av.open(str(tmp_path / f"o.{name}.mp4")) as video:
            assert sum(1 for _ in video.decode(video=0)) == count
    events = list(read_events(tmp_path / "e.jsonl"))
    validator = Draft202012Validator(load_schema())
    for event in events:
        validator.validate(event)
    assert [event["sequence"] for event in events] == list(range(len(events)))
    assert {event["source"].rpartition(":")[2] for event in events} == {"door", "hall"}
    assert len({event["data"]["run_id"] for event in events}) == 1
    tracks = {e["data"]["track_id"] for e in events if "track.started" in e["type"]}
    assert tracks == {1, 2}
    again = rt_gait(*sources, "--save", "o.mp4", cwd=tmp_path)
    assert again.returncode == ExitCode.OUTPUT
    assert "o.door.mp4" in again.stderr
    told = rt_gait("replay", "e.jsonl", cwd=tmp_path).stdout
    assert "door: track 1  appears" in told
    assert "frames 34 captured" in told


def test_a_password_on_the_command_line_is_warned_of_and_not_repeated() -> None:
    address = "rtsp://ann:s3cret@127.0.0.1:9/x"
    for place in (["--rtsp", address], ["--source", f"a={address}"]):
        done = rt_gait(*place)
        assert done.returncode == ExitCode.SOURCE_OPEN
        assert "every user of this machine can read the password" in done.stderr
        assert "s3cret" not in done.stderr


def test_an_output_may_not_be_one_of_the_sources(clips: list[Path]) -> None:
    place = clips[0].with_name("x.mp4")
    done = rt_gait(
        "--source", f"a={clips[0]}", "--source", f"b={clips[0].with_name('x.a.mp4')}",
        "--save", place,
    )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert "are the same" in done.stderr
