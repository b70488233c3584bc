"""Lines reach the disk whole, in order and for their owner's eyes; reading gives them back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from event_world import builder, valid, walk
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.errors import DamagedInputError, OutputError, UsageError
from rt_gait.events import EventLog, normalise, read_events


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        calls.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    return calls


def test_what_is_written_is_read(tmp_path: Path) -> None:
    events = walk(builder())
    path = tmp_path / "e.jsonl"
    with EventLog(path) as log:
        log.write(events)
        assert log.written == len(events)
        assert len(path.read_bytes().splitlines()) == len(events), "flushed before the close"
    reader = read_events(path)
    assert valid(list(reader)) == events
    assert (reader.lines, reader.torn_lines) == (len(events), 0)
    assert path.stat().st_mode & 0o777 == 0o600


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), plain, max_size=4), max_size=5))
def test_any_object_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("log") / "e.jsonl"
    events = [one | {"type": "x"} for one in objects]
    with EventLog(path) as log:
        log.write(events)
    assert list(read_events(path)) == events


def test_two_logs_of_a_file_are_the_same_bytes_after_normalising(tmp_path: Path) -> None:
    texts = []
    for run_id, day in (("one", 1), ("two", 2)):
        with EventLog(tmp_path / run_id) as log:
            log.write(walk(builder(run_id, day=day)))
        with EventLog(tmp_path / f"{run_id}.plain") as log:
            log.write(normalise(read_events(tmp_path / run_id)))
        texts.append((tmp_path / f"{run_id}.plain").read_bytes())
    assert texts[0] == texts[1]


def test_lines_are_compact_and_in_order(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e") as log:
        log.write([{"type": "x", "b": "ü", "a": [1, 2.5]}])
    assert (tmp_path / "e").read_text("utf-8") == '{"type":"x","b":"ü","a":[1,2.5]}\n'


def test_an_old_log_is_replaced_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("old\n" * 100)
    path.chmod(0o644)
    EventLog(path).close()
    assert path.read_bytes() == b""
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_number_that_json_has_no_word_for(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e") as log, pytest.raises(ValueError, match="JSON"):
        log.write([{"type": "x", "score": float("nan")}])
    assert (tmp_path / "e").read_bytes() == b""


def test_a_name_that_is_not_utf8_does_not_end_the_log(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e") as log:
        log.write([{"type": "x", "name": "a\udcff"}])
    assert list(read_events(tmp_path / "e")) == [{"type": "x", "name": "a?"}]


@pytest.mark.parametrize("kind", ["run.started", "run.ended", "track.ended"])
def test_what_matters_is_on_disk_at_once(tmp_path: Path, synced: list[int], kind: str) -> None:
    with EventLog(tmp_path / "e", monotonic=Clock()) as log:
        log.write([{"type": f"io.rt-gait.{kind}.v1"}])
        assert len(synced) == 1


def test_the_rest_is_on_disk_within_a_second_and_no_more_often(
    tmp_path: Path, synced: list[int]
) -> None:
    clock = Clock()
    log = EventLog(tmp_path / "e", monotonic=clock)
    for tick in range(35):
        clock.now = tick / 10
        log.write([{"type": "io.rt-gait.identity.changed.v1"}])
    assert len(synced) == 3
    log.close()
    log.close()
    assert len(synced) == 4


def test_a_place_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"No such file or directory.*: e$") as caught:
        EventLog(tmp_path / "missing" / "e")
    assert "\n" not in str(caught.value)


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "e")
    log.close()
    with pytest.raises(ValueError, match="closed"):
        log.write([{"type": "x"}])


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with EventLog("-") as log:
        log.write([{"type": "x"}])
    assert json.loads(capsys.readouterr().out) == {"type": "x"}
    sys.stdout.write("still open\n")
    assert capsys.readouterr().out == "still open\n"


def test_a_reader_that_goes_ends_standard_output_cleanly() -> None:
    script = (
        "import sys, time\n"
        "from rt_gait.events import EventLog\n"
        "log = EventLog('-')\n"
        "until = time.monotonic() + 20\n"
        "while not log.reader_gone and time.monotonic() < until:\n"
        "    log.write([{'type': 'x', 'data': 'y' * 1000}])\n"
        "log.write([{'type': 'late'}])\n"
        "log.close()\n"
        "sys.exit(0 if log.reader_gone else 9)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"type":"x"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_a_named_pipe_works_and_its_reader_going_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = EventLog(path)
    log.write([{"type": "io.rt-gait.run.started.v1"}])
    assert os.read(reader, 100) == b'{"type":"io.rt-gait.run.started.v1"}\n'
    os.close(reader)
    with pytest.raises(OutputError, match="Broken pipe"):
        log.write([{"type": "x"}])
    log.close()


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_events(tmp_path / "e")
    with pytest.raises(UsageError, match="directory"):
        read_events(tmp_path)


@pytest.mark.parametrize(
    "broken", [b"{", b"", b"[1]", b"3", b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 100_000]
)
def test_a_broken_line_in_the_middle_is_named(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "e"
    path.write_bytes(b'{"a":1}\n' + broken + b'\n{"a":2}\n')
    reader = read_events(path)
    assert next(reader) == {"a": 1}
    with pytest.raises(DamagedInputError, match="line 2 "):
        next(reader)
    assert list(reader) == [], "a reader that failed is at its end"
