"""Walks filmed: the silhouette sequences of one subject after another, on as many processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..body.bodies import anny_rig
from ..noise.model import NoiseModel
from ..puppet import Puppet
from ..silhouettes.sequences import crops, joined, segmented, silhouettes
from ..silhouettes.takes import Takes, free_takes, laboratory_takes
from .order import Order
from .population import Population, Recording, free_sessions

UInt8 = npt.NDArray[np.uint8]
Item = TypeVar("Item")
Result = TypeVar("Result")
#: A row of the manifest and the kept frames (T, 64, 44).
Sequence = tuple[dict[str, Any], UInt8]

#: People who pass by in a split and are nobody's subject: they merge with walkers.
PASSERS_BY = 6
#: While a GPU draws one subject, the next ones' work is put together.
_FILMS_AT_ONCE = 3


@dataclass(frozen=True)
class Shot:
    """One walk and how it is filmed: small enough to be sent to another process.

    ``passer_by`` is the number of the passer-by it may merge with.
    """

    puppet: Puppet
    takes: Takes
    labels: dict[str, str | int | float]
    seed: int
    passer_by: int = 0

    @staticmethod
    def of(walk: Recording, takes: Takes) -> Shot:
        """``walk`` filmed by ``takes``."""
        return Shot(walk.loop.puppet, takes, walk.labels, walk.seed, walk.seed % PASSERS_BY)


def film(
    shots: list[Shot], noise: NoiseModel | None, device: str, others: list[Puppet] | None = None
) -> tuple[UInt8, npt.NDArray[np.bool_]]:
    """Silhouettes (S, T, 64, 44) of all views of ``shots``, and which frames are kept (S, T).

    ``noise`` is the segmenter's, None for true masks; ``others`` walk beside each.
    """
    taken = joined([crops(s.puppet, s.takes, device) for s in shots])
    if noise is None:
        pictures, kept = silhouettes(taken)
    else:
        beside = None
        if others:
            pairs = zip(others, shots, strict=True)
            beside = joined([crops(o, s.takes, device) for o, s in pairs])
        takes = Takes.joined([s.takes for s in shots])
        taken, seen = segmented(taken, takes, noise, shots[0].seed, beside)
        pictures, kept = silhouettes(taken)
        kept &= seen
    return pictures.cpu().numpy(), kept.cpu().numpy()


@lru_cache(maxsize=PASSERS_BY)
def _passer_by(seed: int, split: str, number: int) -> Recording:
    """Somebody who is no subject of any split."""
    return Population(seed, free_sessions(1, 1)).recordings(f"{split} passing", number)[0]


def _shots(order: Order, who: tuple[str, int]) -> list[Shot]:
    """How every walk of a subject, of a split and with a number in it, is filmed."""
    out = []
    for walk in order.population.recordings(*who):
        rng = np.random.default_rng([walk.seed, 1])
        if order.laboratory:
            takes = laboratory_takes(rng, np.array(order.laboratory), order.frames)
        else:
            takes = free_takes(rng, order.views, order.frames, float(walk.labels["speed_m_s"]))
        out.append(Shot.of(walk, takes))
    return out


def _filmed(order: Order, device: str, split: str, shots: list[Shot]) -> list[Sequence]:
    others = None
    if order.noise is not None and order.noise.merge > 0:
        seed = order.population.seed
        others = [_passer_by(seed, split, s.passer_by).loop.puppet for s in shots]
    pictures, kept = film(shots, order.noise, device, others)
    rows = [_row(s, k) for s in shots for k in range(len(s.takes.fps))]
    return [(row, p[k]) for row, p, k in zip(rows, pictures, kept, strict=True)]


def _film_subject(order: Order, who: tuple[str, int]) -> list[Sequence]:
    """Walk by walk, since a processor gains nothing from more at once."""
    return [s for shot in _shots(order, who) for s in _filmed(order, "cpu", who[0], [shot])]


def _row(shot: Shot, k: int) -> dict[str, Any]:
    takes = shot.takes
    bearing = np.arctan2(takes.x_m[k], takes.y_m[k])
    view = float(np.degrees(takes.heading[k] + bearing))
    return {
        **shot.labels,
        "view_deg": round(view, 1) % 360.0,
        "curvature_1_m": round(float(takes.curvature[k]), 3),
        "camera_height_m": round(float(takes.height_m[k]), 2),
        "pitch_deg": round(float(np.degrees(takes.pitch[k])), 1),
        "focal_px": round(float(takes.focal_px[k]), 1),
        "distance_m": round(float(np.hypot(takes.x_m[k], takes.y_m[k])), 2),
        "frame_px": f"{takes.width_px[k]:.0f}x{takes.tall_px[k]:.0f}",
        "fps": float(takes.fps[k]),
        "seed": shot.seed,
    }


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile do linear algebra in one thread: 14 with 16 each crawl."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _start_worker() -> None:
    """One thread each; Ctrl-C is the parent's to handle."""
    import signal

    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def subjects(order: Order, workers: int, device: str) -> Iterator[list[Sequence]]:
    """The sequences of every subject, split by split: rows of the manifest and kept frames.

    ``workers`` processes make the people and their walks; without a GPU they film them too.
    """
    everyone = [(split, k) for split, count in order.subjects.items() for k in range(count)]
    if device == "cpu":
        yield from _by_processes(partial(_film_subject, order), everyone, workers)
        return
    made = _by_processes(partial(_shots, order), everyone, workers)
    with ThreadPoolExecutor(_FILMS_AT_ONCE) as pool:
        names = (split for split, _ in everyone)
        film_one = partial(_filmed, order, device)
        yield from _ahead(pool, _FILMS_AT_ONCE, film_one, zip(names, made, strict=True))


def _by_processes(
    job: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """``job`` of every item, in their order, by ``workers`` processes; 0 works in this one."""
    if not workers:
        yield from map(job, items)
        return
    anny_rig()  # asked here once, not by every process
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker)
    with _one_thread_each(), pool:
        yield from _ahead(pool, 2 * workers, job, ((item,) for item in items))


def _ahead(
    pool: Executor, ahead: int, job: Callable[..., Result], items: Iterable[tuple[Any, ...]]
) -> Iterator[Result]:
    """``job`` of the arguments in every item, in order, up to ``ahead`` of them in advance."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(job, *item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
