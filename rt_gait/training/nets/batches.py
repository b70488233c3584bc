"""Batches of windows: P subjects, K sequences of each, cut at the cadence the models see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rt_gait.serving.repository import file_digest

from ..walkers.data.reader import SilhouetteSet

#: Steps a second of the windows, whatever the camera's rate was.
CADENCE_HZ = 25.0


def data_digest(folder: Path) -> str:
    """8 hexadecimal digits that change with every byte of a data set's silhouettes."""
    return file_digest(folder / "dataset.json")


@dataclass(frozen=True)
class Windows:
    """A set of sequences on one device.

    ``pictures`` (F, 64, 44) uint8 of all sequences; ``start``, ``length`` (S,) of each; ``step``
    (S,) frames that pass in one step of a window; ``subject`` (S,); ``own`` (subjects, most) are
    the sequences of each subject, repeated to one length.
    """

    pictures: Tensor
    start: Tensor
    length: Tensor
    step: Tensor
    subject: Tensor
    own: Tensor

    @staticmethod
    def of(silhouettes: SilhouetteSet, device: str, most_subjects: int = 0) -> Windows:
        """The set on ``device``; only the first ``most_subjects`` if above 0."""
        length = np.diff(silhouettes.start)
        rate = np.array([float(r["fps"]) for r in silhouettes.rows])
        names = len(silhouettes.names)
        own = [np.flatnonzero((silhouettes.subject == k) & (length > 1)) for k in range(names)]
        own = [o for o in own if len(o)][: most_subjects or None]
        widest = max(len(o) for o in own)
        last = int(silhouettes.start[max(o.max() for o in own) + 1])

        def moved(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device)

        number = np.full(len(length), -1)
        for k, mine in enumerate(own):
            number[mine] = k
        return Windows(
            moved(silhouettes.silhouettes[:last]),
            moved(silhouettes.start[:-1]),
            moved(length),
            moved((rate / CADENCE_HZ).astype(np.float32)),
            moved(number),
            moved(np.stack([np.resize(o, widest) for o in own])),
        )

    @property
    def subjects(self) -> int:
        """How many people there are."""
        return len(self.own)

    def draw(
        self,
        random: torch.Generator,
        subjects: int,
        each: int,
        steps: int,
        pace: tuple[float, float] = (1.0, 1.0),
    ) -> tuple[Tensor, Tensor]:
        """Random windows (P * K, T, 64, 44) uint8 and their subjects (P * K,).

        Fewer subjects than asked for are all drawn; sequences of a subject are drawn without
        repetition where there are enough. Windows begin anywhere; short sequences start over.
        ``pace`` is between how many steps lie from one frame to the next.
        """
        device = self.pictures.device
        who = torch.randperm(self.subjects, generator=random, device=device)[:subjects]
        order = torch.rand(len(who), self.own.shape[1], generator=random, device=device)
        some = order.argsort(dim=1)[:, torch.arange(each, device=device) % self.own.shape[1]]
        chosen = self.own[who].gather(1, some).flatten()
        share = torch.rand(len(chosen), generator=random, device=device)
        begin = torch.rand(len(chosen), generator=random, device=device)
        index = self.index(chosen, begin, steps, pace[0] + (pace[1] - pace[0]) * share)
        return self.pictures[index], self.subject[chosen]

    def index(self, chosen: Tensor, begin: Tensor, steps: int, pace: Tensor) -> Tensor:
        """Frames (N, T) of windows of the sequences ``chosen`` (N,), from shares ``begin`` (N,)."""
        length = self.length[chosen]
        taken = (self.step[chosen] * pace)[:, None] * torch.arange(steps, device=begin.device)
        room = (length - taken[:, -1]).clamp(min=1.0)
        first = torch.where(room > 1.0, begin * room, begin * length)
        at = (first[:, None] + taken).long() % length[:, None]
        return self.start[chosen][:, None] + at
