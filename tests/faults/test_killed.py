"""kill -9 at random moments: what was written before stays good."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_programs import KEY
from figures import Figures

from rt_gait.errors import DamagedInputError, SourceOpenError
from rt_gait.events import read_events, timeline
from rt_gait.identity.gallery import Gallery
from rt_gait.video.source import open_source

PROGRAM = Path(__file__).parents[1] / "fault_programs.py"
GOP_FRAMES = 25


@contextmanager
def killer(name: str) -> Iterator[Callable[[Path, float], int]]:
    """Give a function that starts the program in a folder and kills it some time later."""
    with subprocess.Popen(
        [sys.executable, PROGRAM, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def kill(folder: Path, after_secs: float) -> int:
            folder.mkdir()
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
            child = int(process.stdout.readline())
            deadline = time.monotonic() + 30
            while not (folder / "count").exists() or not (folder / "count").stat().st_size:
                assert time.monotonic() < deadline, "it wrote nothing"
                time.sleep(0.002)
            time.sleep(after_secs)
            os.kill(child, signal.SIGKILL)
            assert process.stdout.readline() == "gone\n"
            return int((folder / "count").read_bytes())

        try:
            yield kill
        finally:
            process.stdin.close()


def frames_of(video: Path) -> int:
    """Count the frames that can still be read."""
    count = 0
    try:
        with open_source(video=video, camera=None) as source:
            while source.read() is not None:
                count += 1
    except (DamagedInputError, SourceOpenError):
        pass
    return count


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.timeout(400)
def test_r16_killed_while_writing(tmp_path: Path, figures: Figures, times: int) -> None:
    chance, torn, worst = random.Random(16), [], 0
    with killer("writers") as kill:
        for number in range(times):
            folder = tmp_path / str(number)
            given = kill(folder, chance.uniform(0, 1.5))
            reader = read_events(folder / "e.jsonl")
            events = list(reader)
            assert [e["sequence"] for e in events] == list(range(len(events)))
            assert list(timeline(read_events(folder / "e.jsonl")))
            torn.append(reader.torn_lines)
            worst = max(worst, given - frames_of(folder / "o.mp4"))
    what = f"kill -9 at {times} random moments"
    figures.at_most("R16", f"{what}: torn lines of a log", max(torn), 1, "", slack=1)
    figures.at_most("R16", f"{what}: video lost, worst", worst, GOP_FRAMES + 1, "frames", slack=1)


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(400)
def test_r16_killed_while_the_gallery_changes(tmp_path: Path, figures: Figures, times: int) -> None:
    chance, whole = random.Random(17), 0
    with killer("galleries") as kill:
        for number in range(times):
            folder = tmp_path / str(number)
            told = kill(folder, chance.uniform(0, 0.2))
            with Gallery.open(folder / "g") as gallery:
                subjects = gallery.subjects()
                turns, rest = divmod(gallery.revision, 4)
                whole += (
                    {subject.templates for subject in subjects} == {50}
                    and len(subjects) == len(gallery.templates(KEY)) == 2 * turns + rest
                    and told <= gallery.revision <= told + 1
                )
    figures.exactly("R16", f"kill -9 of {times} gallery changes: old or new state", whole, times)
