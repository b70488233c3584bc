"""A log that goes on in new files, and the reader that follows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.errors import DamagedInputError
from rt_gait.events import EventLog, read_events
from rt_gait.events.read import LINE_BYTES_MAX
from rt_gait.events.rotation import Rotation, parts
from rt_gait.events.spool import BATCH_EVENTS_MAX, Spool


def event(number: int) -> dict[str, Any]:
    return {"id": f"r-{number}", "type": "t", "source": "s", "sequence": number}


def drain(spool: Spool) -> list[int]:
    numbers = []
    while batch := spool.batch():
        assert len(batch) <= BATCH_EVENTS_MAX
        numbers += [e["sequence"] for e in batch]
        spool.done()
    spool.done()
    return numbers


def test_a_part_is_set_aside_by_size_and_by_age_and_no_event_is_lost(tmp_path: Path) -> None:
    now, path = [0.0], tmp_path / "e.jsonl"
    rotation = Rotation(max_bytes=200, max_age_secs=60)
    with EventLog(path, rotation=rotation, monotonic=lambda: now[0]) as log:
        log.write(event(i) for i in range(10))
        by_size = parts(path)
        now[0] = 61
        log.write([event(10)])
    assert len(parts(path)) == len(by_size) + 1
    assert all(part.stat().st_size <= 200 for part in parts(path))
    assert [e["sequence"] for part in parts(path) for e in read_events(part)] == list(range(11))
    assert {part.stat().st_mode & 0o777 for part in parts(path)} == {0o600}


def test_a_torn_last_line_is_kept_apart_from_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    torn = json.dumps(event(0)) + "\n" + json.dumps(event(1))[:-7]
    path.write_text(torn)
    spool = Spool(path, tmp_path / "place")
    assert drain(spool) == [0], "the torn line might still be written on"
    with EventLog(path, rotation=Rotation()) as log:
        log.write([event(2)])
    assert parts(path)[0].read_text() == torn
    assert drain(spool) == [2]
    assert spool.skipped == 1 and not spool.lost_place


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.sampled_from(["write", "read", "fail", "restart", "rotate"]), max_size=60),
    size=st.integers(60, 400),
)
def test_every_event_arrives_in_order_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], size: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "e.jsonl"
    place = path.with_name("place")
    spool, written, arrived = Spool(path, place), 0, list[int]()
    log = EventLog(path, rotation=Rotation(max_bytes=size))
    for step in [*steps, "read"]:
        if step == "write":
            log.write([event(written), event(written + 1)])
            written += 2
        elif step == "read":
            arrived += drain(spool)
        elif step == "fail":
            spool.batch()  # and never confirmed
        elif step == "restart":
            spool = Spool(path, place)
        else:
            log.close()
            log = EventLog(path, rotation=Rotation(max_bytes=size))
    log.close()
    assert arrived == list(range(written))
    assert not spool.lost_place


def test_a_part_that_was_removed_unread_is_told(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    with EventLog(path, rotation=Rotation(max_bytes=100)) as log:
        spool = Spool(path, tmp_path / "place")
        log.write([event(0)])
        drain(spool)
        log.write(event(i) for i in range(1, 8))
        for part in parts(path)[:-1]:
            part.unlink()
        rest = drain(spool)
    assert spool.lost_place and rest[-1] == 7 and rest[0] > 1


@pytest.mark.parametrize("place", [b"", b"{", b"[]", b'{"first":1,"offset":0}', b"\xff" * 9000])
def test_a_damaged_place_means_that_all_is_sent_again(tmp_path: Path, place: bytes) -> None:
    path = tmp_path / "e.jsonl"
    with EventLog(path) as log:
        log.write([event(0), event(1)])
    (tmp_path / "place").write_bytes(place)
    assert drain(Spool(path, tmp_path / "place")) == [0, 1]


def test_damaged_and_endless_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    sound = json.dumps(event(0)).encode() + b"\n"
    endless = b"[" * (3 * LINE_BYTES_MAX) + b"\n"
    path.write_bytes(
        sound + b"\xff\xfe\n" + endless + sound.replace(b'"sequence": 0', b'"sequence": 5')
    )
    spool = Spool(path, tmp_path / "place")
    assert drain(spool) == [0, 5]
    assert spool.skipped == 2
    with pytest.raises(DamagedInputError, match="line 2"):
        list(read_events(path))
    path.write_bytes(sound + endless)
    with pytest.raises(DamagedInputError, match="bytes"):
        list(read_events(path))
