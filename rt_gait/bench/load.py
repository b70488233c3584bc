"""What a model on a Triton server gives, and how many people it can serve.

    python -m rt_gait.bench.load --model gait3d --batch 1 8 32 --concurrency 1 4 16 --rate 25 2

First whether it answers what the same file answers in this process. Then at each batch and
concurrency as many requests as it takes (closed loop); perf_analyzer, where named, at the same
points in turn. Then for each rate the most people who can have so many windows a second
each, while 99% of the windows are answered within --p99-ms of the frame they fell due with (open
loop: cameras of 25 frames a second, one a process, which wait for nothing). The original system's
measure is 25; identity needs 2. Beside it the naive way: one synchronous request a window.

Energy is of all that the meter sees, per window, with and without what it used idle.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rt_gait.bench.clients import Answers, Camera, Clients, ClosedLoop, inputs_of
from rt_gait.bench.perf_analyzer import perf_analyzer
from rt_gait.bench.triton import server
from rt_gait.energy.find import find_meter
from rt_gait.energy.sampler import measured
from rt_gait.errors import ModelError, RtGaitError
from rt_gait.gait.embedder import gait_model_info
from rt_gait.serving.endpoint import Endpoint
from rt_gait.serving.onnx import OnnxModel, usable_cpus
from rt_gait.serving.repository import ModelInfo, default_models_dir
from rt_gait.serving.served import ServedModels, wait_until_ready
from rt_gait.serving.triton import TritonClient

#: Of the people in a search, how near the greatest number that works is to be found.
_NEAR = 1.05
_STATISTICS_SECS = 10.0


@dataclass(frozen=True)
class Bench:
    """What all measurements of a model share; a search ends with ``most`` people."""

    info: ModelInfo
    connection: TritonClient
    clients: Clients
    one_client: Clients
    secs: float
    energy_secs: float
    most: int

    def counted(self, work: Callable[[], Answers]) -> dict[str, Any]:
        """Do it; figures as plain values, with the server's own count."""
        before = self._statistics()
        answers = work()
        more = {key: value - before[key] for key, value in self._statistics().items()}
        requests, batches = max(more["requests"], 1), max(more["executions"], 1)
        return {
            "clips_per_sec": round(answers.per_sec, 1),
            **{f"p{p}_ms": round(answers.quantile_ms(p / 100), 2) for p in (50, 95, 99)},
            "failed": answers.failed,
            "server_batch": round(more["inferences"] / batches, 2),
            "queue_ms": round(more["queue_ns"] / requests / 1e6, 3),
            "compute_ms": round(more["compute_ns"] / requests / 1e6, 3),
        }

    def with_energy(self, work: Callable[[], Answers]) -> dict[str, Any]:
        """The same, with what a window cost; null where there is no meter."""
        meter = find_meter()
        try:
            with measured(meter) as cost:
                answers = work()
        finally:
            meter.close()
        count, energy = len(answers.latency_ms), cost.energy
        return {
            "clips_per_sec": round(answers.per_sec, 1),
            "mj_per_window": energy.mj_per(count),
            "mj_above_idle": energy.mj_per(count, above_idle=True),
            **energy.as_dict(),
        }

    def closed(self, batch: int, concurrency: int, secs: float) -> Answers:
        """Closed loop from one process."""
        return self.one_client.do(lambda _: ClosedLoop(batch, concurrency, secs))

    def film(self, people: int, rate_hz: float, secs: float) -> Answers:
        """That many people, shared out among the cameras."""
        share, more = divmod(people, len(self.clients))
        return self.clients.do(lambda k: Camera(share + (k < more), rate_hz, secs))

    def _statistics(self) -> dict[str, int]:
        return self.connection.statistics(self.info.name, timeout_secs=_STATISTICS_SECS)


def agreement(info: ModelInfo, connection: TritonClient) -> float:
    """Least cosine between what the server answers and what the same file answers here."""
    served = ServedModels(connection, [info])
    batch = inputs_of(info, 16)
    theirs, ours = served.insist(info, batch)[0], OnnxModel(info.onnx_path, info).run(batch)[0]
    lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(ours, axis=1)
    return float(((theirs * ours).sum(axis=1) / lengths).min())


def most_people(works: Callable[[int], bool], least: int = 1, most: int = 1 << 20) -> int:
    """The greatest number up to ``most`` that ``works``, within 5%; 0 if ``least`` does not."""
    low, high = 0, least
    while works(high):
        if high >= most:
            return high
        low, high = high, min(2 * high, most)
    while low and high > _NEAR * low + 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low


