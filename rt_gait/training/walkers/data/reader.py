"""Reading data sets of silhouette sequences, and batches from them at a GPU's speed."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from rt_gait.errors import DamagedInputError, UsageError

from .dataset import LAYOUT

UInt8 = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SilhouetteSet:
    """The sequences of one split, in memory.

    ``silhouettes`` (F, 64, 44) uint8 of all sequences, sequence s being ``start[s]`` to
    ``start[s + 1]``; ``rows[s]`` is its row of the manifest (text), ``subject`` (S,) its subject.
    """

    silhouettes: UInt8
    start: Ints
    rows: list[dict[str, str]]
    subject: Ints

    @staticmethod
    def load(folder: Path, split: str) -> SilhouetteSet:
        """Read a split of the data set in ``folder``.

        Raises:
            UsageError: No data set, one of another layout, or no such split.
            DamagedInputError: A shard that is missing or cannot be read.
        """
        try:
            about = json.loads((folder / "dataset.json").read_text())
        except (OSError, ValueError) as error:
            raise UsageError(f"{folder} holds no data set: {error}") from error
        if about["layout"] != LAYOUT:
            raise UsageError(f"{folder} has layout {about['layout']}, this version reads {LAYOUT}")
        with (folder / "manifest.csv").open(newline="") as file:
            rows = [r for r in csv.DictReader(file) if r["split"] == split]
        if not rows:
            raise UsageError(
                f"no {split!r} split: {folder} has {sorted(about['order']['subjects'])}"
            )
        pictures, lengths = [], []
        for name in dict.fromkeys(r["shard"] for r in rows):
            try:
                with np.load(folder / name, allow_pickle=False) as shard:
                    pictures.append(shard["silhouettes"])
                    lengths.append(np.diff(shard["start"]))
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise DamagedInputError(f"{folder / name} is damaged: {error}") from error
        start = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        subject = np.array([int(r["subject"]) for r in rows], dtype=np.int64)
        return SilhouetteSet(np.concatenate(pictures), start, rows, subject)

    def batch(
        self, rng: np.random.Generator, subjects: int, each: int, frames: int
    ) -> tuple[UInt8, Ints]:
        """Random sequences of random subjects: (P * K, T, 64, 44) uint8 and subjects (P * K,).

        ``subjects`` P and sequences of ``each`` K are drawn without repetition where there are
        enough; ``frames`` T consecutive ones from a random start, short sequences run in a circle.
        """
        chosen = self._choose(rng, subjects, each)
        first, length = self.start[chosen], np.diff(self.start)[chosen]
        offset = (rng.random(len(chosen)) * np.maximum(length - frames + 1, 1)).astype(np.int64)
        step = (offset[:, None] + np.arange(frames)) % length[:, None]
        return self.silhouettes[first[:, None] + step], self.subject[chosen]

    def _choose(self, rng: np.random.Generator, subjects: int, each: int) -> Ints:
        usable = np.flatnonzero(np.diff(self.start) > 0)
        owner = self.subject[usable]
        known = np.unique(owner)
        drawn = rng.choice(known, subjects, replace=len(known) < subjects)
        out = []
        for one in drawn:
            own = usable[owner == one]
            out.append(rng.choice(own, each, replace=len(own) < each))
        return np.concatenate(out)
