"""Synthetic people filmed in colour and put through the whole pipeline, to measure identity on.

    python -m rt_gait.training.filmed --people 110 --workers 16 --minutes 4 --out takes.npz

Everybody walks four times, each time alone and before another camera: twice to be enrolled, once
more in the same clothes, and once on another day, in other clothes and perhaps carrying something.
Every third person also stands, turning or shifting about. Segmenter, tracker, silhouettes and
windows are those of a run; nobody here was in a training. After ``--minutes`` nobody new is begun.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rt_gait.errors import UsageError
from rt_gait.evaluation.takes import Take, write_takes
from rt_gait.outputs.output import check_file
from rt_gait.serving.repository import default_models_dir
from rt_gait.training.filmer import Filmer
from rt_gait.training.walkers.command import Parser, command, natural, positive


def _work(
    numbers: Any, results: Any, rank: int, until: float, setup: tuple[int, str, Path]
) -> None:
    """Film people from a queue until it is empty or time is up, on one processor."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    filmer = Filmer(*setup)
    while time.time() < until:
        number = numbers.get()
        if number is None:
            break
        results.put(filmer.person(number))
    results.put(None)


def film(
    people: Sequence[int], workers: int, minutes: float, setup: tuple[int, str, Path]
) -> list[Take]:
    """Film people in so many processes; return their takes, by person and clip.

    Args:
        people: numbers.
        workers: processes, each on one processor.
        minutes: nobody new is begun after that.
        setup: what a :class:`Filmer` is made of.
    """
    context = multiprocessing.get_context("spawn")
    numbers, results = context.Queue(), context.Queue()
    for number in [*people, *([None] * workers)]:
        numbers.put(number)
    until = time.time() + 60 * minutes
    processes = [
        context.Process(
            target=_work,
            args=(numbers, results, k, until, setup),
            daemon=True,
        )
        for k in range(workers)
    ]
    for process in processes:
        process.start()
    takes: list[Take] = []
    running = workers
    while running:
        part = _next(results, processes)
        if part is None:
            running -= 1
            continue
        takes += part
        print(f"{len({t.subject for t in takes})} people", file=sys.stderr)
    return sorted(takes, key=lambda t: (t.subject, t.clip, t.first_secs))


def _next(results: Any, processes: Sequence[Any]) -> list[Take] | None:
    from queue import Empty

    while True:
        try:
            part: list[Take] | None = results.get(timeout=5)
            return part
        except Empty:
            if any(process.exitcode not in (None, 0) for process in processes):
                raise UsageError("a worker died; its error stands above") from None


@command
def main(argv: list[str] | None = None) -> int:
    """Film, and write the takes."""
    parser = Parser(prog="python -m rt_gait.training.filmed", description=__doc__)
    parser.add_argument("--people", type=positive, default=110)
    parser.add_argument("--first", type=natural, default=0, help="number of the first of them")
    parser.add_argument("--workers", type=positive, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin nobody new after that")
    parser.add_argument("--seed", type=natural, default=8)
    parser.add_argument("--model", default="gait3d")
    parser.add_argument("--models-dir", type=Path, default=default_models_dir())
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    asked = parser.parse_args(argv)
    check_file(asked.out, overwrite=False)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    from rt_gait.gait.embedder import gait_model_info

    info = gait_model_info(asked.models_dir, asked.model)
    numbers = range(asked.first, asked.first + asked.people)
    takes = film(
        numbers,
        min(asked.workers, asked.people),
        asked.minutes,
        (asked.seed, asked.model, asked.models_dir),
    )
    if not takes:
        raise UsageError("nobody was filmed in that time; give more --minutes")
    write_takes(asked.out, takes, info.key)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
