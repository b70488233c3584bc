"""Reading data sets of silhouette sequences, and batches from them at a GPU's speed."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from rt_gait.errors import DamagedInputError, UsageError
from rt_gait.gait.silhouette import HEIGHT_PX, WIDTH_PX
from rt_gait.serving.onnx import usable_cpus

from .dataset import LAYOUT

UInt8 = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SilhouetteSet:
    """The sequences of one split, in memory.

    ``silhouettes`` (F, 64, 44) uint8 of all sequences, sequence s being ``start[s]`` to
    ``start[s + 1]``; ``rows[s]`` is its row of the manifest (text), ``subject`` (S,) the number
    of its subject among ``names``.
    """

    silhouettes: UInt8
    start: Ints
    rows: list[dict[str, str]]
    names: list[str]
    subject: Ints
    _own: list[Ints] = field(repr=False)

    @staticmethod
    def load(folder: Path, split: str) -> SilhouetteSet:
        """Read a split of the data set in ``folder``.

        Raises:
            UsageError: No data set, one of another layout, no such split, or nothing in it.
            DamagedInputError: Something that is missing, cannot be read or does not fit.
        """
        rows = _rows(folder, split)
        lengths = np.array([int(r["frames"]) for r in rows], dtype=np.int64)
        start = np.concatenate([[0], np.cumsum(lengths)])
        if not start[-1]:
            raise UsageError(f"no frame of {split!r} in {folder} was kept")
        pictures = np.empty((int(start[-1]), HEIGHT_PX, WIDTH_PX), np.uint8)
        with ThreadPoolExecutor(usable_cpus()) as pool:
            parts = []
            for name, group in groupby(range(len(rows)), key=lambda k: rows[k]["shard"]):
                mine = list(group)
                room = pictures[start[mine[0]] : start[mine[-1] + 1]]
                parts.append(pool.submit(_read, folder / name, lengths[mine], room))
            for part in parts:
                part.result()
        names, subject = np.unique([r["subject"] for r in rows], return_inverse=True)
        own = [np.flatnonzero((subject == k) & (lengths > 0)) for k in range(len(names))]
        own = [o for o in own if len(o)]
        return SilhouetteSet(pictures, start, rows, names.tolist(), subject, own)

    def batch(
        self, rng: np.random.Generator, subjects: int, each: int, frames: int
    ) -> tuple[UInt8, Ints]:
        """Random sequences of random subjects: (P * K, T, 64, 44) uint8 and subjects (P * K,).

        ``subjects`` P and sequences of ``each`` K are drawn without repetition where there are
        enough; ``frames`` T consecutive ones from a random start; short sequences start over.
        """
        drawn = rng.choice(len(self._own), subjects, replace=len(self._own) < subjects)
        own = [self._own[k] for k in drawn]
        chosen = np.concatenate([rng.choice(o, each, replace=len(o) < each) for o in own])
        first, length = self.start[chosen], np.diff(self.start)[chosen]
        room = np.where(length >= frames, length - frames + 1, length)
        step = (rng.integers(room)[:, None] + np.arange(frames)) % length[:, None]
        return self.silhouettes[first[:, None] + step], self.subject[chosen]


def _rows(folder: Path, split: str) -> list[dict[str, str]]:
    """The split's rows of the manifest."""
    try:
        layout = json.loads((folder / "dataset.json").read_text())["layout"]
        with (folder / "manifest.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} holds no data set: {error}") from error
    if layout != LAYOUT:
        raise UsageError(f"{folder} has layout {layout}, this version reads {LAYOUT}")
    mine = [r for r in rows if r["split"] == split]
    if not mine:
        known = sorted({r["split"] for r in rows})
        raise UsageError(f"no {split!r} split: {folder} has {', '.join(known)}")
    return mine


def _read(path: Path, lengths: Ints, room: UInt8) -> None:
    """Put a shard's frames into ``room``; the manifest gives its sequences' ``lengths`` (S,)."""
    try:
        with np.load(path, allow_pickle=False) as shard:
            pictures, start = shard["silhouettes"], shard["start"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DamagedInputError(f"{path} is damaged: {error}") from error
    if not np.array_equal(np.diff(start), lengths) or len(pictures) != lengths.sum():
        raise DamagedInputError(f"{path} does not hold what manifest.csv says")
    room[:] = pictures
