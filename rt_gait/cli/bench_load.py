"""``rt-gait bench load`` and ``capacity``: a model under load."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from rt_gait.bench.clocks import PowerMode, in_modes
from rt_gait.bench.load.bench import Timing, new_result, opened
from rt_gait.bench.load.capacity import Wanted, capacity
from rt_gait.bench.load.engine import Target, inputs_of
from rt_gait.bench.load.perf_analyzer import PerfAnalyzer, find
from rt_gait.bench.load.sweep import ENGINES, Grid, Point, sweep
from rt_gait.bench.results.file import Result
from rt_gait.bench.results.tables import as_table, number, title
from rt_gait.config import Settings, load_settings
from rt_gait.errors import UsageError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.endpoint import Endpoint, token_from_environment
from rt_gait.serving.onnx import usable_cpus


@dataclass(frozen=True)
class Asked:
    """What the commands share."""

    config: Path | None
    flags: Mapping[str, Any]
    """Settings by name; None is not given."""
    processes: int | None
    meter: str
    out: Path | None
    modes: Sequence[int]
    """Power modes to measure in, one after the other; none is the one that is set."""

    def settings(self) -> Settings:
        """Gather them."""
        return load_settings(self.config, **self.flags)

    def client_processes(self) -> int:
        """Return how many: enough to keep a server busy, and not to take its processors."""
        return self.processes or min(max(usable_cpus() // 2, 1), 4)


def target_of(settings: Settings) -> Target:
    """Return the engine that the settings name.

    Raises:
        UsageError: there is no such model, or the server's address makes no sense.
    """
    gait_model_info(settings.models_dir, settings.model)
    if settings.triton is None:
        return Target(settings.models_dir, settings.model, None)
    endpoint = Endpoint(
        settings.triton,
        tls=settings.triton_tls or settings.triton_ca is not None,
        ca=settings.triton_ca,
        token=token_from_environment(),
    )
    return Target(settings.models_dir, settings.model, endpoint, settings.wait_triton)


def load_command(asked: Asked, grid: Grid, engine: str, program: str) -> None:
    """Print a line for each point, and the table; keep the result if asked to.

    Raises:
        UsageError: the options do not fit together, or there is no perf_analyzer.
        ModelError: the engine cannot be run, or no server answers.
        OutputError: the result cannot be written.
    """
    if engine not in ENGINES:
        raise UsageError(f"--engine should be {', '.join(ENGINES)}, not {engine!r}")
    settings = asked.settings()
    target = target_of(settings)
    theirs, version = None, None
    if engine != "own":
        if target.endpoint is None:
            raise UsageError(f"--engine {engine} loads a server: name it with --triton HOST:PORT")
        path, version = find(program)
        theirs = PerfAnalyzer(path, target.endpoint.address, target.model, grid.timing.secs)

    def measure(mode: PowerMode | None) -> None:
        processes = asked.client_processes()
        with opened(target, processes, asked.meter) as bench:
            grid.check(bench.info)
            setting = {"engine": engine, "perf_analyzer": version, "processes": processes}
            setting |= {"reference": bench.reference.model, **vars(grid.timing), **set_to(mode)}
            setting["inputs_hash"] = hash_of(inputs_of(bench.info))
            result = new_result("load", target, bench.info, setting)
            if asked.out is not None:
                result.keep(asked.out, overwrite=settings.overwrite)
            with result.going_on():
                for point in sweep(bench, grid, theirs, own=engine != "perf_analyzer"):
                    result.add(point)
                    tell(point)
        told(result)

    in_modes(asked.modes, measure)


def capacity_command(asked: Asked, wanted: Sequence[Wanted], timing: Timing) -> None:
    """Search for each of what is wanted, and print the table; keep the result if asked to.

    Raises:
        UsageError: the options do not fit together.
        ModelError: the engine cannot be run, or no server answers.
        OutputError: the result cannot be written.
    """
    settings = asked.settings()
    target = target_of(settings)

    def measure(mode: PowerMode | None) -> None:
        processes = asked.client_processes()
        with opened(target, processes, asked.meter) as bench:
            setting = {"processes": processes, **vars(timing), **set_to(mode)}
            result = new_result("capacity", target, bench.info, setting)
            if asked.out is not None:
                result.keep(asked.out, overwrite=settings.overwrite)
            with result.going_on():
                for each in wanted:
                    result.add(capacity(bench, each, timing, tell_line))
        told(result)

    in_modes(asked.modes, measure)


def set_to(mode: PowerMode | None) -> dict[str, int]:
    """Return the power mode that was set for a measurement, as a setting of it."""
    return {} if mode is None else {"set_mode": mode.number}


def hash_of(inputs: Any) -> str:
    """Return the first digits of the SHA-256 of an array."""
    import hashlib

    return hashlib.sha256(inputs.tobytes()).hexdigest()[:12]


def tell(point: Point) -> None:
    """Say how far it has come."""
    rate = point["windows_per_sec"]
    figures = f"{number(rate)} windows/s, p99 {number(point.get('p99_ms'))} ms"
    if rate is None:
        figures = "no figure"
    marks = f" ({point['unstable']})" if point["unstable"] else ""
    where = f"{point['batch']} x {point['concurrency']} {point['engine']}"
    sys.stderr.write(f"{where}: {figures}{marks}\n")


def tell_line(line: str) -> None:
    """Say how far the search has come."""
    sys.stderr.write(f"{line}\n")


def told(result: Result) -> None:
    """Print the table, of which power mode it is, and where it is kept."""
    if "set_mode" in result.setting:
        typer.echo(f"## {title(result)}\n")
    typer.echo(as_table(result))
    if result.path is not None:
        sys.stderr.write(f"wrote {result.path}\n")
