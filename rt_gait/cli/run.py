"""The main job: a source through the pipeline to the outputs."""

from __future__ import annotations

import platform
import secrets
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, Literal

from rt_gait import __version__
from rt_gait.assembly import Assembled, assemble
from rt_gait.cli.learn import check_learning, open_learner
from rt_gait.cli.metering import Metering, metering
from rt_gait.cli.progress import Progress
from rt_gait.cli.watching import Watching, watching
from rt_gait.config import Settings, load_settings
from rt_gait.errors import ExitCode, UsageError
from rt_gait.events.build import EventBuilder
from rt_gait.events.counters import Counters
from rt_gait.events.data import ModelRef
from rt_gait.events.log import EventLog
from rt_gait.events.rotation import Rotation
from rt_gait.outputs.mot import MotFile
from rt_gait.outputs.output import Output, check_file, check_folder
from rt_gait.outputs.screen import Screen, has_display
from rt_gait.outputs.silhouettes import SilhouetteDump
from rt_gait.redaction import hide_secrets
from rt_gait.runner import Runner, RunReport, Stop
from rt_gait.video.source import Source, open_source

_NOT_IN_EVENTS = {
    "save", "events", "mot", "dump_silhouettes", "energy_log", "energy_meter", "show", "overwrite",
    "learn", "metrics", "wait_triton", "triton_tls", "triton_ca", "rotate_mb", "rotate_hours",
    "anonymize",
}  # fmt: skip
"""Settings that results do not depend on."""


def run_command(config: Path | None, flags: Mapping[str, Any]) -> int:
    """Run, print a summary, and return the exit code."""
    settings = load_settings(config, **flags)
    if settings.video is None and settings.camera is None and settings.rtsp is None:
        raise UsageError(
            "nothing to do: give --video FILE, --camera N or --rtsp URL (rt-gait --help)"
        )
    _check_outputs(settings, config)
    check_learning(settings)
    with (
        watching(settings) as watch,
        metering(settings) as energy,
        open_source(
            video=settings.video,
            camera=settings.camera,
            uri=settings.rtsp,
            frame_rate=settings.fps,
        ) as source,
    ):
        stop = Stop()
        assembled = assemble(
            settings, live=source.info.live, stopped=lambda: stop.requested, tell=tell_warning
        )
        warn(assembled)
        report = _run(settings, assembled, source, stop, energy, watch)
    _summarise(report, settings, assembled, energy)
    return report.exit_code


def warn(assembled: Assembled) -> None:
    """Say what must be known before results are believed."""
    if assembled.warning is not None:
        tell_warning(assembled.warning)


def tell_warning(line: str) -> None:
    """Say something on standard error, above whatever shows the progress."""
    sys.stderr.write(f"warning: {hide_secrets(line)}\n")
    sys.stderr.flush()


def _run(
    settings: Settings,
    assembled: Assembled,
    source: Source,
    stop: Stop,
    energy: Metering | None,
    watch: Watching,
) -> RunReport:
    builder = new_builder(assembled, source)
    outputs = _open_outputs(settings, assembled, source, stop)
    outputs.append(watch.monitor.output_for(source, builder))
    if energy is not None:
        builder.energy = energy.energy
        outputs += [energy.log] if energy.log is not None else []
        energy.begin()
    log, opening = None, []
    if settings.events is not None:
        target: Path | Literal["-"] = "-" if settings.events == "-" else Path(settings.events)
        log = EventLog(target, rotation=_rotation(settings))
        config_told = settings.model_dump(mode="json", exclude=_NOT_IN_EVENTS)
        opening = builder.run_started(config_told, versions())
    watch.monitor.tell_of(assembled.model.name, log=log, energy=builder.energy)
    with Progress(source.info) as progress:
        return Runner(
            source=source,
            pipeline=assembled.pipeline,
            builder=builder,
            log=log,
            opening=opening,
            outputs=outputs,
            on_frame=progress.update,
            tick=watch.tick,
            stop=stop,
        ).run()


