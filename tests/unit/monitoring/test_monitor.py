from __future__ import annotations

import json
import re
import sys
import threading
from pathlib import Path

import pytest
from prometheus_text import parse
from run_world import STAGES, SUBJECT, World, ended

from rt_gait.energy.result import Energy
from rt_gait.events.log import EventLog
from rt_gait.events.schema import SOURCE_STATES, load_schema
from rt_gait.monitoring.metrics import metrics_text
from rt_gait.monitoring.monitor import STALE_SECS, STUCK_SECS
from rt_gait.reasons import Rejection, WindowLoss
from rt_gait.types import IdentityState

CAMERA_ADDRESS = "rtsp://ann:s3cret@10.0.0.7:554/ch1?token=t0ken"


def _energy(joules: float | None) -> Energy:
    return Energy("rapl", "package", 10.0, joules, None, None, (), 10, 10.0, 1.0, 0, "")


def running(*names: str) -> World:
    world = World(*(names or ("gate",)))
    for builder in world.builders.values():
        builder.source_state("online")
    world.monitor.tick()
    return world


def test_a_run_that_is_starting_is_alive_and_not_ready() -> None:
    world = World("gate")
    world.clock.secs += 10 * STUCK_SECS  # a large model from a slow disk
    assert world.monitor.alive().well
    assert world.monitor.ready().reason == "starting: models and sources are being opened"


def test_a_run_is_ready_while_frames_come() -> None:
    world = running()
    assert world.monitor.ready().reason == "gate: no frame yet"
    world.frame("gate")
    assert world.monitor.ready().well
    world.clock.secs += STALE_SECS
    assert world.monitor.ready().well
    world.clock.secs += 1
    assert world.monitor.ready().reason == f"gate: no frame for {STALE_SECS + 1:.0f} s"
    world.frame("gate")
    assert world.monitor.ready().well


def test_a_main_loop_that_does_not_turn_is_stuck() -> None:
    world = running()
    world.clock.secs += STUCK_SECS
    assert world.monitor.alive().well
    world.clock.secs += 1
    assert (
        world.monitor.alive().reason == f"the main loop has been stuck for {STUCK_SECS + 1:.0f} s"
    )
    world.monitor.tick()
    assert world.monitor.alive().well


def test_one_camera_of_several_is_enough_and_the_others_are_told() -> None:
    world = running("gate", "yard")
    for name in ("gate", "yard"):
        world.frame(name)
    world.builders["yard"].source_state("reconnecting", "no picture for 5 s")
    verdict = world.monitor.ready()
    assert verdict.well
    assert verdict.sources["yard"]["state"] == "reconnecting"
    world.builders["gate"].source_state("reconnecting", "unplugged")
    assert world.monitor.ready().reason == "gate: reconnecting; yard: reconnecting"
    world.builders["yard"].source_state("online")
    assert world.monitor.ready().well


def test_everything_that_is_counted_is_told(tmp_path: Path) -> None:
    world = running("gate", "yard")
    counters = world.builders["gate"].counters
    counters.dropped, counters.undetected, counters.windows = 7, 2, 5
    counters.windows_lost["timed_out"] = 3
    counters.reconnects, counters.decode_errors = 4, 6
    world.frame("gate", age_secs=0.04)
    world.frame("gate", age_secs=0.3, ended=[ended(1, not_walking=2), ended(2, not_walking=1)])
    world.builders["yard"].source_state("offline", "gone")
    world.builders["gate"].output_failed("recording", "the disk is full")
    with EventLog(tmp_path / "events.jsonl") as log:
        log.write(world.builders["gate"].source_state("online"))
    world.monitor.tell_of("gait3d", log=log, energy=None)
    found = parse(metrics_text(world.monitor))

    def value(name: str, **labels: str) -> float:
        return found.value(f"rt_gait_{name}", source="gate", **labels)

    assert value("frames_processed_total") == 2
    assert value("frames_dropped_total", reason="replaced") == 7
    assert value("frames_captured_total") == 9
    assert value("frames_undetected_total") == 2
    assert value("decode_errors_total") == 6
    assert value("source_reconnects_total") == 4
    assert value("windows_total", outcome="embedded") == 5
    assert value("windows_total", outcome="timed_out") == 3
    assert value("windows_total", outcome="not_walking") == 3
    assert value("rejections_total", reason="merged") == 2
    assert value("tracks") == 2
    assert value("identities", state="known") == value("identities", state="insufficient") == 1
    assert value("tracks_ended_total", state="known") == 2
    assert value("frame_age_seconds_count") == 2
    assert value("frame_age_seconds_sum") == pytest.approx(0.34)
    assert value("frame_age_seconds_bucket", le="0.05") == 1
    for stage, secs in STAGES.items():
        assert value("stage_seconds_sum", stage=stage) == pytest.approx(2 * secs)
    assert value("source_state", state="online") == 1
    assert found.value("rt_gait_source_state", source="yard", state="offline") == 1
    assert found.value("rt_gait_source_state", source="yard", state="online") == 0
    assert value("output_failures_total") == 1
    assert found.value("rt_gait_events_written_total") == 1
    assert found.labels("rt_gait_build_info")[0]["model"] == "gait3d"
    assert found.value("process_resident_memory_bytes") > 1e6
    assert found.value("process_open_fds") > 2


