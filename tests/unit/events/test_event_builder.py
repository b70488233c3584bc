"""What is told, when, and in which form."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from event_world import (
    CANDIDATE,
    INSUFFICIENT,
    KNOWN,
    UNKNOWN,
    builder,
    result,
    summary,
    track,
    types,
    valid,
    walk,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_gait.events import EventBuilder, normalise
from rt_gait.types import Identity, IdentityState


def test_events_are_numbered_without_a_gap() -> None:
    events = walk(builder())
    assert [event["sequence"] for event in events] == list(range(len(events)))
    assert [event["id"] for event in events] == [f"01KAB-{n}" for n in range(len(events))]
    assert events[-1]["data"]["counters"]["events"] == len(events)


def test_the_order_of_a_run() -> None:
    assert types(walk(builder())) == [
        "run.started",
        "source.state",
        "track.started",
        "track.stitched",
        "identity.changed",
        "stats",
        "identity.changed",
        "stats",
        "track.ended",
        "stats",
        "output.failed",
        "source.state",
        "run.ended",
    ]


def test_identity_is_told_only_when_it_changes() -> None:
    made = builder()
    told = []
    better = Identity(IdentityState.KNOWN, "s_7Q2F9K3D", 0.97, 0.2, 9)
    other = Identity(IdentityState.KNOWN, "s_OTHER", 0.97, 0.2, 9)
    claims = [INSUFFICIENT, INSUFFICIENT, CANDIDATE, KNOWN, better, other, UNKNOWN, INSUFFICIENT]
    for index, claim in enumerate(claims):
        started = (1,) if index == 0 else ()
        told += valid(made.frame(result(index, identities={1: claim}, started=started)))
    changes = [event["data"] for event in told if event["type"].endswith("identity.changed.v1")]
    assert [
        (change["identity"]["state"], change["identity"]["subject_id"]) for change in changes
    ] == [
        ("candidate", "s_7Q2F9K3D"),
        ("known", "s_7Q2F9K3D"),
        ("known", "s_OTHER"),
        ("unknown", None),
        ("insufficient", None),
    ]
    assert changes[0]["previous"] == {"state": "insufficient", "subject_id": None}
    for before, after in pairwise(changes):
        shared = {key: before["identity"][key] for key in ("state", "subject_id")}
        assert after["previous"] == shared
    assert changes[0]["model"] == {"name": "gait3d", "version": "1", "gallery_revision": 42}


def test_an_identity_found_at_the_very_end_is_told_before_the_end() -> None:
    made = builder()
    made.frame(result(0, identities={1: INSUFFICIENT}, started=(1,)))
    events = valid(made.tracks_ended([summary(1, KNOWN)]))
    assert types(events) == ["identity.changed", "track.ended"]
    assert events[0]["data"]["box_xyxy_px"] == [10.0, 5.6, 18.0, 40.0]


def test_a_track_begins_and_ends_in_full() -> None:
    made = builder()
    (started,) = made.frame(
        result(3, time_secs=0.1204, started=(1,), tracks=(track(first_secs=0.0401),))
    )
    assert started["subject"] == "run/01KAB/track/1"
    assert started["data"] == {
        "run_id": "01KAB",
        "track_id": 1,
        "frame": {"index": 3, "epoch": 0, "media_time_secs": 0.12, "size_wh_px": [64, 48]},
        "box_xyxy_px": [10.0, 5.6, 18.0, 40.0],
        "first_media_time_secs": 0.04,
        "score": 0.8765,
    }
    (ended,) = valid(made.frame(result(4, ended=(summary(),))))
    data = ended["data"]
    assert (data["duration_secs"], data["frames"], data["silhouettes"]) == (12.306, 300, 280)
    assert data["rejections"] == {
        "cut_by_frame": 0, "too_small": 0, "merged": 20, "fragmented": 0, "low_score": 0
    }  # fmt: skip


def test_a_track_that_ended_is_forgotten() -> None:
    made = builder()
    made.frame(result(0, identities={1: KNOWN}, started=(1,)))
    made.frame(result(1, ended=(summary(1, KNOWN),)))
    assert made.frame(result(2, identities={1: UNKNOWN})) == []
    assert made._told == {}


def test_time_is_utc_whatever_the_zone_of_the_clock() -> None:
    clock = datetime(2026, 11, 1, 23, 0, 0, 5, timezone(timedelta(hours=2)))
    (event,) = valid(builder(utc_now=lambda: clock).run_ended("finished", 0))
    assert event["time"] == "2026-11-01T21:00:00.000005Z"


def test_two_runs_of_a_file_differ_by_run_id_and_time_alone() -> None:
    one, two = walk(builder("A1")), walk(builder("run-2.x", day=2))
    assert one != two
    dumps = [json.dumps(list(normalise(events))) for events in (one, two)]
    assert dumps[0] == dumps[1]
    assert "A1" not in dumps[0]
    assert "2026-11" not in dumps[0]


def test_stats_of_a_file_go_by_media_time_and_hold_counters_only() -> None:
    stats = [event for event in walk(builder()) if event["type"].endswith("stats.v1")]
    assert [event["data"]["counters"]["media_time_secs"] for event in stats] == [10, 20, 30]
    assert all(set(event["data"]) == {"run_id", "counters"} for event in stats)
    assert stats[0]["data"]["counters"] == {
        "media_time_secs": 10.0,
        "frames": {"captured": 251, "processed": 251, "dropped": 0, "undetected": 0},
        "tracks": 1,
        "windows": 10,
        "windows_lost": {
            "replaced": 0, "rejected": 0, "timed_out": 0, "unavailable": 0, "late": 0
        },
        "silhouettes": 241,
        "rejections": {
            "cut_by_frame": 0, "too_small": 25, "merged": 0, "fragmented": 0, "low_score": 0
        },
        "reconnects": 0,
        "outputs_failed": 0,
        "tracks_live": 1,
        "identities": {"insufficient": 0, "unknown": 1, "candidate": 0, "known": 0},
    }  # fmt: skip


def test_stats_of_a_live_source_go_by_the_clock_and_say_how_fast_it_is() -> None:
    stats = [event for event in walk(builder(live=True)) if event["type"].endswith("stats.v1")]
    assert len(stats) == 3  # 751 frames, 20 a second of the clock
    for event in stats:
        data = event["data"]
        assert data["frames_per_second"] == pytest.approx(20, abs=0.2)
        assert data["frame_age_secs"] == {"p50": 0.05, "p95": 0.05}
        assert data["stage_latency_secs"] == {"detect": {"p50": 0.02, "p95": 0.03}}


def test_stats_come_once_after_a_pause_and_again_after_a_jump_back() -> None:
    made = builder()
    for index, (time_secs, due) in enumerate([(9.9, 0), (47, 1), (49, 0), (50, 1), (3, 1), (4, 0)]):
        made.frame(result(index, time_secs=time_secs))
        assert len(made.stats()) == due, time_secs


def test_live_stats_need_the_clock_of_the_run() -> None:
    with pytest.raises(ValueError, match="run_secs"):
        builder(live=True).stats()


def test_settings_and_reasons_tell_no_paths_or_passwords() -> None:
    made = builder(
        source_name="rtsp://annika:s3cret@10.0.0.7:554/user=annika&password=s3cret?token=s3cret"
    )
    config = {
        "source": "rtsp://annika:s3cret@10.0.0.7/ch1",
        "save": Path("/home/annika/out.mp4"),
        "state": IdentityState.KNOWN,
        "max_age_secs": float("inf"),
        "nested": {"paths": ("/home/annika/a.mp4", 3, None, True)},
    }
    events = made.run_started(config, {"onnxruntime": "1.20"})
    events += made.source_state(
        "offline", "no answer from rtsp://annika:s3cret@10.0.0.7/ch1: refused"
    )
    events += made.run_ended("cannot open '/home/annika smith/x.mp4'", 3)
    text = json.dumps(valid(events))
    assert "s3cret" not in text
    assert "annika" not in text
    assert events[0]["data"]["config"] == {
        "source": "10.0.0.7",
        "save": "out.mp4",
        "state": "known",
        "max_age_secs": "inf",
        "nested": {"paths": ["a.mp4", 3, None, True]},
    }
    assert events[0]["source"] == "urn:rt-gait:source:10.0.0.7%3A554"
    assert events[1]["data"]["detail"] == "no answer from 10.0.0.7: refused"
    assert events[2]["data"]["reason"] == "cannot open 'x.mp4'"


@pytest.mark.parametrize("name", ["a b.mp4", "größe.mp4", "a\udcff", "100%", "?", ""])
def test_a_source_may_have_any_name(name: str) -> None:
    valid(walk(builder(source_name=f"/videos/{name}")))


@pytest.mark.parametrize("run_id", ["", "a b", "../x", "x" * 65])
def test_a_run_id_is_plain(run_id: str) -> None:
    with pytest.raises(ValueError, match="run id"):
        builder(run_id)


def claims() -> st.SearchStrategy[Identity]:
    subjects = st.sampled_from(["s_A", "s_B"])
    scores = st.floats(-1, 1, width=32)
    top = st.lists(st.tuples(subjects, scores), max_size=3).map(tuple)
    named = st.builds(
        Identity,
        st.sampled_from([IdentityState.KNOWN, IdentityState.CANDIDATE]),
        subjects,
        scores,
        st.none() | st.floats(0, 2, width=32),
        st.integers(0, 99),
        top,
    )
    unnamed = st.builds(
        Identity,
        st.sampled_from([IdentityState.UNKNOWN, IdentityState.INSUFFICIENT]),
        st.none(),
        st.none() | scores,
        st.none(),
        st.integers(0, 99),
        top,
    )
    return named | unnamed


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(1, 4), claims(), max_size=4), max_size=12),
    st.booleans(),
)
def test_any_run_is_valid_and_says_every_change_once(
    story: list[dict[int, Identity]], live: bool
) -> None:
    made: EventBuilder = builder(live=live)
    seen: set[int] = set()
    events = []
    for index, identities in enumerate(story):
        started = tuple(sorted(set(identities) - seen))
        seen |= set(started)
        events += made.frame(result(index * 2, identities=identities, started=started))
        last: dict[int, tuple[str, str | None]] = {}
        for event in events:
            if event["type"].endswith("identity.changed.v1"):
                data = event["data"]
                now = (data["identity"]["state"], data["identity"]["subject_id"])
                assert now != last.get(data["track_id"], ("insufficient", None))
                last[data["track_id"]] = now
        for track_id, identity in identities.items():
            told = last.get(track_id, ("insufficient", None))
            assert told == (identity.state.value, identity.subject_id)
    events += made.run_ended("finished", 0)
    valid(events)
    assert [event["sequence"] for event in events] == list(range(len(events)))
