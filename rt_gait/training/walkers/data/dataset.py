"""Data sets of silhouette sequences: shards, a manifest, and the same bytes for the same seed.

A data set is a folder: ``dataset.json`` (how it was made, and the shards' hashes), ``manifest.csv``
(one row a sequence) and ``<split>-<number>.npz`` shards. A shard holds ``silhouettes`` (F, 64, 44)
uint8, the frames of its sequences one after another, and ``start`` (S + 1,) int64, where each
begins.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rt_gait.errors import UsageError

from ..noise.model import NoiseModel
from ..silhouettes.sequences import Takes, crops, segmented, silhouettes
from ..silhouettes.takes import free_takes, laboratory_takes
from .population import Population, Recording

#: Subjects in one shard.
SHARD_SUBJECTS = 25
LAYOUT = 1

#: A row of the manifest and the frames (T, 64, 44) uint8.
Sequence = tuple[dict[str, Any], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Order:
    """What a data set is to hold: ``subjects`` per split; ``views``, ``frames`` of every walk.

    ``laboratory`` lists the directions (degrees) of fixed cameras; without it views are free.
    """

    subjects: dict[str, int]
    population: Population
    views: int
    frames: int
    noise: NoiseModel | None = field(default_factory=NoiseModel)
    laboratory: tuple[float, ...] = ()


def shares(subjects: int, parts: tuple[float, float, float]) -> dict[str, int]:
    """Subjects of the train, validation and test splits; ``parts`` are shares that sum to 1."""
    if subjects < 1 or min(parts) < 0 or abs(sum(parts) - 1.0) > 1e-6:
        raise UsageError(
            f"expected at least 1 subject and three shares that sum to 1, got {subjects}, {parts}"
        )
    held = [round(subjects * p) for p in parts[1:]]
    return {"train": subjects - sum(held), "validation": held[0], "test": held[1]}


def film(
    recording: Recording, takes: Takes, noise: NoiseModel | None, device: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Silhouettes (S, T, 64, 44) uint8 of one walk and which frames are kept (S, T).

    ``noise`` is the segmenter's, None for true masks.
    """
    taken = crops(recording.loop, takes, device)
    if noise is None:
        pictures, kept = silhouettes(taken)
    else:
        taken, seen = segmented(taken, takes, noise, recording.seed)
        pictures, kept = silhouettes(taken)
        kept &= seen
    return pictures.cpu().numpy(), kept.cpu().numpy()


def _subject(order: Order, split: str, number: int, device: str) -> list[Sequence]:
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    out = []
    for walk in order.population.recordings(split, number):
        rng = np.random.default_rng([walk.seed, 1])
        if order.laboratory:
            takes = laboratory_takes(rng, np.array(order.laboratory), order.frames)
        else:
            takes = free_takes(rng, order.views, order.frames)
        pictures, kept = film(walk, takes, order.noise, device)
        out += [(_row(walk, takes, k), pictures[k][kept[k]]) for k in range(len(kept))]
    return out


def sequences(order: Order, split: str, workers: int, device: str) -> Iterator[Sequence]:
    """Every sequence of a split in order: its row of the manifest and its kept frames (T, 64, 44).

    ``workers`` processes work ahead, each on a subject of its own; 0 works in this process.
    """
    numbers = range(order.subjects[split])
    if not workers:
        for number in numbers:
            yield from _subject(order, split, number, device)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        waiting: deque[Future[list[Sequence]]] = deque()
        for number in numbers:
            waiting.append(pool.submit(_subject, order, split, number, device))
            if len(waiting) > 2 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _row(walk: Recording, takes: Takes, k: int) -> dict[str, Any]:
    bearing = np.arctan2(takes.x_m[k], takes.y_m[k])
    seconds = takes.times_s[k, -1] - takes.times_s[k, 0]
    return {
        **walk.labels,
        "view_deg": round(float(np.degrees(takes.heading[k] + bearing)) % 360.0, 1),
        "curvature_1_m": round(float(takes.curvature[k]), 3),
        "camera_height_m": round(float(takes.height_m[k]), 2),
        "pitch_deg": round(float(np.degrees(takes.pitch[k])), 1),
        "focal_px": round(float(takes.focal_px[k]), 1),
        "distance_m": round(float(np.hypot(takes.x_m[k], takes.y_m[k])), 2),
        "frame_px": f"{takes.width_px[k]:.0f}x{takes.tall_px[k]:.0f}",
        "fps": round((takes.times_s.shape[1] - 1) / float(seconds), 2),
        "seed": walk.seed,
    }


def make(order: Order, out: Path, device: str, workers: int = 0) -> dict[str, Any]:
    """Write a data set to the empty or new folder ``out``; what ``dataset.json`` says.

    Raises:
        UsageError: A number is out of its range, there is no such device, or the folder holds
            something already.
    """
    if min(order.views, order.frames, len(order.population.sessions)) < 1:
        raise UsageError("expected at least 1 session, view and frame")
    _check_device(device)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise UsageError(f"{out} is not empty: name a new folder")
    hashes: dict[str, str] = {}
    with (out / "manifest.csv").open("w", newline="") as table, ThreadPoolExecutor(4) as writers:
        rows, pending = _Rows(table), deque[Future[dict[str, str]]]()
        for split in order.subjects:
            for name, pictures, start in _shards(order, split, rows, workers, device):
                pending.append(writers.submit(_write, out / name, pictures, start))
                while len(pending) > 8:
                    hashes.update(pending.popleft().result())
        for job in pending:
            hashes.update(job.result())
    about = {
        "layout": LAYOUT,
        "order": asdict(order),
        "sequences": rows.count,
        "frames": rows.frames,
        "shards": hashes,
    }
    (out / "dataset.json").write_text(json.dumps(about, indent=1) + "\n")
    return about


def _check_device(device: str) -> None:
    import torch

    known = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    if device not in known:
        raise UsageError(f"device {device!r}: this machine has {' and '.join(known)}")


class _Rows:
    """The manifest, written row by row."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._writer: csv.DictWriter[str] | None = None
        self.count = self.frames = 0

    def add(self, row: dict[str, Any]) -> None:
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(row), lineterminator="\n")
            self._writer.writeheader()
        self._writer.writerow(row)
        self.count += 1
        self.frames += row["frames"]


def _shards(
    order: Order, split: str, rows: _Rows, workers: int, device: str
) -> Iterator[tuple[str, list[npt.NDArray[np.uint8]], list[int]]]:
    pictures: list[npt.NDArray[np.uint8]] = []
    number, start = 0, [0]
    for row, own in sequences(order, split, workers, device):
        if row["subject"] // SHARD_SUBJECTS != number:
            yield f"{split}-{number:04d}.npz", pictures, start
            number, pictures, start = number + 1, [], [0]
        name = f"{split}-{number:04d}.npz"
        rows.add({"shard": name, "index": len(pictures), **row, "frames": len(own)})
        pictures.append(own)
        start.append(start[-1] + len(own))
    if pictures:
        yield f"{split}-{number:04d}.npz", pictures, start


def _write(path: Path, pictures: list[npt.NDArray[np.uint8]], start: list[int]) -> dict[str, str]:
    np.savez_compressed(
        path, silhouettes=np.concatenate(pictures), start=np.array(start, dtype=np.int64)
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