def test_every_reason_is_there_before_it_happens() -> None:
    found = parse(metrics_text(running().monitor))
    told = {
        name: {label[key] for label in found.labels(f"rt_gait_{name}")}
        for name, key in (
            ("windows_total", "outcome"),
            ("rejections_total", "reason"),
            ("identities", "state"),
            ("source_state", "state"),
        )
    }
    assert told["windows_total"] == {
        "embedded",
        "not_walking",
        *(loss.value for loss in WindowLoss),
    }
    assert told["rejections_total"] == {reason.value for reason in Rejection}
    assert told["identities"] == {state.value for state in IdentityState}
    assert told["source_state"] == set(SOURCE_STATES)


def test_the_states_of_a_source_are_those_of_the_events() -> None:
    schema = json.dumps(load_schema())
    assert json.dumps(list(SOURCE_STATES)) in schema


def test_nothing_tells_who_somebody_is_or_how_to_get_into_a_camera() -> None:
    world = running(CAMERA_ADDRESS)
    world.frame(CAMERA_ADDRESS, ended=[ended(1, not_walking=0)])
    world.builders[CAMERA_ADDRESS].source_state("reconnecting", f"no answer: {CAMERA_ADDRESS}")
    told = metrics_text(world.monitor) + json.dumps(vars(world.monitor.ready()))
    assert "10.0.0.7:554" in told
    for secret in (SUBJECT, SUBJECT[2:], "s3cret", "t0ken", "ann", "ch1"):
        assert secret not in told


def test_a_name_of_a_source_cannot_break_the_text() -> None:
    name = 'a"} 1\n# TYPE b'
    world = running(name)
    world.frame(name)
    found = parse(metrics_text(world.monitor))
    assert found.value("rt_gait_tracks", source=world.watched[name].source_name) == 2


def test_months_of_frames_take_no_more_room_than_a_minute() -> None:
    world = running()
    world.frame("gate", ended=[ended(0, not_walking=1)])
    lines = metrics_text(world.monitor).count("\n")
    for number in range(5000):
        world.frame("gate", age_secs=number / 100, ended=[ended(number, not_walking=1)])
    assert metrics_text(world.monitor).count("\n") == lines


def test_energy_is_told_only_where_it_was_measured() -> None:
    world = running()
    world.monitor.tell_of("gait3d", log=None, energy=lambda: _energy(None))
    assert "energy" not in metrics_text(world.monitor)
    world.monitor.tell_of("gait3d", log=None, energy=lambda: _energy(123.5))
    found = parse(metrics_text(world.monitor))
    assert found.value("rt_gait_energy_joules_total", meter="rapl") == 123.5


def test_nobody_is_followed_by_a_camera_that_is_away() -> None:
    world = running()
    world.frame("gate")
    builder = world.builders["gate"]
    builder.source_state("reconnecting", "unplugged")
    builder.tracks_ended([ended(1, not_walking=2)])
    found = parse(metrics_text(world.monitor))
    assert found.value("rt_gait_tracks", source="gate") == 0
    assert found.value("rt_gait_identities", source="gate", state="known") == 0
    assert found.value("rt_gait_tracks_ended_total", source="gate", state="known") == 1
    assert found.value("rt_gait_windows_total", source="gate", outcome="not_walking") == 2


def test_a_file_has_no_age() -> None:
    world = running()
    world.frame("gate", age_secs=None)
    assert "frame_age_seconds" not in metrics_text(world.monitor)


def test_the_guide_lists_every_metric_and_no_other(tmp_path: Path) -> None:
    world = running()
    world.frame("gate")
    with EventLog(tmp_path / "events.jsonl") as log:
        world.monitor.tell_of("gait3d", log=log, energy=lambda: _energy(1.0))
        told = parse(metrics_text(world.monitor)).kinds
    guide = (Path(__file__).parents[3] / "docs" / "live.md").read_text()
    table = guide[guide.index("| metric, after") : guide.index("To scrape:")]
    listed = {f"rt_gait_{name}" for name in re.findall(r"^\| `(\w+)` \|", table, flags=re.M)}
    assert listed | set(re.findall(r"`(process_\w+)`", table)) == set(told)
    alerts = guide[guide.index("groups:") : guide.index("## systemd")]
    for name in re.findall(r"\b((?:rt_gait|process)_\w+)", alerts):
        assert name.removesuffix("_bucket") in told


def test_frames_and_questions_at_the_same_time_add_up() -> None:
    world, stop = running(), threading.Event()

    def frames() -> None:
        while not stop.is_set():
            world.frame("gate")

    world.frame("gate")
    main = threading.Thread(target=frames)
    before_secs, least = sys.getswitchinterval(), 1.0
    sys.setswitchinterval(1e-5)
    main.start()
    try:
        for _ in range(200):
            found = parse(metrics_text(world.monitor))
            processed = found.value("rt_gait_frames_processed_total", source="gate")
            captured = found.value("rt_gait_frames_captured_total", source="gate")
            timed = found.value("rt_gait_frame_age_seconds_count", source="gate")
            assert captured == processed >= timed >= least
            least = timed
    finally:
        stop.set()
        main.join()
        sys.setswitchinterval(before_secs)
