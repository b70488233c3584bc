"""From sequences to vectors, through windows that are cut as the pipeline cuts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice

import numpy as np
import numpy.typing as npt

from rt_gait.gait.embedder import GaitEmbedder
from rt_gait.gait.windows import WindowShape, cut_windows
from rt_gait.types import FloatArray, Silhouette, Window

from .sequences import GaitSequence, Ints, SequenceInfo

_BATCH_WINDOWS = 512
"""Windows held at once: 43 MB of silhouettes at 30 frames."""


class FramesOrder(str, Enum):
    """The order of frames in a window; all but the first are controls.

    A network that owes nothing to motion recognises people as well from a frozen frame; one that
    owes nothing to the order of poses does as well from shuffled frames.
    """

    ORDERED = "ordered"
    SHUFFLED = "shuffled"
    FROZEN = "frozen"


def sequence_windows(sequence: GaitSequence, shape: WindowShape) -> Iterator[Window]:
    """Give the windows of a sequence as they fall due, as a run of the pipeline would."""
    box = np.zeros(4, np.float32)
    times, indices = sequence.time_secs.tolist(), sequence.frame_index.tolist()
    steps = zip(times, indices, sequence.pixels, strict=True)
    return cut_windows((Silhouette(1, index, t, box, pixels) for t, index, pixels in steps), shape)


def reordered(window: Window, order: FramesOrder, rng: np.random.Generator) -> Window:
    """Return the window with its frames shuffled, or all equal to its first, or as it is."""
    if order is FramesOrder.ORDERED:
        return window
    count = len(window.pixels)
    shuffled = order is FramesOrder.SHUFFLED
    return replace(
        window, pixels=window.pixels[rng.permutation(count) if shuffled else [0] * count]
    )


@dataclass(frozen=True, eq=False)
class Embedded:
    """S sequences as one model sees them."""

    about: tuple[SequenceInfo, ...]
    start: Ints
    """[S + 1] int64: the windows of sequence s are ``start[s]`` to ``start[s + 1]``."""
    windows: FloatArray
    """[W, D] float32, rows of L2 norm 1, the windows of a sequence in the order of time."""

    @property
    def acquired(self) -> npt.NDArray[np.bool_]:
        """[S] bool: at least one window; the others are failures to acquire (ISO/IEC 19795-1)."""
        return np.diff(self.start) > 0

    def vectors(self, most_windows: int | None = None) -> FloatArray:
        """Return the unit-length mean of each sequence's first windows.

        Args:
            most_windows: use at most so many of each sequence, all by default.

        Returns:
            [S, D] float32; zeros for a sequence without windows.
        """
        counts = np.diff(self.start)
        used = counts if most_windows is None else np.minimum(counts, most_windows)
        out = np.zeros((len(counts), self.windows.shape[1]), np.float32)
        for s in np.flatnonzero(used):
            out[s] = self.windows[self.start[s] : self.start[s] + used[s]].mean(axis=0)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(np.divide(out, norms, out=out, where=norms > 0))

    def only(self, kept: npt.NDArray[np.bool_]) -> Embedded:
        """Return the same, with the sequences that are not ``kept`` [S] not acquired."""
        counts = np.diff(self.start)
        start = np.concatenate([[0], np.cumsum(np.where(kept, counts, 0))])
        return Embedded(self.about, start, self.windows[np.repeat(kept, counts)])


def embed_sequences(
    embedder: GaitEmbedder,
    sequences: Iterable[GaitSequence],
    *,
    most_windows: int | None = None,
    order: FramesOrder = FramesOrder.ORDERED,
) -> Embedded:
    """Embed sequences, in batches that reach over them; one sequence is in memory at a time.

    Args:
        embedder: of silhouettes.
        sequences: read one after another.
        most_windows: of one sequence, the first that fall due; all by default.
        order: of the frames in each window.
    """
    rng = np.random.default_rng(0)
    about: list[SequenceInfo] = []
    counts: list[int] = []
    waiting: list[Window] = []
    parts: list[FloatArray] = []
    for sequence in sequences:
        due = islice(sequence_windows(sequence, embedder.shape), most_windows)
        own = [reordered(w, order, rng) for w in due]
        about.append(sequence.about)
        counts.append(len(own))
        waiting += own
        if len(waiting) >= _BATCH_WINDOWS:
            parts.append(_embed(embedder, waiting))
            waiting = []
    if waiting:
        parts.append(_embed(embedder, waiting))
    start = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    none = np.zeros((0, embedder.info.outputs[0].dims[0]), np.float32)
    return Embedded(tuple(about), start, np.concatenate(parts) if parts else none)


def _embed(embedder: GaitEmbedder, windows: list[Window]) -> FloatArray:
    return np.stack([e.vector for e in embedder.embed(windows)])