def _check_outputs(settings: Settings, config: Path | None) -> None:
    """Refuse what cannot be written, before anything is loaded or any file is touched."""
    if settings.save is not None and settings.save.suffix.lower() != ".mp4":
        raise UsageError(f"--save writes MP4; give a name that ends in .mp4: {settings.save}")
    events = None if settings.events in (None, "-") else Path(str(settings.events))
    wanted = (settings.save, events, settings.mot, settings.energy_log)
    files = [path for path in wanted if path is not None]
    for path in files:
        goes_on = path == events and _rotation(settings) is not None  # nothing is replaced then
        check_file(path, overwrite=settings.overwrite or goes_on)
    if settings.dump_silhouettes is not None:
        check_folder(settings.dump_silhouettes, overwrite=settings.overwrite)
        files.append(settings.dump_silhouettes)
    inputs = [p for p in (settings.video, settings.gallery, config) if p is not None]
    for i, path in enumerate(files):
        for other in [*files[:i], *inputs]:
            if path.resolve() == other.resolve() or (
                path.exists() and other.exists() and path.samefile(other)
            ):
                raise UsageError(f"an output and another file of this run are the same: {path}")
    if settings.show and not has_display():
        raise UsageError("--show needs a display and there is none; use --headless and --save")


def _rotation(settings: Settings) -> Rotation | None:
    if settings.rotate_mb is None and settings.rotate_hours is None:
        return None
    return Rotation(
        None if settings.rotate_mb is None else round(settings.rotate_mb * 1e6),
        None if settings.rotate_hours is None else settings.rotate_hours * 3600,
    )


def new_builder(assembled: Assembled, source: Source) -> EventBuilder:
    """Return the maker of the events of a new run."""
    # Sortable by time, unlikely to meet another.
    run_id = f"{int(time.time() * 1000):012x}{secrets.token_hex(4)}"
    return EventBuilder(
        run_id=run_id,
        source_name=source.info.name,
        frame_size_wh=(source.info.width_px, source.info.height_px),
        model=ModelRef(assembled.model.name, assembled.key.model.rpartition("@")[2]),
        gallery_revision=assembled.gallery_revision,
        utc_now=lambda: datetime.now(timezone.utc),
        live=source.info.live,
    )


def _open_outputs(
    settings: Settings, assembled: Assembled, source: Source, stop: Stop
) -> list[Output]:
    show = settings.show if settings.show is not None else source.info.live and has_display()
    outputs: list[Output] = []
    try:
        if show or settings.save is not None:
            outputs.append(
                Screen(
                    assembled.names,
                    save=settings.save,
                    show=show,
                    on_quit=stop.request,
                    anonymize=settings.anonymize,
                )
            )
        if settings.mot is not None:
            outputs.append(MotFile(settings.mot))
        if settings.dump_silhouettes is not None:
            outputs.append(SilhouetteDump(settings.dump_silhouettes))
        if settings.learn:
            outputs.append(open_learner(settings, assembled, source.info.name, tell_warning))
    except BaseException:
        for output in outputs:
            output.close()
        raise
    return outputs


def versions() -> dict[str, str]:
    """Return the versions that a result depends on, by the name of the package installed."""
    found = {"rt-gait": __version__, "python": platform.python_version()}
    installed = packages_distributions()
    for module in ("numpy", "cv2", "onnxruntime", "av", "filterpy", "scipy"):
        for name in sorted(installed.get(module, [])):
            found[name] = version(name)
    return found


def _summarise(
    report: RunReport, settings: Settings, assembled: Assembled, energy: Metering | None
) -> None:
    frames = report.counters
    rate = frames.processed / report.wall_secs if report.wall_secs else 0.0
    tell = sys.stderr.write
    if report.exit_code is not ExitCode.OK:
        tell(
            f"error: {hide_secrets(report.reason)}\n" if report.reason != "stopped" else "stopped\n"
        )
    tell(
        f"{frames.processed} frames in {report.wall_secs:.1f} s ({rate:.1f} a second), "
        f"{frames.dropped} dropped, {frames.decode_errors} unreadable\n"
    )
    _tell_losses(frames)
    states = ", ".join(f"{count} {state}" for state, count in sorted(report.people.items()))
    tell(f"{sum(report.people.values())} tracks{': ' + states if states else ''}\n")
    known = sorted(assembled.names.get(s, s) for s in report.recognised)
    if known:
        tell(f"recognised: {', '.join(known)}\n")
    if energy is not None:
        tell(f"energy: {energy.summary(frames)}\n")
    if report.exit_code is not ExitCode.OUTPUT:
        written = (settings.save, settings.events, settings.mot, settings.dump_silhouettes)
        for path in (*written, settings.energy_log):
            if path is not None and str(path) != "-" and Path(path).exists():
                tell(f"wrote {path}\n")


def _tell_losses(counters: Counters) -> None:
    """Say what a server did not answer, if it left anything unanswered."""
    lost = [f"{n} {reason.replace('_', ' ')}" for reason, n in counters.windows_lost.items() if n]
    if lost:
        sys.stderr.write(f"windows not embedded: {', '.join(lost)}\n")
    if counters.undetected:
        sys.stderr.write(f"{counters.undetected} frames went without people: no segmenter\n")
