"""The main job: sources through the pipeline to the outputs."""

from __future__ import annotations

import itertools
import platform
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from rt_gait import __version__
from rt_gait.assembly import Assembled, assemble
from rt_gait.cli.learn import check_learning, open_learner
from rt_gait.cli.metering import Metering, metering
from rt_gait.cli.outputs import check_outputs, open_outputs, rotation, source_names, written
from rt_gait.cli.progress import Progress
from rt_gait.cli.summary import summarise
from rt_gait.cli.watching import Watching, watching
from rt_gait.config import SOURCES, Settings, load_settings
from rt_gait.errors import UsageError
from rt_gait.events.build import EventBuilder
from rt_gait.events.counters import total
from rt_gait.events.data import ModelRef
from rt_gait.events.log import EventLog
from rt_gait.events.patient import Log, PatientLog
from rt_gait.feed import Feed
from rt_gait.redaction import has_login, hide_secrets
from rt_gait.runner import Runner, RunReport
from rt_gait.stopping import Stop
from rt_gait.video.several import open_several
from rt_gait.video.source import Source, open_source

_NOT_IN_EVENTS = {
    "save", "events", "mot", "dump_silhouettes", "energy_log", "energy_meter", "show", "overwrite",
    "learn", "metrics", "preview", "wait_triton", "triton_tls", "triton_ca", "rotate_mb",
    "rotate_hours", "anonymize",
}  # fmt: skip
"""Settings that results do not depend on."""


def run_command(config: Path | None, flags: Mapping[str, Any]) -> int:
    """Run, print a summary, and return the exit code."""
    settings = load_settings(config, **flags)
    if all(getattr(settings, name) is None for name in SOURCES):
        raise UsageError(
            "nothing to do: give --video FILE, --camera N, --rtsp URL or, more than once, "
            "--source NAME=PLACE (rt-gait --help)"
        )
    check_outputs(settings, config)
    check_learning(settings)
    _warn_of_passwords(flags)
    with watching(settings) as watch, metering(settings) as energy, ExitStack() as opened:
        sources = [opened.enter_context(source) for source in _open(settings)]
        stop = Stop()
        assembled = assemble(
            settings,
            sources=len(sources),
            live=sources[0].info.live,
            stopped=lambda: stop.requested,
            tell=tell_warning,
        )
        warn(assembled)
        report = _run(settings, assembled, sources, stop, energy, watch)
    summarise(
        report,
        names=assembled.names,
        written=written(settings),
        energy=None if energy is None else energy.summary(report.counters),
    )
    return report.exit_code


def _open(settings: Settings) -> list[Source]:
    if settings.source is not None:
        return open_several(settings.source, frame_rate=settings.fps)
    source = open_source(
        video=settings.video,
        camera=settings.camera,
        uri=settings.rtsp,
        frame_rate=settings.fps,
    )
    return [source]


def warn(assembled: Assembled) -> None:
    """Say what must be known before results are believed."""
    if assembled.warning is not None:
        tell_warning(assembled.warning)


def tell_warning(line: str) -> None:
    """Say something on standard error, above whatever shows the progress."""
    tell(f"warning: {line}")


def tell(line: str) -> None:
    """Say a whole line on standard error, without the secrets it may hold."""
    sys.stderr.write(f"{hide_secrets(line)}\n")
    sys.stderr.flush()


def _warn_of_passwords(flags: Mapping[str, Any]) -> None:
    """Cameras want passwords in their addresses; the list of processes shows them to everybody."""
    given = {"--rtsp": [flags.get("rtsp") or ""], "--source": flags.get("source") or []}
    for flag, places in given.items():
        if any(has_login(place) for place in places):
            variable = f"RT_GAIT_{flag.strip('-').upper()}"
            tell_warning(
                f"every user of this machine can read the password in {flag} (ps shows it); put "
                f"the address into {variable}, or into a file for --config"
            )


