"""The megabyte that a live run keeps back for its events."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from rt_gait.events import EventLog
from rt_gait.events.reserve import RESERVE_BYTES
from rt_gait.outputs.retention import purge


def test_it_is_there_while_the_log_is_open_and_really_takes_room(tmp_path: Path) -> None:
    kept = tmp_path / "e.jsonl.reserve"
    kept.write_bytes(b"left by a run that was killed")
    with EventLog(tmp_path / "e.jsonl", reserve=True) as log:
        found = kept.stat()
        assert found.st_size == RESERVE_BYTES
        assert found.st_blocks * 512 >= RESERVE_BYTES
        assert log.on_reserve is None
    assert not kept.exists()


def test_recordings_and_pipes_have_none(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e.jsonl"):
        assert {path.name for path in tmp_path.iterdir()} == {"e.jsonl"}
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=pipe.read_bytes)
    reader.start()
    with EventLog(pipe, reserve=True):
        assert not (tmp_path / "pipe.reserve").exists()
    reader.join()


def test_one_that_was_left_is_removed_with_its_log(tmp_path: Path) -> None:
    for name in ("e.jsonl", "e.jsonl.000001", "e.jsonl.reserve", "e.reserve"):
        (tmp_path / name).touch()
    now_secs = (tmp_path / "e.jsonl").stat().st_mtime + 3 * 86400
    purge(tmp_path, days=2, now_secs=now_secs)
    assert [path.name for path in tmp_path.iterdir()] == ["e.reserve"]
