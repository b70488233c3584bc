"""Comparison of gait vectors with the gallery: cosine similarity, best template per subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rt_gait.errors import GalleryError
from rt_gait.types import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """The gallery in memory: M templates of S subjects, every subject with at least one."""

    subject_ids: tuple[str, ...]
    """S pseudonyms."""
    owners: npt.NDArray[np.int64]
    """[M] int64: index into ``subject_ids``, never decreasing, every index in use."""
    vectors: FloatArray
    """[M, D] float32, rows of L2 norm 1."""

    def __post_init__(self) -> None:
        """Check the shapes against each other; ValueError when they do not fit."""
        if self.vectors.ndim != 2 or self.owners.shape != self.vectors.shape[:1]:
            raise ValueError(f"owners {self.owners.shape} do not fit {self.vectors.shape} vectors")
        if len(set(self.subject_ids)) != len(self.subject_ids):
            raise ValueError("subject_ids holds the same id twice")
        steps = np.diff(self.owners, prepend=-1, append=len(self.subject_ids))
        if (steps < 0).any() or (steps > 1).any() or (len(steps) and steps[-1] != 1):
            raise ValueError("owners must be sorted and use every index into subject_ids")

    def __len__(self) -> int:
        return len(self.subject_ids)

    def of(self, subject_id: str) -> FloatArray:
        """Return the vectors [K, D] of one of ``subject_ids``."""
        return np.asarray(self.vectors[self.owners == self.subject_ids.index(subject_id)])

    @staticmethod
    def none() -> Templates:
        """Return the templates of an empty gallery."""
        return Templates((), np.zeros(0, np.int64), np.zeros((0, 0), np.float32))


def subject_scores(vectors: FloatArray, templates: Templates) -> FloatArray:
    """Return the cosine similarity of each probe to each subject's closest template.

    One matrix product and one segmented maximum. The last bits may change with K, because the
    product is blocked differently: round before comparing runs.

    Args:
        vectors: [K, D] float32, rows of L2 norm 1.
        templates: of S subjects; with S = 0 any D fits.

    Returns:
        [K, S] float32 in -1..1.

    Raises:
        GalleryError: the probes have another dimension than the templates.
    """
    if not len(templates):
        return np.zeros((len(vectors), 0), np.float32)
    if vectors.shape[1] != templates.vectors.shape[1]:
        raise GalleryError(
            f"the gait model gives {vectors.shape[1]} numbers, the gallery holds "
            f"{templates.vectors.shape[1]}; use the model that the gallery was made with"
        )
    cosines = vectors @ templates.vectors.T
    starts = np.searchsorted(templates.owners, np.arange(len(templates)))
    best: FloatArray = np.maximum.reduceat(cosines, starts, axis=1)
    return np.clip(best, -1.0, 1.0, out=best)
