"""Gait sequences, as every reader gives them, and what is known about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rt_gait.types import UInt8Array

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """Who walks in a sequence, and under which conditions."""

    subject: str
    session: str
    """Visit or walking condition: a gallery and its probes differ in it."""
    view_deg: float | None = None
    """Direction of the walk against the line of sight; None where it is not known."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What results may be broken down by; ``view`` is the name of the camera."""


@dataclass(frozen=True, slots=True, eq=False)
class GaitSequence:
    """The silhouettes of one walk seen by one camera.

    Raises:
        ValueError: the arrays do not fit together.
    """

    about: SequenceInfo
    pixels: UInt8Array
    """[T, 64, 44] uint8, 0 background to 255 person."""
    time_secs: Doubles
    """[T] float64, never decreasing."""
    frame_index: Ints
    """[T] int64, place of each silhouette in the video; frames that were left out leave gaps."""

    def __post_init__(self) -> None:
        """Check the shapes."""
        count = len(self.pixels)
        if self.pixels.shape != (count, 64, 44) or self.pixels.dtype != np.uint8:
            raise ValueError(f"expected [T, 64, 44] uint8, not {self.pixels.shape}")
        if self.time_secs.shape != (count,) or self.frame_index.shape != (count,):
            raise ValueError(f"{count} silhouettes, {len(self.time_secs)} times")

    @staticmethod
    def at_fps(about: SequenceInfo, pixels: UInt8Array, fps: float) -> GaitSequence:
        """Return a sequence of one silhouette a frame, at ``fps`` frames a second (above 0)."""
        index = np.arange(len(pixels), dtype=np.int64)
        return GaitSequence(about, pixels, index / fps, index)
