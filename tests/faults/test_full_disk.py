"""A disk that is full: a small tmpfs where it may be mounted, else a limit on the size of files."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from figures import Figures

from rt_gait.events import read_events

VIDEO = Path(__file__).parents[2] / "samples" / "crossing.mp4"
ROOM_BYTES = 25 * 4096


def limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, ROOM_BYTES))


Small = tuple[Path, Callable[[], bool], dict[str, object]]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """A folder with room for 100 kB, a way to see that it is full, and options of processes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", folder]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        video = folder / "o.mp4"

        def full() -> bool:
            return video.exists() and video.stat().st_size >= ROOM_BYTES

        yield folder, full, {"preexec_fn": limit_files}
    else:
        yield folder, lambda: not os.statvfs(folder).f_bavail, {}
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_r15_the_disk_of_the_video_is_full(tmp_path: Path, small: Small, figures: Figures) -> None:
    folder, full, options = small
    log = tmp_path / "e.jsonl"
    command = [sys.executable, "-m", "rt_gait", "--video", VIDEO, "--model", "gei", "--headless"]
    command += ["--save", folder / "o.mp4", "--events", log]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as process:
        while process.poll() is None and not full():
            time.sleep(0.01)
        full_secs = time.monotonic()
        said = process.communicate(timeout=60)[1]
        took_secs = time.monotonic() - full_secs
    assert process.returncode == 6, said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "o.mp4" in line
    assert "Traceback" not in said
    figures.at_most("R15", "disk of the video full: exit 6 after", took_secs, 2, "s")
    reader = read_events(log)
    events = list(reader)
    assert reader.torn_lines == 0
    assert [e["sequence"] for e in events] == list(range(len(events)))
    assert events[-1]["data"]["exit_code"] == 6