def capacity(bench: Bench, rate_hz: float, p99_ms: float) -> dict[str, Any]:
    """How many people can be served at a rate, and what they cost."""

    def works(people: int) -> bool:
        answers = bench.film(people, rate_hz, bench.secs)
        told = f"{people} people: p99 {answers.quantile_ms(0.99):.1f} ms, {answers.failed} failed"
        print(told, file=sys.stderr)
        return not answers.failed and answers.quantile_ms(0.99) <= p99_ms

    # Every client's first windows wake up what has slept.
    bench.film(len(bench.clients), rate_hz, 1.0)
    people = most_people(works, len(bench.clients), bench.most)
    again: list[dict[str, Any]] = []
    while people:
        # A queue that grows slowly shows only in longer runs.
        film = partial(bench.film, people, rate_hz, bench.energy_secs)
        again = [bench.counted(film) for _ in range(3)]
        failed = any(row["failed"] for row in again)
        if not failed and median(row["p99_ms"] for row in again) <= p99_ms:
            break
        people = int(0.9 * people)
    naive = bench.closed(1, 1, bench.secs)
    found: dict[str, Any] = {
        "rate_hz": rate_hz,
        "p99_limit_ms": p99_ms,
        "people": people,
        "naive_people": int(naive.per_sec / rate_hz),
        "naive_p99_ms": round(naive.quantile_ms(0.99), 2),
    }
    if people:
        found |= {"again": again, "energy": bench.with_energy(film)}
    return found


def sweep(bench: Bench, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """All batches by all concurrencies, ours and perf_analyzer's in turn."""
    rows = []
    for batch in asked.batch:
        for concurrency in asked.concurrency:
            bench.closed(batch, concurrency, 0.5)
            loop = partial(bench.closed, batch, concurrency, bench.secs)
            row = {"batch": batch, "concurrency": concurrency, **bench.counted(loop)}
            if asked.perf_analyzer:
                row |= beside(bench, asked.perf_analyzer, batch, concurrency)
            print(json.dumps(row), file=sys.stderr)
            rows.append(row)
    return rows


def beside(bench: Bench, program: Path, batch: int, concurrency: int) -> dict[str, Any]:
    """perf_analyzer at a point, then ours again; why not, where it finds no steady figure."""
    address, model = bench.connection.endpoint.address, bench.info.name
    try:
        theirs = perf_analyzer(
            program, address, model, batch=batch, concurrency=concurrency, secs=bench.secs
        )
    except ModelError as error:
        return {"perf_analyzer": None, "why": str(error)}
    again = bench.counted(partial(bench.closed, batch, concurrency, bench.secs))
    ratio = again["clips_per_sec"] / theirs.clips_per_sec
    return {"perf_analyzer": vars(theirs), "again": again, "ours_over_theirs": round(ratio, 3)}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the figures as JSON; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rt_gait.bench.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="gait3d")
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--concurrency", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--rate", type=float, nargs="*", default=[25.0, 2.0], help="windows/s each")
    parser.add_argument("--p99-ms", type=float, default=40.0)
    parser.add_argument("--processes", type=int, default=4, help="cameras")
    parser.add_argument("--secs", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--energy-secs", type=float, default=5.0, help="of those with energy")
    parser.add_argument("--most", type=int, default=1 << 20, help="people a search ends with")
    parser.add_argument("--perf-analyzer", type=Path, metavar="PROGRAM")
    parser.add_argument("--venv", type=Path, help="environment of Triton's wheel")
    parser.add_argument("--triton", metavar="HOST:PORT", help="a server that is there")
    parser.add_argument("--out", type=Path, help="JSON file; else printed")
    asked = parser.parse_args(argv)
    asked.models = [asked.model]
    try:
        result = measure(asked)
    except RtGaitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    text = json.dumps(result, indent=1)
    if asked.out:
        asked.out.write_text(text + "\n")
    else:
        print(text)
    return 0


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for."""
    info = gait_model_info(asked.models_dir, asked.model)
    with server(asked) as address:
        connection = TritonClient(Endpoint(address))
        wait_until_ready(connection, 10)
        one = Clients(address, asked.models_dir, info.name, 1)
        many = Clients(address, asked.models_dir, info.name, asked.processes)
        result: dict[str, Any] = {"model": info.name, "processors": usable_cpus()}
        result |= {"load_average": os.getloadavg()[0], "agreement": agreement(info, connection)}
        with one, many:
            secs = (asked.secs, asked.energy_secs)
            bench = Bench(info, connection, many, one, *secs, asked.most)
            result["points"] = sweep(bench, asked)
            if asked.batch and asked.concurrency:
                best = max(result["points"], key=lambda row: row["clips_per_sec"])
                loop = partial(bench.closed, best["batch"], best["concurrency"], asked.energy_secs)
                result["energy_at_best"] = bench.with_energy(loop)
            result["capacity"] = [capacity(bench, r, asked.p99_ms) for r in asked.rate]
        connection.close()
    return result


if __name__ == "__main__":
    sys.exit(main())