def _run(
    settings: Settings,
    assembled: Assembled,
    sources: Sequence[Source],
    stop: Stop,
    energy: Metering | None,
    watch: Watching,
) -> RunReport:
    live = sources[0].info.live
    feeds = _feeds(settings, assembled, sources, stop)
    watch.show(feeds)
    for feed in feeds:
        if settings.learn:
            feed.outputs.append(open_learner(settings, assembled, feed.name, tell_warning))
        if settings.metrics is not None:
            feed.outputs.append(watch.monitor.output_for(feed.builder))
    if energy is not None:
        for feed in feeds:
            feed.builder.energy = energy.energy
            feed.builder.work = lambda: total([feed.builder.counters for feed in feeds])
        feeds[0].outputs += [energy.log] if energy.log is not None else []
        energy.begin()
    log = _open_log(settings, feeds, live=live)
    watch.monitor.tell_of(
        assembled.model.name, log=log, energy=None if energy is None else energy.energy
    )
    with Progress([source.info for source in sources]) as progress:
        return Runner(
            feeds,
            pipeline=assembled.pipeline,
            log=log,
            on_frame=progress.update,
            tick=watch.tick,
            stop=stop,
            tell=tell,
        ).run()


def _feeds(
    settings: Settings, assembled: Assembled, sources: Sequence[Source], stop: Stop
) -> list[Feed]:
    feeds: list[Feed] = []
    run_id, numbers = new_run_id(), itertools.count()
    with ExitStack() as failed:
        for name, source in zip(source_names(settings), sources, strict=True):
            builder = new_builder(assembled, source, name=name, run_id=run_id, numbers=numbers)
            live, names = source.info.live, assembled.names
            outputs = open_outputs(settings, name, names=names, live=live, on_quit=stop.request)
            feeds.append(Feed(source, builder, outputs))
            for output in outputs:
                failed.callback(output.close)
        failed.pop_all()
    return feeds


def _open_log(settings: Settings, feeds: Sequence[Feed], *, live: bool) -> Log | None:
    if settings.events is None:
        return None
    config_told = settings.model_dump(mode="json", exclude=_NOT_IN_EVENTS)
    for feed in feeds:
        feed.opening = feed.builder.run_started(config_told, versions())
    target = settings.events
    log = EventLog(
        "-" if target == "-" else Path(target), rotation=rotation(settings), reserve=live
    )
    return PatientLog(log, tell) if live else log


def new_run_id() -> str:
    """Return a name for a run: sortable by time, unlikely to meet another."""
    return f"{int(time.time() * 1000):012x}{secrets.token_hex(4)}"


def new_builder(
    assembled: Assembled,
    source: Source,
    *,
    name: str | None = None,
    run_id: str | None = None,
    numbers: Iterator[int] | None = None,
) -> EventBuilder:
    """Return the maker of the events of one source.

    Args:
        assembled: What its frames go through.
        source: Where they come from.
        name: What the user calls it; its own name without.
        run_id: Of the run; a new one without.
        numbers: Of the events of all sources of the run.
    """
    return EventBuilder(
        run_id=run_id or new_run_id(),
        source_name=name or source.info.name,
        frame_size_wh=(source.info.width_px, source.info.height_px),
        model=ModelRef(assembled.model.name, assembled.key.model.rpartition("@")[2]),
        gallery_revision=assembled.gallery_revision,
        utc_now=lambda: datetime.now(timezone.utc),
        live=source.info.live,
        numbers=numbers or itertools.count(),
    )


def versions() -> dict[str, str]:
    """Return the versions that a result depends on, by the name of the package installed."""
    found = {"rt-gait": __version__, "python": platform.python_version()}
    installed = packages_distributions()
    for module in ("numpy", "cv2", "onnxruntime", "av", "filterpy", "scipy"):
        for name in sorted(installed.get(module, [])):
            found[name] = version(name)
    return found
