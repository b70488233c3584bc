"""What a Triton server gets out of our requests, beside one synchronous request a window.

    python -m rt_gait.bench.triton [--models gait2d 3d_int8_0] [--people 1 4 16 64]
        [--processes 1 2 4] [--secs 1] [--repeats 3] [--venv FOLDER | --triton HOST:PORT] [--json]

Client processes, each with so many people whose windows all fall due at once, again and again, as
fast as the server answers, in three ways that take turns in one run:

    naive   a window, its answer, the next window: what a simple client does
    file    all windows of a tick in one request, its answer, the next tick
    live    as a live run has it: several ticks under way, the newest windows wait

Clips are windows embedded. The mean batch is the server's own count: items over executions.
Figures are medians of the repeats. The server is started for the run, or one that is there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median

import numpy as np

from rt_gait.bench.load.answers import Answers
from rt_gait.bench.load.bench import Timing, opened
from rt_gait.bench.load.engine import Engine, Served, Target, inputs_of
from rt_gait.bench.load.jobs import Begin, sleep_until
from rt_gait.bench.local_server import local_server
from rt_gait.errors import RtGaitError
from rt_gait.gait.inputs import model_input
from rt_gait.gait.live import LiveGaitEmbedder
from rt_gait.gait.triton import TritonGaitEmbedder, connect
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.onnx import usable_cpus
from rt_gait.serving.repository import default_models_dir
from rt_gait.types import Window

WAYS = ("naive", "file", "live")
_IDLE_SECS = 0.001
_WINDOW = (30, 64, 44)


@dataclass(frozen=True)
class Row:
    """One way of asking, with one number of people and of processes."""

    model: str
    way: str
    processes: int
    people: int
    clips_per_sec: float
    requests_per_sec: float
    mean_batch: float


Tick = Callable[[Sequence[Window]], int]
"""Hands in the windows of a tick; returns how many were embedded by the end of it."""


@lru_cache(maxsize=1)
def ways(engine: Served) -> dict[str, Tick]:
    """Return the three ways of asking; a process keeps what a live run has found out."""
    network, served = connect(engine.info, engine.client)
    info = network.models[0]
    batch = model_input(info)
    patient = TritonGaitEmbedder(network, served)
    live = LiveGaitEmbedder(network, served)

    def naive(windows: Sequence[Window]) -> int:
        for window in windows:
            served.insist(info, batch([window]))
        return len(windows)

    def several_under_way(windows: Sequence[Window]) -> int:
        done = len(live.exchange(windows, {w.track_id for w in windows}))
        if not done:
            time.sleep(_IDLE_SECS)
        return done

    return {"naive": naive, "file": lambda ws: len(patient.embed(ws)), "live": several_under_way}


@dataclass(frozen=True)
class Ticks:
    """A client whose people's windows all fall due at once, as soon as the last are answered."""

    way: str
    people: int
    secs: float

    def run(self, engine: Engine, begin: Begin) -> Answers:
        """Hand in the same windows for a while; only what was embedded is counted."""
        assert isinstance(engine, Served)
        tick = ways(engine)[self.way]
        pixels = np.resize(inputs_of(engine.info), (self.people, *_WINDOW))
        windows = [Window(i, 0.0, 0.0, pixels[i]) for i in range(self.people)]
        done: list[tuple[float, int]] = []
        begin_s = begin()
        sleep_until(begin_s)
        while (now_s := time.monotonic() - begin_s) < self.secs or not done:
            done.append((now_s, tick(windows)))
        times = np.repeat([at_s for at_s, _ in done], [count for _, count in done])
        return Answers(times, np.full(len(times), np.nan), np.zeros(0))


def measure(target: Target, asked: argparse.Namespace, processes: int) -> list[Row]:
    """Run all phases with a number of processes; the ways take turns within a repeat."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    with opened(target, processes, "none") as bench:
        for _ in range(asked.repeats):
            for people, way in itertools.product(asked.people, WAYS):
                # A live run finds out what the server can answer in time.
                timing = Timing(asked.secs, 1, asked.secs if way == "live" else 0.0)
                job = Ticks(way, people, timing.all_secs)
                (row,) = bench.measure(lambda _, job=job: job, timing, 1)["repeats"]  # type: ignore[misc]
                found.setdefault((way, people), []).append(row)
    figures = ("windows_per_sec", "requests_per_sec", "server_batch")
    return [
        Row(
            target.model,
            way,
            processes,
            people,
            *(median(row[name] or 0.0 for row in rows) for name in figures),
        )
        for (way, people), rows in found.items()
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the figures as Markdown, the ways side by side."""
    lines = [
        "| model | processes | people each | clips/s naive | file | live | live / naive "
        "| mean batch naive, file, live | requests/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    cells = {(r.model, r.processes, r.people, r.way): r for r in rows}
    for model, processes, people in dict.fromkeys((r.model, r.processes, r.people) for r in rows):
        naive, file, live = (cells[model, processes, people, way] for way in WAYS)
        ratio = live.clips_per_sec / max(naive.clips_per_sec, 1e-9)
        lines.append(
            f"| {model} | {processes} | {people} | {naive.clips_per_sec:.0f} | "
            f"{file.clips_per_sec:.0f} | {live.clips_per_sec:.0f} | {ratio:.1f} | "
            f"{naive.mean_batch:.1f}, {file.mean_batch:.1f}, {live.mean_batch:.1f} | "
            f"{naive.requests_per_sec:.0f}, {file.requests_per_sec:.0f}, "
            f"{live.requests_per_sec:.0f} |"
        )
    return "\n".join(lines)


@contextmanager
def server(asked: argparse.Namespace) -> Iterator[str]:
    """Yield the address of the server that was named, or of one started for the run."""
    if asked.triton is not None:
        yield asked.triton
        return

    def write_models(models: Path) -> None:
        for name in asked.models:
            (models / name).symlink_to((asked.models_dir / name).absolute())

    with local_server(write_models, asked.venv) as (started, _):
        yield started.address


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rt_gait.bench.triton", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["gait2d", "3d_int8_0"])
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    parser.add_argument("--people", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--secs", type=float, default=1.0, help="of each phase")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--venv", type=Path, help="environment of Triton's wheel")
    parser.add_argument("--triton", metavar="HOST:PORT", help="a server that is there")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    rows: list[Row] = []
    try:
        with server(asked) as address:
            for model, processes in itertools.product(asked.models, asked.processes):
                target = Target(asked.models_dir, model, Endpoint(address))
                rows += measure(target, asked, processes)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    print(f"{usable_cpus()} processors, load average {os.getloadavg()[0]:.1f}\n\n{table(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
