"""Kill, full disk, cut file: what was logged before stays readable."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rt_gait.errors import OutputError
from rt_gait.events import EventLog, read_events, timeline

WRITER = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from rt_gait.events import EventBuilder, EventLog
builder = EventBuilder(run_id="kill", source_name="a.mp4", frame_size_wh=(4, 4), model=None,
                       gallery_revision=None, utc_now=lambda: datetime.now(timezone.utc))
log = EventLog(Path(sys.argv[1]))
log.write(builder.run_started({}, {}))
while True:
    log.write(builder.source_state("online", "x" * 5000))
"""


@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_tears_at_most_the_last_line(tmp_path: Path, attempt: int) -> None:
    path = tmp_path / "e.jsonl"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) as process:
        until = time.monotonic() + 30
        while not path.exists() or path.stat().st_size < 100_000 * (attempt + 1):
            assert time.monotonic() < until, "the writer wrote nothing"
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    reader = read_events(path)
    events = list(reader)
    assert [event["sequence"] for event in events] == list(range(len(events)))
    assert len(events) >= 20
    # A line that lacks nothing but its end is whole.
    assert len(events) - path.read_bytes().count(b"\n") in (0, 1)
    assert any("did not end" in line for line in timeline(read_events(path)))


def test_cut_anywhere_loses_one_line_at_most(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    written = [{"type": "x", "n": n, "name": "jürgen"} for n in range(3)]
    with EventLog(whole) as log:
        log.write(written)
    text = whole.read_bytes()
    cut = tmp_path / "cut"
    for size in range(len(text) + 1):
        cut.write_bytes(text[:size])
        reader = read_events(cut)
        events = list(reader)
        # A line that lacks nothing but its end is whole.
        complete = text[: size + 1].count(b"\n") if size < len(text) else 3
        assert events == written[:complete]
        torn = size > 0 and text[size - 1 : size] != b"\n" and text[size : size + 1] != b"\n"
        assert reader.torn_lines == int(torn)


def test_a_tail_of_zeros_after_a_power_cut_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(b'{"a":1}\n' + b"\0" * 4096)
    reader = read_events(path)
    assert list(reader) == [{"a": 1}]
    assert reader.torn_lines == 1


def test_a_full_disk_is_one_line_and_keeps_what_was_written(tmp_path: Path) -> None:
    """A file size limit stands in for the disk: the write is cut short, then refused."""
    path = tmp_path / "e"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = EventLog(path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(OutputError, match=r"File too large.*: e$") as caught:
            log.write({"type": "x", "n": n, "pad": "y" * 50} for n in range(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "\n" not in str(caught.value)
    kept = log.written
    log.write([{"type": "x", "n": "after"}])
    log.close()
    reader = read_events(path)
    assert [event["n"] for event in reader] == [*range(kept), "after"]
    assert kept > 5
    assert reader.torn_lines == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_no_space_left_on_a_device() -> None:
    log = EventLog(Path("/dev/full"))
    with pytest.raises(OutputError, match="No space left on device"):
        log.write([{"type": "io.rt-gait.run.started.v1"}])
    log.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_no_space_left_on_standard_output() -> None:
    script = (
        "from rt_gait.errors import OutputError\n"
        "from rt_gait.events import EventLog\n"
        "try:\n"
        "    EventLog('-').write([{'type': 'x'}])\n"
        "except OutputError as error:\n"
        "    import os, sys\n"
        "    sys.stderr.write(str(error)); sys.stderr.flush(); os._exit(6)\n"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, check=False,
            env=os.environ | {"PYTHONUNBUFFERED": ""},
        )  # fmt: skip
    assert done.returncode == 6
    assert b"No space left on device" in done.stderr
    assert b"\n" not in done.stderr
