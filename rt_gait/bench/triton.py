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
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import numpy as np

from rt_gait.errors import RtGaitError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.gait.inputs import model_input
from rt_gait.gait.live import LiveGaitEmbedder
from rt_gait.gait.network import Network
from rt_gait.gait.triton import TritonGaitEmbedder, connect
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.onnx import usable_cpus
from rt_gait.serving.repository import default_models_dir
from rt_gait.serving.served import ServedModels, wait_until_ready
from rt_gait.serving.server.install import default_venv, ensure_installed
from rt_gait.serving.server.process import Ports, TritonServer
from rt_gait.serving.triton import TritonClient
from rt_gait.types import Window

WAYS = ("naive", "file", "live")
_IDLE_SECS = 0.001
_PATIENCE_SECS = 120.0


@dataclass(frozen=True)
class Task:
    """What one client process does."""

    address: str
    models_dir: Path
    model: str
    people: tuple[int, ...]
    secs: float
    repeats: int


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


def ways(network: Network, served: ServedModels) -> dict[str, Tick]:
    """Return the three ways of asking."""
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


def client(task: Task, barrier: Barrier, results: Queue[int]) -> None:
    """Run every phase together with the other processes; report windows embedded in each."""
    connection = TritonClient(Endpoint(task.address))
    info = gait_model_info(task.models_dir, task.model)
    rng = np.random.default_rng(os.getpid())
    frames = int(info.number("frames"))
    for way, people, tick in phases(task, ways(*connect(info, connection))):
        pixels = rng.integers(0, 256, (people, frames, 64, 44)).astype(np.uint8)
        windows = [Window(i, 0.0, 0.0, pixels[i]) for i in range(people)]
        # A live run finds out what the server can answer in time; the others need no such while.
        repeat(tick, windows, task.secs if way == "live" else 0)
        barrier.wait(_PATIENCE_SECS)
        results.put(repeat(tick, windows, task.secs))
        barrier.wait(_PATIENCE_SECS)
    connection.close()


def repeat(tick: Tick, windows: Sequence[Window], secs: float) -> int:
    """Hand in the same windows for a while, once at least; return how many were embedded."""
    end_secs = time.monotonic() + secs
    done = tick(windows)
    while time.monotonic() < end_secs:
        done += tick(windows)
    return done


def phases(task: Task, asked: dict[str, Tick]) -> Iterator[tuple[str, int, Tick]]:
    """Yield way, people and tick of each phase; the ways take turns within a repeat."""
    for _ in range(task.repeats):
        for people in task.people:
            for way, tick in asked.items():
                yield way, people, tick


def measure(task: Task, processes: int, connection: TritonClient) -> list[Row]:
    """Run all phases with a number of processes."""
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(processes + 1), spawn.Queue()
    job = (task, barrier, results)
    count = partial(connection.statistics, task.model, timeout_secs=_PATIENCE_SECS)
    clients = [spawn.Process(target=client, args=job) for _ in range(processes)]
    for one in clients:
        one.start()
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    nothing: dict[str, Tick] = dict.fromkeys(WAYS, len)
    try:
        for way, people, _ in phases(task, nothing):
            barrier.wait(_PATIENCE_SECS)
            before, begun_secs = count(), time.monotonic()
            barrier.wait(_PATIENCE_SECS)
            took_secs = time.monotonic() - begun_secs
            more = {key: number - before[key] for key, number in count().items()}
            clips = sum(results.get(timeout=_PATIENCE_SECS) for _ in clients) / took_secs
            batch = more["inferences"] / max(more["executions"], 1)
            each = found.setdefault((way, people), [])
            each.append((clips, more["requests"] / took_secs, batch))
    except Exception:
        barrier.abort()
        raise
    finally:
        for one in clients:
            one.join(10)
    return [
        Row(task.model, way, processes, people, *(median(c) for c in zip(*each, strict=True)))
        for (way, people), each in found.items()
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
    venv = asked.venv or default_venv()
    ensure_installed(venv, tell=lambda line: print(line, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        for name in asked.models:
            (models / name).symlink_to((asked.models_dir / name).absolute())
        log = Path(folder) / "triton.log"
        with TritonServer(models, venv=venv, ports=Ports.free(), log=log) as started:
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
            connection = TritonClient(Endpoint(address))
            wait_until_ready(connection, 10)
            for model in asked.models:
                task = Task(
                    address, asked.models_dir, model, tuple(asked.people), asked.secs, asked.repeats
                )
                for processes in asked.processes:
                    rows += measure(task, processes, connection)
            connection.close()
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
