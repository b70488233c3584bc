"""Windows of silhouettes that set the scales of int8, drawn as training draws them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..walkers.data.reader import SilhouetteSet
from .batches import Windows, data_digest
from .deploy import FRAMES

UInt8 = npt.NDArray[np.uint8]

PEOPLE, EACH, CHECKED = 16, 6, 32
_SEED = 20


@dataclass(frozen=True)
class Calibration:
    """Windows of the training subjects of a data set, the same for the same data set.

    ``windows`` (N, 30, 64, 44) uint8 set the ranges; on ``checks`` (M, 30, 64, 44), other windows,
    it is measured what int8 costs; ``data`` is the data set's digest.
    """

    windows: UInt8
    checks: UInt8
    data: str

    @staticmethod
    def draw(folder: Path) -> Calibration:
        """Draw 64 windows of 16 subjects, all sessions, views and clothes, and 32 to check with.

        Raises:
            UsageError: there is no data set, or it has no training subjects.
            DamagedInputError: it cannot be read.
        """
        windows = Windows.of(SilhouetteSet.load(folder, "train"), "cpu")
        random = torch.Generator().manual_seed(_SEED)
        drawn = windows.draw(random, PEOPLE, EACH, FRAMES)[0]
        mixed = drawn[torch.randperm(len(drawn), generator=random)].numpy()
        checked = min(CHECKED, len(mixed) // 3)
        return Calibration(mixed[checked:], mixed[:checked], data_digest(folder))
