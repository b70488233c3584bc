"""A log as a person reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from event_world import KNOWN, builder, result, walk

from rt_gait.errors import DamagedInputError
from rt_gait.events import EventLog, read_events, timeline
from rt_gait.events.replay import clock


def test_the_story_of_a_run() -> None:
    assert list(timeline(walk(builder()))) == [
        "00:00.0  run 01KAB: lobby.mp4, 64x48, gait3d version 1",
        "00:00.0  source online",
        "00:00.4  track 1  appears",
        "00:08.0  track 1  is track 2 again, 0.61 alike, after 2.3 s",
        "00:08.0  track 1  unknown (0.31, 3 windows)",
        "00:12.4  track 1  known s_7Q2F9K3D (0.94, margin 0.05, 4 windows)",
        "00:28.0  track 1  gone after 12.3 s, known s_7Q2F9K3D (0.94, margin 0.05, 4 windows)",
        "00:30.0  recording given up: the disk is full: out.mp4",
        "00:30.0  source ended",
        "run ended: finished (exit 0)",
        "duration 00:30.0",
        "tracks 1: 1 known, 0 candidate, 0 unknown, 0 insufficient (1 subject)",
        "frames 751 captured, 751 processed, 0 dropped, 0 decode errors",
    ]


def test_a_run_that_did_not_end() -> None:
    lines = list(timeline(walk(builder())[:7]))
    assert lines[-4:] == [
        "the run did not end: its log stops at 00:12.4",
        "duration 00:12.4",
        "tracks 1: 1 known, 0 candidate, 0 unknown, 0 insufficient (1 subject)",
        "frames 251 captured, 251 processed, 0 dropped",
    ]


def test_a_torn_log(tmp_path: Path) -> None:
    path = tmp_path / "e"
    with EventLog(path) as log:
        log.write(walk(builder())[:4])
    whole = list(timeline(read_events(path)))
    with path.open("ab") as file:
        file.write(b'{"specversion":"1.0","id":"01K')
    assert list(timeline(read_events(path))) == [
        *whole,
        "the last line of the log is torn and was left out",
    ]


def test_an_empty_log() -> None:
    assert list(timeline([])) == ["no events"]


def test_a_log_that_begins_in_the_middle() -> None:
    lines = list(timeline(walk(builder())[3:]))
    assert "tracks 1: 1 known, 0 candidate, 0 unknown, 0 insufficient (1 subject)" in lines


def test_two_runs_one_after_the_other_have_a_summary_each() -> None:
    lines = list(timeline(walk(builder("A")) + walk(builder("B"))[:3]))
    assert lines.count("run ended: finished (exit 0)") == 1
    assert "the run did not end: its log stops at 00:00.4" in lines


def test_unheard_of_events_and_fields_are_passed_over() -> None:
    events = walk(builder())
    for event in events:
        event["data"]["new"] = 1
    later: dict[str, Any] = {"type": "io.rt-gait.mood.changed.v1", "data": {}}
    assert list(timeline([*events, later])) == list(timeline(walk(builder())))


def test_a_log_cannot_command_the_terminal() -> None:
    made = builder()
    events = made.source_state("offline", "\x1b[2J\x07gone\nfor good")
    assert next(timeline(events)) == "00:00.0  source offline: ?[2J?gone?for good"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "x"},
        {"type": "x", "data": []} | {"data": None},
        {"type": "io.rt-gait.identity.changed.v1", "data": {"track_id": 1}},
        {"type": "x", "data": {"frame": {"media_time_secs": "soon"}}},
        {"type": "x", "data": {"frame": {"media_time_secs": float("inf")}}},
        {"type": ["x"], "data": {}},
        {"type": "io.rt-gait.track.started.v1", "data": {"track_id": []}},
    ],
)
def test_an_event_that_lacks_what_it_must_have_is_named(event: dict[str, Any]) -> None:
    events = walk(builder())[:2]
    with pytest.raises(DamagedInputError, match=r"^event 3 of the log") as caught:
        list(timeline([*events, event]))
    assert "\n" not in str(caught.value)


def test_subjects_are_counted_once() -> None:
    made = builder()
    events = made.frame(result(0, identities={1: KNOWN, 2: KNOWN}, started=(1, 2)))
    assert any(line.endswith("(1 subject)") and "2 known" in line for line in timeline(events))


@pytest.mark.parametrize(
    ("secs", "text"),
    [
        (0, "00:00.0"),
        (59.96, "01:00.0"),
        (754.54, "12:34.5"),
        (3600, "1:00:00.0"),
        (-0.2, "-00:00.2"),
    ],
)
def test_clock(secs: float, text: str) -> None:
    assert clock(secs) == text


def test_what_a_server_did_not_answer_is_told() -> None:
    events = walk(builder())
    counters = events[-1]["data"]["counters"]
    counters["frames"]["undetected"] = 7
    counters["windows_lost"]["rejected"] = 3
    lines = list(timeline(events))
    assert lines[-2].endswith("0 decode errors, 7 undetected")
    assert lines[-1] == ("windows lost: 0 replaced, 3 rejected, 0 timed out, 0 unavailable, 0 late")
