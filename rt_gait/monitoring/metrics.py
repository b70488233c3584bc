"""A run in Prometheus' words.

Labels are names of sources and words of our own enumerations. Nothing here knows who anybody is.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rt_gait import __version__
from rt_gait.events.counters import Counters
from rt_gait.events.schema import SOURCE_STATES
from rt_gait.monitoring.exposition import Family, exposition
from rt_gait.monitoring.monitor import Monitor, Times, Watched
from rt_gait.monitoring.process import is_told, open_files, resident_bytes
from rt_gait.types import IdentityState

_Sources: TypeAlias = list[tuple[Watched, Times]]


def metrics_text(monitor: Monitor) -> str:
    """Return everything as Prometheus' text, as long after months as after a minute."""
    sources = [(watched, watched.times()) for watched in monitor.sources]
    families = [
        *_run(monitor),
        *_sources(sources, monitor),
        *_times(sources),
        *_people(monitor.sources),
        *_process(monitor),
    ]
    return exposition(families)


def _run(monitor: Monitor) -> Iterator[Family]:
    family = Family("build_info", "gauge", "1, with what is running")
    family.add(1, version=__version__, python=platform.python_version(), model=monitor.model)
    yield family
    if monitor.log is not None:
        family = Family("events_written_total", "counter", "Events in the log")
        family.add(monitor.log.written)
        yield family
    energy = None if monitor.energy is None else monitor.energy()
    if energy is not None and energy.energy_j is not None:
        family = Family("energy_joules_total", "counter", "Energy measured since the first frame")
        family.add(energy.energy_j, meter=energy.meter)
        yield family


def _sources(sources: _Sources, monitor: Monitor) -> Iterator[Family]:
    state = Family("source_state", "gauge", "1 for the state that a source is in")
    reconnects = Family("source_reconnects_total", "counter", "Times a source came back")
    outputs = Family("output_failures_total", "counter", "Outputs that were given up")
    errors = Family("decode_errors_total", "counter", "Pictures that could not be decoded")
    captured = Family("frames_captured_total", "counter", "Frames given: processed and dropped")
    processed = Family("frames_processed_total", "counter", "Frames processed")
    dropped = Family("frames_dropped_total", "counter", "Frames captured and not processed")
    blind = Family("frames_undetected_total", "counter", "Frames without the segmenter's answer")
    last = Family("last_frame_timestamp_seconds", "gauge", "Unix time when a frame was last done")
    for watched, times in sources:
        name, counters = watched.source_name, watched.counters
        for each in SOURCE_STATES:
            state.add(int(each == watched.state), source=name, state=each)
        reconnects.add(counters.reconnects, source=name)
        outputs.add(counters.outputs_failed, source=name)
        errors.add(counters.decode_errors, source=name)
        done, left_out = counters.processed, counters.dropped
        captured.add(done + left_out, source=name)
        processed.add(done, source=name)
        dropped.add(left_out, source=name, reason="replaced")
        blind.add(counters.undetected, source=name)
        if times.last_frame_secs is not None:
            age_secs = monitor.monotonic() - times.last_frame_secs
            last.add(round(time.time() - age_secs, 3), source=name)
    yield from (state, reconnects, outputs, errors, captured, processed, dropped, blind, last)


def _times(sources: _Sources) -> Iterator[Family]:
    age = Family("frame_age_seconds", "histogram", "From the arrival of a live frame to its result")
    stages = Family("stage_seconds", "histogram", "Time that a stage takes for a frame")
    for watched, times in sources:
        if times.age.total:
            age.add_histogram(times.age, source=watched.source_name)
        for stage, histogram in times.stages.items():
            stages.add_histogram(histogram, source=watched.source_name, stage=stage)
    yield from (age, stages)


def _people(sources: Sequence[Watched]) -> Iterator[Family]:
    live = Family("tracks", "gauge", "People followed now")
    tracks = Family("tracks_started_total", "counter", "People followed so far")
    identities = Family("identities", "gauge", "People followed now, by what is claimed of them")
    ended = Family("tracks_ended_total", "counter", "Tracks ended, by what was last claimed")
    silhouettes = Family("silhouettes_total", "counter", "Silhouettes cut out")
    rejections = Family("rejections_total", "counter", "Pictures of people left out, by reason")
    windows = Family("windows_total", "counter", "Windows that fell due, by what became of them")
    for watched in sources:
        name, counters = watched.source_name, watched.counters
        now = counters if watched.state == "online" else Counters()  # nobody is followed elsewhere
        live.add(now.tracks_live, source=name)
        tracks.add(counters.tracks, source=name)
        for state in IdentityState:
            identities.add(now.identities[state.value], source=name, state=state.value)
            ended.add(counters.tracks_ended[state.value], source=name, state=state.value)
        silhouettes.add(counters.silhouettes, source=name)
        for reason, count in counters.rejections.items():
            rejections.add(count, source=name, reason=reason)
        outcomes = {"embedded": counters.windows, "not_walking": counters.not_walking}
        for outcome, count in (outcomes | counters.windows_lost).items():
            windows.add(count, source=name, outcome=outcome)
    yield from (live, tracks, identities, ended, silhouettes, rejections, windows)


def _process(monitor: Monitor) -> Iterator[Family]:
    """What Prometheus' own clients tell of a process, by the same names; Linux only."""
    started = Family("start_time_seconds", "gauge", "Unix time of the start", prefix="process_")
    started.add(round(time.time() - (monitor.monotonic() - monitor.started_secs), 3))
    yield started
    spent = Family("cpu_seconds_total", "counter", "Processor time", prefix="process_")
    spent.add(time.process_time())
    yield spent
    if is_told():
        memory = Family("resident_memory_bytes", "gauge", "Memory in use", prefix="process_")
        memory.add(resident_bytes())
        yield memory
        files = Family("open_fds", "gauge", "Files and sockets open", prefix="process_")
        files.add(open_files())
        yield files
