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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError
from rt_gait.evaluation.takes import (
    ENROL,
    OTHER_DAY,
    SAME_DAY,
    STANDING,
    Take,
    write_takes,
)
from rt_gait.outputs.output import check_file
from rt_gait.serving.repository import default_models_dir
from rt_gait.training.walkers.command import Parser, command, natural, positive
from rt_gait.types import Embedding, Frame, Silhouette, Window, WindowLoss

SIZE_PX = (640, 480)
SECONDS = 4.5
FPS = 15
STANDS_EVERY = 3


@dataclass(frozen=True)
class Clip:
    """What to film of one person."""

    kind: str
    day: int
    """0 ordinary clothes and empty hands, 1 anything."""


CLIPS = (Clip(ENROL, 0), Clip(ENROL, 0), Clip(SAME_DAY, 0), Clip(OTHER_DAY, 1))


class Filmer:
    """Films people one after another, with one pipeline and one gait model.

    Args:
        seed: Of everything that is drawn.
        model: Gait model of the repository.
        models_dir: The repository.
    """

    def __init__(self, seed: int, model: str, models_dir: Path) -> None:
        from rt_gait.detect.detector import open_detector
        from rt_gait.gait.embedder import OnnxGaitEmbedder, gait_model_info

        self._seed = seed
        self._detector = open_detector("person_seg", models_dir=models_dir, min_score=0.3)
        self._embedder = OnnxGaitEmbedder(gait_model_info(models_dir, model))

    def person(self, number: int) -> list[Take]:
        """Return the tracks of every clip of one person; strangers to one another's numbers."""
        clips = [*CLIPS, *([Clip(STANDING, 0)] if number % STANDS_EVERY == 0 else [])]
        takes = []
        for k, clip in enumerate(clips):
            takes += self._film(number, clip, 8 * number + k)
        return takes

    def _film(self, number: int, clip: Clip, at: int) -> list[Take]:
        from rt_gait.training.walkers.video.visits import draw_scene

        scene, view_deg = draw_scene(
            self._seed,
            number,
            clip.day,
            at,
            size=SIZE_PX,
            seconds=SECONDS,
            still=clip.kind == STANDING,
        )
        seen, first, steps = self._run(
            frame for frame, _ in scene.frames(SECONDS, FPS, self._seed + at)
        )
        takes = []
        for track_id, own in steps.items():
            ends, vectors = self._embed(own)
            takes.append(
                Take(
                    subject=number,
                    kind=clip.kind,
                    clip=at,
                    view_deg=view_deg,
                    first_secs=first[track_id],
                    seen_secs=np.array(seen[track_id]),
                    silhouettes=tuple(own),
                    ends_secs=ends,
                    vectors=vectors,
                )
            )
        return takes

    def _run(
        self, pictures: Iterator[npt.NDArray[np.uint8]]
    ) -> tuple[dict[int, list[float]], dict[int, float], dict[int, list[Silhouette]]]:
        from rt_gait.identity.fusion import Identifier, Thresholds
        from rt_gait.identity.matching import Templates
        from rt_gait.pipeline import Pipeline
        from rt_gait.track.sort import SortTracker

        nobody = Identifier(Templates.none(), Thresholds(known=1, candidate=1, margin=0))
        pipeline = Pipeline(
            detector=self._detector,
            tracker=SortTracker(),
            embedder=_Silent(self._embedder),
            identifier=nobody,
        )
        seen: dict[int, list[float]] = {}
        first: dict[int, float] = {}
        steps: dict[int, list[Silhouette]] = {}
        for k, picture in enumerate(pictures):
            bgr = np.ascontiguousarray(picture[:, :, ::-1])
            result = pipeline.step(Frame(bgr, k, k / FPS))
            for track in result.tracks:
                first[track.track_id] = track.first_time_secs
                if track.detection is not None:
                    seen.setdefault(track.track_id, []).append(k / FPS)
            for silhouette in result.silhouettes:
                steps.setdefault(silhouette.track_id, []).append(silhouette)
        return seen, first, steps

    def _embed(self, steps: Sequence[Silhouette]) -> tuple[Any, Any]:
        from rt_gait.gait.windows import cut_windows

        windows = list(cut_windows(steps, self._embedder.shape))
        size = self._embedder.info.outputs[0].dims[0]
        found = self._embedder.embed(windows) if windows else []
        vectors = np.stack([e.vector for e in found]) if found else np.zeros((0, size), np.float32)
        return np.array([w.end_secs for w in windows]), vectors


class _Silent:
    """A gait model for the pipeline that says nothing: windows are embedded clip by clip."""

    def __init__(self, real: Any) -> None:
        self.info, self.shape = real.info, real.shape
        self.lost: Mapping[WindowLoss, int] = {}

    def exchange(self, _windows: Sequence[Window], _alive: object) -> list[Embedding]:
        """Nothing."""
        return []

    def finish(self) -> None:
        """Nothing."""


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
